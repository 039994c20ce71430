//! Having a new token proved, and going back to an old one.
//!
//! A success of the exchange is no proof. The platform is asked what it says of the new token beside
//! the old one, and then it takes the way of every candidate: probes on each asset that it is for.

use std::sync::Arc;

use holdfast_credentials::lifecycle::proof::compare;
use holdfast_credentials::lifecycle::{Found, Known, Proof};
use holdfast_credentials::proves;
use holdfast_model::credential::{CredentialKind, CredentialVersion, Expiry, Origin};
use holdfast_model::destination::Destination;
use holdfast_model::id::VersionNo;
use holdfast_model::platform::PlatformId;
use holdfast_platforms::{Learned, ProbeAnswer, ProbeReading};

use crate::services::credentials::{Suffices, VersionOutcome, verify_version};
use crate::services::{Actor, ServiceError, probing};
use crate::state::Gateway;

pub(super) async fn prove(
    gateway: &Arc<Gateway>,
    known: &Known,
    version: VersionNo,
    even_if_silent: bool,
) -> Result<Proof, ServiceError> {
    let (Some(new), Some(old)) = (known.version(version), known.active()) else {
        return Ok(Proof::Refused { says: "the version is not there any more".to_owned() });
    };
    let new = match beside(gateway, known, old, new, even_if_silent).await? {
        Beside::Decided(proof) => return Ok(proof),
        Beside::NothingAgainst(new) => new,
    };
    if let Some(says) = works_in_fewer_places(gateway, known, old, &new).await? {
        return Ok(Proof::Silent { says });
    }
    let suffices = match even_if_silent {
        true => Suffices::Silence,
        false => Suffices::ProofOrUnprobeable,
    };
    let outcome =
        verify_version(gateway, Actor::HOLDFAST, &known.credential, new, suffices).await?;
    Ok(match outcome {
        VersionOutcome { activated: true, version, .. } => {
            Proof::Active { expires_at: version.expires_at }
        }
        VersionOutcome { fault: Some(_), because, .. } => Proof::Refused { says: because },
        VersionOutcome { because, .. } => Proof::Silent { says: because },
    })
}

/// Asks the platform when a version ends that nobody probes, because only others are derived from
/// it. Once a day is enough: what is not said today is hardly said in an hour.
pub(super) async fn learn_dates(gateway: &Gateway, known: &Known) -> Result<(), ServiceError> {
    let Some(active) = known.active().filter(|active| active.expires_at == Expiry::Unknown) else {
        return Ok(());
    };
    let id = &known.credential.id;
    if is_used(gateway, known)
        || !gateway.renewals.may_ask(id, active.version, gateway.clock.wall())
    {
        return Ok(());
    }
    let Some(says) = said(gateway, known, active).await? else { return Ok(()) };
    if learn(gateway, active, &says.learned).await? != *active {
        gateway.reload_directory().await?;
    }
    Ok(())
}

/// What the platform says of both.
enum Beside {
    Decided(Proof),
    /// With what was learned of it.
    NothingAgainst(CredentialVersion),
}

async fn beside(
    gateway: &Gateway,
    known: &Known,
    old: &CredentialVersion,
    new: &CredentialVersion,
    even_if_silent: bool,
) -> Result<Beside, ServiceError> {
    let Some(new_says) = said(gateway, known, new).await? else {
        return Ok(Beside::NothingAgainst(new.clone()));
    };
    match new_says.answer {
        ProbeAnswer::Refuted => {
            let words = new_says.fault.map(|fault| fault.summary).unwrap_or_default();
            let says = format!("the platform refuses it: {words}");
            return Ok(Beside::Decided(Proof::Refused { says }));
        }
        // Where nothing else can be asked, this question has to be answered.
        ProbeAnswer::Silent if !is_used(gateway, known) && !even_if_silent => {
            let says = "the platform did not say what it thinks of the new token".to_owned();
            return Ok(Beside::Decided(Proof::Silent { says }));
        }
        _ => {}
    }
    let new = learn(gateway, new, &new_says.learned).await?;
    let old_says = said(gateway, known, old).await?.map(|says| says.learned).unwrap_or_default();
    let finding = compare(old, &old_says, &new, &new_says.learned);
    if !finding.missing_scopes.is_empty() {
        let missing = finding.missing_scopes.join(", ");
        tracing::warn!(credential = %known.credential.id, missing,
            "the new token is listed with fewer permissions; whether it works is what counts");
        let subject = format!("credential:{}/{}", known.credential.id, new.version);
        let detail = format!("permissions that the one before has: {missing}");
        gateway.audit(Actor::HOLDFAST.0, "credential.scope_drift", subject, detail).await?;
    }
    if let Some(says) = finding.refused {
        return Ok(Beside::Decided(Proof::Refused { says }));
    }
    // A page's token is read anew because its parent has another one, not to live longer.
    let is_page = matches!(known.credential.origin, Origin::Page { .. });
    Ok(match finding.is_no_gain && !is_page {
        true => Beside::Decided(Proof::NoGain),
        false => Beside::NothingAgainst(new),
    })
}

