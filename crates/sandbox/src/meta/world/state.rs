//! The ways in which a token stops working, in Meta's words (`tokens.md §8.2`).

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    #[default]
    Valid,
    /// Meta cannot read the string, though it is the one that was issued.
    Unreadable,
    /// 452: another session took its place; may pass.
    SessionMismatch,
    /// 457
    InvalidOrigin,
    /// 458: the app was removed.
    AppRemoved,
    /// 459: the person behind it must pass a security check. The token is not dead.
    Checkpointed,
    /// 460
    PasswordChanged,
    /// 463
    Expired,
    /// 464: the user has to be confirmed.
    Unconfirmed,
    /// 465: sessions of this user are not allowed.
    NotAllowed,
    /// 466: invalidated by an API call.
    Revoked,
    /// 467
    LoggedOut,
    /// 492: the person behind a page token lost the role.
    RoleLost,
    /// 493: nobody used the app for ninety days.
    DataAccessLapsed,
    /// Refused without a subcode: a permission of the page is missing, not the token.
    PagePermission,
    /// Refused without a subcode: the user is no administrator of the page.
    NotPageAdmin,
}

impl TokenState {
    pub fn subcode(self) -> Option<i64> {
        match self {
            Self::Valid | Self::Unreadable | Self::PagePermission | Self::NotPageAdmin => None,
            Self::SessionMismatch => Some(452),
            Self::InvalidOrigin => Some(457),
            Self::AppRemoved => Some(458),
            Self::Checkpointed => Some(459),
            Self::PasswordChanged => Some(460),
            Self::Expired => Some(463),
            Self::Unconfirmed => Some(464),
            Self::NotAllowed => Some(465),
            Self::Revoked => Some(466),
            Self::LoggedOut => Some(467),
            Self::RoleLost => Some(492),
            Self::DataAccessLapsed => Some(493),
        }
    }

    /// The message; `since` is when it expired.
    pub fn message(self, app: u64, since: i64, now: i64) -> String {
        let session = |text: &str| format!("Error validating access token: {text}");
        match self {
            Self::Valid => String::new(),
            Self::Unreadable => UNREADABLE.to_owned(),
            Self::SessionMismatch => session(
                "Session does not match current stored session. This may be because the user \
                 changed the password since the time the session was created or Facebook has \
                 changed the session for security reasons.",
            ),
            Self::InvalidOrigin => session("The session has an invalid origin"),
            Self::AppRemoved => session(&format!("The user has not authorized application {app}.")),
            Self::Checkpointed => {
                session("The session is invalid because the user has been checkpointed")
            }
            Self::PasswordChanged => session(
                "The session has been invalidated because the user changed their password or \
                 Facebook has changed the session for security reasons.",
            ),
            Self::Expired => session(&format!(
                "Session has expired on {}. The current time is {}.",
                written(since),
                written(now)
            )),
            Self::Unconfirmed => session(
                "Sessions for the user are not allowed because the user is not a confirmed user.",
            ),
            Self::NotAllowed => session("Sessions for the user are not allowed."),
            Self::Revoked => session("The session was invalidated explicitly using an API call."),
            Self::LoggedOut => session("The session is invalid because the user logged out."),
            Self::RoleLost => {
                session("The user must have a role on the Page to use this access token.")
            }
            Self::DataAccessLapsed => "The access token is invalid since the user hasn't engaged \
                                       the app in longer than 90 days."
                .to_owned(),
            Self::PagePermission => "Any of the pages_read_engagement, pages_manage_metadata, \
                                     pages_read_user_content permission(s) must be granted before \
                                     impersonating a user's page."
                .to_owned(),
            Self::NotPageAdmin => "The user must be an administrator of the page in order to \
                                   impersonate it."
                .to_owned(),
        }
    }
}

pub const UNREADABLE: &str = "The access token could not be decrypted";

/// `Monday, 05-Jan-26 10:00:00 PDT`: Meta writes Pacific time, and calls it daylight time.
fn written(unix_s: i64) -> String {
    let at = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    let pacific = TimeZone::fixed(Offset::constant(-7));
    at.to_zoned(pacific).strftime("%A, %d-%b-%y %H:%M:%S PDT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_written_as_meta_writes_it() {
        assert_eq!(
            TokenState::Expired.message(1, 1_767_632_400, 1_767_636_000),
            "Error validating access token: Session has expired on Monday, 05-Jan-26 10:00:00 \
             PDT. The current time is Monday, 05-Jan-26 11:00:00 PDT."
        );
    }
}
