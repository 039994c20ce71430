//! Destinations: where items go.

use std::sync::Arc;

use holdfast_model::destination::{Destination, DestinationSettings, NormalizationProfile};
use holdfast_model::id::{AssetId, CredentialId, DestinationId};
use holdfast_model::platform::PlatformId;
use holdfast_storage::NewDestination;
use serde::{Deserialize, Serialize};

use super::credentials::{self, ProbeView, Suffices};
use super::{Actor, ServiceError};
use crate::lanes::{Lanes, Nudge};
use crate::state::Gateway;

/// What an operator gives.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationRequest {
    pub id: DestinationId,
    pub platform: PlatformId,
    pub asset: AssetId,
    pub credential: CredentialId,
    #[serde(default)]
    pub settings: DestinationSettings,
}

/// What came of adding one.
#[derive(Debug, Clone, Serialize)]
pub struct Added {
    #[serde(flatten)]
    pub destination: Destination,
    /// What the platform said of the credential on this asset, if it was asked.
    pub probes: Vec<ProbeView>,
}

/// Adds a destination and probes its credential on its asset, which may be the first asset that it
/// can be probed on. The destination is there whatever the platform says: a hold explains the rest.
pub async fn add(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    request: DestinationRequest,
) -> Result<Added, ServiceError> {
    check_asset(request.platform, &request.asset)?;
    check_settings(request.platform, &request.settings)?;
    let snapshot = gateway.snapshot();
    let credential = snapshot.credentials.get(&request.credential).ok_or_else(|| {
        ServiceError::NotFound { what: "credential", name: request.credential.to_string() }
    })?;
    if credential.platform != request.platform {
        return Err(ServiceError::invalid(
            "credential",
            format!(
                "expected a credential of {}, {} is one of {}",
                request.platform, credential.id, credential.platform
            ),
        ));
    }
    let added = gateway
        .registry
        .add_destination(NewDestination {
            id: request.id,
            platform: request.platform,
            asset: request.asset,
            credential: request.credential,
            standby: Vec::new(),
            settings: request.settings,
            created_at: gateway.clock.wall(),
        })
        .await?;
    let detail = format!("{} asset {} with {}", added.platform, added.asset, added.credential);
    gateway.audit(actor.0, "destination.add", format!("destination:{}", added.id), detail).await?;
    gateway.reload_directory().await?;
    Lanes::start_missing(gateway);
    let asked = Suffices::ProofOrUnprobeable;
    let probes = match credentials::verify(gateway, actor, &added.credential, asked).await {
        Ok(outcome) => outcome.probes,
        Err(error) => {
            tracing::warn!(destination = %added.id, %error, "the credential was not probed");
            Vec::new()
        }
    };
    let probes = probes.into_iter().filter(|probe| probe.destination == added.id.as_str());
    Ok(Added { probes: probes.collect(), destination: added })
}

/// Makes another credential sign for the destination.
pub async fn rebind(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    id: &DestinationId,
    credential: CredentialId,
) -> Result<Destination, ServiceError> {
    let snapshot = gateway.snapshot();
    let current = find(gateway, id)?;
    let known = snapshot.credentials.get(&credential).ok_or_else(|| ServiceError::NotFound {
        what: "credential",
        name: credential.to_string(),
    })?;
    if known.platform != current.platform {
        return Err(ServiceError::invalid(
            "credential",
            format!("expected one of {}", current.platform),
        ));
    }
    let mut changed = (*current).clone();
    // A standby that is made the one in use trades places with the one before it.
    if let Some(place) = changed.standby.iter_mut().find(|standby| **standby == credential) {
        place.clone_from(&current.credential);
    }
    changed.credential = credential;
    if !gateway.registry.update_destination(&current, &changed).await? {
        return Err(changed_meanwhile(id));
    }
    let detail = format!("from {} to {}", current.credential, changed.credential);
    gateway.audit(actor.0, "destination.rebind", format!("destination:{id}"), detail).await?;
    gateway.reload_directory().await?;
    gateway.lanes.nudge(changed.lane, Nudge::CredentialChanged);
    Ok(changed)
}

/// Another caller, or a standby that took over, was first.
pub(super) fn changed_meanwhile(id: &DestinationId) -> ServiceError {
    ServiceError::Refused {
        reason: format!("destination {id} was changed by somebody else meanwhile"),
        hint: format!("Look at it (`holdfast destination show {id}`) and try again."),
    }
}

pub fn find(gateway: &Gateway, id: &DestinationId) -> Result<Arc<Destination>, ServiceError> {
    gateway
        .snapshot()
        .destinations
        .get(id)
        .cloned()
        .ok_or_else(|| ServiceError::NotFound { what: "destination", name: id.to_string() })
}

fn check_asset(platform: PlatformId, asset: &AssetId) -> Result<(), ServiceError> {
    let expected =
        holdfast_platforms::platform(platform).and_then(|platform| platform.asset_expected(asset));
    match expected {
        Some(expected) => Err(ServiceError::invalid("asset", format!("expected {expected}"))),
        None => Ok(()),
    }
}

fn check_settings(
    platform: PlatformId,
    settings: &DestinationSettings,
) -> Result<(), ServiceError> {
    if platform != PlatformId::Meta {
        check_not_metas(platform, settings)?;
    }
    if let Some(version) = &settings.api_version {
        let shaped = version
            .strip_prefix('v')
            .and_then(|v| v.split_once('.'))
            .is_some_and(|(a, b)| a.parse::<u16>().is_ok() && b.parse::<u16>().is_ok());
        if !shaped {
            return Err(ServiceError::invalid(
                "settings.api_version",
                "expected a version such as v25.0",
            ));
        }
    }
    if let Some(country) = &settings.default_country
        && !(country.len() == 2 && country.bytes().all(|b| b.is_ascii_alphabetic()))
    {
        return Err(ServiceError::invalid(
            "settings.default_country",
            "expected a two-letter country code such as US",
        ));
    }
    if settings.default_country.is_some() && settings.profile != NormalizationProfile::MetaDocs {
        return Err(ServiceError::invalid(
            "settings.default_country",
            "only the profile meta-docs puts calling codes before phone numbers; Meta's own \
             libraries never do",
        ));
    }
    let in_range = |field, value: u64, range: std::ops::RangeInclusive<u64>| {
        if range.contains(&value) {
            return Ok(());
        }
        let expected = format!("expected {} to {}", range.start(), range.end());
        Err(ServiceError::invalid(field, expected))
    };
    in_range("settings.max_in_flight", settings.max_in_flight.into(), 1..=64)?;
    let most = holdfast_platforms::platform(platform).map_or(1_000, |p| p.limits().max_items);
    in_range("settings.max_batch_items", settings.max_batch_items.into(), 1..=most.into())?;
    in_range("settings.quota_bytes", settings.quota_bytes, 1_048_576..=(1 << 50))
}

/// Settings that would do nothing are mistakes.
fn check_not_metas(
    platform: PlatformId,
    settings: &DestinationSettings,
) -> Result<(), ServiceError> {
    let refuse = |field, why: &str| {
        Err(ServiceError::invalid(field, format!("expected none for {platform}: {why}")))
    };
    if settings.api_version.is_some() {
        return refuse("settings.api_version", "there is one version");
    }
    if settings.profile != NormalizationProfile::MetaDocs {
        return refuse("settings.profile", "profiles are ways of normalizing for Meta");
    }
    Ok(())
}
