//! A page's own token, derived from a person's or a system user's. `spec/tokens.md §2, §4`.

use std::sync::Arc;

use holdfast_credentials::oauth::meta::{self as oauth, GrantedPage};
use holdfast_model::credential::Origin;
use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_platforms::Signing;
use holdfast_platforms::meta::DEFAULT_API_VERSION;
use serde::Deserialize;

use super::ConnectError;
use super::platform::{ask, check_id};
use super::report::PageReport;
use crate::services::credentials::{self, AddRequest, Suffices};
use crate::services::secrets::Keyring;
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// What an operator gives to have a page's token derived.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivePage {
    pub page: String,
    /// Under which name it is stored; by default the parent's with `-page`.
    #[serde(default)]
    pub credential: Option<CredentialId>,
}

/// Asks for the page's token with the parent's, and stores it as a credential of its own.
pub async fn derive_page(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    parent: &CredentialId,
    request: DerivePage,
) -> Result<PageReport, ConnectError> {
    check_id("page", &request.page)?;
    let known = gateway.snapshot().credentials.get(parent).cloned();
    let known = known.filter(|known| known.platform == PlatformId::Meta).ok_or_else(|| {
        ServiceError::NotFound { what: "credential of meta", name: parent.to_string() }
    })?;
    let keyring = Keyring::open_active(gateway, parent).await?;
    let signing = Signing {
        token: &keyring.token,
        app_secret: keyring.app_secret.as_ref(),
        proof: gateway.settings.meta.proof.0,
    };
    let (host, now) = (gateway.base_url(PlatformId::Meta), gateway.clock.wall());
    let asked = oauth::page_token(host, DEFAULT_API_VERSION, &request.page, &signing, now);
    let secrets: Vec<_> = std::iter::once(&keyring.token).chain(&keyring.app_secret).collect();
    let page = ask(gateway, asked, &secrets, oauth::read_page_token).await?;
    drop(keyring);
    let new = NewPage { parent, app: known.app.as_ref(), page: &request.page };
    store(gateway, actor, new, request.credential, Some(page)).await
}

pub(super) struct NewPage<'a> {
    pub parent: &'a CredentialId,
    pub app: Option<&'a AppId>,
    pub page: &'a str,
}

/// Stores a page's token that came with a person's grant.
pub(super) async fn store_granted(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    new: NewPage<'_>,
    found: Option<GrantedPage>,
) -> Result<PageReport, ConnectError> {
    store(gateway, actor, new, None, found).await
}

/// A page without a token is said to be a failure: what is not there is not stored.
async fn store(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    new: NewPage<'_>,
    name: Option<CredentialId>,
    found: Option<GrantedPage>,
) -> Result<PageReport, ConnectError> {
    let credential = match name {
        Some(name) => name,
        None => CredentialId::new(format!("{}-page", new.parent))
            .map_err(|error| ServiceError::invalid("credential", error))?,
    };
    let mut report = PageReport {
        page: new.page.to_owned(),
        name: found.as_ref().map(|page| page.name.clone()).unwrap_or_default(),
        credential,
        stored: false,
        activated: false,
        verdict: String::new(),
    };
    let Some(GrantedPage { token: Some(token), .. }) = found else {
        report.verdict = "Meta gives no token for this page, so none was stored. Tick the page in \
                          the dialog, and see that the person has a role on it."
            .to_owned();
        return Ok(report);
    };
    let request = AddRequest {
        id: report.credential.clone(),
        platform: PlatformId::Meta,
        app: new.app.cloned(),
        origin: Some(Origin::Page { parent: new.parent.clone(), page: new.page.to_owned() }),
        contact: None,
        accept_unverified: false,
    };
    let outcome =
        credentials::add_if(gateway, actor, request, token.into(), Suffices::ProofOrUnprobeable)
            .await?;
    report.stored = true;
    report.activated = outcome.activated;
    report.verdict = outcome.because;
    Ok(report)
}
