//! Meta Conversions API.
//!
//! * `admit`, `normalize`: from a raw event to a fragment.
//! * `request`, `proof`: from fragments to a signed request.
//! * `answer`, `classify`, `suspects`, `usage`, `judge`: from an answer to what it means.
//! * `probes`: harmless questions about a token. `subscriptions`: what Meta tells by itself.
//! * `traces`: what people are known by, as fragments have it.
//! * `faults`: the catalog.

mod admit;
mod answer;
mod classify;
mod faults;
mod judge;
mod normalize;
mod probes;
pub mod proof;
mod request;
mod subscriptions;
mod suspects;
mod traces;
mod usage;

use holdfast_model::destination::DestinationSettings;
use holdfast_model::fault::Fault;
use holdfast_model::item::{Admitted, BatchGroup};
use holdfast_model::platform::PlatformId;
use holdfast_model::wire::{HttpRequest, HttpResponse, TransportFailure};
use serde_json::{Map, Value};

pub(crate) use faults::CATALOG;
pub use normalize::{Normalized, Surroundings, normalize_field};
pub(crate) use probes::{get, read as read_probe, read_list};
pub use subscriptions::{missing_death_signals, read_subscriptions, subscriptions};

use crate::subject::{IdentifierKind, Traces};
use crate::{
    AdmitContext, BatchView, Judgement, Limits, Platform, Probe, ProbeContext, ProbeKind,
    ProbeReading, Rejection, RequestContext,
};

/// Where Meta's tokens are sent unless the configuration says otherwise.
pub const BASE_URL: &str = "https://graph.facebook.com";

/// The newest version that this release was written against.
pub const DEFAULT_API_VERSION: &str = "v25.0";

/// Meta refuses requests with more events.
const MAX_EVENTS: u32 = 1_000;

/// Meta names no bound; one tool's documentation says about 1 MB, unsourced. Kept below it.
const MAX_REQUEST_BYTES: u32 = 1_000_000;

/// Events whose repetition would count twice go in small requests, because all of them become
/// `unknown` together when one answer is lost.
const MAX_UNSAFE_EVENTS: u32 = 50;

/// The fault that an answer of the Graph API is, if it is an error at all.
pub fn fault_in(response: &HttpResponse) -> Option<Fault> {
    match answer::read(response) {
        answer::Answer::Error(error) => Some(judge::fault_of(classify::classify(&error), &error)),
        _ => None,
    }
}

#[derive(Debug)]
pub struct Meta;

impl Platform for Meta {
    fn id(&self) -> PlatformId {
        PlatformId::Meta
    }

    fn limits(&self) -> Limits {
        Limits {
            max_items: MAX_EVENTS,
            max_bytes: MAX_REQUEST_BYTES,
            max_unsafe_items: MAX_UNSAFE_EVENTS,
        }
    }

    fn admit(&self, raw: &[u8], cx: &AdmitContext<'_>) -> Result<Admitted, Rejection> {
        admit::admit(raw, cx)
    }

    fn request_keys(
        &self,
        keys: &Map<String, Value>,
        settings: &DestinationSettings,
    ) -> Result<BatchGroup, Rejection> {
        admit::request_keys(keys, settings)
    }

    fn request(&self, fragments: &[&[u8]], cx: &RequestContext<'_>) -> HttpRequest {
        request::request(fragments, cx)
    }

    fn judge(&self, response: &HttpResponse, batch: &BatchView<'_>) -> Judgement {
        judge::judge(response, batch)
    }

    fn transport_fault(&self, failure: &TransportFailure) -> Fault {
        let mut fault = classify::entry("meta.no_answer").fault();
        fault.platform_message = failure.to_string();
        fault
    }

    fn probes(&self, cx: &ProbeContext<'_>) -> Vec<Probe> {
        probes::probes(cx)
    }

    fn examinations(&self, cx: &ProbeContext<'_>) -> Vec<Probe> {
        probes::examinations(cx)
    }

    fn read_probe(&self, kind: ProbeKind, response: &HttpResponse) -> ProbeReading {
        probes::read(kind, response)
    }

    fn traces(
        &self,
        kind: IdentifierKind,
        text: &str,
        calling_codes: &[Option<&'static str>],
        out: &mut Traces,
    ) {
        traces::traces(kind, text, calling_codes, out);
    }
}
