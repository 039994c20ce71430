//! Why a whole request was not taken. Refusals of single events are receipts instead.

use holdfast_model::id::DestinationId;
use holdfast_platforms::Rejection;
use holdfast_storage::StorageError;

/// No event of the request was made durable; for a stream: none after what the answer lists.
/// Messages name fields, kinds and positions, never a value: values are personal data.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("the body is larger than {bound_bytes} bytes")]
    BodyTooLarge { bound_bytes: u64 },
    #[error("the body did not arrive within {seconds} s")]
    TooSlow { seconds: u64 },
    #[error("the body ended before it was complete")]
    Broken,
    #[error("Content-Encoding: expected gzip, identity or none")]
    Encoding,
    #[error("the gzip stream is damaged or cut short")]
    DamagedGzip,
    #[error("the body is not valid UTF-8 at byte {offset}")]
    NotUtf8 { offset: usize },
    #[error("the body is not valid JSON at line {line}, column {column}: {what}")]
    MalformedJson { line: usize, column: usize, what: String },
    #[error("the form is not valid: {what}")]
    MalformedForm { what: String },
    #[error("{field}: expected {expected}")]
    Shape { field: &'static str, expected: &'static str },
    #[error("the body holds no event")]
    NoEvents,
    #[error("more than {bound} events in one request")]
    TooManyEvents { bound: usize },
    #[error("{}: {}", .0.field, .0.message)]
    RequestKey(Rejection),
    #[error(
        "destination: expected a query parameter that names one, such as ?destination=shop, or a route"
    )]
    NoDestination,
    #[error("destination: expected at most {bound} names")]
    TooManyDestinations { bound: usize },
    #[error("destination {name:?} does not exist")]
    UnknownDestination { name: String },
    #[error("route {name:?} does not exist")]
    UnknownRoute { name: String },
    #[error("route {route} names destination {destination}, which does not exist")]
    BrokenRoute { route: String, destination: DestinationId },
    #[error("this key may not send to destination {name:?}")]
    DestinationNotAllowed { name: String },
    #[error("destination {destination}: this release cannot deliver to its platform")]
    PlatformNotSupported { destination: DestinationId },
    #[error("Idempotency-Key: expected 1 to {max} visible ASCII characters")]
    IdempotencyKey { max: usize },
    #[error("the idempotency key was used before with another body or other destinations")]
    IdempotencyKeyReused,
    #[error(
        "destination {destination} already holds {used_bytes} of its {quota_bytes} bytes of waiting items"
    )]
    QuotaExceeded { destination: String, used_bytes: u64, quota_bytes: u64 },
    #[error("the disk has no room left for new items")]
    DiskFull,
    #[error("too many writes are waiting for the disk")]
    Overloaded,
    #[error("storage failed; nothing was accepted")]
    Storage(#[source] StorageError),
}

/// A full destination empties when its hold is lifted or a backlog drains: neither is quick.
const QUOTA_RETRY_S: u32 = 30;
/// A full disk needs deliveries, retention or a person.
const DISK_RETRY_S: u32 = 60;
/// The committer clears its queue many times a second.
const OVERLOAD_RETRY_S: u32 = 1;

/// What an [`IngestError`] is in terms of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub fault: &'static str,
    /// What the caller can do. May be empty.
    pub hint: &'static str,
    pub retry_after_s: Option<u32>,
}

const fn refusal(status: u16, fault: &'static str, hint: &'static str) -> Refusal {
    Refusal { status, fault, hint, retry_after_s: None }
}

const fn later(status: u16, fault: &'static str, hint: &'static str, seconds: u32) -> Refusal {
    Refusal { status, fault, hint, retry_after_s: Some(seconds) }
}

