//! Having a new token proved, and going back to an old one.
//!
//! A success of the exchange is no proof. The platform is asked what it says of the new token beside
//! the old one, and then both are probed on each asset that they are for.

use std::sync::Arc;
use std::time::Duration;

use holdfast_credentials::lifecycle::proof::compare;
use holdfast_credentials::lifecycle::{Found, Known, Proof};
use holdfast_credentials::proves;
use holdfast_model::credential::{CredentialKind, CredentialVersion, Expiry, Origin};
use holdfast_model::destination::Destination;
use holdfast_model::id::VersionNo;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixMillis;
use holdfast_platforms::{Learned, ProbeAnswer, ProbeReading};
use tokio::time::timeout;

use crate::services::credentials::{
    Probed, Suffices, VersionOutcome, activate_if_fit, verify_version,
};
use crate::services::probing::{self, ProbeResult};
use crate::services::secrets::{Keyring, SecretsError};
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// Until then the platform has to have answered, as far as it is waited for.
pub(super) async fn prove(
    gateway: &Arc<Gateway>,
    known: &Known,
    version: VersionNo,
    even_if_silent: bool,
    until: UnixMillis,
) -> Result<Proof, ServiceError> {
    let (Some(new), Some(old)) = (known.version(version), known.active()) else {
        return Ok(Proof::Refused { says: "the version is not there any more".to_owned() });
    };
    // It stays so, and the next one may be readable.
    if let Err(error @ SecretsError::SealedUnreadable { .. }) =
        Keyring::open(gateway, &known.credential, new).await
    {
        return Ok(Proof::Refused { says: error.to_string() });
    }
    let asked = beside(gateway, known, old, new, even_if_silent);
    let new = match timeout(left(gateway, until), asked).await {
        Ok(found) => match found? {
            Beside::Decided(proof) => return Ok(proof),
            Beside::NothingAgainst(new) => new,
        },
        Err(_) => return Ok(out_of_time()),
    };
    let asked = compare_in_use(gateway, known, old, &new, even_if_silent);
    let probed = match timeout(left(gateway, until), asked).await {
        Ok(found) => match found? {
            InUse::Decided(proof) => return Ok(proof),
            InUse::NothingAgainst(probed) => probed,
        },
        Err(_) if !even_if_silent => return Ok(out_of_time()),
        Err(_) => {
            let mut nothing = Probed::default();
            nothing.leave_out();
            nothing
        }
    };
    let suffices = match even_if_silent {
        true => Suffices::Silence,
        false => Suffices::ProofOrUnprobeable,
    };
    let outcome =
        activate_if_fit(gateway, Actor::HOLDFAST, &known.credential, new, probed, suffices).await;
    Ok(match outcome {
        Ok(VersionOutcome { activated: true, version, .. }) => {
            Proof::Active { expires_at: version.expires_at }
        }
        Ok(VersionOutcome { fault: Some(_), because, .. }) => Proof::Refused { says: because },
        Ok(VersionOutcome { because, .. }) => Proof::Silent { says: because },
        Err(error) => return Err(error),
    })
}

fn left(gateway: &Gateway, until: UnixMillis) -> Duration {
    Duration::from_millis((until.0 - gateway.clock.wall().0).max(0).unsigned_abs())
}

fn out_of_time() -> Proof {
    Proof::Silent { says: "the platform took too long to say what the new token can do".to_owned() }
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
    let old_says = or_nothing(said(gateway, known, old).await)?;
    let old_says = old_says.map(|says| says.learned).unwrap_or_default();
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
) -> Result<Option<ProbeReading>, SecretsError> {
    let is_elsewhere = known.credential.platform == PlatformId::Snap
        || version.kind == CredentialKind::Instagram
        || version.head.starts_with("IG");
    if is_elsewhere {
        return Ok(None);
    }
    probing::debug(gateway, &known.credential, version).await
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

/// What the new one can do where it is used, beside the old one.
enum InUse {
    Decided(Proof),
    NothingAgainst(Probed),
}

/// Where the old token works the new one has to work too; with several assets, a proof on one says
/// nothing of the others. Where the old one is refused as well, it is the asset that something is
/// wrong with, and the others need their token all the same. So they do when the old one dies.
async fn compare_in_use(
    gateway: &Gateway,
    known: &Known,
    old: &CredentialVersion,
    new: &CredentialVersion,
    even_if_silent: bool,
) -> Result<InUse, ServiceError> {
    let using = gateway.snapshot().destinations_using(&known.credential.id);
    let is_one_of_many = using.len() > 1;
    let mut probed = Probed::default();
    let mut lost = None;
    for destination in using {
        let results = probe(gateway, known, new, &destination).await?;
        let found = Answer::of(&results);
        if found == Answer::Works {
            probed.add(&destination, results);
            continue;
        }
        let is_asked_of_old = found == Answer::Refused || is_one_of_many && !even_if_silent;
        let before = match is_asked_of_old {
            true => Answer::of(&or_nothing(probe(gateway, known, old, &destination).await)?),
            false => Answer::Unsaid,
        };
        let less = || format!("it does not work for {} as the one before does", destination.id);
        match (found, before) {
            (Answer::Refused, Answer::Works) => {
                probed.leave_out();
                lost = Some(less());
            }
            (Answer::Refused, Answer::Refused) => probed.leave_out(),
            (Answer::Refused, Answer::Unsaid) if even_if_silent => {
                probed.leave_out();
                lost = Some(format!("the platform refuses it for {}", destination.id));
            }
            (Answer::Refused, Answer::Unsaid) => {
                let says = format!(
                    "the platform refuses it for {}, and did not say whether it refuses the one \
                     before too",
                    destination.id
                );
                return Ok(InUse::Decided(Proof::Silent { says }));
            }
            (_, Answer::Works) => {
                return Ok(InUse::Decided(Proof::Silent { says: less() }));
            }
            _ => probed.add(&destination, results),
        }
    }
    // One that dies takes everything with it.
    let is_better_than_none = even_if_silent && probed.has_proof();
    Ok(match lost {
        Some(says) if !is_better_than_none => InUse::Decided(Proof::Refused { says }),
        _ => InUse::NothingAgainst(probed),
    })
}

/// An old version that cannot be opened says nothing, and is no reason to keep it.
fn or_nothing<T: Default>(asked: Result<T, SecretsError>) -> Result<T, SecretsError> {
    match asked {
        Err(SecretsError::SealedUnreadable { .. }) => Ok(T::default()),
        asked => asked,
    }
}

/// What comes of all probes on one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Works,
    Refused,
    Unsaid,
}

impl Answer {
    fn of(results: &[ProbeResult]) -> Self {
        let is_refused = |one: &ProbeResult| one.reading.answer == ProbeAnswer::Refuted;
        if results.iter().any(is_refused) {
            return Self::Refused;
        }
        match results.iter().any(|one| proves(one.kind, one.reading.answer)) {
            true => Self::Works,
            false => Self::Unsaid,
        }
    }
}

async fn probe(
    gateway: &Gateway,
    known: &Known,
    version: &CredentialVersion,
    destination: &Destination,
) -> Result<Vec<ProbeResult>, SecretsError> {
    let api_version = destination.settings.api_version.as_deref();
    let asset = &destination.asset;
    probing::probe(gateway, &known.credential, version, asset, api_version).await
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
