//! Answers in the shape of Snap's Conversions API, for clients that believe to talk to it.
//!
//! Snap publishes neither the bodies of its refusals nor their codes, so the codes here are the
//! names of Holdfast's faults: clients show them as they are.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use holdfast_model::redact::redact_and_cut;
use holdfast_platforms::Rejection;
use serde_json::{Value, json};

use super::error::json;
use crate::ingest::IngestError;
use crate::ingest::dropin::Refused;
use crate::services::trial::TrialError;

/// Longest part of what the caller wrote that is shown again.
const MAX_SHOWN_CHARS: usize = 120;

/// In which version's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V3,
    V2,
}

/// A refusal as Snap would write it.
#[derive(Debug)]
pub struct SnapError {
    status: StatusCode,
    fault: &'static str,
    reason: String,
    /// Position of the event from 0.
    event: Option<usize>,
    retry_after_s: Option<u32>,
}

impl SnapError {
    fn new(status: StatusCode, fault: &'static str, reason: impl Into<String>) -> Self {
        Self { status, fault, reason: reason.into(), event: None, retry_after_s: None }
    }

    pub fn bad_token() -> Self {
        let reason = "Invalid access token. This is Holdfast: it expects an ingest key (hfk_…) where \
                      Snap's token would be.";
        Self::new(StatusCode::UNAUTHORIZED, "holdfast.unauthorized", reason)
    }

    pub fn forbidden() -> Self {
        let reason = "Sending needs a key with the role ingest or admin.";
        Self::new(StatusCode::FORBIDDEN, "holdfast.forbidden", reason)
    }

    pub fn too_many_requests(wait_s: u32) -> Self {
        let reason =
            "This key made more requests than ingest.max_requests_per_second_per_key allows.";
        let refused =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "holdfast.too_many_requests", reason);
        Self { retry_after_s: Some(wait_s), ..refused }
    }

    pub fn too_many_events(most: usize) -> Self {
        let reason = format!("expected at most {most} events in a request");
        Self::new(StatusCode::BAD_REQUEST, "holdfast.too_many_events", reason)
    }

    pub fn no_asset(position: usize) -> Self {
        let reason = "pixel_id or snap_app_id: expected the id of one asset";
        let refused = Self::new(StatusCode::BAD_REQUEST, "snap.missing_field", reason);
        Self { event: Some(position), ..refused }
    }

    pub fn one_asset() -> Self {
        let reason = "expected events of one asset: Snap checks one at a time";
        Self::new(StatusCode::BAD_REQUEST, "snap.invalid_value", reason)
    }

    /// Snap could not be asked.
    pub fn untried(error: &TrialError) -> Self {
        let refused =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "holdfast.not_checked", error.to_string());
        Self { retry_after_s: Some(30), ..refused }
    }

    fn unknown_asset(asset: &str) -> Self {
        let shown = redact_and_cut(asset, MAX_SHOWN_CHARS);
        let reason = format!(
            "Asset {shown} is unknown: no destination of Holdfast has it, or the key is not bound to it."
        );
        Self::new(StatusCode::NOT_FOUND, "holdfast.unknown_destination", reason)
    }

    fn event(position: usize, rejection: &Rejection) -> Self {
        let place = if rejection.field.is_empty() { "" } else { ": " };
        let reason = format!("{}{place}{}", rejection.field, rejection.message);
        let refused = Self::new(StatusCode::BAD_REQUEST, rejection.fault, reason);
        Self { event: Some(position), ..refused }
    }

    pub fn response(self, version: Version) -> Response {
        let body = match version {
            Version::V3 => self.v3(),
            Version::V2 => self.v2(),
        };
        let mut response = json(self.status, body.to_string().into_bytes());
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    fn v3(&self) -> Value {
        let mut body = json!({
            "status": "INVALID", "reason": self.reason,
            "errors": { "codes": [self.fault], "error_msgs": [self.reason] },
        });
        if let Some(position) = self.event {
            // From 1, as Snap counts.
            body["event"] = (position + 1).into();
        }
        body
    }

    fn v2(&self) -> Value {
        let indexes: Vec<usize> = self.event.into_iter().collect();
        let reason = format!("{}: {}", self.fault, self.reason);
        json!({
            "status": "FAILED", "reason": self.reason,
            "error_records": [{ "reason": reason, "record_indexes": indexes }],
        })
    }
}

impl From<IngestError> for SnapError {
    fn from(error: IngestError) -> Self {
        let refusal = error.refusal();
        let status = match refusal.status {
            // Snap knows no 422.
            422 => StatusCode::BAD_REQUEST,
            other => StatusCode::from_u16(other).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let refused = Self::new(status, refusal.fault, error.to_string());
        Self { retry_after_s: refusal.retry_after_s, ..refused }
    }
}

impl From<Refused> for SnapError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::UnknownAsset(asset) => Self::unknown_asset(&asset),
            Refused::Event(position, rejection) => Self::event(position, &rejection),
            Refused::Request(error) => error.into(),
        }
    }
}

/// The answer to events that are durable.
pub fn processed(version: Version, remarks: &[String]) -> Response {
    let mut body = match version {
        Version::V3 => {
            json!({ "status": "VALID", "reason": "Events have been processed successfully." })
        }
        Version::V2 => json!({ "status": "SUCCESS", "reason": "All records processed" }),
    };
    if !remarks.is_empty() {
        body["warnings"] = json!(remarks);
    }
    json(StatusCode::OK, body.to_string().into_bytes())
}
