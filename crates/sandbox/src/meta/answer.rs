//! Meta's answers.

use axum::http::StatusCode;
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
    pub user_title: Option<String>,
    pub user_message: Option<String>,
}

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
            kind: "OAuthException",
            message: message.into(),
            user_title: None,
            user_message: None,
        }
    }

    /// A refused parameter: 400, code 100.
    pub fn parameter(subcode: Option<i64>, user_message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, 100, subcode, "Invalid parameter");
        error.user_message = Some(user_message.into());
        error
    }

    pub fn missing_object(id: &str) -> Self {
        let mut error = Self::new(
            StatusCode::BAD_REQUEST,
            100,
            Some(33),
            format!(
                "Unsupported post request. Object with ID '{id}' does not exist, cannot be loaded due to \
                 missing permissions, or does not support this operation. Please read the Graph API documentation"
            ),
        );
        error.kind = "GraphMethodException";
        error
    }

    pub fn response(&self, trace_id: &str) -> Response {
        let mut error = json!({
            "message": self.message, "type": self.kind, "code": self.code, "fbtrace_id": trace_id,
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
            error["is_transient"] = false.into();
        }
        if let Some(title) = &self.user_title {
            error["error_user_title"] = title.as_str().into();
        }
        if let Some(message) = &self.user_message {
            error["error_user_msg"] = message.as_str().into();
        }
        json_response(self.status, &json!({ "error": error }))
    }
}

pub fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json; charset=UTF-8")], body.to_string())
        .into_response()
}

pub fn html(status: StatusCode) -> Response {
    let page =
        "<html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>";
    (status, [("content-type", "text/html")], page).into_response()
}

/// Ends the connection without an answer.
pub fn cut() -> ! {
    // Unwinding ends the task that serves this connection, and with it the socket. Unlike a panic
    // this prints nothing: it is what was asked for.
    std::panic::resume_unwind(Box::new("the connection is cut on purpose"))
}
