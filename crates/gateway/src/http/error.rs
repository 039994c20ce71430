//! Errors of native routes: `{"error":{"fault","message","hint","docs"}}`.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use holdfast_platforms::catalog;
use serde::Serialize;

use crate::ingest::IngestError;

/// An error as a caller sees it. Neither message nor hint may hold a secret or personal data.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    /// Stable name, for programs.
    fault: &'static str,
    /// What happened, for people.
    message: String,
    /// What to do about it.
    hint: Option<String>,
    retry_after_s: Option<u32>,
}

impl ApiError {
    pub fn new(status: StatusCode, fault: &'static str, message: impl Into<String>) -> Self {
        Self { status, fault, message: message.into(), hint: None, retry_after_s: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// No key, or one that is not known or was revoked: which of them is nobody's business.
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "holdfast.unauthorized",
            "a valid key is required in the Authorization header",
        )
        .hint("Send `Authorization: Bearer hfk_…`; keys are made with `holdfast key create`.")
    }

    /// The key is known but its role may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "holdfast.forbidden", message)
    }

    /// A value in the request cannot be used.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "holdfast.invalid_value", message)
    }
}

impl From<IngestError> for ApiError {
    fn from(error: IngestError) -> Self {
        let refusal = error.refusal();
        let status =
            StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            fault: refusal.fault,
            message: error.to_string(),
            hint: (!refusal.hint.is_empty()).then(|| refusal.hint.to_owned()),
            retry_after_s: refusal.retry_after_s,
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    fault: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    /// Where the fault is explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    docs: Option<String>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let envelope = Envelope {
            error: Body {
                fault: self.fault,
                message: &self.message,
                hint: self.hint.as_deref(),
                docs: docs(self.fault),
            },
        };
        let mut response = json(self.status, serde_json::to_vec(&envelope).unwrap_or_default());
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"holdfast\""));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// An answer whose body is JSON text already.
pub fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, headers, body).into_response()
}

/// The page of a fault that has one.
fn docs(fault: &str) -> Option<String> {
    let entry = catalog::entry(fault)?;
    let (platform, name) = entry.name.split_once('.')?;
    Some(format!("/v1/faults/{platform}/{name}"))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::{Value, json};

    use super::*;

    async fn shown(error: ApiError) -> (Response<()>, Value) {
        let (parts, body) = error.into_response().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn an_error_says_what_and_what_to_do() {
        let (head, body) = shown(ApiError::unauthorized()).await;
        assert_eq!(head.status(), 401);
        assert_eq!(head.headers()["www-authenticate"], "Bearer realm=\"holdfast\"");
        assert_eq!(body["error"]["fault"], "holdfast.unauthorized");

        let (head, body) = shown(IngestError::DiskFull.into()).await;
        assert_eq!(
            (head.status().as_u16(), &head.headers()["retry-after"]),
            (503, &HeaderValue::from(60))
        );
        assert_eq!(body["error"]["message"], "the disk has no room left for new items");
    }

    #[tokio::test]
    async fn faults_of_a_platform_point_to_their_page() {
        let error = ApiError::new(StatusCode::BAD_REQUEST, "meta.event_too_old", "x");
        let (_, body) = shown(error).await;
        assert_eq!(
            body,
            json!({"error": {"fault": "meta.event_too_old", "message": "x", "docs": "/v1/faults/meta/event_too_old"}})
        );
    }
}
