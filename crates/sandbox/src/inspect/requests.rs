//! The log of requests. Of a token it holds a fingerprint and the last four characters; of a
//! query nothing at all.

use std::collections::VecDeque;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::timeline::Endpoint;

/// So many requests are kept.
const KEPT_REQUESTS: usize = 2_000;

/// Longest path and header value that is kept.
const MAX_TEXT: usize = 200;

/// A longer path segment may be a token that somebody put into the path.
const MAX_SEGMENT: usize = 40;

#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// 1 for the first request since the start.
    pub number: u64,
    pub at_unix_s: i64,
    pub method: String,
    /// Without the query; a segment as long as a token is masked.
    pub path: String,
    pub endpoint: Endpoint,
    pub asset: Option<String>,
    pub user_agent: Option<String>,
    pub content_type: Option<String>,
    /// None if the body's length was not announced.
    pub body_bytes: Option<u64>,
    pub token: Option<TokenSeen>,
    pub proof: ProofSeen,
    /// In which a test code was given: such events count nevertheless.
    pub test_event_code: Option<String>,
    /// Events in the request, accepted or not.
    pub events: u64,
    pub status: u16,
    /// `190/463`
    pub refusal: Option<String>,
    /// The names of the misbehaviours that applied.
    pub misbehaved: Vec<String>,
}

/// Which token came, told without telling it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenSeen {
    /// The name it was issued under.
    pub name: Option<String>,
    /// The first bytes of its SHA-256, in hexadecimal.
    pub fingerprint: String,
    pub last4: String,
    pub place: TokenPlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    Header,
    /// Where every proxy on the way logs it.
    Query,
    Body,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofSeen {
    #[default]
    None,
    Classic,
    Timed,
}

impl TokenSeen {
    pub fn new(token: &str, name: Option<String>, place: TokenPlace) -> Self {
        let last4 = token.char_indices().rev().nth(3).map_or("", |(at, _)| &token[at..]);
        let is_long = token.len() >= MAX_SEGMENT;
        let last4 = if is_long { last4.to_owned() } else { String::new() };
        Self { name, fingerprint: fingerprint(token), last4, place }
    }
}

/// Enough to tell tokens apart, and useless to guess one.
pub fn fingerprint(token: &str) -> String {
    hex::encode(&Sha256::digest(token.as_bytes())[..6])
}

impl RequestRecord {
    pub fn path_of(path: &str) -> String {
        let masked: Vec<&str> = path
            .split('/')
            .map(|segment| if segment.len() > MAX_SEGMENT { "…" } else { segment })
            .collect();
        cut(&masked.join("/"))
    }
}

pub fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

#[derive(Default)]
pub struct RequestLog {
    count: u64,
    kept: VecDeque<RequestRecord>,
}

impl RequestLog {
    pub fn push(&mut self, mut record: RequestRecord) {
        self.count += 1;
        record.number = self.count;
        if self.kept.len() == KEPT_REQUESTS {
            self.kept.pop_front();
        }
        self.kept.push_back(record);
    }

    pub fn last(&self, asset: Option<&str>, limit: usize) -> Vec<RequestRecord> {
        let wanted = |record: &&RequestRecord| {
            asset.is_none_or(|asset| record.asset.as_deref() == Some(asset))
        };
        self.kept.iter().rev().filter(wanted).take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_path_is_masked_and_a_short_one_shows_nothing() {
        let token = "x".repeat(120);
        assert_eq!(RequestRecord::path_of(&format!("/v25.0/{token}/events")), "/v25.0/…/events");
        assert_eq!(RequestRecord::path_of("/v25.0/12/events"), "/v25.0/12/events");
        let seen = TokenSeen::new("short", None, TokenPlace::Query);
        assert_eq!(seen.last4, "");
        let seen = TokenSeen::new(&format!("{token}abcd"), None, TokenPlace::Header);
        assert_eq!((seen.last4.as_str(), seen.fingerprint.len()), ("abcd", 12));
    }
}
