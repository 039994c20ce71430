//! Snap's OAuth. `spec/snap-conversions.md §10.3`.

use holdfast_model::fault::Fault;
use holdfast_model::platform::PlatformId;
use holdfast_model::redact::redact_and_cut;
use holdfast_model::secret::Secret;
use holdfast_model::wire::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::AppKeys;
use super::answer::{ExchangeError, TokenAnswer, silent, token_in};
use super::request::{encode, form, get};

/// The scope that the Conversions API wants.
pub const CONVERSIONS_SCOPE: &str = "snapchat-offline-conversions-api";

/// The scope that lets us read which pixels were granted.
pub const MARKETING_SCOPE: &str = "snapchat-marketing-api";

const TOKEN_PATH: &str = "/login/oauth2/access_token";

/// Most organizations, accounts or pixels that are read of one answer.
const MAX_LISTED: usize = 500;

/// Where a person is sent to agree. Free of secrets but for `state`.
pub fn authorize_url(
    accounts_url: &str,
    client_id: &str,
    redirect_uri: &str,
    scopes: &[&str],
    state: &Secret,
) -> Zeroizing<String> {
    let query = encode(&[
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("response_type", "code"),
        ("scope", &scopes.join(" ")),
        ("state", state.expose()),
    ]);
    Zeroizing::new(format!("{accounts_url}/login/oauth2/authorize?{}", query.as_str()))
}

/// Once: a code that was sent is spent, whatever came back.
pub fn redeem_code(
    accounts_url: &str,
    app: AppKeys<'_>,
    redirect_uri: &str,
    code: &Secret,
) -> HttpRequest {
    form(
        accounts_url,
        TOKEN_PATH.to_owned(),
        &[
            ("grant_type", "authorization_code"),
            ("client_id", app.id.as_str()),
            ("client_secret", app.secret.expose()),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri),
        ],
    )
}

/// A new access token. Whether the refresh token changes with it is not known: what comes back is
/// stored before anything else is done.
pub fn refresh(accounts_url: &str, app: AppKeys<'_>, refresh_token: &Secret) -> HttpRequest {
    form(
        accounts_url,
        TOKEN_PATH.to_owned(),
        &[
            ("grant_type", "refresh_token"),
            ("client_id", app.id.as_str()),
            ("client_secret", app.secret.expose()),
            ("refresh_token", refresh_token.expose()),
        ],
    )
}

/// Only a 400 that names a dead grant means one. The endpoint is known to answer 429, 5xx and pages.
pub fn read_token(response: &HttpResponse) -> Result<TokenAnswer, ExchangeError> {
    if (200..300).contains(&response.status) {
        return token_in(&response.body).ok_or_else(|| silent(response.status));
    }
    let value: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let Some(error) = value["error"].as_str() else { return Err(silent(response.status)) };
    let described = value["error_description"].as_str().unwrap_or_default();
    let words = redact_and_cut(&format!("{error}: {described}"), 300);
    match (response.status, error) {
        (400, "invalid_grant") => Err(ExchangeError::Refused(fault("snap.grant_refused", words))),
        (
            400 | 401 | 403,
            "invalid_client"
            | "unauthorized_client"
            | "invalid_request"
            | "unsupported_grant_type"
            | "invalid_scope",
        ) => Err(ExchangeError::App(fault("snap.app_refused", words))),
        (status, _) => Err(ExchangeError::Silent(format!("HTTP {status} {words}"))),
    }
}

fn fault(name: &str, words: String) -> Box<Fault> {
    let catalog = holdfast_platforms::platform(PlatformId::Snap).map(|snap| snap.catalog());
    // The name is written here and a test looks it up.
    let row = catalog.and_then(|catalog| catalog.by_name(name)).unwrap_or_else(|| panic!("{name}"));
    Box::new(Fault { platform_message: words, ..row.fault() })
}

/// What a person's token can see, for showing it and for comparing it with what is bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    pub id: String,
    pub name: String,
}

/// An organization and its ad accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Organization {
    pub id: String,
    pub name: String,
    pub ad_accounts: Vec<Named>,
}

pub fn organizations(ads_url: &str, token: &Secret) -> HttpRequest {
    let query = Zeroizing::new("with_ad_accounts=true".to_owned());
    get(ads_url, "/v1/me/organizations".to_owned(), query, Some(token))
}

