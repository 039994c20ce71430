//! What Meta wants between a code and a token that can be relied on.

use std::sync::Arc;

use holdfast_credentials::oauth::meta as oauth;
use holdfast_credentials::oauth::meta::{GrantedPage, Permission, PermissionStatus};
use holdfast_credentials::oauth::{ExchangeError, TokenAnswer};
use holdfast_model::credential::{CredentialVersion, Expiry, Origin, VersionState};
use holdfast_model::id::{AssetId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_platforms::meta::DEFAULT_API_VERSION;
use holdfast_platforms::{Learned, ProbeContext, ProbeKind, Signing};

use super::ConnectError;
use super::grants::{Grant, Way};
use super::pages::{self, NewPage};
use super::platform::{OpenApp, ask, send};
use super::report::{Findings, GrantReport, SeenAsset, Use};
use crate::services::credentials::{self, AddRequest, Given, Suffices, VersionOutcome};
use crate::services::secrets::open_token;
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// The asset in a question that is about the token alone: it is not looked at.
const NO_ASSET: &str = "0";

/// How often an extension is asked for when nobody answers. Unlike a code, the token that is given
/// up is not spent by asking.
const EXTENSION_TRIES: u32 = 2;

pub(super) async fn finish(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    grant: &Grant,
    app: &OpenApp,
    code: &Secret,
) -> Result<GrantReport, ConnectError> {
    let line = Line { gateway, app };
    let mut remarks = Vec::new();
    let answer = line.redeem(grant, code).await?;
    let is_person = matches!(grant.ask.way, Way::Scopes(_)) && !grant.ask.is_embedded;
    let answer = if is_person { line.extended(answer, &mut remarks).await } else { answer };
    let before = former(gateway, &grant.ask.credential).await?;
    let told = line.told(&answer.token).await;
    line.compare_persons(&before, told.as_ref(), &mut remarks).await;
    let (granted, declined) = line.granted(&answer, told.as_ref(), &mut remarks).await;
    let pages = if is_person { line.pages(&answer.token, &mut remarks).await } else { Vec::new() };
    let missing = missing(grant, &granted, &declined);
    let sends = !(declined.iter().any(|scope| scope == SENDING) && asked(grant).contains(&SENDING));
    let findings = Findings {
        platform: PlatformId::Meta,
        app: app.id.clone(),
        lost: lost(&before, &granted),
        assets: pages.iter().map(seen).collect(),
        granted: granted.clone(),
        missing,
        remarks,
    };
    let facts = facts(gateway, &answer, told, granted);
    let suffices = suffices(gateway, &grant.ask.credential, &findings.missing, sends);
    let outcome = store(gateway, actor, grant, answer, facts, suffices).await?;
    let bound = in_use(gateway, &grant.ask.credential, sends);
    let mut report = GrantReport::new(findings, outcome, bound);
    if let Some(page) = &grant.ask.page {
        let found = pages.into_iter().find(|known| known.id == *page);
        let new = NewPage { parent: &grant.ask.credential, app: Some(&app.id), page };
        report.page = Some(pages::store_granted(gateway, actor, new, found).await?);
    }
    Ok(report)
}

/// Meta, in the name of one app.
struct Line<'a> {
    gateway: &'a Gateway,
    app: &'a OpenApp,
}

