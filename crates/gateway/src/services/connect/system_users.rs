//! System users of a business, and the tokens of businesses that installed our app.
//!
//! Every call is made with the token of an administrator that we keep, and proved with the app's
//! secret, which Meta wants here whatever the app's setting is. `spec/tokens.md §2, §4`.

use std::sync::Arc;

use holdfast_credentials::oauth::meta::{self as oauth, IssueRequest, SystemUser};
use holdfast_credentials::oauth::{ExchangeError, TokenAnswer};
use holdfast_model::credential::{Credential, Expiry, Origin};
use holdfast_model::id::CredentialId;
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::wire::{HttpRequest, HttpResponse};
use holdfast_platforms::meta::DEFAULT_API_VERSION;
use holdfast_platforms::{Learned, Signing};
use serde::{Deserialize, Serialize};

use super::ConnectError;
use super::platform::{ask, check_id};
use crate::services::credentials::{self, AddRequest, Given, VersionOutcome};
use crate::services::secrets::Keyring;
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// A system user that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Created {
    pub id: String,
    pub name: String,
    pub role: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Installed {
    pub installed: bool,
}

/// What an operator gives to have a token issued.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssueToken {
    /// The administrator's credential that it is issued with.
    pub parent: CredentialId,
    /// The credential whose next version it becomes.
    pub credential: CredentialId,
    pub scopes: Vec<String>,
    /// Some businesses must use tokens that expire, and are refused others.
    #[serde(default)]
    pub never_expires: bool,
    #[serde(default)]
    pub contact: Option<String>,
}

/// What an operator gives to have the token of a client's business.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchIntegration {
    pub parent: CredentialId,
    pub credential: CredentialId,
    /// Read the token that exists instead of having another one issued.
    #[serde(default)]
    pub fetch_only: bool,
    #[serde(default)]
    pub contact: Option<String>,
}

pub async fn list(
    gateway: &Gateway,
    parent: &CredentialId,
    business: &str,
) -> Result<Vec<SystemUser>, ConnectError> {
    check_id("business", business)?;
    let admin = Admin::open(gateway, parent).await?;
    let now = gateway.clock.wall();
    let (host, signing) = (admin.host(), admin.signing());
    let request = oauth::list_system_users(host, DEFAULT_API_VERSION, business, &signing, now);
    Ok(admin.ask(request, oauth::read_system_users).await?)
}

/// `role` is `ADMIN` or `EMPLOYEE`.
pub async fn create(
    gateway: &Gateway,
    actor: Actor<'_>,
    parent: &CredentialId,
    business: &str,
    name: &str,
    role: &str,
) -> Result<Created, ConnectError> {
    check_id("business", business)?;
    if !matches!(role, "ADMIN" | "EMPLOYEE") {
        return Err(ServiceError::invalid("role", "expected ADMIN or EMPLOYEE").into());
    }
    if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(ServiceError::invalid("name", "expected 1 to 100 characters").into());
    }
    let admin = Admin::open(gateway, parent).await?;
    let now = gateway.clock.wall();
    let (host, signing) = (admin.host(), admin.signing());
    let version = DEFAULT_API_VERSION;
    let request = oauth::create_system_user(host, version, business, name, role, &signing, now);
    // Not repeated: a second one would be another user.
    let id = admin.ask(request, oauth::read_created).await?;
    let detail = format!("{name}, {role}, business {business}");
    gateway.audit(actor.0, "system_user.create", format!("system-user:{id}"), detail).await?;
    Ok(Created { id, name: name.to_owned(), role: role.to_owned() })
}

/// Lets the parent's app have tokens of this system user.
pub async fn install(
    gateway: &Gateway,
    actor: Actor<'_>,
    parent: &CredentialId,
    user: &str,
) -> Result<Installed, ConnectError> {
    check_id("system user", user)?;
    let admin = Admin::open(gateway, parent).await?;
    let (now, signing) = (gateway.clock.wall(), admin.signing());
    let (host, app) = (admin.host(), admin.app()?);
    let request = oauth::install_app(host, DEFAULT_API_VERSION, user, app, &signing, now);
    let installed = admin.ask(request, oauth::read_installed).await?;
    let detail = format!("app {app}");
    gateway.audit(actor.0, "system_user.install", format!("system-user:{user}"), detail).await?;
    Ok(Installed { installed })
}

/// Issues one more token; those before stay good.
pub async fn issue(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    user: &str,
    wanted: IssueToken,
) -> Result<VersionOutcome, ConnectError> {
    check_id("system user", user)?;
    if wanted.scopes.is_empty() {
        return Err(ServiceError::invalid("scopes", "expected at least one").into());
    }
    let admin = Admin::open(gateway, &wanted.parent).await?;
    let (now, signing) = (gateway.clock.wall(), admin.signing());
    let issue = IssueRequest {
        user,
        app: admin.app()?,
        scopes: &wanted.scopes,
        expires_in_60_days: !wanted.never_expires,
    };
    let request = oauth::issue_token(admin.host(), DEFAULT_API_VERSION, &issue, &signing, now);
    let answer = admin
        .ask(request, oauth::read_token)
        .await
        .map_err(|error| explain(error, wanted.never_expires))?;
    let lifetime = if wanted.never_expires { Expiry::Unknown } else { sixty_days(gateway) };
    let origin = Origin::SystemUser { parent: wanted.parent.clone(), user: user.to_owned() };
    let store = Store {
        credential: wanted.credential,
        like: &admin.credential,
        origin,
        contact: wanted.contact,
        lifetime,
    };
    store.store(gateway, actor, answer).await
}

