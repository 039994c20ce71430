//! Credentials and apps: everything that is known of them except the secret itself.

use serde::{Deserialize, Serialize};

use crate::id::{AppId, CredentialId, VersionNo};
use crate::platform::PlatformId;
use crate::time::{UnixMillis, UnixSeconds};

/// What a platform issued. `spec: tokens.md §2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// Not known yet: no probe has told.
    Unknown,
    User,
    Page,
    SystemUser,
    App,
    Instagram,
    SnapOauth,
    SnapConversions,
}

/// When a token stops working. A missing date is not "never".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "at")]
pub enum Expiry {
    #[default]
    Unknown,
    Never,
    At(UnixSeconds),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// Stored, not yet proven.
    Candidate,
    /// The one that requests are signed with.
    Active,
    /// Was active; kept until the newer one has delivered.
    Superseded,
    /// Ciphertext shredded; only the fingerprint is left.
    Retired,
}

/// How much is known about whether a version works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Never probed.
    Untried,
    /// A probe on a bound asset proved it, or a delivery with it succeeded.
    Proved,
    /// The platform refused it.
    Refuted,
    /// Probes got no usable answer.
    Silent,
    /// Nothing can be probed for this kind; its first delivery is the proof.
    Unprobeable,
}

/// A credential: a name under which immutable versions of one secret are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub id: CredentialId,
    pub platform: PlatformId,
    /// The app that minted it, where we own that app. Without it there is no proof, no
    /// `debug_token` by app token and no renewal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app: Option<AppId>,
    /// How its tokens came here, which decides how the next one can come.
    #[serde(skip_serializing_if = "Origin::is_given", default)]
    pub origin: Origin,
    /// Mail address of the person who has to grant anew when it dies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact: Option<String>,
    pub created_at: UnixMillis,
}

/// How a credential's tokens came here. `spec: tokens.md §2, §4`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Origin {
    /// Somebody pasted them.
    #[default]
    Given,
    /// A person signed in at the platform and granted it (`/connect`). What was asked for is kept,
    /// so that it can be asked for again.
    Granted {
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        scopes: Vec<String>,
        /// Login for Business: the configuration that says what is granted.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        config_id: Option<String>,
    },
    /// The token of a page, read with the token of a person or system user.
    Page { parent: CredentialId, page: String },
    /// Issued for a system user with an administrator's token.
    SystemUser { parent: CredentialId, user: String },
    /// Of a client's business, which installed the app.
    Integration { parent: CredentialId, business: String },
}

impl Origin {
    pub fn is_given(&self) -> bool {
        *self == Self::Given
    }

    /// The credential that it was made with.
    pub fn parent(&self) -> Option<&CredentialId> {
        match self {
            Self::Given | Self::Granted { .. } => None,
            Self::Page { parent, .. }
            | Self::SystemUser { parent, .. }
            | Self::Integration { parent, .. } => Some(parent),
        }
    }
}

/// One version of a credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialVersion {
    pub credential: CredentialId,
    pub version: VersionNo,
    pub state: VersionState,
    pub verification: Verification,
    pub kind: CredentialKind,
    /// Keyed fingerprint (HMAC), hexadecimal: the same token has the same fingerprint here, and
    /// nobody else can compute it.
    pub fingerprint: String,
    pub length: u32,
    /// First six characters, for recognition.
    pub head: String,
    /// Last four characters, for recognition.
    pub tail: String,
    /// The app id that the token's own bytes name, where they could be decoded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decoded_app_id: Option<u64>,
    #[serde(default)]
    pub expires_at: Expiry,
    #[serde(default)]
    pub data_access_expires_at: Expiry,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub scopes: Vec<String>,
    /// Scopes that it or the version before it had and that the platform names no more. Worth a
    /// look, never a reason to stop: lists of scopes have drifted while tokens kept working.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub scopes_lost: Vec<String>,
    /// The platform's id of the person or system user whose token it is, where a probe told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    pub added_at: UnixMillis,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verified_at: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_delivery_at: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Made::is_added", default)]
    pub made: Made,
}

/// How a version came here, which decides what becomes of the one before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Made {
    /// Somebody brought it. The one before stays as it is: others may be using it.
    #[default]
    Added,
    /// Somebody brought it to take the place of the one before, which is to be revoked once this
    /// one has delivered.
    Rotated,
    /// Holdfast had it made from the one before, or from what came with it.
    Renewed {
        /// The parent's version that it was derived with, where it has a parent.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        parent: Option<VersionNo>,
    },
}

impl Made {
    pub fn is_added(&self) -> bool {
        *self == Self::Added
    }

    /// Whether the version before it has no further use once this one is proved.
    pub fn replaces(self) -> bool {
        !self.is_added()
    }
}

/// A platform app. Its secrets are versions too, sealed in the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    pub id: AppId,
    pub platform: PlatformId,
    /// For people.
    pub label: String,
    /// Version of the newest secret, if one is stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secret_version: Option<VersionNo>,
    pub created_at: UnixMillis,
}

/// Which secret signed a request: recorded with every delivery, never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedWith {
    pub credential: CredentialId,
    pub version: VersionNo,
    pub fingerprint: String,
}
