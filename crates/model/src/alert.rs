//! Alerts: what people are told of a hold or of a credential, once for each thing that happens to it.

use serde::{Deserialize, Serialize};

use crate::id::{CredentialId, HoldId, VersionNo};
use crate::time::{UnixMillis, UnixSeconds};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    Opened,
    /// Still open after so many hours.
    StillOpen {
        hours: u32,
    },
    /// Within so many hours the first item behind it expires.
    DeadlineNear {
        hours: u32,
    },
    Resolved,
    /// Within so many days the token of a credential expires.
    Expiring {
        days: u32,
    },
    /// Within so many days its access to data ends, which is as good as death.
    DataAccessEnding {
        days: u32,
    },
    /// The platform does not name scopes any more that the credential had. Nothing is held for it.
    ScopesLost,
    /// A credential that renews itself could not be renewed.
    RenewalFailing {
        stage: RenewalStage,
    },
    /// Renewals came so fast that they were stopped for a while.
    RenewalStorm,
    /// Nothing; somebody tries whether alerts arrive.
    Test,
}

/// Why a renewal fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RenewalStage {
    /// The platform gives no usable answer.
    Unanswered,
    /// It refuses the app.
    App,
    /// It refuses the token or the grant.
    Refused,
}

impl RenewalStage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::App => "app",
            Self::Refused => "refused",
        }
    }
}

impl Transition {
    /// What it is about: `hold`, `credential`, or nothing.
    pub fn subject(self) -> Option<&'static str> {
        match self {
            Self::Expiring { .. }
            | Self::DataAccessEnding { .. }
            | Self::ScopesLost
            | Self::RenewalFailing { .. }
            | Self::RenewalStorm => Some("credential"),
            Self::Test => None,
            _ => Some("hold"),
        }
    }

    pub fn name(self) -> String {
        match self {
            Self::Opened => "opened".to_owned(),
            Self::StillOpen { hours } => format!("still_open_{hours}h"),
            Self::DeadlineNear { hours } => format!("deadline_{hours}h"),
            Self::Resolved => "resolved".to_owned(),
            Self::Expiring { days } => format!("expires_{days}d"),
            Self::DataAccessEnding { days } => format!("data_access_{days}d"),
            Self::ScopesLost => "scopes_lost".to_owned(),
            Self::RenewalFailing { stage } => format!("renewal_{}", stage.as_str()),
            Self::RenewalStorm => "renewal_storm".to_owned(),
            Self::Test => "test".to_owned(),
        }
    }
}

/// One thing that people are told. Free of secrets: it leaves the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for the same transition of the same hold: it is told once.
    pub key: String,
    pub transition: Transition,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hold: Option<HoldId>,
    pub at: UnixMillis,
    /// The fault's name.
    pub fault: String,
    /// In one line.
    pub title: String,
    /// What died and why, in a sentence.
    pub what: String,
    pub remedy: String,
    pub destinations: Vec<String>,
    pub waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_deadline: Option<UnixSeconds>,
    /// Of all the hold's destinations, when this was told.
    pub delivered: u64,
    /// Behind this hold.
    pub expired: u64,
    /// Where the person who granted the credential can grant it anew.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub regrant_url: Option<String>,
    /// Keys of what happened at the same time and is told here too.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub together_with: Vec<String>,
}

impl Alert {
    pub fn key_of(hold: HoldId, transition: Transition) -> String {
        format!("hold:{hold}:{}", transition.name())
    }

    pub fn key_of_version(
        credential: &CredentialId,
        version: VersionNo,
        transition: Transition,
    ) -> String {
        format!("credential:{credential}/{version}:{}", transition.name())
    }
}
