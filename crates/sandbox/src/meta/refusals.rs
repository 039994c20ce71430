//! Meta's recorded refusals by code (`tokens.md §8`, `meta-conversions.md §8`).
//!
//! Data. Where a sheet records the words they are those; where it records the meaning alone, the
//! words are made up and say the same. `{app}`, `{asset}` and `{code}` are filled in.

use axum::http::StatusCode;

use super::answer::{GraphError, METHOD, OAUTH};
use super::world::TokenState;

struct Row {
    code: i64,
    subcode: Option<i64>,
    status: u16,
    kind: &'static str,
    message: &'static str,
    /// What a person would read, in English.
    user_message: &'static str,
    is_transient: Option<bool>,
}

/// What fills the gaps of a message.
#[derive(Debug, Clone, Copy)]
pub struct Gaps<'a> {
    pub app: u64,
    pub asset: &'a str,
    pub now: i64,
}

/// The refusal of a code, as it was recorded; an unknown code gets words that say only the code.
pub fn refusal(code: i64, subcode: Option<i64>, gaps: Gaps<'_>) -> GraphError {
    if let Some(state) = dead_state(code, subcode) {
        let message = state.message(gaps.app, gaps.now, gaps.now);
        let mut error = GraphError::new(StatusCode::UNAUTHORIZED, code, subcode, message);
        error.details.is_transient = None;
        return error;
    }
    let found = ROWS.iter().find(|row| (row.code, row.subcode) == (code, subcode));
    let row = found.or_else(|| ROWS.iter().find(|row| row.code == code && row.subcode.is_none()));
    let row = row.unwrap_or(if is_throttle(code) { &THROTTLED } else { &UNKNOWN });
    let fill = |text: &str| {
        text.replace("{app}", &gaps.app.to_string())
            .replace("{asset}", gaps.asset)
            .replace("{code}", &code.to_string())
    };
    let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut error = GraphError::new(status, code, subcode, fill(row.message)).of_kind(row.kind);
    error.details.is_transient = row.is_transient.or(error.details.is_transient);
    if !row.user_message.is_empty() {
        error.details.user_message = Some(fill(row.user_message));
    }
    error
}

/// The codes of the business use cases.
fn is_throttle(code: i64) -> bool {
    (80_000..=80_014).contains(&code)
}

fn dead_state(code: i64, subcode: Option<i64>) -> Option<TokenState> {
    use TokenState as S;
    let states = [
        S::SessionMismatch,
        S::InvalidOrigin,
        S::AppRemoved,
        S::Checkpointed,
        S::PasswordChanged,
        S::Expired,
        S::Unconfirmed,
        S::NotAllowed,
        S::Revoked,
        S::LoggedOut,
        S::RoleLost,
        S::DataAccessLapsed,
    ];
    (code == 190 && subcode.is_some())
        .then(|| states.into_iter().find(|state| state.subcode() == subcode))
        .flatten()
}

const fn plain(code: i64, subcode: Option<i64>, status: u16, message: &'static str) -> Row {
    Row { code, subcode, status, kind: OAUTH, message, user_message: "", is_transient: None }
}

const fn transient(code: i64, status: u16, message: &'static str) -> Row {
    Row { is_transient: Some(true), ..plain(code, None, status, message) }
}

/// A refused event: the message is always the same, the reason is for people.
const fn event(subcode: i64, user_message: &'static str) -> Row {
    Row { user_message, ..plain(100, Some(subcode), 400, "Invalid parameter") }
}

const THROTTLED: Row = plain(
    0,
    None,
    400,
    "(#{code}) There have been too many calls to this ad-account. Wait a bit and try again.",
);
const UNKNOWN: Row = plain(0, None, 400, "(#{code}) An error occurred");

