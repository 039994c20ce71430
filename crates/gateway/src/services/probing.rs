//! Asking a platform, with harmless calls, what a credential can do.

use holdfast_model::credential::{Credential, CredentialVersion};
use holdfast_model::destination::Destination;
use holdfast_model::id::AssetId;
use holdfast_model::wire::TransportFailure;
use holdfast_platforms::{Learned, ProbeAnswer, ProbeContext, ProbeKind, ProbeReading, Signing};

use super::secrets::{Keyring, SecretsError};
use crate::lanes::observe_date;
use crate::state::Gateway;

/// One probe that was made.
#[derive(Debug, Clone)]
pub struct ProbeResult {
    pub kind: ProbeKind,
    pub reading: ProbeReading,
}

/// Probes the active version of the destination's credential on the destination's asset.
pub async fn probe_active(
    gateway: &Gateway,
    destination: &Destination,
) -> Result<Vec<ProbeResult>, SecretsError> {
    let snapshot = gateway.snapshot();
    let missing = || SecretsError::NoActiveVersion(destination.credential.clone());
    let credential = snapshot.credentials.get(&destination.credential).ok_or_else(missing)?;
    let active = snapshot.active.get(&destination.credential).ok_or_else(missing)?;
    let version = destination.settings.api_version.as_deref();
    probe(gateway, credential, active, &destination.asset, version).await
}

/// Makes every probe the platform offers for this version on this asset, best first.
pub async fn probe(
    gateway: &Gateway,
    credential: &Credential,
    version: &CredentialVersion,
    asset: &AssetId,
    api_version: Option<&str>,
) -> Result<Vec<ProbeResult>, SecretsError> {
    ask(gateway, credential, version, asset, api_version, |_| true).await
}

async fn ask(
    gateway: &Gateway,
    credential: &Credential,
    version: &CredentialVersion,
    asset: &AssetId,
    api_version: Option<&str>,
    is_wanted: fn(ProbeKind) -> bool,
) -> Result<Vec<ProbeResult>, SecretsError> {
    let Some(platform) = holdfast_platforms::platform(credential.platform) else {
        return Ok(Vec::new());
    };
    let keyring = Keyring::open(gateway, credential, version).await?;
    let signing = Signing {
        token: &keyring.token,
        app_secret: keyring.app_secret.as_ref(),
        proof: gateway.settings.meta.proof.0,
    };
    let probes = platform.probes(&ProbeContext {
        base_url: gateway.base_url(credential.platform),
        api_version,
        signing,
        app: credential.app.as_ref().map(|app| app.as_str()).zip(keyring.app_secret.as_ref()),
        asset,
        now: gateway.clock.wall(),
    });
    let mut results = Vec::with_capacity(probes.len());
    for probe in probes.into_iter().filter(|probe| is_wanted(probe.kind)) {
        let reading = match gateway.egress.send(probe.request).await {
            Ok(response) => {
                observe_date(gateway, &response);
                platform.read_probe(probe.kind, &keyring.mask(response))
            }
            Err(failure) => silent(platform.transport_fault(&failure), &failure),
        };
        results.push(ProbeResult { kind: probe.kind, reading });
    }
    Ok(results)
}

/// What the platform itself says of a version, where it can be asked about tokens. None if it
/// cannot.
pub async fn debug(
    gateway: &Gateway,
    credential: &Credential,
    version: &CredentialVersion,
) -> Result<Option<ProbeReading>, SecretsError> {
    // The question names no asset.
    let Ok(asset) = AssetId::new("0") else { return Ok(None) };
    let results =
        ask(gateway, credential, version, &asset, None, |kind| kind == ProbeKind::DebugToken);
    Ok(results.await?.pop().map(|result| result.reading))
}

/// No answer is not a verdict.
fn silent(mut fault: holdfast_model::fault::Fault, failure: &TransportFailure) -> ProbeReading {
    fault.platform_message = failure.to_string();
    ProbeReading { answer: ProbeAnswer::Silent, fault: Some(fault), learned: Learned::default() }
}
