//! Codes and tokens that are given up for others, and tokens that are ended.

use holdfast_model::secret::Secret;
use holdfast_model::wire::{HttpRequest, HttpResponse};
use holdfast_platforms::meta::fault_in;
use serde_json::Value;

use crate::oauth::AppKeys;
use crate::oauth::answer::{ExchangeError, TokenAnswer, silent, token_in};
use crate::oauth::request::{encode, form, get};

fn token_path(version: &str) -> String {
    format!("/{version}/oauth/access_token")
}

/// Once: a code that was sent is spent, whatever came back. Embedded Signup's codes have no
/// redirect address.
pub fn redeem_code(
    base_url: &str,
    version: &str,
    app: AppKeys<'_>,
    redirect_uri: Option<&str>,
    code: &Secret,
) -> HttpRequest {
    let mut pairs = vec![
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.expose()),
        ("code", code.expose()),
    ];
    pairs.extend(redirect_uri.map(|uri| ("redirect_uri", uri)));
    form(base_url, token_path(version), &pairs)
}

/// Sixty days for a person's token, short-lived or not. Without a later expiry if it was extended
/// on the same day already.
pub fn extend_user(base_url: &str, version: &str, app: AppKeys<'_>, token: &Secret) -> HttpRequest {
    form(base_url, token_path(version), &extension(app, token))
}

/// Sixty more days for a system user's token that expires. The old one stays good until its own
/// expiry.
pub fn refresh_system_user(
    base_url: &str,
    version: &str,
    app: AppKeys<'_>,
    token: &Secret,
) -> HttpRequest {
    let mut pairs = extension(app, token);
    pairs.push(("set_token_expires_in_60_days", "true"));
    form(base_url, token_path(version), &pairs)
}

fn extension<'a>(app: AppKeys<'a>, token: &'a Secret) -> Vec<(&'static str, &'a str)> {
    vec![
        ("grant_type", "fb_exchange_token"),
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.expose()),
        ("fb_exchange_token", token.expose()),
    ]
}

/// Reads the answer of every exchange.
pub fn read_token(response: &HttpResponse) -> Result<TokenAnswer, ExchangeError> {
    if let Some(fault) = fault_in(response) {
        return Err(ExchangeError::of_graph(fault));
    }
    if !(200..300).contains(&response.status) {
        return Err(silent(response.status));
    }
    token_in(&response.body).ok_or_else(|| silent(response.status))
}

/// Ends one token at once. The caller's token must be of the same app; it may be another than the
/// one that ends.
pub fn revoke(
    base_url: &str,
    version: &str,
    app: AppKeys<'_>,
    revoked: &Secret,
    caller: &Secret,
) -> HttpRequest {
    let query = encode(&[
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.expose()),
        ("revoke_token", revoked.expose()),
    ]);
    get(base_url, format!("/{version}/oauth/revoke"), query, Some(caller))
}

pub fn read_revoked(response: &HttpResponse) -> Result<(), ExchangeError> {
    if let Some(fault) = fault_in(response) {
        return Err(ExchangeError::of_graph(fault));
    }
    let value: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let is_done = value["success"] == true || value == Value::Bool(true);
    if (200..300).contains(&response.status) && is_done {
        Ok(())
    } else {
        Err(silent(response.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<TokenAnswer, ExchangeError> {
        let body = body.as_bytes().to_vec();
        read_token(&HttpResponse { status, headers: Vec::new(), body })
    }

    #[test]
    fn refusals_of_the_app_of_the_grant_and_silence_are_apart() {
        let error = |code: i64, subcode: i64, message: &str| {
            format!(
                r#"{{"error":{{"code":{code},"error_subcode":{subcode},"message":"{message}"}}}}"#
            )
        };
        for (status, body, expected) in [
            (400, error(190, 463, "expired"), "refused meta.token_expired"),
            (400, error(190, 460, "password"), "refused meta.password_changed"),
            (400, error(100, 36_009, "used"), "refused meta.exchange_refused"),
            (400, error(101, 0, "Invalid application ID."), "app meta.app_invalid"),
            (400, error(1, 0, "Error validating client secret."), "app meta.app_invalid"),
            (400, error(1, 99, "An unknown error has occurred."), "silent"),
            (400, error(3962, 0, "not valid"), "refused meta.exchange_refused"),
            (400, error(452, 0, "no token"), "refused meta.exchange_refused"),
            (400, error(2, 0, "temporarily"), "silent"),
            (400, error(4, 0, "limit"), "silent"),
            (400, error(368, 0, "blocked"), "silent"),
            (400, error(987_654, 0, "new"), "silent"),
            (500, "<html>".to_owned(), "silent"),
            (200, "{}".to_owned(), "silent"),
            (502, "{}".to_owned(), "silent"),
        ] {
            let found = match read(status, &body) {
                Ok(_) => "token".to_owned(),
                Err(ExchangeError::App(fault)) => format!("app {}", fault.name),
                Err(ExchangeError::Refused(fault)) => format!("refused {}", fault.name),
                Err(ExchangeError::Silent(_)) => "silent".to_owned(),
            };
            assert_eq!(found, expected, "{status} {body}");
        }
    }

    #[test]
    fn a_missing_lifetime_is_not_one() {
        let bare = read(200, r#"{"access_token":"a","token_type":"bearer"}"#).unwrap();
        assert_eq!(bare.expires_in_s, None);
        let text = read(200, r#"{"access_token":"a","expires_in":"5183944"}"#).unwrap();
        assert_eq!(text.expires_in_s, Some(5_183_944));
        let zero = read(200, r#"{"access_token":"a","expires_in":0}"#).unwrap();
        assert_eq!(zero.expires_in_s, None);
    }

    #[test]
    fn only_what_was_confirmed_is_revoked() {
        let answer = |status, body: &str| {
            let body = body.as_bytes().to_vec();
            read_revoked(&HttpResponse { status, headers: Vec::new(), body })
        };
        assert_eq!(answer(200, r#"{"success":true}"#), Ok(()));
        assert!(answer(200, r#"{"success":false}"#).is_err());
        assert!(answer(500, "").is_err());
    }
}
