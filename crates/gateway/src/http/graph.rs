//! Answers in the shape of Meta's Graph API, for clients that believe to talk to it.

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdfast_model::redact::redact_and_cut;
use holdfast_platforms::Rejection;
use serde::Serialize;

use super::error::json;
use crate::ingest::IngestError;
use crate::ingest::dropin::Refused;
use crate::random;

/// Invalid parameter.
const PARAMETER: i64 = 100;
/// The service is unwell for a moment; clients try again.
const UNAVAILABLE: i64 = 2;
/// Too many calls.
const TOO_MANY_CALLS: i64 = 4;
/// No token at all.
const NO_TOKEN: i64 = 104;
/// The token is not valid.
const BAD_TOKEN: i64 = 190;
/// The token may not do this.
const PERMISSION: i64 = 200;
/// Subcode of 100: no such object, or none that the token may see.
const NO_SUCH_OBJECT: i64 = 33;
/// No such path.
const UNKNOWN_PATH: i64 = 2500;

/// Longest part of what the caller wrote into the path that is shown again.
const MAX_SHOWN_CHARS: usize = 120;

/// A refusal as Meta would write it.
#[derive(Debug)]
pub struct GraphError {
    status: StatusCode,
    kind: &'static str,
    code: i64,
    subcode: Option<i64>,
    is_transient: bool,
    message: String,
    title: &'static str,
    explanation: String,
    retry_after_s: Option<u32>,
}

impl GraphError {
    fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: "OAuthException",
            code,
            subcode: None,
            is_transient: false,
            message: message.into(),
            title: "",
            explanation: String::new(),
            retry_after_s: None,
        }
    }

    fn explained(mut self, title: &'static str, explanation: impl Into<String>) -> Self {
        (self.title, self.explanation) = (title, explanation.into());
        self
    }

    pub fn no_token() -> Self {
        let message = "An access token is required to request this resource.";
        Self::new(StatusCode::UNAUTHORIZED, NO_TOKEN, message).explained(
            "holdfast.unauthorized",
            "This is Holdfast: send an ingest key (hfk_…) where the platform's token would be.",
        )
    }

    pub fn bad_token() -> Self {
        let message = "Invalid OAuth access token - Cannot parse access token";
        Self::new(StatusCode::UNAUTHORIZED, BAD_TOKEN, message).explained(
            "holdfast.unauthorized",
            "This is Holdfast: it expects an unrevoked ingest key (hfk_…), not a platform's token.",
        )
    }

    pub fn forbidden() -> Self {
        let message = "(#200) The key's role may not send events";
        Self::new(StatusCode::FORBIDDEN, PERMISSION, message)
            .explained("holdfast.forbidden", "Sending needs a key with the role ingest or admin.")
    }

    pub fn too_many_requests(wait_s: u32) -> Self {
        let message = "(#4) Application request limit reached";
        let refused = Self::new(StatusCode::TOO_MANY_REQUESTS, TOO_MANY_CALLS, message).explained(
            "holdfast.too_many_requests",
            "This key made more requests than ingest.max_requests_per_second_per_key allows.",
        );
        Self { is_transient: true, retry_after_s: Some(wait_s), ..refused }
    }

    /// No destination has this asset, or none that the key may send to.
    pub fn no_such_object(method: &str, asset: &str) -> Self {
        let shown = redact_and_cut(asset, MAX_SHOWN_CHARS);
        let message = format!(
            "Unsupported {} request. Object with ID '{shown}' does not exist, cannot be loaded \
             due to missing permissions, or does not support this operation. Please read the \
             Graph API documentation at https://developers.facebook.com/docs/graph-api",
            method.to_ascii_lowercase()
        );
        Self {
            kind: "GraphMethodException",
            subcode: Some(NO_SUCH_OBJECT),
            ..Self::new(StatusCode::BAD_REQUEST, PARAMETER, message).explained(
                "holdfast.unknown_destination",
                "No destination of Holdfast has this asset, or the key is not bound to it.",
            )
        }
    }

    pub fn no_events() -> Self {
        Self::new(StatusCode::BAD_REQUEST, PARAMETER, "(#100) The parameter data is required")
            .explained("holdfast.no_events", "The body holds no event.")
    }

    /// One event was refused, and with it the request.
    pub fn event(position: usize, rejection: &Rejection) -> Self {
        let path: String = rejection
            .field
            .split('.')
            .filter(|key| !key.is_empty())
            .map(|key| format!("['{key}']"))
            .collect();
        let (code, subcode) = rejection.code;
        let message = format!("(#{code}) Invalid parameter: $['data'][{position}]{path}");
        let place = if rejection.field.is_empty() { "" } else { ", " };
        let explanation = format!(
            "event {position}{place}{}: {}. Nothing of the request was accepted.",
            rejection.field, rejection.message
        );
        Self { subcode, ..Self::new(StatusCode::BAD_REQUEST, code, message) }
            .explained(rejection.fault, explanation)
    }

    pub fn internal() -> Self {
        let message = "(#2) Service temporarily unavailable";
        Self {
            is_transient: true,
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, UNAVAILABLE, message)
        }
        .explained("holdfast.internal", "The log of the gateway has the details.")
    }

    pub fn unknown_path(path: &str) -> Self {
        let shown = redact_and_cut(path, MAX_SHOWN_CHARS);
        let message = format!("Unknown path components: {shown}");
        Self::new(StatusCode::NOT_FOUND, UNKNOWN_PATH, message)
            .explained("holdfast.not_found", "Holdfast answers POST /{version}/{asset}/events.")
    }

    pub fn method(method: &str, asset: &str) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            ..Self::no_such_object(method, asset).explained(
                "holdfast.method_not_allowed",
                "Holdfast answers POST /{version}/{asset}/events.",
            )
        }
    }
}

