//! What a run is decided by.

use std::collections::BTreeSet;

use holdfast_model::credential::{Credential, CredentialVersion, Expiry, Made, VersionState};
use holdfast_model::id::VersionNo;
use holdfast_model::time::{HOUR_S, UnixMillis, UnixSeconds};

/// A credential as it is stored, and what is known around it.
#[derive(Debug, Clone)]
pub struct Known {
    pub credential: Credential,
    /// Oldest first.
    pub versions: Vec<CredentialVersion>,
    /// Whether the secret of its app is here: without it the app is not ours.
    pub has_app_secret: bool,
    pub has_refresh_token: bool,
    /// The credential that it was made with, if that has an active version.
    pub parent: Option<Parent>,
    /// Credentials that were derived with another version of this one than the active one, or may
    /// have to go back to one that was.
    pub children_behind: u32,
    pub children: u32,
    pub attempts: Option<Attempts>,
    /// Since when the platform refuses the active version, by evidence that opened a hold.
    pub refused_since: Option<UnixMillis>,
    /// Whether anything is held that was refused with the active version, be it on one asset alone.
    pub is_held: bool,
    /// Fingerprints of tokens that are kept under other credentials too.
    pub kept_elsewhere: BTreeSet<String>,
    /// No token of it is revoked before this, because the platform did not answer when one was.
    pub revoke_after: Option<UnixMillis>,
    /// Requests that were delivered with the active version.
    pub delivered: u64,
    /// Since when the active version has been seen to be active, at the latest.
    pub active_since: UnixMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    pub version: VersionNo,
}

/// What the last attempts came to, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// The version that was in use when the last attempt was over. Of another one they say nothing.
    pub version: Option<VersionNo>,
    pub tried_at: UnixMillis,
    pub renewed_at: Option<UnixMillis>,
    /// In a row.
    pub failures: u32,
    pub next_at: UnixMillis,
    /// In a sentence.
    pub outcome: String,
}

impl Known {
    pub fn active(&self) -> Option<&CredentialVersion> {
        self.versions.iter().find(|version| version.state == VersionState::Active)
    }

    pub fn version(&self, number: VersionNo) -> Option<&CredentialVersion> {
        self.versions.iter().find(|version| version.version == number)
    }

    /// What a renewal brought and nothing has proved yet. What a person brought is not meant: a
    /// young token may be refused today and good tomorrow, and they were told.
    pub fn candidate(&self) -> Option<&CredentialVersion> {
        let newest = self.versions.last()?;
        let is_renewed = matches!(newest.made, Made::Renewed { .. });
        (is_renewed && newest.state == VersionState::Candidate).then_some(newest)
    }

    /// Versions that were in use before the active one, and are kept.
    pub fn superseded(&self) -> impl DoubleEndedIterator<Item = &CredentialVersion> {
        self.versions.iter().filter(|version| version.state == VersionState::Superseded)
    }

    /// The newest version that was in use before the active one and still lives by its date.
    pub fn fallback(&self, now: UnixMillis) -> Option<&CredentialVersion> {
        let active = self.active()?;
        self.superseded()
            .rev()
            .find(|old| old.version < active.version && !is_over(old.expires_at, now))
    }

    /// What was tried with the active version.
    pub fn attempts_with_active(&self) -> Option<&Attempts> {
        let active = self.active()?;
        self.attempts.as_ref().filter(|attempts| attempts.version == Some(active.version))
    }

    pub fn failures(&self) -> u32 {
        self.attempts_with_active().map_or(0, |attempts| attempts.failures)
    }

    /// Whether it is refused, and nothing was tried since that began.
    pub fn is_refused_anew(&self) -> bool {
        let tried_at = self.attempts.as_ref().map(|attempts| attempts.tried_at);
        self.refused_since.is_some_and(|since| tried_at.is_none_or(|at| at < since))
    }

    /// Whether the active version was derived with another version of its parent than the one that
    /// is active there.
    pub fn parent_has_changed(&self) -> bool {
        let made_with = match self.active().map(|active| active.made) {
            Some(Made::Renewed { parent }) => parent,
            _ => None,
        };
        self.parent.is_some_and(|parent| Some(parent.version) != made_with)
    }
}

pub fn is_over(expiry: Expiry, now: UnixMillis) -> bool {
    matches!(expiry, Expiry::At(at) if at.to_millis() <= now)
}

/// How long it still lives. None if that is not known, or for ever.
pub fn left_ms(expiry: Expiry, now: UnixMillis) -> Option<i64> {
    match expiry {
        Expiry::At(at) => Some(at.to_millis().0 - now.0),
        Expiry::Never | Expiry::Unknown => None,
    }
}

/// Whether a date is later by more than what two answers about the same date differ by.
pub fn is_later(new: UnixSeconds, old: UnixSeconds) -> bool {
    /// Platforms count in seconds from now, and both answers took a while.
    const SAME_S: i64 = HOUR_S / 60;
    new - old > SAME_S
}
