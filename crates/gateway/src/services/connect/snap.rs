//! What Snap wants between a code and a token that can be relied on. `spec/snap-conversions.md
//! §10.3`.

use std::sync::Arc;

use holdfast_credentials::oauth::snap as oauth;
use holdfast_credentials::oauth::{ExchangeError, TokenAnswer};
use holdfast_model::credential::{CredentialKind, Expiry, Origin};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::wire::HttpRequest;
use holdfast_platforms::Learned;

use super::ConnectError;
use super::grants::Grant;
use super::platform::{OpenApp, send};
use super::report::{Findings, GrantReport, SeenAsset, Use};
use crate::services::Actor;
use crate::services::credentials::{self, AddRequest, Given, Suffices};
use crate::state::Gateway;

/// Most ad accounts whose pixels are read. A sign-in is waiting for it.
const MAX_AD_ACCOUNTS: usize = 20;

pub(super) async fn finish(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    grant: &Grant,
    app: &OpenApp,
    code: &Secret,
) -> Result<GrantReport, ConnectError> {
    let answer = redeem(gateway, grant, app, code).await?;
    let asked = grant.ask.way.scopes();
    let granted = answer.scopes.clone();
    // Without a list nothing is known to be missing.
    let is_missing = |scope: &&String| !granted.is_empty() && !granted.contains(scope);
    let missing: Vec<String> = asked.iter().filter(is_missing).cloned().collect();
    let mut remarks = Vec::new();
    if answer.refresh_token.is_none() {
        remarks.push(
            "Snap gave no refresh token with it. One that is stored already is kept; without any, \
             this token ends within the hour."
                .to_owned(),
        );
    }
    let id = grant.ask.credential.clone();
    let facts = facts(gateway, &answer);
    let before = gateway.snapshot().active.get(&id).map(|version| version.scopes.clone());
    let request = AddRequest {
        id: id.clone(),
        platform: PlatformId::Snap,
        app: Some(app.id.clone()),
        origin: Some(Origin::Granted { scopes: asked.to_vec(), config_id: None }),
        contact: grant.ask.contact.clone(),
        accept_unverified: false,
    };
    let is_used = !gateway.snapshot().destinations_using(&id).is_empty();
    let suffices = if is_used { Suffices::Proof } else { Suffices::ProofOrUnprobeable };
    let reader = answer.token.duplicate();
    let given = Given { token: answer.token, refresh_token: answer.refresh_token };
    // First of all stored: what came with a code comes once.
    let outcome = credentials::add_if(gateway, actor, request, given, suffices).await?;
    let outcome = credentials::note(gateway, outcome, &facts).await?;
    let assets = assets(gateway, &reader, &mut remarks).await;
    compare_with_bound(gateway, grant, &assets, &mut remarks);
    let lost = before
        .into_iter()
        .flatten()
        .filter(|scope| !granted.is_empty() && !granted.contains(scope));
    let findings = Findings {
        platform: PlatformId::Snap,
        app: app.id.clone(),
        lost: lost.collect(),
        granted,
        missing,
        assets,
        remarks,
    };
    Ok(GrantReport::new(findings, outcome, if is_used { Use::Bound } else { Use::Nowhere }))
}

/// Once, whatever comes of it.
async fn redeem(
    gateway: &Gateway,
    grant: &Grant,
    app: &OpenApp,
    code: &Secret,
) -> Result<TokenAnswer, ConnectError> {
    let accounts = gateway.settings.snap_accounts_url();
    let redirect_uri = grant.redirect_uri.as_deref().unwrap_or_default();
    let request = oauth::redeem_code(accounts, app.keys(), redirect_uri, code);
    let answer = send(gateway, request, &[code, &app.secret]).await;
    let answer = answer.map_err(|failure| ConnectError::CodeInDoubt(failure.to_string()))?;
    match oauth::read_token(&answer) {
        Err(ExchangeError::Silent(words)) => Err(ConnectError::CodeInDoubt(words)),
        read => Ok(read?),
    }
}

/// Snap's own word for how long it lives is trusted: older documentation says otherwise.
fn facts(gateway: &Gateway, answer: &TokenAnswer) -> Learned {
    let now = gateway.clock.wall().to_seconds();
    let expires_at =
        answer.expires_in_s.map_or(Expiry::Unknown, |s| Expiry::At(now.plus_seconds(s)));
    Learned {
        kind: Some(CredentialKind::SnapOauth),
        expires_at,
        scopes: answer.scopes.clone(),
        ..Learned::default()
    }
}

/// Organizations, ad accounts and pixels that the token sees.
async fn assets(gateway: &Gateway, token: &Secret, remarks: &mut Vec<String>) -> Vec<SeenAsset> {
    let ads = gateway.settings.snap_ads_url();
    let listed = read(gateway, token, oauth::organizations(ads, token), oauth::read_organizations);
    let Some(organizations) = listed.await else {
        remarks.push("What was granted could not be read back through the Ads API.".to_owned());
        return Vec::new();
    };
    let mut seen = Vec::new();
    let mut accounts_read = 0;
    for organization in organizations {
        seen.push(asset("organization", &organization.id, &organization.name));
        for account in organization.ad_accounts {
            seen.push(asset("ad account", &account.id, &account.name));
            accounts_read += 1;
            if accounts_read > MAX_AD_ACCOUNTS {
                continue;
            }
            let request = oauth::pixels(ads, token, &account.id);
            let pixels = read(gateway, token, request, oauth::read_pixels).await;
            if pixels.is_none() {
                remarks.push(format!("The pixels of ad account {} could not be read.", account.id));
            }
            let pixels = pixels.into_iter().flatten();
            seen.extend(pixels.map(|pixel| asset("pixel", &pixel.id, &pixel.name)));
        }
    }
    seen
}

async fn read<T>(
    gateway: &Gateway,
    token: &Secret,
    request: HttpRequest,
    read: impl FnOnce(&holdfast_model::wire::HttpResponse) -> Option<T>,
) -> Option<T> {
    read(&send(gateway, request, &[token]).await.ok()?)
}

fn asset(kind: &str, id: &str, name: &str) -> SeenAsset {
    SeenAsset {
        kind: kind.to_owned(),
        id: id.to_owned(),
        name: name.to_owned(),
        note: String::new(),
    }
}

/// A bound pixel that is not among those that were granted is worth a word, and no more: rights
/// may come by ways that this list does not show.
fn compare_with_bound(
    gateway: &Gateway,
    grant: &Grant,
    assets: &[SeenAsset],
    remarks: &mut Vec<String>,
) {
    let has_pixels = assets.iter().any(|asset| asset.kind == "pixel");
    for destination in gateway.snapshot().destinations_using(&grant.ask.credential) {
        let id = destination.asset.as_str();
        if has_pixels && !assets.iter().any(|asset| asset.id == id) {
            remarks.push(format!(
                "Destination {} sends to {id}, which is not among the pixels that were granted.",
                destination.id
            ));
        }
    }
}