impl From<Refused> for GraphError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::UnknownAsset(asset) => Self::no_such_object("post", &asset),
            Refused::Event(position, rejection) => Self::event(position, &rejection),
            Refused::Request(IngestError::NoEvents) => Self::no_events(),
            Refused::Request(error) => error.into(),
        }
    }
}

impl From<IngestError> for GraphError {
    fn from(error: IngestError) -> Self {
        let refusal = error.refusal();
        let transient = refusal.status == 429 || refusal.status >= 500;
        let status = match refusal.status {
            // Meta knows no 422 and no 404 here.
            404 | 422 => StatusCode::BAD_REQUEST,
            other => StatusCode::from_u16(other).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let (code, subcode) = match &error {
            _ if transient => (UNAVAILABLE, None),
            IngestError::RequestKey(rejection) => rejection.code,
            _ => (PARAMETER, None),
        };
        let message =
            if transient { "Service temporarily unavailable" } else { "Invalid parameter" };
        let refused = Self::new(status, code, format!("(#{code}) {message}"))
            .explained(refusal.fault, error.to_string());
        Self { subcode, is_transient: transient, retry_after_s: refusal.retry_after_s, ..refused }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    r#type: &'a str,
    code: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_subcode: Option<i64>,
    is_transient: bool,
    error_user_title: &'a str,
    error_user_msg: &'a str,
    fbtrace_id: String,
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let envelope = Envelope {
            error: Body {
                message: &self.message,
                r#type: self.kind,
                code: self.code,
                error_subcode: self.subcode,
                is_transient: self.is_transient,
                error_user_title: self.title,
                error_user_msg: &self.explanation,
                fbtrace_id: trace_id(),
            },
        };
        let mut response = json(self.status, serde_json::to_vec(&envelope).unwrap_or_default());
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = "OAuth \"Facebook Platform\" \"invalid_token\"";
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[derive(Serialize)]
struct Received<'a> {
    events_received: usize,
    messages: &'a [String],
    fbtrace_id: String,
}

/// The answer to events that are durable. SDKs fail without any of the three keys.
pub fn received(status: StatusCode, events: usize, messages: &[String]) -> Response {
    let answer = Received { events_received: events, messages, fbtrace_id: trace_id() };
    json(status, serde_json::to_vec(&answer).unwrap_or_default())
}

/// An id in the form of Meta's. Nothing can be looked up by it; clients want to print one.
fn trace_id() -> String {
    format!("A{}", BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<16>()))
}

/// Whether a path is one of those on which clients expect Graph answers.
pub fn is_graph_path(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    first == "capi" || is_version(first)
}

/// `v25.0`.
pub fn is_version(segment: &str) -> bool {
    let digits = |text: &str| {
        (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    segment
        .strip_prefix('v')
        .and_then(|numbers| numbers.split_once('.'))
        .is_some_and(|(major, minor)| digits(major) && digits(minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_two_numbers() {
        for good in ["v25.0", "v3.3", "v100.12"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["v1", "25.0", "v25.", "v.0", "v25.0.1", "vx.0", "V25.0", "v99999.0", ""] {
            assert!(!is_version(bad), "{bad}");
        }
        assert!(is_graph_path("/v25.0/1/events"));
        assert!(is_graph_path("/capi/1/events"));
        assert!(!is_graph_path("/v1/events"));
    }

    #[test]
    fn a_refused_event_is_named_the_way_meta_names_it() {
        let rejection = Rejection {
            fault: "meta.event_too_old",
            field: "user_data.em".to_owned(),
            message: "expected something".to_owned(),
            code: (100, Some(2_804_003)),
        };
        let error = GraphError::event(3, &rejection);
        assert_eq!(error.message, "(#100) Invalid parameter: $['data'][3]['user_data']['em']");
        assert_eq!((error.code, error.subcode, error.status.as_u16()), (100, Some(2_804_003), 400));
        assert!(error.explanation.starts_with("event 3, user_data.em: expected something"));
    }

    #[test]
    fn back_pressure_is_transient_and_says_when() {
        for error in [IngestError::DiskFull, IngestError::Overloaded] {
            let error = GraphError::from(error);
            assert!(error.is_transient && error.retry_after_s.is_some());
            assert_eq!((error.code, error.status.as_u16()), (2, 503));
        }
        assert!(!GraphError::from(IngestError::NoEvents).is_transient);
    }
}
