//! From an answer to a row of the catalog. (`snap-conversions.md` §8)
//!
//! Snap publishes neither the bodies of its refusals nor a list of codes. What was seen is data
//! here, and what was never seen is tried a few times and then held: nothing is dropped, and no
//! token is called dead for it.

use holdfast_model::fault::{Fault, PlatformCode};
use holdfast_model::wire::HttpResponse;

use super::answer::{Answer, Status, Told};
use super::faults::CATALOG;
use crate::catalog::Entry;

/// Words that make a refusal one of the token and not of an event. A bad OAuth token has been
/// answered with 400.
const ABOUT_THE_TOKEN: [&str; 10] = [
    "access token",
    "access_token",
    "accesstoken",
    "invalid token",
    "invalid_token",
    "token expired",
    "oauth",
    "unauthorized",
    "unauthenticated",
    "not authorized",
];

/// Words that Snap's documentation has for causes, or its older answers had. All of them refuse an
/// event; they only say it better.
const ABOUT_THE_EVENT: [(&str, &str); 4] = [
    ("insufficient pii", "snap.no_identity"),
    ("unrecognized event type", "snap.event_name_refused"),
    ("timestamp", "snap.event_time_refused"),
    ("event_time", "snap.event_time_refused"),
];

/// The code for an event without a usable identity, seen in an answer. Of 517 nobody knows the
/// meaning.
const NO_IDENTITY: i64 = 507;

pub fn classify(response: &HttpResponse, answer: &Answer) -> &'static Entry {
    CATALOG.row(name_of(response, answer))
}

fn name_of(response: &HttpResponse, answer: &Answer) -> &'static str {
    match (response.status, answer) {
        (408 | 500..=599, _) => "snap.server_error",
        (429, _) => "snap.throttled",
        (413, _) => "snap.request_too_large",
        // A page is a proxy's, or of an outage; it judges nobody.
        (_, Answer::Page) => "snap.unreadable_answer",
        (401, _) if says_expired(response, answer) => "snap.oauth_expired",
        (401, _) => "snap.token_refused",
        (403, _) => "snap.forbidden",
        (404, _) => "snap.asset_unknown",
        (400, Answer::Told(told)) if !contradicts(told) => refusal(response, answer, told),
        (200..=299, Answer::Told(told)) if is_refusal(told) => refusal(response, answer, told),
        _ => "snap.unreadable_answer",
    }
}

/// What is good except for some records is a refusal of those.
fn is_refusal(told: &Told) -> bool {
    match told.status {
        Some(Status::Bad) => true,
        Some(Status::Good) => told.has_error_records,
        Some(Status::Unknown) | None => false,
    }
}

/// A refusal that says that all is well is neither.
fn contradicts(told: &Told) -> bool {
    told.status == Some(Status::Good) && !told.has_error_records
}

fn refusal(response: &HttpResponse, answer: &Answer, told: &Told) -> &'static str {
    let names_an_event = !told.events.is_empty() || told.has_error_records;
    if !names_an_event && ABOUT_THE_TOKEN.iter().any(|words| answer.says(words)) {
        let expired = says_expired(response, answer);
        return if expired { "snap.oauth_expired" } else { "snap.token_refused" };
    }
    if told.code() == Some(NO_IDENTITY) {
        return "snap.no_identity";
    }
    let found = ABOUT_THE_EVENT.iter().find(|(words, _)| answer.says(words));
    found.map_or("snap.event_refused", |(_, name)| name)
}

/// The documented words for an OAuth token past its hour, in the header or in the body.
fn says_expired(response: &HttpResponse, answer: &Answer) -> bool {
    const WORDS: &str = "access token expired";
    let header = response.header("www-authenticate").unwrap_or_default().to_lowercase();
    header.contains(WORDS) || answer.says(WORDS)
}

/// The fault of a row, with what the answer says. Snap's own code where it gives a number, else the
/// HTTP status, so that `holdfast explain` finds the page by either.
pub fn fault_of(row: &Entry, response: &HttpResponse, answer: &Answer) -> Fault {
    let own = match answer {
        Answer::Told(told) => told.code(),
        Answer::Words(_) | Answer::Page => None,
    };
    let code = own.unwrap_or_else(|| i64::from(response.status));
    Fault {
        code: Some(PlatformCode { code, subcode: None }),
        platform_message: message(response, answer),
        ..row.fault()
    }
}

fn message(response: &HttpResponse, answer: &Answer) -> String {
    match answer.shown() {
        words if words.is_empty() => format!("HTTP {}, without words", response.status),
        words => format!("HTTP {}: {words}", response.status),
    }
}
