//! The ways in which an answer goes wrong.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One way to misbehave. At most one that decides the fate of the request applies to it
/// ([`Misbehaviour::decides`]); the others combine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Misbehaviour {
    /// Any error answer, with the given HTTP status and error object.
    Error { status: u16, error: Value },
    /// The platform's recorded refusal for a code.
    Refuse {
        code: i64,
        #[serde(default)]
        subcode: Option<i64>,
        /// In place of the status under which it was recorded.
        #[serde(default)]
        status: Option<u16>,
    },
    /// A throttle, with the header that tells the usage.
    Throttle {
        code: i64,
        #[serde(default)]
        subcode: Option<i64>,
        minutes: u64,
        #[serde(default)]
        usage: UsageForm,
        #[serde(default)]
        retry_after_seconds: Option<u64>,
    },
    /// The usage headers on answers that succeed.
    Usage { usage: UsageForm, percent: u64 },
    /// HTTP 429 with Retry-After and no JSON.
    TooMany {
        retry_after_seconds: u64,
        /// Writes Retry-After as a date.
        #[serde(default)]
        as_date: bool,
    },
    /// A proxy's page in place of the platform; the status may well be 200.
    Html { status: u16 },
    /// A proxy's page after the events were counted.
    HtmlAfter { status: u16 },
    /// A status without a body.
    Empty { status: u16 },
    /// Sends the client elsewhere, which a client that holds a token must never follow.
    Redirect {
        #[serde(default = "found")]
        status: u16,
        location: String,
    },
    /// Answers late.
    Slow { ms: u64 },
    /// The body comes in pieces with a pause after each.
    SlowBody { chunk_bytes: usize, pause_ms: u64 },
    /// The connection ends before anything was processed.
    CutBefore,
    /// The connection ends after the events were counted.
    CutAfter,
    /// The events are counted; the connection ends in the middle of the answer's body.
    HalfAnswer,
    /// The body is compressed, whether the client offered to read that or not.
    Gzip,
    /// The body comes in chunks, without a length.
    Chunked,
    /// The Date header is off by so many seconds.
    DateSkew { seconds: i64 },
    /// Refuses the whole request if an event has this name.
    Poison {
        event_name: String,
        #[serde(default)]
        subcode: Option<i64>,
        /// Whether the refusal names the event.
        with_index: bool,
    },
    /// Answers with another number than was sent.
    Miscount,
    /// Fills `messages` of a success.
    Messages { text: String },
    /// Refuses a token that is sound, in the platform's words and under the given status.
    RefuseToken { status: u16 },
    /// Repeats the token in the message.
    EchoToken,
    /// Leaves `expires_in` out where a token is issued.
    OmitExpiresIn,
    /// Warns that the version of the API is about to end.
    VersionWarning,
}

/// In which header a platform tells how much of a limit is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageForm {
    /// `X-Business-Use-Case-Usage`, whose estimate is in minutes.
    #[default]
    BusinessUseCase,
    /// `X-Ad-Account-Usage`, whose reset is in seconds.
    AdAccount,
    /// `X-App-Usage`, which names no time.
    App,
    None,
}

fn found() -> u16 {
    302
}

impl Misbehaviour {
    /// Whether it alone settles what becomes of the request. Of two such, the older rule wins and
    /// the other one waits for the next request.
    pub fn decides(&self) -> bool {
        !matches!(
            self,
            Self::Slow { .. }
                | Self::SlowBody { .. }
                | Self::Gzip
                | Self::Chunked
                | Self::DateSkew { .. }
                | Self::Usage { .. }
                | Self::Poison { .. }
                | Self::Messages { .. }
                | Self::OmitExpiresIn
                | Self::VersionWarning
        )
    }

    /// Whether it is spent when it is chosen. Poison is spent when it bites.
    pub fn is_spent_at_once(&self) -> bool {
        !matches!(self, Self::Poison { .. })
    }

    /// As it is written in a scenario.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(name)) => name,
            Ok(Value::Object(map)) => {
                map.into_iter().next().map_or_else(String::new, |(key, _)| key)
            }
            _ => String::new(),
        }
    }
}
