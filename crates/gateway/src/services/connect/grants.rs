//! What is remembered while a person is at the platform.

use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{Ticket, TicketPurpose};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ConnectError;
use crate::services::ServiceError;
use crate::state::Gateway;

/// How long a person may take. Long enough to look for a password, and no longer: the platforms'
/// own codes live about as long.
const LIFE_MS: i64 = 10 * 60 * 1_000;

/// Who started a sign-in, and who alone may finish it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A browser's session, by the hash of its text.
    Session(String),
    /// Whoever uses this key, or the admin socket, from the command line.
    Command(String),
}

/// What a person is asked to grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub credential: CredentialId,
    pub app: AppId,
    #[serde(default)]
    pub way: Way,
    /// A page whose own token is stored too, as a credential of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Mail address of the person who has to grant anew when it dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Ask again for what was declined before.
    #[serde(default)]
    pub asks_again: bool,
    /// The code comes from an embedded sign-up and was issued for no redirect address.
    #[serde(default)]
    pub is_embedded: bool,
}

/// What is asked for, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Permissions by name.
    Scopes(Vec<String>),
    /// Login for Business: a configuration made at Meta.
    Configuration(String),
}

impl Default for Way {
    fn default() -> Self {
        Self::Scopes(Vec::new())
    }
}

impl Way {
    pub fn scopes(&self) -> &[String] {
        match self {
            Self::Scopes(scopes) => scopes,
            Self::Configuration(_) => &[],
        }
    }
}

/// Everything that is needed to go on when the person comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub platform: PlatformId,
    pub ask: Ask,
    /// Byte for byte what the dialog was given. None for an embedded sign-up.
    pub redirect_uri: Option<String>,
    pub holder: Holder,
}

/// Remembers the grant and returns the `state` under which it is found again, and until when.
pub(super) async fn open(
    gateway: &Gateway,
    grant: &Grant,
) -> Result<(Secret, UnixMillis), ServiceError> {
    let state = crate::random::text();
    let now = gateway.clock.wall();
    let body =
        serde_json::to_string(grant).map_err(|error| ServiceError::invalid("request", error))?;
    let expires_at = now.plus_millis(LIFE_MS);
    let ticket = Ticket {
        purpose: TicketPurpose::Grant,
        sha256: digest(&state),
        body,
        created_at: now,
        expires_at,
    };
    gateway.registry.put_ticket(&ticket).await?;
    Ok((state, expires_at))
}

/// Looks, and leaves it.
pub(super) async fn look(gateway: &Gateway, state: &Secret) -> Result<Grant, ConnectError> {
    let now = gateway.clock.wall();
    let found = gateway.registry.ticket(TicketPurpose::Grant, &digest(state), now).await?;
    read(found)
}

/// Takes it: nobody finds it again, whatever comes of it, and not even if it was another's.
pub(super) async fn take(
    gateway: &Gateway,
    state: &Secret,
    holder: &Holder,
) -> Result<Grant, ConnectError> {
    let now = gateway.clock.wall();
    let found = gateway.registry.take_ticket(TicketPurpose::Grant, &digest(state), now).await?;
    let grant = read(found)?;
    if grant.holder == *holder { Ok(grant) } else { Err(ConnectError::OtherHolder) }
}

fn read(found: Option<Ticket>) -> Result<Grant, ConnectError> {
    let ticket = found.ok_or(ConnectError::UnknownState)?;
    serde_json::from_str(&ticket.body).map_err(|_| ConnectError::UnknownState)
}

fn digest(state: &Secret) -> [u8; 32] {
    Sha256::digest(state.expose().as_bytes()).into()
}
