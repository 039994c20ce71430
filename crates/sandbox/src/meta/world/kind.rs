//! The kinds of tokens (`tokens.md §2`).

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Never expires.
    #[default]
    SystemUser,
    /// Sixty days from its issue; can be extended before that.
    ExpiringSystemUser,
    /// Issued to a client's business.
    BusinessIntegration,
    /// Made in Events Manager: may send events and read data quality, nothing else.
    EventsManager,
    /// A person's, from the login dialog; an hour or two.
    ShortLivedUser,
    /// A person's, extended to sixty days.
    User,
    /// A person's without an expiry; access to data lapses all the same.
    UnexpiringUser,
    /// Acts as a page.
    Page,
    /// From the app dashboard; a day.
    WhatsappTemporary,
    /// May be shown to support: only good as the token that is asked about.
    DebugOnly,
    /// Belongs on another host: this one cannot parse it.
    Instagram,
}

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

/// What a freshly extended token of a person has left, as recorded.
pub const LONG_LIVED_USER_S: i64 = 5_183_944;
pub const SIXTY_DAYS_S: i64 = 60 * DAY_S;
const DATA_ACCESS_S: i64 = 90 * DAY_S;

impl TokenKind {
    /// Seconds from issue to expiry; none for those that never expire by themselves.
    pub fn lifetime_s(self) -> Option<i64> {
        match self {
            Self::SystemUser
            | Self::BusinessIntegration
            | Self::EventsManager
            | Self::UnexpiringUser
            | Self::Page
            | Self::DebugOnly => None,
            Self::ExpiringSystemUser | Self::Instagram => Some(SIXTY_DAYS_S),
            Self::ShortLivedUser => Some(3 * HOUR_S / 2),
            Self::User => Some(LONG_LIVED_USER_S),
            Self::WhatsappTemporary => Some(DAY_S),
        }
    }

    /// Seconds until access to data lapses; none for system users.
    pub fn data_access_s(self) -> Option<i64> {
        (!self.is_system_user()).then_some(DATA_ACCESS_S)
    }

    pub fn is_system_user(self) -> bool {
        matches!(
            self,
            Self::SystemUser
                | Self::ExpiringSystemUser
                | Self::BusinessIntegration
                | Self::EventsManager
        )
    }

    /// `type` as `debug_token` tells it.
    pub fn debug_type(self) -> &'static str {
        match self {
            Self::Page => "PAGE",
            kind if kind.is_system_user() => "SYSTEM_USER",
            _ => "USER",
        }
    }

    /// Whether `debug_token` tells when it was issued: not of short-lived ones.
    pub fn tells_issue(self) -> bool {
        self.is_system_user() || matches!(self, Self::User | Self::UnexpiringUser)
    }

    /// What it may do unless something else is asked for.
    pub fn default_scopes(self) -> &'static [&'static str] {
        match self {
            Self::SystemUser | Self::ExpiringSystemUser | Self::BusinessIntegration => {
                &["ads_management", "business_management"]
            }
            Self::EventsManager => &["ads_management"],
            Self::ShortLivedUser | Self::User | Self::UnexpiringUser => {
                &["ads_management", "business_management", "pages_show_list", "public_profile"]
            }
            Self::Page => &["page_events", "pages_show_list"],
            Self::WhatsappTemporary => {
                &["whatsapp_business_management", "whatsapp_business_messaging"]
            }
            Self::DebugOnly | Self::Instagram => &[],
        }
    }

    /// Whose it is, where nothing else is said.
    pub fn default_user(self) -> &'static str {
        match self {
            Self::EventsManager => "122100000000002",
            kind if kind.is_system_user() => "122100000000001",
            _ => "400000000000001",
        }
    }

    /// What `/me` answers.
    pub fn user_name(self) -> &'static str {
        match self {
            Self::EventsManager => "Conversions API System User",
            kind if kind.is_system_user() => "Sandbox System User",
            _ => "Sandbox Person",
        }
    }
}
