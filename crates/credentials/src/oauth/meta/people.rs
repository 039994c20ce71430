//! What a person granted, and the pages that came with it.

use holdfast_model::redact::redact_and_cut;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use holdfast_model::wire::{HttpRequest, HttpResponse};
use holdfast_platforms::Signing;
use holdfast_platforms::meta::{fault_in, proof};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::oauth::answer::{ExchangeError, silent};
use crate::oauth::request::get;

/// Most permissions or pages that are read of one answer.
const MAX_LISTED: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    pub name: String,
    pub status: PermissionStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermissionStatus {
    Granted,
    Declined,
    Expired,
    /// A word that nobody has described yet.
    Other,
}

pub fn permissions(
    base_url: &str,
    version: &str,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    read(base_url, format!("/{version}/me/permissions"), "limit=200", signing, now)
}

/// The answer to [`permissions`].
pub fn read_permissions(response: &HttpResponse) -> Result<Vec<Permission>, ExchangeError> {
    let permission = |row: &Value| {
        Some(Permission {
            name: redact_and_cut(row["permission"].as_str()?, 100),
            status: match row["status"].as_str()? {
                "granted" => PermissionStatus::Granted,
                "declined" => PermissionStatus::Declined,
                "expired" => PermissionStatus::Expired,
                _ => PermissionStatus::Other,
            },
        })
    };
    Ok(rows(response)?.iter().filter_map(permission).collect())
}

/// A page, with a token of its own only where the person ticked it in the dialog.
pub struct GrantedPage {
    pub id: String,
    pub name: String,
    /// `None` is a failure to say, not an empty token to store.
    pub token: Option<Secret>,
}

pub fn accounts(
    base_url: &str,
    version: &str,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let fields = "fields=id,name,access_token,tasks&limit=200";
    read(base_url, format!("/{version}/me/accounts"), fields, signing, now)
}

pub fn read_accounts(response: &HttpResponse) -> Result<Vec<GrantedPage>, ExchangeError> {
    Ok(rows(response)?.iter().filter_map(page).collect())
}

/// One page's token, derived anew. The page's id is the platform's.
pub fn page_token(
    base_url: &str,
    version: &str,
    page: &str,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let fields = "fields=id,name,access_token";
    read(base_url, format!("/{version}/{page}"), fields, signing, now)
}

pub fn read_page_token(response: &HttpResponse) -> Result<GrantedPage, ExchangeError> {
    page(&value_of(response)?).ok_or_else(|| silent(response.status))
}

fn page(row: &Value) -> Option<GrantedPage> {
    let token = row["access_token"].as_str().filter(|text| !text.is_empty());
    Some(GrantedPage {
        id: redact_and_cut(row["id"].as_str()?, 100),
        name: redact_and_cut(row["name"].as_str().unwrap_or_default(), 120),
        token: token.map(|text| Secret::new(text.to_owned())),
    })
}

pub(super) fn read(
    base_url: &str,
    path: String,
    query: &str,
    signing: &Signing<'_>,
    now: UnixMillis,
) -> HttpRequest {
    let mut query = Zeroizing::new(query.to_owned());
    if let Some(parameters) = proof::parameters(signing, now) {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&parameters);
    }
    get(base_url, path, query, Some(signing.token))
}

pub(super) fn rows(response: &HttpResponse) -> Result<Vec<Value>, ExchangeError> {
    let value = value_of(response)?;
    let rows = value["data"].as_array().ok_or_else(|| silent(response.status))?;
    Ok(rows.iter().take(MAX_LISTED).cloned().collect())
}

/// A success as JSON.
pub(super) fn value_of(response: &HttpResponse) -> Result<Value, ExchangeError> {
    if let Some(fault) = fault_in(response) {
        return Err(ExchangeError::of_graph(fault));
    }
    if !(200..300).contains(&response.status) {
        return Err(silent(response.status));
    }
    serde_json::from_slice(&response.body).map_err(|_| silent(response.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> HttpResponse {
        HttpResponse { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_page_without_a_token_has_none() {
        let body = r#"{"data":[{"id":"1","name":"A","access_token":"t"},{"id":"2","name":"B"},
            {"id":"3","access_token":""},{"name":"no id"}]}"#;
        let pages = read_accounts(&answer(body)).unwrap();
        let tokens: Vec<bool> = pages.iter().map(|page| page.token.is_some()).collect();
        assert_eq!(tokens, [true, false, false]);
    }

    #[test]
    fn permissions_are_granted_or_not() {
        let body = r#"{"data":[{"permission":"a","status":"granted"},
            {"permission":"b","status":"declined"},{"permission":"c","status":"new"}]}"#;
        let read = read_permissions(&answer(body)).unwrap();
        let statuses: Vec<PermissionStatus> = read.iter().map(|one| one.status).collect();
        use PermissionStatus::{Declined, Granted, Other};
        assert_eq!(statuses, [Granted, Declined, Other]);
        assert!(read_permissions(&answer("[]")).is_err(), "a missing list is not an empty one");
    }
}
