//! What Meta sends by itself: webhooks, and the signed requests of its callbacks (`tokens.md §7`).
//!
//! On command (`/_sandbox/pushes`, `/_sandbox/signed-requests`), and a signed request by itself when a
//! person removes an app that said where it wants to hear of that.

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::control::{Refused, body};
use crate::handle::SandboxHandle;
use crate::push::{Loopback, Push, Pushed};
use crate::world::World;

/// A webhook: `{object, entry:[{id, time, changes:[{field, value}]}]}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPush {
    /// Whose secret signs it. Needed where there is more than one app.
    #[serde(default)]
    pub app: Option<u64>,
    pub url: Loopback,
    pub object: String,
    /// The entry's id: the app, person, account or business. The app without it.
    #[serde(default)]
    pub entry: Option<String>,
    pub field: String,
    #[serde(default)]
    pub value: Value,
    /// Sign with this in place of the app's secret.
    #[serde(default)]
    pub wrong_secret: Option<String>,
}

/// A callback about a person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSignedRequest {
    #[serde(default)]
    pub app: Option<u64>,
    pub url: Loopback,
    pub user: String,
    #[serde(default)]
    pub wrong_secret: Option<String>,
}

impl NewSignedRequest {
    pub fn of(app: u64, user: &str, url: Loopback) -> Self {
        Self { app: Some(app), url, user: user.to_owned(), wrong_secret: None }
    }
}

pub fn router() -> Router<SandboxHandle> {
    Router::new()
        .route("/_sandbox/pushes", post(push))
        .route("/_sandbox/signed-requests", post(request))
}

async fn push(State(sandbox): State<SandboxHandle>, bytes: Bytes) -> Result<Json<Pushed>, Refused> {
    let wanted: NewPush = body(&bytes)?;
    sandbox.push(&wanted).await.map(Json).map_err(|what| Refused::one("", what))
}

async fn request(
    State(sandbox): State<SandboxHandle>,
    bytes: Bytes,
) -> Result<Json<Pushed>, Refused> {
    let wanted: NewSignedRequest = body(&bytes)?;
    sandbox.signed_request(&wanted).await.map(Json).map_err(|what| Refused::one("", what))
}

/// None if there is no such app.
pub fn webhook(world: &World, wanted: &NewPush) -> Option<Push> {
    let app = world.meta.app_of(wanted.app)?;
    let entry = wanted.entry.clone().unwrap_or_else(|| app.to_string());
    let body = json!({
        "object": wanted.object,
        "entry": [{
            "id": entry,
            "time": world.clock.unix_seconds(),
            "changes": [{ "field": wanted.field, "value": wanted.value }],
        }],
    });
    let body = escaped(&body.to_string()).into_bytes();
    let signature =
        format!("sha256={}", hex::encode(sign(world, app, &wanted.wrong_secret, &body)?));
    Some(Push {
        url: wanted.url.clone(),
        content_type: "application/json",
        signature: Some(("X-Hub-Signature-256", signature)),
        body,
    })
}

/// None if there is no such app.
pub fn signed_request(world: &World, wanted: &NewSignedRequest) -> Option<Push> {
    let app = world.meta.app_of(wanted.app)?;
    let payload = json!({
        "algorithm": "HMAC-SHA256", "issued_at": world.clock.unix_seconds(), "user_id": wanted.user,
    });
    let payload = BASE64_URL_SAFE_NO_PAD.encode(payload.to_string());
    let signature = sign(world, app, &wanted.wrong_secret, payload.as_bytes())?;
    let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
    Some(Push {
        url: wanted.url.clone(),
        content_type: "application/x-www-form-urlencoded",
        signature: None,
        body: format!("signed_request={signature}.{payload}").into_bytes(),
    })
}

fn sign(world: &World, app: u64, other: &Option<String>, text: &[u8]) -> Option<Vec<u8>> {
    let secret = other.as_ref().or(world.meta.apps.get(&app).map(|app| &app.secret))?;
    let mut mac = <Hmac<Sha256>>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(text);
    Some(mac.finalize().into_bytes().to_vec())
}

/// Meta writes what is not ASCII as `\uXXXX`, and signs it so: whoever reads the JSON and writes it
/// again has other bytes.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ascii_is_escaped_as_meta_does() {
        assert_eq!(escaped(r#"{"a":"é😀"}"#), r#"{"a":"\u00e9\ud83d\ude00"}"#);
        let value: Value = serde_json::from_str(&escaped(r#"{"a":"é😀"}"#)).unwrap();
        assert_eq!(value["a"], "é😀");
    }
}
