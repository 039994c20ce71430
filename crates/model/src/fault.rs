//! Faults: classified failures with stable names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scope::SelectorKind;

/// What kind of failure it is. Decides who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// The token itself: expired, revoked, damaged, checkpointed.
    Credential,
    /// The token is alive but may not do this.
    Permission,
    /// The asset is missing or not assigned.
    Asset,
    /// The app: deleted, blocked, proof missing or wrong.
    App,
    /// Something configured wrongly that no retry mends: version, path, proof.
    Configuration,
    /// The platform blocks the account for policy reasons; the token is valid.
    Policy,
    /// Too many calls.
    Throttle,
    /// The platform or the way to it is unwell.
    Transient,
    /// This one item is not acceptable.
    Payload,
    /// This one item is too old.
    TooOld,
    /// A code nobody described yet.
    Unknown,
}

/// What Holdfast does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAction {
    /// Open a hold on the fault's scope; keep everything; nothing is attempted.
    Hold,
    /// Try again with backoff until the item's deadline.
    Retry,
    /// Try again a bounded number of times, then hold. Never drop.
    RetryThenHold,
    /// The item named by the platform is dead-lettered; unnamed, it is searched for.
    DeadLetter,
    /// The item moves to `expired`.
    Expire,
    /// Nothing: a diagnosis only, or as good as success.
    Note,
}

/// One failure as it happened: the catalog's classification and the platform's own words, with
/// every secret already masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Stable name: `meta.token_expired`. Has a page: `holdfast explain meta 190/463`.
    pub name: String,
    pub class: FaultClass,
    pub action: FaultAction,
    /// Which selectors a hold for this fault is made of. Empty where the action never holds.
    pub selectors: Vec<SelectorKind>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<PlatformCode>,
    /// One sentence for a person: what happened.
    pub summary: String,
    /// One sentence for a person: what to do.
    pub remedy: String,
    /// The platform's own words, redacted and cut to a bounded length.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub platform_message: String,
    /// The platform's id for this answer (`fbtrace_id`), for its support.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace_id: Option<String>,
}

/// A platform's numbers: code and, where there is one, subcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlatformCode {
    pub code: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subcode: Option<i64>,
}

impl fmt::Display for PlatformCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subcode {
            Some(subcode) => write!(f, "{}/{subcode}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

impl std::str::FromStr for PlatformCode {
    type Err = std::num::ParseIntError;
    /// Reads `190` and `190/463`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (code, subcode) = match text.split_once('/') {
            Some((code, subcode)) => (code, Some(subcode.trim().parse()?)),
            None => (text, None),
        };
        Ok(Self { code: code.trim().parse()?, subcode })
    }
}
