//! Asking a platform to check events without counting them, where it offers that, and what it
//! remembers of such checks. Nothing is kept: what is tried here is never delivered, and never in
//! one request with what is.

use holdfast_model::destination::Destination;
use holdfast_model::item::BatchGroup;
use holdfast_model::wire::{HttpResponse, TransportFailure};
use holdfast_platforms::{Platform, ProbeContext, ProbeKind, RequestContext, Signing};

use super::secrets::{Keyring, SecretsError};
use crate::lanes::observe_date;
use crate::state::Gateway;

#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error("{0} has no such check")]
    NotOffered(holdfast_model::platform::PlatformId),
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    #[error("the platform gave no answer: {0}")]
    NoAnswer(#[from] TransportFailure),
}

/// The platform's own answer, without what it repeats of the token.
pub async fn run(
    gateway: &Gateway,
    platform: &dyn Platform,
    destination: &Destination,
    group: &BatchGroup,
    fragments: &[&[u8]],
) -> Result<HttpResponse, TrialError> {
    let keyring = Keyring::open_active(gateway, &destination.credential).await?;
    let cx = RequestContext {
        destination,
        base_url: gateway.base_url(destination.platform),
        signing: Signing {
            token: &keyring.token,
            app_secret: keyring.app_secret.as_ref(),
            proof: gateway.settings.meta.proof.0,
        },
        group,
        now: gateway.clock.wall(),
    };
    let request = platform.trial(fragments, &cx);
    let request = request.ok_or(TrialError::NotOffered(destination.platform))?;
    let response = gateway.egress.send(request).await?;
    observe_date(gateway, &response);
    Ok(keyring.mask(response))
}

/// The platform's own answer to the read that a probe makes too.
pub async fn look(
    gateway: &Gateway,
    platform: &dyn Platform,
    destination: &Destination,
    kind: ProbeKind,
) -> Result<HttpResponse, TrialError> {
    let keyring = Keyring::open_active(gateway, &destination.credential).await?;
    let probes = platform.probes(&ProbeContext {
        base_url: gateway.base_url(destination.platform),
        api_version: destination.settings.api_version.as_deref(),
        signing: Signing {
            token: &keyring.token,
            app_secret: keyring.app_secret.as_ref(),
            proof: gateway.settings.meta.proof.0,
        },
        app: None,
        asset: &destination.asset,
        now: gateway.clock.wall(),
    });
    let probe = probes.into_iter().find(|probe| probe.kind == kind);
    let probe = probe.ok_or(TrialError::NotOffered(destination.platform))?;
    let response = gateway.egress.send(probe.request).await?;
    observe_date(gateway, &response);
    Ok(keyring.mask(response))
}
