//! Snap Conversions API.
//!
//! * `admit`, `normalize`: from a raw event, in the form of version 3 or 2, to a fragment of
//!   version 3.
//! * `request`: from fragments to a request. The token is in the query, because version 3 takes it
//!   nowhere else; hence it is in no path, no header and no text made here.
//! * `answer`, `classify`, `judge`: from an answer to what it means. Snap publishes neither its
//!   refusals nor their numbers, so most of what is known of them is data in `classify`.
//! * `probes`: harmless questions about a token.
//! * `traces`: what people are known by, as fragments have it.
//! * `faults`: the catalog.

mod admit;
mod answer;
mod classify;
mod faults;
mod judge;
mod normalize;
mod probes;
mod request;
mod traces;

use holdfast_model::destination::DestinationSettings;
use holdfast_model::fault::Fault;
use holdfast_model::id::AssetId;
use holdfast_model::item::{Admitted, BatchGroup};
use holdfast_model::platform::PlatformId;
use holdfast_model::wire::{HttpRequest, HttpResponse, TransportFailure};
use serde_json::{Map, Value};

pub(crate) use faults::CATALOG;
pub use normalize::{Field, Surroundings, normalize as normalize_field};

use crate::subject::{IdentifierKind, Traces};
use crate::{
    AdmitContext, BatchView, Judgement, Limits, Platform, Probe, ProbeContext, ProbeKind,
    ProbeReading, Rejection, RequestContext, Way,
};

/// Where Snap's tokens are sent unless the configuration says otherwise.
pub const BASE_URL: &str = "https://tr.snapchat.com";

/// Where an OAuth token is asked whom it belongs to. Tokens of the other kind are never sent there.
pub const ADS_BASE_URL: &str = "https://adsapi.snapchat.com";

/// The version this release speaks. Version 2 is taken in and never sent out.
pub const API_VERSION: &str = "v3";

/// How OAuth tokens begin, access and refresh tokens alike. (`spec/snap-conversions.md` §10.3)
pub const OAUTH_PREFIX: &str = "hCgwKCj";

/// Snap refuses requests with more events.
const MAX_EVENTS: u32 = 2_000;

/// Snap names no bound; a large partner of Snap's flushes at this size.
const MAX_REQUEST_BYTES: u32 = 2_000_000;

/// Snap does not say whether the neighbors of a refused event were taken. Where a repetition would
/// count twice they could not go again, so such events travel alone: a refusal is then about one
/// event, and certain.
const MAX_UNSAFE_EVENTS: u32 = 1;

#[derive(Debug)]
pub struct Snap;

impl Platform for Snap {
    fn id(&self) -> PlatformId {
        PlatformId::Snap
    }

    fn limits(&self) -> Limits {
        Limits {
            max_items: MAX_EVENTS,
            max_bytes: MAX_REQUEST_BYTES,
            max_unsafe_items: MAX_UNSAFE_EVENTS,
        }
    }

    fn asset_expected(&self, asset: &AssetId) -> Option<&'static str> {
        (!is_uuid(asset.as_str())).then_some(
            "the id of a Snap pixel or of a Snap app, a UUID such as 0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
        )
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

    fn trial(&self, fragments: &[&[u8]], cx: &RequestContext<'_>) -> Option<HttpRequest> {
        Some(request::validation(fragments, cx))
    }

    fn judge(&self, response: &HttpResponse, batch: &BatchView<'_>) -> Judgement {
        judge::judge(response, batch)
    }

    fn transport_fault(&self, failure: &TransportFailure) -> Fault {
        let mut fault = faults::CATALOG.row("snap.no_answer").fault();
        fault.platform_message = failure.to_string();
        fault
    }

    fn probes(&self, cx: &ProbeContext<'_>) -> Vec<Probe> {
        probes::probes(cx)
    }

    fn ways_of_asking(&self, cx: &ProbeContext<'_>) -> Vec<Way> {
        probes::ways(cx)
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

/// Eight, four, four, four and twelve hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}