impl Line<'_> {
    fn host(&self) -> &str {
        self.gateway.base_url(PlatformId::Meta)
    }

    fn signing<'b>(&'b self, token: &'b Secret) -> Signing<'b> {
        let proof = self.gateway.settings.meta.proof.0;
        Signing { token, app_secret: Some(&self.app.secret), proof }
    }

    /// Once, whatever comes of it.
    async fn redeem(&self, grant: &Grant, code: &Secret) -> Result<TokenAnswer, ConnectError> {
        let redirect_uri = grant.redirect_uri.as_deref();
        let (host, keys) = (self.host(), self.app.keys());
        let request = oauth::redeem_code(host, DEFAULT_API_VERSION, keys, redirect_uri, code);
        let answer = send(self.gateway, request, &[code, &self.app.secret]).await;
        let answer = answer.map_err(|failure| ConnectError::CodeInDoubt(failure.to_string()))?;
        match oauth::read_token(&answer) {
            Err(ExchangeError::Silent(words)) => Err(ConnectError::CodeInDoubt(words)),
            read => Ok(read?),
        }
    }

    /// Sixty days in place of an hour or two. Without an answer the short-lived one is kept: it is
    /// what there is, and it can be extended later.
    async fn extended(&self, short: TokenAnswer, remarks: &mut Vec<String>) -> TokenAnswer {
        let mut refused = String::new();
        for _ in 0..EXTENSION_TRIES {
            let (host, keys) = (self.host(), self.app.keys());
            let request = oauth::extend_user(host, DEFAULT_API_VERSION, keys, &short.token);
            let secrets = [&short.token, &self.app.secret];
            match ask(self.gateway, request, &secrets, oauth::read_token).await {
                Ok(long) => return long,
                Err(error) => refused = error.to_string(),
            }
        }
        remarks.push(format!(
            "It could not be extended to sixty days, so it ends within two hours: {refused}. \
             Connect again before that."
        ));
        short
    }

    /// What `debug_token` tells.
    async fn told(&self, token: &Secret) -> Option<Learned> {
        let asset = AssetId::new(NO_ASSET).ok()?;
        let platform = holdfast_platforms::platform(PlatformId::Meta)?;
        let probes = platform.probes(&ProbeContext {
            base_url: self.host(),
            api_version: None,
            signing: self.signing(token),
            app: Some((self.app.id.as_str(), &self.app.secret)),
            asset: &asset,
            now: self.gateway.clock.wall(),
        });
        let probe = probes.into_iter().find(|probe| probe.kind == ProbeKind::DebugToken)?;
        let answer = send(self.gateway, probe.request, &[token, &self.app.secret]).await.ok()?;
        Some(platform.read_probe(ProbeKind::DebugToken, &answer).learned)
    }

    /// Says so if it was somebody else than last time. `debug_token` tells it of dead tokens too.
    async fn compare_persons(
        &self,
        before: &Option<Former>,
        now: Option<&Learned>,
        remarks: &mut Vec<String>,
    ) {
        let Some(Former { token: Some(token), .. }) = before else { return };
        let (Some(now), Some(then)) =
            (now.and_then(|told| told.subject.as_ref()), self.told(token).await)
        else {
            return;
        };
        if then.subject.is_some_and(|then| then != *now) {
            remarks.push(
                "Another person or system user granted this than the one before. Their assets may \
                 be others."
                    .to_owned(),
            );
        }
    }

    /// What was granted, by everything that tells of it, and what was expressly declined.
    async fn granted(
        &self,
        answer: &TokenAnswer,
        told: Option<&Learned>,
        remarks: &mut Vec<String>,
    ) -> (Vec<String>, Vec<String>) {
        let signing = self.signing(&answer.token);
        let now = self.gateway.clock.wall();
        let request = oauth::permissions(self.host(), DEFAULT_API_VERSION, &signing, now);
        let secrets = [&answer.token, &self.app.secret];
        let listed = ask(self.gateway, request, &secrets, oauth::read_permissions).await;
        let listed = listed.unwrap_or_else(|error| {
            remarks.push(format!("What was granted could not be read back: {error}."));
            Vec::new()
        });
        let named = |wanted: bool| {
            let is_wanted =
                move |p: &&Permission| (p.status == PermissionStatus::Granted) == wanted;
            listed.iter().filter(is_wanted).map(|permission| permission.name.clone())
        };
        let of_token = told.into_iter().flat_map(|told| told.scopes.iter().cloned());
        let mut granted: Vec<String> =
            named(true).chain(of_token).chain(answer.scopes.iter().cloned()).collect();
        granted.sort();
        granted.dedup();
        let declined = named(false).filter(|name| !granted.contains(name)).collect();
        (granted, declined)
    }

    async fn pages(&self, token: &Secret, remarks: &mut Vec<String>) -> Vec<GrantedPage> {
        let now = self.gateway.clock.wall();
        let signing = self.signing(token);
        let request = oauth::accounts(self.host(), DEFAULT_API_VERSION, &signing, now);
        match ask(self.gateway, request, &[token, &self.app.secret], oauth::read_accounts).await {
            Ok(pages) => pages,
            Err(error) => {
                remarks.push(format!("Pages could not be listed: {error}."));
                Vec::new()
            }
        }
    }
}

fn seen(page: &GrantedPage) -> SeenAsset {
    let note = match page.token {
        Some(_) => String::new(),
        None => "Meta gives no token for it: it was not ticked in the dialog.".to_owned(),
    };
    SeenAsset { kind: "page".to_owned(), id: page.id.clone(), name: page.name.clone(), note }
}