/// None where the platform answers no questions about tokens.
async fn said(
    gateway: &Gateway,
    known: &Known,
    version: &CredentialVersion,
) -> Result<Option<ProbeReading>, ServiceError> {
    let is_elsewhere = known.credential.platform == PlatformId::Snap
        || version.kind == CredentialKind::Instagram
        || version.head.starts_with("IG");
    if is_elsewhere {
        return Ok(None);
    }
    Ok(probing::debug(gateway, &known.credential, version).await?)
}

/// The dates are wanted before a destination asks for them: a credential that only others are
/// derived from is never probed on an asset.
async fn learn(
    gateway: &Gateway,
    version: &CredentialVersion,
    learned: &Learned,
) -> Result<CredentialVersion, ServiceError> {
    let mut described = version.clone();
    if let Some(kind) = learned.kind {
        described.kind = kind;
    }
    if learned.expires_at != Expiry::Unknown {
        described.expires_at = learned.expires_at;
    }
    if learned.data_access_expires_at != Expiry::Unknown {
        described.data_access_expires_at = learned.data_access_expires_at;
    }
    if described != *version {
        gateway.registry.describe_version(&described).await?;
    }
    Ok(described)
}

fn is_used(gateway: &Gateway, known: &Known) -> bool {
    !gateway.snapshot().destinations_using(&known.credential.id).is_empty()
}

/// With several assets, a proof on one says nothing of the others: where the old token works, the
/// new one has to work too.
async fn works_in_fewer_places(
    gateway: &Gateway,
    known: &Known,
    old: &CredentialVersion,
    new: &CredentialVersion,
) -> Result<Option<String>, ServiceError> {
    let using = gateway.snapshot().destinations_using(&known.credential.id);
    if using.len() < 2 {
        return Ok(None);
    }
    for destination in using {
        let works_no_more = !works(gateway, known, new, &destination).await?
            && works(gateway, known, old, &destination).await?;
        if works_no_more {
            let says = format!("it does not work for {} as the one before does", destination.id);
            return Ok(Some(says));
        }
    }
    Ok(None)
}

async fn works(
    gateway: &Gateway,
    known: &Known,
    version: &CredentialVersion,
    destination: &Destination,
) -> Result<bool, ServiceError> {
    let api_version = destination.settings.api_version.as_deref();
    let probed =
        probing::probe(gateway, &known.credential, version, &destination.asset, api_version)
            .await?;
    Ok(probed.iter().any(|result| proves(result.kind, result.reading.answer)))
}

/// Makes a version active again that was in use before, if it is not refused too.
pub(super) async fn go_back(
    gateway: &Arc<Gateway>,
    known: &Known,
    to: VersionNo,
) -> Result<Found, ServiceError> {
    let Some(old) = known.version(to).cloned() else {
        return Ok(Found::No("the version is not there any more".to_owned()));
    };
    let outcome = verify_version(
        gateway,
        Actor::HOLDFAST,
        &known.credential,
        old,
        Suffices::ProofOrUnprobeable,
    )
    .await?;
    Ok(match outcome {
        VersionOutcome { activated: true, .. } => Found::Yes,
        VersionOutcome { fault: Some(_), because, .. } => Found::No(because),
        VersionOutcome { because, .. } => Found::Silent(because),
    })
}