/// `None` where the answer says nothing of it.
pub fn read_organizations(response: &HttpResponse) -> Option<Vec<Organization>> {
    let rows = rows(response, "organizations", "organization")?;
    let organization = |row: &Value| {
        let Named { id, name } = named(row)?;
        let accounts = row["ad_accounts"].as_array().into_iter().flatten();
        Some(Organization {
            id,
            name,
            ad_accounts: accounts.take(MAX_LISTED).filter_map(named).collect(),
        })
    };
    Some(rows.iter().filter_map(organization).collect())
}

pub fn pixels(ads_url: &str, token: &Secret, ad_account: &str) -> HttpRequest {
    let path = format!("/v1/adaccounts/{}/pixels", path_segment(ad_account));
    get(ads_url, path, Zeroizing::new(String::new()), Some(token))
}

pub fn read_pixels(response: &HttpResponse) -> Option<Vec<Named>> {
    Some(rows(response, "pixels", "pixel")?.iter().filter_map(named).collect())
}

/// The Ads API wraps every row: `{"pixels":[{"pixel":{…}}]}`.
fn rows(response: &HttpResponse, list: &str, item: &str) -> Option<Vec<Value>> {
    if !(200..300).contains(&response.status) {
        return None;
    }
    let value: Value = serde_json::from_slice(&response.body).ok()?;
    let rows = value[list].as_array()?;
    Some(rows.iter().take(MAX_LISTED).map(|row| row[item].clone()).collect())
}

fn named(row: &Value) -> Option<Named> {
    let text = |key: &str| row[key].as_str().map(|text| redact_and_cut(text, 120));
    Some(Named { id: text("id")?, name: text("name").unwrap_or_default() })
}

/// An id that came from elsewhere, fit for a path.
fn path_segment(id: &str) -> String {
    id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn only_a_named_dead_grant_is_one() {
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant"}"#, "refused"),
            (401, r#"{"error":"invalid_client"}"#, "app"),
            (400, r#"{"error":"invalid_client"}"#, "app"),
            (500, r#"{"error":"invalid_grant"}"#, "silent"),
            (429, r#"{"error":"too_many"}"#, "silent"),
            (400, "<html>", "silent"),
            (502, "<html>", "silent"),
            (200, "{}", "silent"),
            (200, r#"{"access_token":""}"#, "silent"),
        ] {
            let kind = match read_token(&answer(status, body)) {
                Ok(_) => "token",
                Err(ExchangeError::App(_)) => "app",
                Err(ExchangeError::Refused(_)) => "refused",
                Err(ExchangeError::Silent(_)) => "silent",
            };
            assert_eq!(kind, expected, "{status} {body}");
        }
    }

    #[test]
    fn what_came_with_the_token_is_kept_and_what_did_not_is_not_invented() {
        let whole = answer(
            200,
            r#"{"access_token":"a","refresh_token":"r","expires_in":3600,"scope":"x y"}"#,
        );
        let read = read_token(&whole).unwrap();
        assert_eq!((read.token.expose(), read.expires_in_s), ("a", Some(3600)));
        assert_eq!(read.refresh_token.unwrap().expose(), "r");
        assert_eq!(read.scopes, ["x", "y"]);
        let bare = read_token(&answer(200, r#"{"access_token":"a"}"#)).unwrap();
        assert!(bare.refresh_token.is_none() && bare.expires_in_s.is_none());
        assert!(!format!("{bare:?}").contains("\"a\""), "a token is not shown");
    }

    #[test]
    fn rows_of_the_ads_api_are_unwrapped() {
        let body = r#"{"organizations":[{"organization":{"id":"o","name":"Shop",
            "ad_accounts":[{"id":"a","name":"Ads"}]}}]}"#;
        let read = read_organizations(&answer(200, body)).unwrap();
        assert_eq!(read[0].ad_accounts[0].id, "a");
        let body = r#"{"pixels":[{"pixel":{"id":"p","name":"Web"}},{"pixel":{}}]}"#;
        assert_eq!(read_pixels(&answer(200, body)).unwrap().len(), 1);
        assert_eq!(read_pixels(&answer(401, body)), None, "no answer is no empty list");
    }
}