/// The permission without which no event is accepted. Assets can be read with others.
const SENDING: &str = "ads_management";

fn asked(grant: &Grant) -> Vec<&str> {
    grant.ask.way.scopes().iter().map(String::as_str).collect()
}

/// Asked for and not granted. Where nothing could be read back, only what was expressly declined.
fn missing(grant: &Grant, granted: &[String], declined: &[String]) -> Vec<String> {
    let asked = grant.ask.way.scopes().iter();
    let is_missing = |scope: &&String| {
        if granted.is_empty() { declined.contains(scope) } else { !granted.contains(scope) }
    };
    asked.filter(is_missing).cloned().collect()
}

/// The version that was in use, and its token if it can be opened.
struct Former {
    version: CredentialVersion,
    token: Option<Secret>,
}

async fn former(gateway: &Gateway, id: &CredentialId) -> Result<Option<Former>, ServiceError> {
    let Some(credential) = gateway.snapshot().credentials.get(id).cloned() else { return Ok(None) };
    let versions = gateway.registry.credential_versions(id).await?;
    let in_use = versions.iter().rev().find(|v| v.state == VersionState::Active);
    let Some(version) = in_use.cloned() else { return Ok(None) };
    let token = open_token(&*gateway.registry, &gateway.vault, &credential, &version).await.ok();
    Ok(Some(Former { version, token }))
}

fn lost(before: &Option<Former>, granted: &[String]) -> Vec<String> {
    // Nothing could be read back: nothing is known to be lost.
    if granted.is_empty() {
        return Vec::new();
    }
    let before = before.iter().flat_map(|former| &former.version.scopes);
    before.filter(|scope| !granted.contains(scope)).cloned().collect()
}

/// What is written down of the version. What was not said stays unknown.
fn facts(
    gateway: &Gateway,
    answer: &TokenAnswer,
    told: Option<Learned>,
    granted: Vec<String>,
) -> Learned {
    let mut facts = told.unwrap_or_default();
    if facts.expires_at == Expiry::Unknown
        && let Some(seconds) = answer.expires_in_s
    {
        let now = gateway.clock.wall().to_seconds();
        facts.expires_at = Expiry::At(now.plus_seconds(seconds));
    }
    facts.scopes = granted;
    facts
}

/// What has to be shown before requests are signed with it.
fn suffices(gateway: &Gateway, id: &CredentialId, missing: &[String], sends: bool) -> Suffices {
    if gateway.snapshot().destinations_using(id).is_empty() {
        return Suffices::ProofOrUnprobeable;
    }
    match (sends, missing.is_empty()) {
        (false, _) => Suffices::Nothing,
        // Less was granted than was asked for: only the asset itself can tell whether it matters.
        (true, false) => Suffices::AssetRead,
        (true, true) => Suffices::Proof,
    }
}

fn in_use(gateway: &Gateway, id: &CredentialId, sends: bool) -> Use {
    match (gateway.snapshot().destinations_using(id).is_empty(), sends) {
        (true, _) => Use::Nowhere,
        (false, true) => Use::Bound,
        (false, false) => Use::CannotSend,
    }
}

/// Stores it as the credential's next version.
async fn store(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    grant: &Grant,
    answer: TokenAnswer,
    facts: Learned,
    suffices: Suffices,
) -> Result<VersionOutcome, ConnectError> {
    let (scopes, config_id) = match grant.ask.way.clone() {
        Way::Scopes(scopes) => (scopes, None),
        Way::Configuration(config_id) => (Vec::new(), Some(config_id)),
    };
    let request = AddRequest {
        id: grant.ask.credential.clone(),
        platform: PlatformId::Meta,
        app: Some(grant.ask.app.clone()),
        origin: Some(Origin::Granted { scopes, config_id }),
        contact: grant.ask.contact.clone(),
        accept_unverified: false,
    };
    let given = Given::from(answer.token);
    let outcome = credentials::add_if(gateway, actor, request, given, suffices).await?;
    let mut outcome = credentials::note(gateway, outcome, &facts).await?;
    if suffices == Suffices::Nothing {
        // Kept as a candidate it would be tried again, read the asset, and take the place of a
        // version that can send.
        let (id, number) = (&outcome.version.credential, outcome.version.version);
        gateway.registry.set_version_state(id, number, VersionState::Retired).await?;
        outcome.version.state = VersionState::Retired;
    }
    Ok(outcome)
}
