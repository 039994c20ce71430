//! Erasing what is kept of one person: because a platform's data-deletion callback asks for it, or
//! an operator.
//!
//! It reaches what is in the outbox. What was delivered is at the platform and has to be asked for
//! there, and backups are what they were (`docs/erasure.md`). The identifiers themselves are kept
//! nowhere: the audit trail has their kinds and a keyed fingerprint.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::destination::Destination;
use holdfast_model::id::{AppId, LaneId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use holdfast_platforms::catalog;
use holdfast_platforms::subject::{IdentifierKind, Subject, SubjectError};
use holdfast_storage::{Erased, Erasure};

use super::{Actor, ServiceError};
use crate::directory::Snapshot;
use crate::state::Gateway;

/// How long the answer waits for requests that are out. Longer than they may take by default, and
/// short enough for somebody who waits.
const PATIENCE: Duration = Duration::from_secs(45);

/// Destinations that are looked at. All if nothing is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Within {
    pub platform: Option<PlatformId>,
    /// Those with a credential of this app, or with one of which no app is known.
    pub app: Option<AppId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureOutcome {
    /// By which the audit trail knows the person.
    pub fingerprint: String,
    pub at: UnixMillis,
    pub erased: Erased,
}

impl ErasureOutcome {
    /// Nothing is left to be done. If not, the same erasure asked for once more later finds out.
    pub fn is_complete(&self) -> bool {
        self.erased.in_flight == 0 && self.erased.is_off_disk
    }
}

/// The person with these identifiers, as destinations here would have them.
pub fn subject(
    gateway: &Gateway,
    identifiers: Vec<(IdentifierKind, Secret)>,
) -> Result<Subject, ServiceError> {
    let snapshot = gateway.snapshot();
    let destinations = snapshot.destinations.values();
    let countries: BTreeSet<&str> =
        destinations.filter_map(|d| d.settings.default_country.as_deref()).collect();
    let countries: Vec<&str> = countries.into_iter().collect();
    Subject::new(identifiers, &countries).map_err(|error| match error {
        SubjectError::NotOne { kind } => {
            let expected = error.to_string();
            let prefix = format!("{kind}: ");
            ServiceError::invalid(kind.as_str(), expected.trim_start_matches(&prefix))
        }
        SubjectError::Nobody | SubjectError::TooMany => ServiceError::invalid("body", error),
    })
}

/// Takes as long as looking through everything does; whoever owes somebody a quick answer lets it
/// run by itself. It goes on if the caller goes away, but then nothing is written down.
pub async fn erase_subject(
    gateway: &Gateway,
    actor: Actor<'_>,
    subject: Subject,
    within: Option<Within>,
) -> Result<ErasureOutcome, ServiceError> {
    let within = within.unwrap_or_default();
    let snapshot = gateway.snapshot();
    let lanes = lanes_within(&snapshot, &within)?;
    let at = gateway.clock.wall();
    let fingerprint = gateway.vault.fingerprint(&subject.canonical());
    let kinds: BTreeSet<&str> = subject.kinds().map(IdentifierKind::as_str).collect();
    let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
    let platforms: HashMap<LaneId, PlatformId> =
        snapshot.destinations.values().map(|d| (d.lane, d.platform)).collect();
    let concerns = move |lane: LaneId, fragment: &[u8]| match platforms.get(&lane) {
        Some(platform) => subject.is_in(*platform, fragment),
        // Of a destination that came since, or that no longer exists.
        None => subject.is_in_any(fragment),
    };
    let fault = catalog::own().row("holdfast.erased").fault();
    let erasure = Erasure { lanes, concerns: Arc::new(concerns), fault, at, patience: PATIENCE };
    let erased = gateway.outbox.erase(erasure).await;
    let detail = match &erased {
        Ok(erased) => words(&kinds, &within, erased),
        Err(_) => format!("by {kinds}: failed, and may be done in part"),
    };
    gateway.audit(actor.0, "erasure", format!("person:{fingerprint}"), detail).await?;
    Ok(ErasureOutcome { fingerprint, at, erased: erased? })
}

/// `None` for all.
fn lanes_within(
    snapshot: &Snapshot,
    within: &Within,
) -> Result<Option<BTreeSet<LaneId>>, ServiceError> {
    if let Some(app) = &within.app
        && !snapshot.apps.contains_key(app)
    {
        return Err(ServiceError::NotFound { what: "app", name: app.to_string() });
    }
    if *within == Within::default() {
        return Ok(None);
    }
    let covered = snapshot.destinations.values().filter(|d| is_within(snapshot, within, d));
    Ok(Some(covered.map(|destination| destination.lane).collect()))
}

fn is_within(snapshot: &Snapshot, within: &Within, destination: &Destination) -> bool {
    let is_of_platform = within.platform.is_none_or(|platform| platform == destination.platform);
    let is_of_app = |app: &AppId| {
        std::iter::once(&destination.credential).chain(&destination.standby).any(|id| {
            let credential = snapshot.credentials.get(id);
            let known = credential.and_then(|credential| credential.app.as_ref());
            known.is_none_or(|known| known == app)
        })
    };
    is_of_platform && within.app.as_ref().is_none_or(is_of_app)
}

fn words(kinds: &str, within: &Within, erased: &Erased) -> String {
    let of = match (&within.platform, &within.app) {
        (None, None) => "all destinations".to_owned(),
        (Some(platform), None) => platform.to_string(),
        (None, Some(app)) => format!("app {app}"),
        (Some(platform), Some(app)) => format!("{platform}, app {app}"),
    };
    let Erased { waiting, letters, delivered, in_flight, is_off_disk, .. } = erased;
    let disk = if *is_off_disk { "" } else { "; the disk has it still, encrypted" };
    format!(
        "by {kinds}, of {of}: {waiting} waiting, {letters} letters, {in_flight} in flight still, \
         {delivered} were on their way and arrived{disk}"
    )
}