const ROWS: [Row; 49] = [
    plain(190, None, 401, "Invalid OAuth access token."),
    plain(101, None, 400, super::caller::UNKNOWN_APP),
    plain(102, None, 401, "Session key invalid or no longer valid"),
    plain(104, None, 400, "Incorrect signature"),
    plain(3, None, 403, "(#3) Application does not have the capability to make this API call."),
    plain(10, None, 403, "(#10) Application does not have permission for this action"),
    plain(200, None, 403, "(#200) Requires ads_management permission to manage the object"),
    plain(
        273,
        None,
        403,
        "(#273) Ad account owner has NOT grant ads_management or ads_read permission",
    ),
    plain(
        294,
        None,
        403,
        "(#294) Managing advertisements requires an access token with the extended permission for \
         ads_management",
    ),
    plain(100, None, 400, "Invalid parameter"),
    Row {
        kind: METHOD,
        ..plain(
            100,
            Some(33),
            400,
            "Unsupported post request. Object with ID '{asset}' does not exist, cannot be loaded \
             due to missing permissions, or does not support this operation. Please read the \
             Graph API documentation",
        )
    },
    event(2_804_001, "The click id is not valid"),
    event(2_804_003, "The timestamp of this event is too old"),
    event(2_804_007, "This event could not be processed"),
    event(2_804_009, "A Purchase event needs a value"),
    event(2_804_016, "A user parameter is not hashed"),
    event(2_804_017, "This event could not be processed"),
    event(2_804_019, "Server Side Api Parameter Error"),
    event(2_804_030, "The data processing options are not valid"),
    event(2_804_043, "The OS version in extinfo must not be empty"),
    event(2_804_048, "This event could not be processed"),
    event(2_804_050, "There is not enough customer information"),
    event(2_804_063, "messaging_channel is missing"),
    event(2_804_066, "This event name is not allowed for business messaging"),
    event(2_804_072, "The page id is not that of the page that issued the click id"),
    plain(803, None, 404, "(#803) Some of the aliases you requested do not exist: {asset}"),
    plain(
        2500,
        None,
        400,
        "An active access token must be used to query information about the current user.",
    ),
    plain(
        2635,
        None,
        400,
        "(#2635) You are calling a deprecated version of the Ads API. Please update to the latest \
         version.",
    ),
    plain(3962, None, 400, "(#3962) Provided permission is not valid"),
    transient(1, 500, "An unknown error occurred"),
    plain(1, Some(99), 500, "An unknown error occurred"),
    transient(2, 500, "An unexpected error has occurred. Please retry your request later."),
    plain(2, Some(2_018_344), 500, "The page's terms of service were not accepted"),
    transient(341, 400, "(#341) Application limit reached"),
    plain(
        368,
        None,
        400,
        "The action attempted has been deemed abusive or is otherwise disallowed",
    ),
    plain(
        368,
        Some(1_390_008),
        400,
        "The action attempted has been deemed abusive or is otherwise disallowed",
    ),
    transient(5000, 500, "(#5000) An unknown error occurred"),
    transient(21_009, 400, "(#21009) The data set upload is temporarily not ready"),
    plain(4, None, 403, "(#4) Application request limit reached"),
    plain(9, None, 400, "(#9) Application limit reached"),
    plain(17, None, 400, "(#17) User request limit reached"),
    plain(17, Some(2_446_079), 400, "(#17) User request limit reached"),
    plain(32, None, 403, "(#32) Page request limit reached"),
    plain(613, None, 400, "(#613) Calls to this api have exceeded the rate limit."),
    plain(613, Some(1_487_742), 400, "(#613) Calls to this api have exceeded the rate limit."),
    plain(613, Some(1_996), 400, "(#613) Calls to this api have exceeded the rate limit."),
    plain(506, None, 400, "(#506) Duplicate status message"),
    plain(80_007, None, 400, "(#80007) Rate limit issues"),
    plain(130_497, None, 400, "(#130497) Business account is restricted"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_is_listed_twice() {
        let mut codes: Vec<_> = ROWS.iter().map(|row| (row.code, row.subcode)).collect();
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }

    #[test]
    fn a_code_nobody_recorded_says_only_itself() {
        let gaps = Gaps { app: 1, asset: "2", now: 0 };
        for (code, subcode, message) in [
            (987, None, "(#987) An error occurred"),
            (
                80_004,
                None,
                "(#80004) There have been too many calls to this ad-account. Wait a bit and try again.",
            ),
            (613, Some(5), "(#613) Calls to this api have exceeded the rate limit."),
        ] {
            let error = refusal(code, subcode, gaps);
            assert_eq!((error.message.as_str(), error.subcode), (message, subcode));
        }
    }
}
