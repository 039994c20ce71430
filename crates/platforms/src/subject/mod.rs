//! Recognizing a person in fragments, so that what is kept of them can be erased.
//!
//! A fragment has identifiers as the platform wants them: most are hashed after they were normalized
//! under the profile of their destination. So each identifier of a person becomes all the values
//! that admission may have made of it, by the normalizers of admission themselves
//! ([`Platform::traces`]), and those are compared with the values in a fragment, whole and under the
//! key where they belong.
//!
//! Not recognized is what was hashed before it came, in a way of its own; the hash itself can be
//! given as the identifier then. Nor is a name or an address: they are shared by many.
//!
//! [`Platform::traces`]: crate::Platform::traces

mod fragment;
mod traces;

use std::fmt;
use std::str::FromStr;

use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use serde::{Deserialize, Serialize};

pub use traces::{Comparison, Traces};

use crate::admission::country::calling_code;
use crate::admission::text::trim;
use crate::platform;

/// What somebody is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// Meta's id of the person for one app. (`tokens.md` §7)
    FbLoginId,
    Email,
    Phone,
    /// The caller's own id of the person.
    ExternalId,
    /// Id of a device for advertising.
    Madid,
    /// Of a click on an advertisement: Meta's `fbclid` or `fbc`, Snap's `sc_click_id`.
    ClickId,
}

impl IdentifierKind {
    pub const ALL: [Self; 6] =
        [Self::FbLoginId, Self::Email, Self::Phone, Self::ExternalId, Self::Madid, Self::ClickId];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::FbLoginId => "fb_login_id",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::ExternalId => "external_id",
            Self::Madid => "madid",
            Self::ClickId => "click_id",
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::FbLoginId => "an id of digits alone",
            Self::Email => "an e-mail address such as name@example.com",
            Self::Phone => "a phone number with its country's calling code",
            Self::ExternalId | Self::Madid | Self::ClickId => "an id",
        }
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IdentifierKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// Names no value, because values are personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    #[error("expected at least one identifier")]
    Nobody,
    #[error("expected at most {MAX_IDENTIFIERS} identifiers")]
    TooMany,
    #[error("{kind}: expected {}", kind.expected())]
    NotOne { kind: IdentifierKind },
}

/// Most identifiers of one person. People have a handful of addresses; more are many people.
pub const MAX_IDENTIFIERS: usize = 64;

/// Longest identifier: longer ones are no identifiers.
const MAX_BYTES: usize = 4_096;

/// One person, by everything that they are known by.
pub struct Subject {
    identifiers: Vec<(IdentifierKind, Secret)>,
    traces: Vec<(PlatformId, Traces)>,
}

impl Subject {
    /// `countries` are those whose calling codes destinations put before phone numbers without one.
    pub fn new(
        identifiers: Vec<(IdentifierKind, Secret)>,
        countries: &[&str],
    ) -> Result<Self, SubjectError> {
        if identifiers.is_empty() {
            return Err(SubjectError::Nobody);
        }
        if identifiers.len() > MAX_IDENTIFIERS {
            return Err(SubjectError::TooMany);
        }
        let mut codes: Vec<Option<&'static str>> = vec![None];
        codes.extend(countries.iter().filter_map(|country| calling_code(country)).map(Some));
        let mut subject = Self { identifiers, traces: Vec::new() };
        for id in PlatformId::ALL {
            if let Some(platform) = platform(id) {
                let mut traces = Traces::default();
                for (kind, value) in &subject.identifiers {
                    platform.traces(*kind, trim(value.expose()), &codes, &mut traces);
                }
                subject.traces.push((id, traces));
            }
        }
        match subject.identifiers.iter().find(|(kind, value)| !is_one(*kind, value, &codes)) {
            Some((kind, _)) => Err(SubjectError::NotOne { kind: *kind }),
            None => Ok(subject),
        }
    }

    /// Whether a fragment of this platform has one of the identifiers.
    pub fn is_in(&self, platform: PlatformId, fragment: &[u8]) -> bool {
        let traces = self.traces.iter().find(|(id, _)| *id == platform);
        traces.is_some_and(|(_, traces)| traces.are_in(fragment))
    }

    /// Whether a fragment has one of them, whatever platform it is of.
    pub fn is_in_any(&self, fragment: &[u8]) -> bool {
        self.traces.iter().any(|(_, traces)| traces.are_in(fragment))
    }

    pub fn kinds(&self) -> impl Iterator<Item = IdentifierKind> {
        self.identifiers.iter().map(|(kind, _)| *kind)
    }

    /// All of the identifiers in one text, the same in whatever order they were given. It is as
    /// secret as they are: only a keyed fingerprint of it may be kept.
    pub fn canonical(&self) -> Secret {
        let mut lines: Vec<String> = self
            .identifiers
            .iter()
            .map(|(kind, value)| format!("{kind}={}", trim(value.expose())))
            .collect();
        lines.sort_unstable();
        Secret::new(lines.join("\n"))
    }
}

/// Whether any platform could have such an identifier.
fn is_one(kind: IdentifierKind, value: &Secret, codes: &[Option<&'static str>]) -> bool {
    let text = trim(value.expose());
    (1..=MAX_BYTES).contains(&text.len())
        && PlatformId::ALL.into_iter().filter_map(platform).any(|platform| {
            let mut traces = Traces::default();
            platform.traces(kind, text, codes, &mut traces);
            !traces.is_empty()
        })
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds()).finish()
    }
}
