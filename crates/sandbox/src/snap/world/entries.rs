//! What an organization, an asset, a token or a code of Snap is made from. The scenario file and
//! the control API read these types and no others.

use serde::{Deserialize, Serialize};

use crate::damage::Damage;

/// `[[snap.organizations]]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrganization {
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
}

/// `[[snap.assets]]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSnapAsset {
    /// A UUID, as Snap's ids are.
    pub id: String,
    /// Needed where there is more than one.
    #[serde(default)]
    pub organization: Option<String>,
    #[serde(default)]
    pub kind: SnapAssetKind,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapAssetKind {
    /// Takes what happens on the web and offline.
    #[default]
    Pixel,
    /// Takes what happens in an app.
    SnapApp,
}

/// `[[snap.tokens]]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewSnapToken {
    /// By which steps of the timeline name it, and under which it is handed out.
    pub name: Option<String>,
    /// Whose assets it is for. Needed where there is more than one.
    pub organization: Option<String>,
    pub kind: SnapTokenKind,
    /// Of a static token.
    pub environment: Environment,
    /// Seconds that have passed since it was issued.
    pub age_s: u64,
    /// Seconds from now until it becomes active.
    pub active_after_s: u64,
    /// Of an OAuth token, seconds until it expires, in place of an hour.
    pub lifetime_s: Option<u64>,
    /// Of an OAuth token, in place of both that matter here.
    pub scopes: Option<Vec<String>>,
    pub state: SnapTokenState,
    /// What is handed out is this token after an accident.
    pub damage: Option<Damage>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapTokenKind {
    /// Made in Business Details; never expires by itself.
    #[default]
    Static,
    /// From the OAuth exchange; an hour, with a refresh token beside it.
    Oauth,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    #[default]
    Production,
    /// Of another product of Snap's, by all that is known: refused.
    Staging,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapTokenState {
    #[default]
    Valid,
    /// Deleted in Business Details, or taken back by the person.
    Revoked,
    Expired,
}

/// A code as the authorization page hands it out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewSnapCode {
    pub organization: Option<String>,
    /// Must be the same, byte for byte, when the code is exchanged.
    pub redirect_uri: Option<String>,
    pub scopes: Option<Vec<String>>,
    /// Seconds until it can no longer be exchanged. 600 without it.
    pub lifetime_s: Option<u64>,
}

/// An organization that was made, with its OAuth app.
#[derive(Debug, Clone, Serialize)]
pub struct IssuedOrganization {
    pub id: String,
    pub client_id: String,
    pub client_secret: String,
}

/// A token that was made.
#[derive(Debug, Clone)]
pub struct IssuedSnapToken {
    pub name: String,
    /// What is handed out: damaged, if that was asked for.
    pub text: String,
    /// Of an OAuth token.
    pub refresh_token: Option<String>,
}
