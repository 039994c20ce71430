//! Asking the platform for the next token.

use holdfast_credentials::lifecycle::{
    Exchanged, Known, MINTS_OF_APP, MINTS_OF_CREDENTIAL, Said, Way,
};
use holdfast_credentials::oauth::{
    AppKeys, ExchangeError, TokenAnswer, instagram, meta as facebook, snap,
};
use holdfast_model::credential::Expiry;
use holdfast_model::fault::Fault;
use holdfast_model::id::VersionNo;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use holdfast_model::wire::{HttpRequest, HttpResponse};
use holdfast_platforms::Signing;
use holdfast_platforms::meta::DEFAULT_API_VERSION;

use super::{lock, tell};
use crate::lanes::observe_date;
use crate::services::ServiceError;
use crate::services::secrets::{Keyring, SecretsError, open_refresh_token};
use crate::state::Gateway;

/// What an exchange brought, in memory alone.
pub(super) struct Brought {
    pub token: Secret,
    pub expires_at: Expiry,
    pub scopes: Vec<String>,
    /// Only if it is another one than ours.
    pub refresh_token: Option<Secret>,
}

/// Exchanges, unless that has been done too often of late.
pub(super) async fn exchange(
    gateway: &Gateway,
    known: &Known,
    way: &Way,
    with: VersionNo,
) -> Result<(Exchanged, Option<Brought>), ServiceError> {
    if let Some(stopped) = storm(gateway, known).await? {
        return Ok((Exchanged::Transient(stopped.to_owned()), None));
    }
    let asked = match Question::prepare(gateway, known, way, with).await {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            let why = "what the exchange needs is not here any more".to_owned();
            return Ok((Exchanged::AppRefused(why), None));
        }
        Err(error) => return Ok((unreadable(error)?, None)),
    };
    let response = match gateway.egress.send(asked.request).await {
        Ok(response) => response,
        Err(failure) => return Ok((Exchanged::Transient(failure.to_string()), None)),
    };
    observe_date(gateway, &response);
    let now = gateway.clock.wall();
    let answer = match (asked.read)(&response) {
        Ok(answer) => answer,
        Err(error) => return Ok((refused(&error), None)),
    };
    let brought = Brought {
        expires_at: expires_at(&answer, now),
        refresh_token: new_refresh_token(gateway, asked.refresh_token, answer.refresh_token),
        token: answer.token,
        scopes: answer.scopes,
    };
    let fingerprint = gateway.vault.fingerprint(&brought.token);
    let is_same = known.active().is_some_and(|active| active.fingerprint == fingerprint);
    // A new refresh token has to be stored with whatever came with it.
    if is_same && brought.refresh_token.is_none() {
        return Ok((Exchanged::Same { expires_at: brought.expires_at }, None));
    }
    Ok((Exchanged::Brought, Some(brought)))
}

/// A request, and how its answer is read.
struct Question {
    request: HttpRequest,
    read: fn(&HttpResponse) -> Result<TokenAnswer, ExchangeError>,
    /// The one that was sent.
    refresh_token: Option<Secret>,
}

impl Question {
    async fn prepare(
        gateway: &Gateway,
        known: &Known,
        way: &Way,
        with: VersionNo,
    ) -> Result<Option<Self>, SecretsError> {
        let credential = &known.credential;
        let Some(version) = known.version(with) else { return Ok(None) };
        if let Way::DerivePage { page } = way {
            return Self::of_page(gateway, known, page).await;
        }
        let keyring = Keyring::open(gateway, credential, version).await?;
        let base_url = gateway.base_url(credential.platform);
        let (token, api) = (&keyring.token, DEFAULT_API_VERSION);
        let app = credential.app.as_ref().zip(keyring.app_secret.as_ref());
        let app = app.map(|(id, secret)| AppKeys { id, secret });
        let of = |request, read| Some(Self { request, read, refresh_token: None });
        Ok(match (way, app) {
            (Way::RefreshInstagram, _) => of(
                instagram::refresh(gateway.settings.instagram_url(), token),
                instagram::read_token,
            ),
            (Way::RefreshSystemUser, Some(app)) => {
                of(facebook::refresh_system_user(base_url, api, app, token), facebook::read_token)
            }
            (Way::ExtendUser, Some(app)) => {
                of(facebook::extend_user(base_url, api, app, token), facebook::read_token)
            }
            (Way::RefreshSnap, Some(app)) => {
                let stored =
                    open_refresh_token(&*gateway.registry, &gateway.vault, credential).await?;
                stored.map(|(_, refresh_token)| Self {
                    request: snap::refresh(
                        gateway.settings.snap_accounts_url(),
                        app,
                        &refresh_token,
                    ),
                    read: snap::read_token,
                    refresh_token: Some(refresh_token),
                })
            }
            _ => None,
        })
    }

