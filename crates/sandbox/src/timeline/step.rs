//! One entry of the timeline.

use serde::{Deserialize, Serialize};

use super::{Change, Misbehaviour};

/// When something happens, to which requests, and what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// So many milliseconds after it was added; a scenario's steps are added at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// After so many requests of those that it looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_requests: Option<u64>,
    /// After so many events were accepted, at the asset if one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_events: Option<u64>,
    /// Looks only at requests for this asset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Looks only at requests of this kind.
    pub on: Endpoint,
    /// Ends so long after it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Ends after it applied so often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Share of the requests, in percent. All without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// What goes wrong with answers, while the step lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misbehave: Option<Misbehaviour>,
    /// What happens to the world, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// The common case of a [`Step`]: from now on, for events.
#[derive(Debug, Clone)]
pub struct NewRule {
    /// Only requests for this asset.
    pub asset: Option<String>,
    /// So many requests, then the rule is spent. Without it, until it is deleted.
    pub times: Option<u64>,
    /// Share of the requests, in percent.
    pub percent: u8,
    pub what: Misbehaviour,
}

impl From<NewRule> for Step {
    fn from(rule: NewRule) -> Self {
        Self {
            asset: rule.asset,
            times: rule.times,
            percent: Some(rule.percent),
            misbehave: Some(rule.what),
            ..Self::default()
        }
    }
}

/// The kinds of requests that a step can look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Deliveries.
    #[default]
    Events,
    /// Reads of assets and of identities.
    Reads,
    /// What a platform says of a token.
    Debug,
    /// Issuing, extending and revoking of tokens.
    Tokens,
    /// All of them.
    Any,
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Never [`Endpoint::Any`].
    pub endpoint: Endpoint,
    pub asset: Option<String>,
}

/// What is wrong with a step, and under which of its keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}")]
pub struct StepError {
    pub key: &'static str,
    pub what: String,
    /// Whether it names something that does not exist.
    pub is_unknown_name: bool,
}

impl StepError {
    fn new(key: &'static str, what: &str) -> Self {
        Self { key, what: what.to_owned(), is_unknown_name: false }
    }

    pub fn unknown(key: &'static str, what: String) -> Self {
        Self { key, what, is_unknown_name: true }
    }
}

impl Step {
    pub fn looks_at(&self, target: &Target) -> bool {
        let is_endpoint = self.on == Endpoint::Any || self.on == target.endpoint;
        is_endpoint && self.asset.as_ref().is_none_or(|asset| target.asset.as_ref() == Some(asset))
    }

    /// Every mistake that shows without looking at the world.
    pub fn mistakes(&self) -> Vec<StepError> {
        let mut found = Vec::new();
        let mut say = |key, what: &str| found.push(StepError::new(key, what));
        match (&self.misbehave, &self.change) {
            (None, None) => say("misbehave", "missing: expected either misbehave or change"),
            (Some(_), Some(_)) => say("change", "expected either misbehave or change, found both"),
            _ => {}
        }
        let starts =
            [self.at_ms.is_some(), self.after_requests.is_some(), self.after_events.is_some()];
        if starts.iter().filter(|is_set| **is_set).count() > 1 {
            say("at_ms", "expected at most one of at_ms, after_requests and after_events");
        }
        if self.percent.is_some_and(|percent| percent > 100) {
            say("percent", "expected a number from 0 to 100");
        }
        if self.times == Some(0) {
            say("times", "expected at least 1");
        }
        if self.change.is_some() {
            let lasting = [
                ("for_ms", self.for_ms.is_some()),
                ("times", self.times.is_some()),
                ("percent", self.percent.is_some()),
            ];
            for (key, _) in lasting.iter().filter(|(_, is_set)| *is_set) {
                say(key, "a change happens once; undo it with a second step");
            }
        }
        if let Some(misbehaviour) = &self.misbehave {
            found.extend(misbehaviour.mistakes());
        }
        found
    }
}

impl Misbehaviour {
    fn mistakes(&self) -> Vec<StepError> {
        let wrong = |key, what: &str| vec![StepError::new(key, what)];
        let status = match self {
            Self::Error { status, .. }
            | Self::Html { status }
            | Self::HtmlAfter { status }
            | Self::RefuseToken { status }
            | Self::Empty { status }
            | Self::Redirect { status, .. } => Some(*status),
            Self::Refuse { status, .. } => *status,
            _ => None,
        };
        if status.is_some_and(|status| !(200..600).contains(&status)) {
            return wrong("misbehave.status", "expected an HTTP status from 200 to 599");
        }
        match self {
            Self::Error { error, .. } if !error.is_object() => {
                wrong("misbehave.error.error", "expected an error object as the platform writes it")
            }
            Self::Redirect { status, .. } if !(300..400).contains(status) => {
                wrong("misbehave.redirect.status", "expected a status from 300 to 399")
            }
            Self::Redirect { location, .. } if !is_header_text(location) => {
                wrong("misbehave.redirect.location", "expected visible ASCII characters")
            }
            Self::SlowBody { chunk_bytes: 0, .. } => {
                wrong("misbehave.slow_body.chunk_bytes", "expected at least 1")
            }
            Self::Slow { ms } if *ms > MAX_PAUSE_MS => {
                wrong("misbehave.slow.ms", "expected at most 3600000, an hour")
            }
            Self::SlowBody { pause_ms, .. } if *pause_ms > MAX_PAUSE_MS => {
                wrong("misbehave.slow_body.pause_ms", "expected at most 3600000, an hour")
            }
            _ => Vec::new(),
        }
    }
}

/// Longer than any client waits; a connection must not be kept for a typing mistake.
const MAX_PAUSE_MS: u64 = 3_600_000;

fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
