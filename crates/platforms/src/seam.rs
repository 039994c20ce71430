//! The seam between Holdfast and a platform.

use holdfast_model::credential::{CredentialKind, Expiry};
use holdfast_model::destination::{Destination, DestinationSettings};
use holdfast_model::fault::Fault;
use holdfast_model::id::AssetId;
use holdfast_model::item::{Admitted, BatchGroup, ItemMeta};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_model::wire::{HttpRequest, HttpResponse, TransportFailure};
use serde_json::{Map, Value};

use crate::catalog::{self, Catalog};
use crate::subject::{IdentifierKind, Subject, Traces};

pub trait Platform: Send + Sync {
    fn id(&self) -> PlatformId;

    fn limits(&self) -> Limits;

    /// What an asset's id must look like, if this one does not; fits after "expected".
    fn asset_expected(&self, asset: &AssetId) -> Option<&'static str> {
        let _ = asset;
        None
    }

    /// Checks one raw event, normalizes and hashes it, and encodes the fragment. `raw` is the JSON
    /// text of one event. Never keeps or copies raw personal data beyond the fragment.
    fn admit(&self, raw: &[u8], cx: &AdmitContext<'_>) -> Result<Admitted, Rejection>;

    /// What the keys that a caller gave beside the events (`test_event_code`, …) mean for the
    /// request they will be in, in canonical form. Takes every key of the outer form as it comes;
    /// tokens, the events themselves and what means nothing here are ignored.
    fn request_keys(
        &self,
        keys: &Map<String, Value>,
        settings: &DestinationSettings,
    ) -> Result<BatchGroup, Rejection>;

    /// When the item stops being deliverable. For conversions this is what admission stored; a
    /// platform whose window moves works it out anew.
    fn deadline(&self, item: &ItemMeta, now: UnixSeconds) -> UnixSeconds {
        let _ = now;
        item.expires_at
    }

    /// The request that sends these fragments. All share `cx.group`.
    fn request(&self, fragments: &[&[u8]], cx: &RequestContext<'_>) -> HttpRequest;

    /// The request that has the platform check these fragments without counting them, where it
    /// offers that.
    fn trial(&self, fragments: &[&[u8]], cx: &RequestContext<'_>) -> Option<HttpRequest> {
        let _ = (fragments, cx);
        None
    }

    /// What an answer means for each item of the batch and for the lane.
    fn judge(&self, response: &HttpResponse, batch: &BatchView<'_>) -> Judgement;

    /// What it means that a request got no complete answer.
    fn transport_fault(&self, failure: &TransportFailure) -> Fault;

    /// The calls that can tell whether this credential works on this asset, best first. Empty
    /// where nothing can be asked.
    fn probes(&self, cx: &ProbeContext<'_>) -> Vec<Probe>;

    /// Further harmless questions about the token alone, for a diagnosis.
    fn examinations(&self, cx: &ProbeContext<'_>) -> Vec<Probe> {
        let _ = cx;
        Vec::new()
    }

    /// Every documented way of asking about the asset, for a diagnosis that compares them. Empty
    /// where there is one way only.
    fn ways_of_asking(&self, cx: &ProbeContext<'_>) -> Vec<Way> {
        let _ = cx;
        Vec::new()
    }

    fn read_probe(&self, kind: ProbeKind, response: &HttpResponse) -> ProbeReading;

    /// Adds what an identifier of a person may be in fragments of this platform: every value that
    /// admission could have made of it, whatever the settings were. `text` is trimmed; of
    /// `calling_codes` each may have been put before a phone number, or none. Nothing is added for
    /// what is no such identifier, or has no place here.
    fn traces(
        &self,
        kind: IdentifierKind,
        text: &str,
        calling_codes: &[Option<&'static str>],
        out: &mut Traces,
    );

    /// Whether a fragment is about this person.
    fn concerns(&self, fragment: &[u8], subject: &Subject) -> bool {
        subject.is_in(self.id(), fragment)
    }

    fn catalog(&self) -> &'static Catalog {
        catalog::of(self.id())
    }
}

/// What admission needs to know besides the event.
#[derive(Debug, Clone, Copy)]
pub struct AdmitContext<'a> {
    pub settings: &'a DestinationSettings,
    pub now: UnixSeconds,
    /// The event id to store if the event has none.
    pub fallback_event_id: &'a str,
    /// Request-level keys given beside `data` by a drop-in caller (`test_event_code`,
    /// `partner_agent`, …), already in canonical form; see [`Platform::request_keys`].
    pub group: &'a BatchGroup,
}

/// Why an event was not admitted. Never repeats a value: only names, kinds and lengths, because
/// the values are personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Stable fault name, such as `meta.event_time_in_milliseconds`.
    pub fault: &'static str,
    /// Path of the field inside the event: `user_data.em[0]`.
    pub field: String,
    /// What was wrong and what was expected.
    pub message: String,
    /// The code and subcode with which the platform itself would refuse, for drop-in answers.
    pub code: (i64, Option<i64>),
}

/// Bounds of one request to a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_items: u32,
    pub max_bytes: u32,
    /// Most items in a request whose repetition the platform would not deduplicate. Small,
    /// because all of them become `unknown` together when the answer is lost.
    pub max_unsafe_items: u32,
}