    /// With the parent's token, which proves itself with the parent's app.
    async fn of_page(
        gateway: &Gateway,
        known: &Known,
        page: &str,
    ) -> Result<Option<Self>, SecretsError> {
        let Some(parent) = known.credential.origin.parent() else { return Ok(None) };
        let keyring = Keyring::open_active(gateway, parent).await?;
        let signing = Signing {
            token: &keyring.token,
            app_secret: keyring.app_secret.as_ref(),
            proof: gateway.settings.meta.proof.0,
        };
        let base_url = gateway.base_url(known.credential.platform);
        let now = gateway.clock.wall();
        let request = facebook::page_token(base_url, DEFAULT_API_VERSION, page, &signing, now);
        Ok(Some(Self { request, read: page_answer, refresh_token: None }))
    }
}

/// A page without a token of its own was not granted: a missing field is a refusal, not an empty
/// token.
fn page_answer(response: &HttpResponse) -> Result<TokenAnswer, ExchangeError> {
    let page = facebook::read_page_token(response)?;
    match page.token {
        Some(token) => {
            Ok(TokenAnswer { token, expires_in_s: None, refresh_token: None, scopes: Vec::new() })
        }
        None => Err(ExchangeError::Silent(
            "the page came without a token of its own; was it taken out of what was granted?"
                .to_owned(),
        )),
    }
}

/// What cannot be opened stays so until somebody brings it again, and they have to hear of it.
/// Storage that fails is another thing: that passes.
fn unreadable(error: SecretsError) -> Result<Exchanged, ServiceError> {
    match error {
        SecretsError::Storage(error) => Err(error.into()),
        SecretsError::AppSecretUnreadable { .. } => Ok(Exchanged::AppRefused(error.to_string())),
        SecretsError::NoActiveVersion(_) | SecretsError::SealedUnreadable { .. } => {
            Ok(Exchanged::Refused(error.to_string()))
        }
    }
}

fn refused(error: &ExchangeError) -> Exchanged {
    let words = error.to_string();
    match error {
        ExchangeError::App(_) => Exchanged::AppRefused(words),
        ExchangeError::Refused(fault) if is_about_the_app(fault) => Exchanged::AppRefused(words),
        ExchangeError::Refused(_) => Exchanged::Refused(words),
        ExchangeError::Silent(says) if says.contains("client secret") => {
            Exchanged::AppRefused(words)
        }
        ExchangeError::Silent(_) => Exchanged::Transient(words),
    }
}

/// Meta says that the caller's proof or secret is wrong under numbers that mean other things too.
fn is_about_the_app(fault: &Fault) -> bool {
    fault.platform_message.contains("client secret")
}

fn expires_at(answer: &TokenAnswer, now: UnixMillis) -> Expiry {
    match answer.expires_in_s {
        Some(seconds) => Expiry::At(now.to_seconds().plus_seconds(seconds)),
        None => Expiry::Unknown,
    }
}

/// A platform may send the same one again, or none: neither is news, and neither erases ours.
fn new_refresh_token(
    gateway: &Gateway,
    sent: Option<Secret>,
    came: Option<Secret>,
) -> Option<Secret> {
    let (sent, came) = (sent?, came?);
    let is_new = gateway.vault.fingerprint(&came) != gateway.vault.fingerprint(&sent);
    is_new.then_some(came)
}

/// Why no more tokens are asked for just now, if too many were.
async fn storm(gateway: &Gateway, known: &Known) -> Result<Option<&'static str>, ServiceError> {
    const STOPPED: &str = "it was renewed too often within a minute; renewing is paused";
    let now = gateway.clock.now().mono;
    let credential = format!("credential:{}", known.credential.id);
    let app = known.credential.app.as_ref().map(|app| format!("app:{app}"));
    let said = {
        let mut breaker = lock(&gateway.renewals.breaker);
        let said = breaker.ask(&credential, MINTS_OF_CREDENTIAL, now);
        match (said, app) {
            (Said::Go, Some(app)) => breaker.ask(&app, MINTS_OF_APP, now),
            (said, _) => said,
        }
    };
    if said == Said::Opened {
        tell::of_storm(gateway, known).await?;
    }
    Ok((said != Said::Go).then_some(STOPPED))
}
