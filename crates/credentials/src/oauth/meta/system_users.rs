//! System users of a business, and the integration users of a client's.
//!
//! Calls that issue a token want a proof whatever the app's setting is, so all of them carry one.

use holdfast_model::redact::redact_and_cut;
use holdfast_model::time::UnixMillis;
use holdfast_model::wire::{HttpRequest, HttpResponse};
use holdfast_platforms::Signing;
use holdfast_platforms::meta::proof;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::people::{read, rows, value_of};
use crate::oauth::answer::{ExchangeError, silent};
use crate::oauth::request::form;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemUser {
    pub id: String,
    pub name: String,
    pub role: String,
}

pub fn list_system_users(
    base_url: &str,
    version: &str,
    business: &str,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let path = format!("/{version}/{business}/system_users");
    read(base_url, path, "fields=id,name,role&limit=200", signing, now)
}

pub fn read_system_users(response: &HttpResponse) -> Result<Vec<SystemUser>, ExchangeError> {
    let user = |row: &Value| {
        let text = |key: &str| row[key].as_str().map(|text| redact_and_cut(text, 120));
        Some(SystemUser {
            id: text("id")?,
            name: text("name").unwrap_or_default(),
            role: text("role").unwrap_or_default(),
        })
    };
    Ok(rows(response)?.iter().filter_map(user).collect())
}

/// `role` is `ADMIN` or `EMPLOYEE`.
pub fn create_system_user(
    base_url: &str,
    version: &str,
    business: &str,
    name: &str,
    role: &str,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let path = format!("/{version}/{business}/system_users");
    signed_form(base_url, path, &[("name", name), ("role", role)], signing, now)
}

/// The id of what was made.
pub fn read_created(response: &HttpResponse) -> Result<String, ExchangeError> {
    let value = value_of(response)?;
    let id = value["id"].as_str().map(|id| redact_and_cut(id, 100));
    id.ok_or_else(|| silent(response.status))
}

/// Needed once before a token of this app can be issued for the user.
pub fn install_app(
    base_url: &str,
    version: &str,
    user: &str,
    app: &str,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let path = format!("/{version}/{user}/applications");
    signed_form(base_url, path, &[("business_app", app)], signing, now)
}

/// The answer is a bare `true`, or an object that says so.
pub fn read_installed(response: &HttpResponse) -> Result<bool, ExchangeError> {
    let value = value_of(response)?;
    Ok(value == Value::Bool(true) || value["success"] == true)
}

/// What a token is issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueRequest<'a> {
    pub user: &'a str,
    pub app: &'a str,
    pub scopes: &'a [String],
    /// Some businesses must use tokens that expire, and are refused others.
    pub expires_in_60_days: bool,
}

/// Issues one more token; those before stay good. The answer is read with
/// [`read_token`](super::read_token).
pub fn issue_token(
    base_url: &str,
    version: &str,
    issue: &IssueRequest<'_>,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let scopes = issue.scopes.join(",");
    let mut pairs = vec![("business_app", issue.app), ("scope", scopes.as_str())];
    if issue.expires_in_60_days {
        pairs.push(("set_token_expires_in_60_days", "true"));
    }
    let path = format!("/{version}/{}/access_tokens", issue.user);
    signed_form(base_url, path, &pairs, signing, now)
}

/// The token of the integration's own system user in a client's business. `fetch_only` reads the
/// one that exists instead of issuing another.
pub fn integration_token(
    base_url: &str,
    version: &str,
    business: &str,
    fetch_only: bool,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let path = format!("/{version}/{business}/system_user_access_tokens");
    let pairs: &[(&str, &str)] = if fetch_only { &[("fetch_only", "true")] } else { &[] };
    signed_form(base_url, path, pairs, signing, now)
}

/// The proof goes into the query, because some of these calls take it nowhere else.
fn signed_form(
    base_url: &str,
    path: String,
    pairs: &[(&str, &str)],
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let mut request = form(base_url, path, pairs);
    let bearer = Zeroizing::new(format!("Bearer {}", signing.token.expose()));
    request.headers.push(("authorization", bearer));
    request.query = Zeroizing::new(proof::parameters(signing, now).unwrap_or_default());
    request
}
