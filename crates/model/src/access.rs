//! Who may do what with Holdfast itself.

use serde::{Deserialize, Serialize};

use crate::id::{DestinationId, KeyId};
use crate::time::UnixMillis;

/// Ordered: each role may do what the ones before it may, with one exception that is checked by
/// name: an ingest key never operates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Send only, to the destinations it is bound to.
    Ingest,
    /// Look, lift holds, replay dead letters.
    Operator,
    /// Everything, including credentials and keys.
    Admin,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Ingest => "ingest",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Role::Ingest, Role::Operator, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                format!("role {text:?} is not known: expected ingest, operator or admin")
            })
    }
}

/// A key of Holdfast's own API. The key itself is 256 random bits, shown once; only its SHA-256
/// is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    pub id: KeyId,
    pub role: Role,
    /// For ingest keys: the destinations it may send to. Empty means all.
    #[serde(default)]
    pub destinations: Vec<DestinationId>,
    pub created_at: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_at: Option<UnixMillis>,
}

impl AccessKey {
    pub fn may_send_to(&self, destination: &DestinationId) -> bool {
        self.destinations.is_empty() || self.destinations.contains(destination)
    }
}
