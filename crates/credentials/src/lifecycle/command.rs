//! Between the state machine of a run and whoever executes it.

use holdfast_model::credential::{Expiry, Made};
use holdfast_model::id::VersionNo;
use holdfast_model::time::UnixMillis;
use serde::Serialize;

use super::known::{Attempts, Known};
use super::policy::Way;
use super::proof::Proof;

/// What the runner is to do. Each is answered with an [`Event`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Take the right to renew it, and read again what is known.
    Lease,
    /// Ask the platform for the next token.
    Exchange { way: Way, with: VersionNo },
    /// Make what the exchange brought durable as a candidate, with the refresh token that came with
    /// it, before anything else sees it.
    Store { made: Made },
    /// The exchange brought the token that is in use: note what it was derived with, and until when
    /// it lives now if that was said.
    Adopt { version: VersionNo, made: Made, expires_at: Expiry },
    /// Prove the candidate on what it is for and make it active.
    Prove { version: VersionNo, even_if_silent: bool },
    /// Prove a version that was in use before, and make it active again.
    GoBack { to: VersionNo },
    /// End a token at the platform.
    Revoke { version: VersionNo },
    /// Shred a version.
    Retire { version: VersionNo },
    /// Give the lease back.
    End(End),
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The lease is there, and nothing new may be begun after `until`. What is known was read under
    /// the lease.
    Leased {
        known: Box<Known>,
        until: UnixMillis,
    },
    /// Somebody else has it, or what it was for is gone.
    NotLeased,
    Exchanged(Exchanged),
    /// None: the lease was lost, and nothing was stored.
    Stored(Option<VersionNo>),
    Proved(Proof),
    WentBack(Found),
    Revoked(Found),
    /// A step failed here, for a reason that passes (storage) or one that does not (what is sealed
    /// cannot be opened).
    Broke {
        says: String,
        is_passing: bool,
    },
    /// A step without an outcome.
    Done,
}

/// What came of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchanged {
    Brought,
    /// The token that is in use already, which may live longer now.
    Same {
        expires_at: Expiry,
    },
    /// The app's id or secret was refused. Says nothing of the token.
    AppRefused(String),
    /// No usable answer: timeouts, 5xx, HTML, throttles.
    Transient(String),
    /// The platform will not exchange this token, or this grant is dead.
    Refused(String),
}

/// What a platform said to a question of yes or no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Yes,
    No(String),
    Silent(String),
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// What is to be written down; what was there stays if nothing is.
    pub record: Option<Attempts>,
    pub trouble: Option<(Trouble, String)>,
    pub outcome: Outcome,
    /// Nothing more is done before this.
    pub not_before: Option<UnixMillis>,
}

/// For counting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    #[default]
    Nothing,
    Renewed,
    NoGain,
    AppRefused,
    Unanswered,
    Refused,
    WentBack,
    Finished,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Renewed => "renewed",
            Self::NoGain => "no_gain",
            Self::AppRefused => "app_refused",
            Self::Unanswered => "unanswered",
            Self::Refused => "refused",
            Self::WentBack => "went_back",
            Self::Finished => "finished",
        }
    }
}

/// What people are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Unanswered,
    App,
    Refused,
}