impl IngestError {
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::QuotaExceeded { .. } | Self::DiskFull | Self::Overloaded | Self::Storage(_) => {
                self.storage_refusal()
            }
            Self::NoDestination
            | Self::TooManyDestinations { .. }
            | Self::UnknownDestination { .. }
            | Self::UnknownRoute { .. }
            | Self::BrokenRoute { .. }
            | Self::DestinationNotAllowed { .. }
            | Self::PlatformNotSupported { .. } => self.destination_refusal(),
            _ => self.body_refusal(),
        }
    }

    fn body_refusal(&self) -> Refusal {
        match self {
            Self::BodyTooLarge { .. } => refusal(
                413,
                "holdfast.body_too_large",
                "Send fewer events in one request, or NDJSON, which is streamed.",
            ),
            Self::TooSlow { .. } => refusal(
                408,
                "holdfast.body_too_slow",
                "Send the request again; ingest.read_timeout_seconds is the bound.",
            ),
            Self::Broken => refusal(400, "holdfast.body_incomplete", "Send the request again."),
            Self::Encoding => refusal(415, "holdfast.unsupported_encoding", ""),
            Self::DamagedGzip => refusal(
                400,
                "holdfast.damaged_gzip",
                "Send the request again, or without compression.",
            ),
            Self::NotUtf8 { .. } => {
                refusal(400, "holdfast.not_utf8", "JSON is UTF-8; convert it before you send it.")
            }
            Self::MalformedJson { .. } => refusal(
                400,
                "holdfast.malformed_json",
                "Send one JSON object, an array of objects, {\"data\":[…]}, or NDJSON as application/x-ndjson.",
            ),
            Self::MalformedForm { .. } => refusal(400, "holdfast.malformed_form", ""),
            Self::TooManyEvents { .. } => refusal(
                413,
                "holdfast.too_many_events",
                "Send several requests, or NDJSON, which is streamed. An event for two destinations counts twice.",
            ),
            Self::NoEvents => refusal(422, "holdfast.no_events", ""),
            Self::RequestKey(rejection) => refusal(422, rejection.fault, ""),
            Self::IdempotencyKey { .. } => refusal(422, "holdfast.invalid_idempotency_key", ""),
            Self::IdempotencyKeyReused => refusal(
                422,
                "holdfast.idempotency_key_reused",
                "Use a new Idempotency-Key for each new request.",
            ),
            _ => refusal(422, "holdfast.invalid_body", ""),
        }
    }

    fn destination_refusal(&self) -> Refusal {
        match self {
            Self::NoDestination => refusal(
                422,
                "holdfast.no_destination",
                "It may be left out only by a key that is bound to exactly one destination.",
            ),
            Self::TooManyDestinations { .. } => {
                refusal(422, "holdfast.too_many_destinations", "Send several requests.")
            }
            Self::UnknownDestination { .. } => refusal(
                404,
                "holdfast.unknown_destination",
                "`holdfast destination list` shows the names; nothing was accepted.",
            ),
            Self::UnknownRoute { .. } => refusal(
                404,
                "holdfast.unknown_route",
                "Routes are sections [routes.NAME] of the configuration; nothing was accepted.",
            ),
            Self::BrokenRoute { .. } => refusal(
                409,
                "holdfast.broken_route",
                "Add the destination, or take it out of the route; nothing was accepted, so send it again.",
            ),
            Self::DestinationNotAllowed { .. } => refusal(
                403,
                "holdfast.destination_not_allowed",
                "Make a key for it: `holdfast key create --role ingest --destination NAME`.",
            ),
            _ => refusal(422, "holdfast.platform_not_supported", ""),
        }
    }

    fn storage_refusal(&self) -> Refusal {
        match self {
            Self::QuotaExceeded { .. } => later(
                429,
                "holdfast.quota_exceeded",
                "Nothing was dropped: send it again later. `holdfast status` says why items wait.",
                QUOTA_RETRY_S,
            ),
            Self::DiskFull => later(
                503,
                "holdfast.disk_full",
                "Make room or raise storage.max_disk_bytes, then send it again.",
                DISK_RETRY_S,
            ),
            Self::Overloaded => {
                later(503, "holdfast.overloaded", "Send it again.", OVERLOAD_RETRY_S)
            }
            _ => refusal(
                500,
                "holdfast.storage_failed",
                "Nothing was accepted; send it again. The log of the gateway has the details.",
            ),
        }
    }
}
