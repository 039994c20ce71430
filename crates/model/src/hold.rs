//! Holds: persisted, open faults that stop exactly the items their scope covers.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::id::HoldId;
use crate::scope::Scope;
use crate::time::UnixMillis;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub id: HoldId,
    pub scope: Scope,
    pub fault: Fault,
    pub opened_at: UnixMillis,
    /// What the confirming probe said, if one was possible.
    pub confirmation: Confirmation,
    /// The version of the credential that was refused, where the scope names a credential. A
    /// verified newer version lifts the hold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential_version: Option<crate::id::VersionNo>,
    /// For operators: who paused this by hand, if it was not a platform's answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opened_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lifted: Option<Lifted>,
}

impl Hold {
    pub fn is_open(&self) -> bool {
        self.lifted.is_none()
    }
}

/// What was found when the platform's refusal was checked by a second, harmless call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// The probe refused too.
    Confirmed,
    /// The probe got no usable answer.
    Silent,
    /// No probe is possible for this credential.
    Unprobeable,
    /// The probe contradicted the refusal, and deliveries were refused again within a minute.
    Conflict,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    pub at: UnixMillis,
    pub by: LiftedBy,
    /// Why, in the words of whoever lifted it or a sentence of ours.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "who")]
pub enum LiftedBy {
    /// A new credential version was verified on the asset.
    VerifiedCredential,
    /// A new credential version that cannot be probed was activated; its canary verifies it.
    UnverifiedCredential,
    /// A probe with the same credential passed.
    Probe,
    /// An operator decided so. Audited.
    Operator(String),
    /// The platform's rule stated the time.
    PlatformRule,
}
