//! Meta's answers.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error as Meta writes it.
#[derive(Debug, Clone)]
pub struct GraphError {
    pub status: StatusCode,
    pub code: i64,
    pub subcode: Option<i64>,
    pub kind: &'static str,
    pub message: String,
    pub details: Box<Details>,
}

/// What not every error has.
#[derive(Debug, Clone, Default)]
pub struct Details {
    pub user_title: Option<String>,
    pub user_message: Option<String>,
    pub is_transient: Option<bool>,
    /// Written beside the body.
    pub headers: Vec<(&'static str, String)>,
    /// The whole error object, in place of all other fields.
    pub raw: Option<Value>,
}

pub const OAUTH: &str = "OAuthException";
pub const METHOD: &str = "GraphMethodException";

impl GraphError {
    pub fn new(
        status: StatusCode,
        code: i64,
        subcode: Option<i64>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            subcode,
            kind: OAUTH,
            message: message.into(),
            details: Box::new(Details {
                is_transient: subcode.map(|_| false),
                ..Details::default()
            }),
        }
    }

    pub fn bad_request(code: i64, subcode: Option<i64>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, subcode, message)
    }

    /// A refused parameter: 400, code 100.
    pub fn parameter(subcode: Option<i64>, user_message: impl Into<String>) -> Self {
        let mut error = Self::bad_request(100, subcode, "Invalid parameter");
        error.details.user_message = Some(user_message.into());
        error
    }

    /// It does not exist, or this token may not see it: Meta does not tell which.
    pub fn missing_object(method: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded \
             due to missing permissions, or does not support this operation. Please read the \
             Graph API documentation"
        );
        Self::bad_request(100, Some(33), message).of_kind(METHOD)
    }

    pub fn permission(scope: &str) -> Self {
        let message = format!("(#200) Requires {scope} permission to manage the object");
        Self::new(StatusCode::FORBIDDEN, 200, None, message)
    }

    /// `190/463`
    pub fn name(&self) -> String {
        match self.subcode {
            Some(subcode) => format!("{}/{subcode}", self.code),
            None => self.code.to_string(),
        }
    }

    pub fn of_kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    pub fn response(&self, trace_id: &str) -> Response {
        let mut error = self.details.raw.clone().unwrap_or_else(|| self.object());
        error["fbtrace_id"] = trace_id.into();
        let mut response = json_response(self.status, &json!({ "error": error }));
        for (name, value) in &self.details.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }

    fn object(&self) -> Value {
        let mut error = json!({ "message": self.message, "type": self.kind, "code": self.code });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some(is_transient) = self.details.is_transient {
            error["is_transient"] = is_transient.into();
        }
        if let Some(title) = &self.details.user_title {
            error["error_user_title"] = title.as_str().into();
        }
        if let Some(message) = &self.details.user_message {
            error["error_user_msg"] = message.as_str().into();
        }
        error
    }
}

pub fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json; charset=UTF-8")], body.to_string())
        .into_response()
}