/// The token of the system user that our app has in a client's business.
pub async fn fetch_integration(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    business: &str,
    wanted: FetchIntegration,
) -> Result<VersionOutcome, ConnectError> {
    check_id("business", business)?;
    let admin = Admin::open(gateway, &wanted.parent).await?;
    let (now, signing) = (gateway.clock.wall(), admin.signing());
    let (host, only) = (admin.host(), wanted.fetch_only);
    let request =
        oauth::integration_token(host, DEFAULT_API_VERSION, business, only, &signing, now);
    let answer = admin.ask(request, oauth::read_token).await?;
    let origin =
        Origin::Integration { parent: wanted.parent.clone(), business: business.to_owned() };
    let store = Store {
        credential: wanted.credential,
        like: &admin.credential,
        origin,
        contact: wanted.contact,
        lifetime: Expiry::Unknown,
    };
    store.store(gateway, actor, answer).await
}

/// An administrator's credential, opened.
struct Admin<'a> {
    gateway: &'a Gateway,
    credential: Credential,
    keyring: Keyring,
    secret: Secret,
}

impl<'a> Admin<'a> {
    async fn open(gateway: &'a Gateway, id: &CredentialId) -> Result<Self, ConnectError> {
        let known = gateway.snapshot().credentials.get(id).cloned();
        let known = known.filter(|known| known.platform == PlatformId::Meta).ok_or_else(|| {
            ServiceError::NotFound { what: "credential of meta", name: id.to_string() }
        })?;
        let mut keyring = Keyring::open_active(gateway, id).await?;
        let secret = keyring.app_secret.take().ok_or_else(|| ServiceError::Refused {
            reason: format!("the secret of the app behind credential {id} is not in the vault"),
            hint: "Meta wants a proof with these calls. Add the app with its secret (`holdfast \
                   app add`), and the credential with `--app`."
                .to_owned(),
        })?;
        Ok(Self { gateway, credential: known, keyring, secret })
    }

    fn host(&self) -> &str {
        self.gateway.base_url(PlatformId::Meta)
    }

    fn app(&self) -> Result<&str, ServiceError> {
        let missing = || ServiceError::invalid("parent", "expected a credential with an app");
        self.credential.app.as_ref().map(|app| app.as_str()).ok_or_else(missing)
    }

    fn signing(&self) -> Signing<'_> {
        let proof = self.gateway.settings.meta.proof.0;
        Signing { token: &self.keyring.token, app_secret: Some(&self.secret), proof }
    }

    async fn ask<T>(
        &self,
        request: HttpRequest,
        read: impl FnOnce(&HttpResponse) -> Result<T, ExchangeError>,
    ) -> Result<T, ExchangeError> {
        ask(self.gateway, request, &[&self.keyring.token, &self.secret], read).await
    }
}

/// How a token that was issued is stored.
struct Store<'a> {
    credential: CredentialId,
    /// Its platform and app are those of this one.
    like: &'a Credential,
    origin: Origin,
    contact: Option<String>,
    /// What is known where neither the answer nor `debug_token` says.
    lifetime: Expiry,
}

impl Store<'_> {
    async fn store(
        self,
        gateway: &Arc<Gateway>,
        actor: Actor<'_>,
        answer: TokenAnswer,
    ) -> Result<VersionOutcome, ConnectError> {
        let request = AddRequest {
            id: self.credential,
            platform: PlatformId::Meta,
            app: self.like.app.clone(),
            origin: Some(self.origin),
            contact: self.contact,
            accept_unverified: false,
        };
        let now = gateway.clock.wall().to_seconds();
        let said = answer.expires_in_s.map(|seconds| Expiry::At(now.plus_seconds(seconds)));
        let expires_at = said.unwrap_or(self.lifetime);
        let given = Given::from(answer.token);
        let outcome = credentials::add(gateway, actor, request, given).await?;
        // What a probe told is better than what was asked for.
        let is_told = outcome.version.expires_at != Expiry::Unknown;
        let expires_at = if is_told { Expiry::Unknown } else { expires_at };
        let facts = Learned { expires_at, ..Learned::default() };
        Ok(credentials::note(gateway, outcome, &facts).await?)
    }
}

fn sixty_days(gateway: &Gateway) -> Expiry {
    const SIXTY_DAYS_S: i64 = 60 * 86_400;
    Expiry::At(gateway.clock.wall().to_seconds().plus_seconds(SIXTY_DAYS_S))
}

/// Two refusals that the platform's own words leave in the dark.
fn explain(error: ExchangeError, never_expires: bool) -> ConnectError {
    let ExchangeError::Refused(fault) = &error else { return error.into() };
    let hint = match fault.code.map(|code| code.code) {
        Some(3962) => {
            "One of these permissions cannot be given to a system user. Those that can are named \
             in docs/connect.md; permissions of Instagram Login (`instagram_business_…`) are not \
             among them."
        }
        _ if never_expires => {
            "Some businesses must use tokens that expire. Issue one without `--never-expires`: it \
             lives for sixty days and is extended in time."
        }
        _ => return error.into(),
    };
    let reason = error.to_string();
    ConnectError::Service(ServiceError::Refused { reason, hint: hint.to_owned() })
}
