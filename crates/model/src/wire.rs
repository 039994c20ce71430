//! HTTP requests and answers as plain values, so that platforms can be written without a client.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Delete,
}

/// A request to a platform. It usually carries a token, so `Debug` shows only method and path.
pub struct HttpRequest {
    pub method: Method,
    /// Scheme and host, without a trailing slash: `https://graph.facebook.com`.
    pub base_url: String,
    /// Starts with `/`; never carries a secret.
    pub path: String,
    /// Percent-encoded query without `?`; may carry a secret, hence never logged.
    pub query: Zeroizing<String>,
    /// Names in lower case. Values may carry a secret.
    pub headers: Vec<(&'static str, Zeroizing<String>)>,
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("base_url", &self.base_url)
            .field("path", &self.path)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A platform's answer, whole. The egress client bounds the body before it builds one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpResponse {
    pub fn header(&self, lower_case_name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| name == lower_case_name)
            .map(|(_, value)| value.as_str())
    }
}

/// A request that got no complete answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct TransportFailure {
    pub kind: TransportFailureKind,
    /// True unless it is certain that no byte of the request left this machine. Where it is true,
    /// the platform may have acted on the request.
    pub may_have_arrived: bool,
    /// For people; already redacted.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportFailureKind {
    Dns,
    Connect,
    Tls,
    Timeout,
    Closed,
    /// The answer was longer than the client's bound.
    TooLong,
    Other,
}

impl fmt::Display for TransportFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the host name could not be resolved",
            Self::Connect => "the connection could not be made",
            Self::Tls => "the TLS handshake failed",
            Self::Timeout => "no answer in time",
            Self::Closed => "the connection was closed before a whole answer",
            Self::TooLong => "the answer was longer than the bound",
            Self::Other => "the request failed",
        })
    }
}