/// What signs a request. Borrowed for as long as it takes to build it.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    pub token: &'a Secret,
    /// The secret of the app that minted the token, where we own that app.
    pub app_secret: Option<&'a Secret>,
    pub proof: ProofForm,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProofForm {
    /// HMAC over the token alone.
    #[default]
    Classic,
    /// HMAC over token and time, valid for five minutes.
    Timed,
}

#[derive(Debug, Clone, Copy)]
pub struct RequestContext<'a> {
    pub destination: &'a Destination,
    /// Scheme and host from the configuration or the platform's fixed default.
    pub base_url: &'a str,
    pub signing: Signing<'a>,
    pub group: &'a BatchGroup,
    pub now: UnixMillis,
}

/// What `judge` may look at besides the answer.
#[derive(Debug, Clone, Copy)]
pub struct BatchView<'a> {
    pub items: &'a [ItemMeta],
    pub fragments: &'a [&'a [u8]],
    pub now: UnixSeconds,
}

/// What one answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What holds for every item that is not named.
    pub unnamed: ItemVerdict,
    /// Items the platform named, by position in the batch.
    pub named: Vec<(u32, ItemVerdict)>,
    /// Some item of the batch is bad, and the platform did not say which.
    pub unlocated: Option<Unlocated>,
    /// A definitive refusal that is not about an item.
    pub hold: Option<Fault>,
    /// The items that were not processed should go again after a backoff.
    pub retry: Option<RetryAdvice>,
    pub throttle: Option<Throttle>,
    /// The platform's remarks on a success, redacted.
    pub warnings: Vec<String>,
    pub trace_id: Option<String>,
    /// Id under which the platform will tell the verdict later. No present platform uses it.
    pub poll: Option<String>,
}

impl Judgement {
    /// Every item has the same verdict and nothing else follows.
    pub fn all(unnamed: ItemVerdict) -> Self {
        Self {
            unnamed,
            named: Vec::new(),
            unlocated: None,
            hold: None,
            retry: None,
            throttle: None,
            warnings: Vec::new(),
            trace_id: None,
            poll: None,
        }
    }

    pub fn verdict_of(&self, position: u32) -> &ItemVerdict {
        self.named
            .iter()
            .find_map(|(named, verdict)| (*named == position).then_some(verdict))
            .unwrap_or(&self.unnamed)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemVerdict {
    /// The platform took it.
    Accepted,
    /// The platform refused this item; the fault's action says whether it is dead-lettered or
    /// expires.
    Refused(Fault),
    /// The platform did nothing with it. Safe to send again.
    NotProcessed,
    /// Nobody knows. Safe to send again only where the platform deduplicates.
    Ambiguous(Fault),
}

/// A bad item somewhere in the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlocated {
    pub fault: Fault,
    /// Positions worth suspecting first, most suspicious first. May be empty.
    pub suspects: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryAdvice {
    pub fault: Fault,
    /// After so many answers of this kind in a row the lane holds instead. `None`: until the
    /// items' deadlines.
    pub hold_after: Option<u32>,
    /// Sign anew and send at once, a single time, before anything else (a timed proof that grew
    /// stale on the way).
    pub resign_once: bool,
}

/// The platform asks for patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttle {
    /// What shares the limit: the selector kinds of the bucket.
    pub selectors: Vec<holdfast_model::scope::SelectorKind>,
    /// How long to wait, where the platform said so.
    pub wait_ms: Option<u64>,
    /// Share of the limit in use, 0 to 100 and sometimes above, where the platform said so.
    pub used_percent: Option<u32>,
}

/// One way of asking.
#[derive(Debug)]
pub struct Way {
    /// Where the token is: `query` or `bearer`.
    pub transport: &'static str,
    pub api_version: &'static str,
    pub probe: Probe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// Meta's `debug_token`, asked with an app token or with the token itself.
    DebugToken,
    /// A read of the asset that the destination points at.
    Asset,
    /// Another read of the asset, which even narrow tokens are allowed (Meta: `dataset_quality`;
    /// Snap: the log of test events).
    Quality,
    /// Who the token belongs to.
    Identity,
}

#[derive(Debug, Clone, Copy)]
pub struct ProbeContext<'a> {
    pub base_url: &'a str,
    pub api_version: Option<&'a str>,
    pub signing: Signing<'a>,
    /// Id and newest secret of the app, where we own it.
    pub app: Option<(&'a str, &'a Secret)>,
    pub asset: &'a AssetId,
    pub now: UnixMillis,
}

#[derive(Debug)]
pub struct Probe {
    pub kind: ProbeKind,
    pub request: HttpRequest,
}

/// What a probe's answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeReading {
    pub answer: ProbeAnswer,
    /// The fault behind a refusal.
    pub fault: Option<Fault>,
    /// What the answer tells of the credential besides.
    pub learned: Learned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// The credential works for this.
    Proved,
    /// The credential is definitely refused.
    Refuted,
    /// No usable answer: timeouts, 5xx, HTML, throttles.
    Silent,
    /// This probe cannot judge this credential (a reader's permission is missing, the caller was
    /// refused).
    Unprobeable,
}

/// Facts about a credential that a probe brought back. Unknown stays unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    pub kind: Option<CredentialKind>,
    pub app_id: Option<String>,
    pub expires_at: Expiry,
    pub data_access_expires_at: Expiry,
    pub scopes: Vec<String>,
    /// The platform's id of the person or system user whose token it is.
    pub subject: Option<String>,
    /// What a list held, where one was asked for: ids of numbers or apps, names of what an app is
    /// subscribed to.
    pub listed: Option<Vec<String>>,
}
