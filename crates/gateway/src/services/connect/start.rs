//! Sending a person to the platform.

use std::sync::Arc;

use holdfast_credentials::oauth::{meta, snap};
use holdfast_model::credential::Origin;
use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use holdfast_platforms::meta::DEFAULT_API_VERSION;
use zeroize::Zeroizing;

use super::grants::{self, Ask, Grant, Holder, Way};
use super::platform::{check_app, check_id};
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// Most permissions that are asked for at once. Meta has about a hundred.
const MAX_SCOPES: usize = 100;

/// Longest name of a permission, and longest mail address.
const MAX_TEXT: usize = 254;

/// Where to go now.
pub struct Started {
    /// The platform's page. It holds the state.
    pub url: Zeroizing<String>,
    pub state: Secret,
    pub expires_at: UnixMillis,
}

/// Checks what can be checked before anybody is sent anywhere, and remembers what was asked.
pub async fn start(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    holder: Holder,
    platform: PlatformId,
    ask: Ask,
) -> Result<Started, ServiceError> {
    check(gateway, platform, &ask)?;
    let redirect_uri = (!ask.is_embedded).then(|| callback_url(gateway, platform));
    let subject = format!("credential:{}", ask.credential);
    let grant = Grant { platform, ask, redirect_uri, holder };
    let (state, expires_at) = grants::open(gateway, &grant).await?;
    let url = url(gateway, &grant, &state);
    let detail = format!("{platform} app {}", grant.ask.app);
    gateway.audit(actor.0, "connect.start", subject, detail).await?;
    Ok(Started { url, state, expires_at })
}

/// Asks again for what this credential was granted.
pub async fn regrant(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    holder: Holder,
    id: &CredentialId,
) -> Result<Started, ServiceError> {
    let (platform, ask) = asked_before(gateway, id)?;
    start(gateway, actor, holder, platform, Ask { asks_again: true, ..ask }).await
}

/// What a person granted this credential for, as it would be asked for again.
pub fn asked_before(
    gateway: &Gateway,
    id: &CredentialId,
) -> Result<(PlatformId, Ask), ServiceError> {
    let snapshot = gateway.snapshot();
    let missing = || ServiceError::NotFound { what: "credential", name: id.to_string() };
    let known = snapshot.credentials.get(id).ok_or_else(missing)?;
    let way = match &known.origin {
        Origin::Granted { config_id: Some(config_id), .. } => Way::Configuration(config_id.clone()),
        Origin::Granted { scopes, .. } => Way::Scopes(scopes.clone()),
        _ => return Err(not_granted(id)),
    };
    let app = known.app.clone().ok_or_else(|| not_granted(id))?;
    let (credential, contact) = (id.clone(), known.contact.clone());
    let ask =
        Ask { credential, app, way, page: None, contact, asks_again: false, is_embedded: false };
    Ok((known.platform, ask))
}

fn not_granted(id: &CredentialId) -> ServiceError {
    ServiceError::Refused {
        reason: format!("credential {id} was not granted by a person here"),
        hint: "Connect it under its name, or add its next token: `holdfast credential add`."
            .to_owned(),
    }
}

/// Where the platform sends people back to. It has to be registered with the app.
pub fn callback_url(gateway: &Gateway, platform: PlatformId) -> String {
    format!("{}/connect/{platform}/callback", gateway.settings.public_url())
}

fn url(gateway: &Gateway, grant: &Grant, state: &Secret) -> Zeroizing<String> {
    let redirect_uri = grant.redirect_uri.as_deref().unwrap_or_default();
    let (client_id, scopes) = (grant.ask.app.as_str(), grant.ask.way.scopes());
    if grant.platform == PlatformId::Snap {
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let accounts = gateway.settings.snap_accounts_url();
        return snap::authorize_url(accounts, client_id, redirect_uri, &scopes, state);
    }
    let flow = match &grant.ask.way {
        Way::Scopes(scopes) => meta::Flow::Login { scopes },
        Way::Configuration(config_id) => meta::Flow::Business { config_id },
    };
    let asks_again = grant.ask.asks_again;
    let dialog = meta::Dialog { client_id, redirect_uri, state, flow: &flow, asks_again };
    meta::dialog_url(gateway.settings.meta_dialog_url(), DEFAULT_API_VERSION, &dialog)
}

fn check(gateway: &Gateway, platform: PlatformId, ask: &Ask) -> Result<(), ServiceError> {
    check_app(gateway, &ask.app, platform)?;
    check_credential(gateway, platform, &ask.credential, &ask.app)?;
    match &ask.way {
        Way::Scopes(scopes) => check_scopes(scopes)?,
        Way::Configuration(id) => check_id("config_id", id)?,
    }
    let is_meta = platform != PlatformId::Snap;
    if !is_meta && (ask.page.is_some() || ask.is_embedded || ask.way.scopes().is_empty()) {
        return Err(ServiceError::invalid("request", "expected scopes and neither page nor code"));
    }
    if let Some(page) = &ask.page {
        check_id("page", page)?;
    }
    if let Some(contact) = &ask.contact {
        check_contact(contact)?;
    }
    Ok(())
}

/// That a token for it would be stored under this name. Nobody should agree in vain.
fn check_credential(
    gateway: &Gateway,
    platform: PlatformId,
    id: &CredentialId,
    app: &AppId,
) -> Result<(), ServiceError> {
    let snapshot = gateway.snapshot();
    let Some(known) = snapshot.credentials.get(id) else { return Ok(()) };
    if known.platform != platform {
        let expected = format!("credential {id} belongs to {}", known.platform);
        return Err(ServiceError::invalid("credential", expected));
    }
    match &known.app {
        Some(known) if known == app => Ok(()),
        Some(other) => {
            Err(ServiceError::invalid("app", format!("credential {id} belongs to app {other}")))
        }
        None => {
            let expected = format!("credential {id} was added without an app: choose another name");
            Err(ServiceError::invalid("credential", expected))
        }
    }
}

fn check_scopes(scopes: &[String]) -> Result<(), ServiceError> {
    let is_scope = |scope: &String| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        (1..=MAX_TEXT).contains(&scope.len()) && scope.bytes().all(known)
    };
    if (1..=MAX_SCOPES).contains(&scopes.len()) && scopes.iter().all(is_scope) {
        return Ok(());
    }
    let expected = "expected 1 to 100 names of permissions, such as ads_management";
    Err(ServiceError::invalid("scopes", expected))
}

fn check_contact(contact: &str) -> Result<(), ServiceError> {
    let is_plain = contact.len() <= MAX_TEXT && !contact.chars().any(char::is_control);
    let has_both = contact.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
    if is_plain && has_both {
        Ok(())
    } else {
        Err(ServiceError::invalid("contact", "expected a mail address"))
    }
}
