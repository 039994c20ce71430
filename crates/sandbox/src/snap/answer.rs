//! Snap's answers, in the shapes of version 3 and version 2 (`snap-conversions.md §7`).

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::validate::Fault;
use super::world::Denial;

/// Which version's words are spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    V3,
    V2,
}

/// A refusal, before it is put into the words of a version.
#[derive(Debug, Clone)]
pub struct SnapError {
    pub status: StatusCode,
    /// For the log: `401`, `507`.
    pub name: String,
    pub reason: String,
    pub details: Box<Details>,
}

/// What not every refusal has.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// What is wrong with which event, counted from 0.
    pub events: Vec<(usize, Vec<Fault>)>,
    /// What is added to the numbers of events; none if they are kept back.
    pub counts_from: Option<usize>,
    /// Whether other events of the request were accepted.
    pub is_partial: bool,
    pub headers: Vec<(&'static str, String)>,
    /// The whole body, in place of what is above.
    pub raw: Option<Value>,
}

/// The only words of a refused token that were ever seen.
pub const INVALID_TOKEN: &str = "Invalid access token";

impl SnapError {
    pub fn new(status: StatusCode, name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { status, name: name.into(), reason: reason.into(), details: Box::default() }
    }

    /// Named after its status.
    pub fn plain(status: StatusCode, reason: impl Into<String>) -> Self {
        Self::new(status, status.as_u16().to_string(), reason)
    }

    /// The caller is refused. The words name the token, whatever the status.
    pub fn denied(denial: Denial) -> Self {
        Self::plain(denial.status(), INVALID_TOKEN)
    }

    pub fn response(&self, dialect: Dialect) -> Response {
        let mut response = json_response(self.status, &self.body(dialect));
        for (name, value) in &self.details.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }

    pub fn body(&self, dialect: Dialect) -> Value {
        match (&self.details.raw, dialect) {
            (Some(raw), _) => raw.clone(),
            (None, Dialect::V3) => self.body_v3(),
            (None, Dialect::V2) => self.body_v2(),
        }
    }

    /// One event at most is named: the first bad one.
    fn body_v3(&self) -> Value {
        let mut body = json!({ "status": "INVALID" });
        if let Some((index, faults)) = self.details.events.first() {
            if let Some(first) = self.details.counts_from {
                body["event"] = (index + first).into();
            }
            body["errors"] = errors(faults);
        }
        body["reason"] = self.reason.as_str().into();
        body
    }

    /// Every bad record is named.
    fn body_v2(&self) -> Value {
        let record = |(index, faults): &(usize, Vec<Fault>)| {
            let reasons: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
            let indexes: Vec<usize> =
                self.details.counts_from.iter().map(|first| index + first).collect();
            json!({ "reason": reasons.join("; "), "record_indexes": indexes })
        };
        let records: Vec<Value> = self.details.events.iter().map(record).collect();
        // Where some were accepted, the records tell what failed.
        let is_success = self.details.is_partial && self.status == StatusCode::OK;
        let status = if is_success { "SUCCESS" } else { "FAILED" };
        json!({ "status": status, "reason": self.reason, "error_records": records })
    }
}

pub fn errors(faults: &[Fault]) -> Value {
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code.as_str()).collect();
    let messages: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    json!({ "codes": codes, "error_msgs": messages })
}

/// Everything was accepted.
pub fn success(dialect: Dialect) -> Value {
    match dialect {
        Dialect::V3 => {
            json!({ "status": "VALID", "reason": "Events have been processed successfully." })
        }
        Dialect::V2 => {
            json!({ "status": "SUCCESS", "reason": "All records processed", "error_records": [] })
        }
    }
}

pub fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/json;charset=utf-8")], body.to_string()).into_response()
}
