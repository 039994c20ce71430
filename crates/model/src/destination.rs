//! Destinations: where items go.

use serde::{Deserialize, Serialize};

use crate::id::{AssetId, CredentialId, DestinationId, LaneId};
use crate::item::ProfileStamp;
use crate::platform::PlatformId;
use crate::scope::{ScopeFacts, SelectorKind};
use crate::time::UnixMillis;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    pub id: DestinationId,
    /// The outbox's number for it, given once by the registry.
    pub lane: LaneId,
    pub platform: PlatformId,
    pub asset: AssetId,
    pub credential: CredentialId,
    /// Credentials that may take over, in order.
    #[serde(default)]
    pub standby: Vec<CredentialId>,
    #[serde(default)]
    pub settings: DestinationSettings,
    pub created_at: UnixMillis,
}

impl Destination {
    /// What selectors of holds are matched against. `app` is the app of the credential in use.
    pub fn scope_facts(&self, app: Option<&str>) -> ScopeFacts {
        let mut facts = ScopeFacts::new([
            (SelectorKind::Platform, self.platform.as_str().to_owned()),
            (SelectorKind::Credential, self.credential.as_str().to_owned()),
            (SelectorKind::Asset, self.asset.as_str().to_owned()),
        ]);
        if let Some(app) = app {
            facts.set(SelectorKind::App, app);
        }
        if let Some(account) = &self.settings.account {
            facts.set(SelectorKind::Account, account.as_str());
        }
        facts
    }
}

/// What an operator may choose per destination. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DestinationSettings {
    /// Version of the platform's API; `None` is the newest that this release knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// ISO 3166-1 alpha-2 country whose calling code is put before phone numbers without one;
    /// only under [`NormalizationProfile::MetaDocs`], because Meta's own libraries never do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_country: Option<String>,
    /// How identifiers are normalized before they are hashed. A change affects new items only.
    pub profile: NormalizationProfile,
    /// Hash `external_id` or send it as it is; `None` as the profile does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalIdRule>,
    /// Allow `test_event_code`. Test events still count for targeting and measurement at Meta.
    pub allow_test_events: bool,
    /// Ad account or business id, for holds and throttles that cover a whole account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Most bytes of this destination's waiting items on disk. Beyond it producers get 429.
    pub quota_bytes: u64,
    /// Most requests in flight at once.
    pub max_in_flight: u8,
    /// Most items in one request; bounded by the platform's own limit.
    pub max_batch_items: u32,
    /// What to do with an item whose answer was lost and whose resend is not deduplicated.
    pub ambiguous: AmbiguousPolicy,
}

/// 2 GiB: about two million waiting events of 1 KiB per destination.
pub const DEFAULT_QUOTA_BYTES: u64 = 2 << 30;

impl Default for DestinationSettings {
    fn default() -> Self {
        Self {
            api_version: None,
            default_country: None,
            profile: NormalizationProfile::MetaDocs,
            external_id: None,
            allow_test_events: false,
            account: None,
            quota_bytes: DEFAULT_QUOTA_BYTES,
            max_in_flight: 4,
            max_batch_items: 1_000,
            ambiguous: AmbiguousPolicy::NeverResend,
        }
    }
}

/// How identifiers for Meta are normalized. Two events about one person match only if both sides
/// normalize alike, so what is sent from here should follow the browser's or the old sender's way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormalizationProfile {
    /// Meta's documentation, its holes filled as Meta's Parameter Builder fills them.
    #[default]
    MetaDocs,
    /// What Meta's Parameter Builder does, its oddities included.
    ParamBuilder,
    /// What Meta's Python SDK did before it used the Parameter Builder: `external_id` goes raw.
    SdkLegacy,
}

impl NormalizationProfile {
    pub const ALL: [Self; 3] = [Self::MetaDocs, Self::ParamBuilder, Self::SdkLegacy];

    /// The rules of this release, for the items made under them.
    pub fn stamp(self) -> ProfileStamp {
        match self {
            Self::MetaDocs => ProfileStamp::META_DOCS_1,
            Self::ParamBuilder => ProfileStamp::META_PARAM_BUILDER_1,
            Self::SdkLegacy => ProfileStamp::META_SDK_LEGACY_1,
        }
    }

    /// What is done with `external_id` unless the destination says otherwise.
    pub fn external_id(self) -> ExternalIdRule {
        match self {
            Self::MetaDocs | Self::ParamBuilder => ExternalIdRule::Hash,
            Self::SdkLegacy => ExternalIdRule::Raw,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalIdRule {
    Hash,
    Raw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmbiguousPolicy {
    /// The item becomes `unknown` and stays there until evidence or an operator decides.
    NeverResend,
    /// The item is sent again; it may be counted twice.
    Resend,
}
