//! What is to be told now.

use holdfast_model::alert::{Alert, Transition};
use holdfast_model::destination::Destination;
use holdfast_model::hold::Hold;
use holdfast_model::ledger::{LedgerCounts, LedgerState};
use holdfast_model::time::{HOUR_S, UnixMillis, UnixSeconds, humanize_seconds};
use holdfast_storage::{DeadLetterFilter, StorageError};

use super::{regrant, together};
use crate::services::standby;
use crate::state::Gateway;

/// After so many hours a hold that is still open is told of again.
const REMINDERS: [u32; 3] = [1, 6, 24];

/// So many hours before the first item behind a hold expires it is told of again.
const DEADLINES: [u32; 3] = [24, 6, 1];

/// Holds that are looked at, the newest first. Older ones were told of long ago.
const LOOKED_AT: u32 = 100;

/// What waited behind a hold is mostly delivered within seconds. When it is not, the end of the hold
/// is told all the same.
const AFTERMATH_MS: i64 = 10 * 60 * 1_000;

pub async fn tell(gateway: &Gateway) -> Result<(), StorageError> {
    let now = gateway.clock.wall();
    let mut opened = Vec::new();
    for hold in gateway.registry.holds(LOOKED_AT).await? {
        if hold.opened_by.is_some() {
            continue;
        }
        let behind = Behind::look(gateway, &hold).await?;
        match hold.is_open() {
            true => {
                let alert = write(gateway, &hold, &behind, Transition::Opened, now);
                regrant::tell_of_hold(gateway, &hold, &alert).await?;
                opened.push(alert);
                tell_of_open(gateway, &hold, &behind, now).await?;
            }
            false => tell_of_lifted(gateway, &hold, &behind, now).await?,
        }
    }
    together::tell(gateway, opened).await
}

/// What a hold covers, as it is now.
struct Behind {
    destinations: Vec<String>,
    /// Destinations for which it would be in use if it took over.
    stands_by_for: Vec<String>,
    ledger: LedgerCounts,
    first_deadline: Option<UnixSeconds>,
}

impl Behind {
    async fn look(gateway: &Gateway, hold: &Hold) -> Result<Self, StorageError> {
        let snapshot = gateway.snapshot();
        let covered = |one: &&Destination| hold.scope.covers(&gateway.scope_facts(one));
        let covered: Vec<&Destination> = snapshot
            .destinations
            .values()
            .map(|destination| &**destination)
            .filter(covered)
            .collect();
        let mut behind = Self {
            destinations: Vec::new(),
            stands_by_for: stands_by_for(gateway, hold),
            ledger: LedgerCounts::default(),
            first_deadline: None,
        };
        for destination in covered {
            let counts = gateway.outbox.counts(destination.lane).await?;
            behind.ledger += counts.ledger;
            let deadlines = [behind.first_deadline, counts.first_deadline];
            behind.first_deadline = deadlines.into_iter().flatten().min();
            behind.destinations.push(destination.id.to_string());
        }
        behind.destinations.sort();
        Ok(behind)
    }
}

fn stands_by_for(gateway: &Gateway, hold: &Hold) -> Vec<String> {
    let snapshot = gateway.snapshot();
    let would_cover = |one: &Destination| {
        let used = |id| hold.scope.covers(&gateway.scope_facts(&standby::as_used_by(one, id)));
        one.standby.iter().any(used)
    };
    let mut found: Vec<String> = snapshot
        .destinations
        .values()
        .filter(|one| would_cover(one))
        .map(|one| one.id.to_string())
        .collect();
    found.sort();
    found
}

async fn tell_of_open(
    gateway: &Gateway,
    hold: &Hold,
    behind: &Behind,
    now: UnixMillis,
) -> Result<(), StorageError> {
    let age_s = (now.0 - hold.opened_at.0) / 1_000;
    let passed = |hours: &&u32| age_s >= i64::from(**hours) * HOUR_S;
    // The latest only: nobody is told thrice of a night in which nothing ran.
    if let Some(hours) = REMINDERS.iter().rev().find(passed) {
        claim(gateway, hold, behind, Transition::StillOpen { hours: *hours }, now).await?;
    }
    let Some(deadline) = behind.first_deadline.filter(|_| behind.ledger.queued > 0) else {
        return Ok(());
    };
    let left_s = deadline.0.saturating_sub(now.to_seconds().0);
    let near = |hours: &&u32| left_s <= i64::from(**hours) * HOUR_S;
    if let Some(hours) = DEADLINES.iter().rev().find(near) {
        claim(gateway, hold, behind, Transition::DeadlineNear { hours: *hours }, now).await?;
    }
    Ok(())
}

/// Only if it was told of, and when what waited has gone or does not go.
async fn tell_of_lifted(
    gateway: &Gateway,
    hold: &Hold,
    behind: &Behind,
    now: UnixMillis,
) -> Result<(), StorageError> {
    let resolved = Alert::key_of(hold.id, Transition::Resolved);
    if gateway.registry.alert(&resolved).await?.is_some() {
        return Ok(());
    }
    let opened = Alert::key_of(hold.id, Transition::Opened);
    let Some(opened) = gateway.registry.alert(&opened).await? else { return Ok(()) };
    let lifted_at = hold.lifted.as_ref().map_or(now, |lifted| lifted.at);
    let is_over = behind.ledger.queued == 0 || now.0 - lifted_at.0 >= AFTERMATH_MS;
    if !is_over {
        return Ok(());
    }
    let expired = DeadLetterFilter {
        hold: Some(hold.id),
        state: Some(LedgerState::Expired),
        ..DeadLetterFilter::default()
    };
    let expired = gateway.outbox.count_dead_letters(&expired, now.to_seconds()).await?;
    let mut alert = write(gateway, hold, behind, Transition::Resolved, now);
    alert.delivered = behind.ledger.delivered.saturating_sub(opened.delivered);
    alert.expired = expired.iter().map(|count| count.items).sum();
    alert.title = title(hold, behind, &alert, now);
    regrant::tell_of_hold(gateway, hold, &alert).await?;
    gateway.registry.claim_alert(&alert, &gateway.channels.names()).await?;
    Ok(())
}

async fn claim(
    gateway: &Gateway,
    hold: &Hold,
    behind: &Behind,
    transition: Transition,
    now: UnixMillis,
) -> Result<(), StorageError> {
    let alert = write(gateway, hold, behind, transition, now);
    regrant::tell_of_hold(gateway, hold, &alert).await?;
    gateway.registry.claim_alert(&alert, &gateway.channels.names()).await?;
    Ok(())
}

fn write(
    gateway: &Gateway,
    hold: &Hold,
    behind: &Behind,
    transition: Transition,
    now: UnixMillis,
) -> Alert {
    let fault = &hold.fault;
    let said = match fault.platform_message.as_str() {
        "" => String::new(),
        message => format!(" The platform says: {message}"),
    };
    let mut alert = Alert {
        key: Alert::key_of(hold.id, transition),
        transition,
        hold: Some(hold.id),
        at: now,
        fault: fault.name.clone(),
        title: String::new(),
        what: format!("{}{said}", fault.summary),
        remedy: fault.remedy.clone(),
        destinations: behind.destinations.clone(),
        waiting: behind.ledger.queued,
        first_deadline: behind.first_deadline.filter(|_| behind.ledger.queued > 0),
        delivered: behind.ledger.delivered,
        expired: behind.ledger.expired,
        regrant_url: match transition {
            Transition::Resolved => None,
            _ => regrant::url_for(gateway, hold),
        },
        together_with: Vec::new(),
    };
    alert.title = title(hold, behind, &alert, now);
    alert
}

fn title(hold: &Hold, behind: &Behind, alert: &Alert, now: UnixMillis) -> String {
    let (fault, at) = (&hold.fault.name, place(hold, behind));
    let waiting = alert.waiting;
    match alert.transition {
        Transition::Opened if alert.destinations.is_empty() => {
            format!("Held: {fault} at {at}. Nothing waits for it.")
        }
        Transition::Opened => {
            format!("Held: {fault} at {at}. Nothing is lost; {waiting} items wait.")
        }
        Transition::StillOpen { .. } => {
            let age = humanize_seconds((now.0 - hold.opened_at.0) / 1_000);
            format!("Held for {age}: {fault} at {at}. {waiting} items wait.")
        }
        Transition::DeadlineNear { .. } => {
            let left = alert.first_deadline.map_or(0, |at| at.0 - now.to_seconds().0);
            let left = humanize_seconds(left.max(0));
            format!("In {left} items behind {fault} at {at} begin to expire. {waiting} wait.")
        }
        Transition::Resolved => format!(
            "Resolved: {fault} at {at}. Since it was held {} were delivered, {} expired.",
            alert.delivered, alert.expired
        ),
        Transition::Expiring { .. }
        | Transition::DataAccessEnding { .. }
        | Transition::ScopesLost
        | Transition::RenewalFailing { .. }
        | Transition::RenewalStorm
        | Transition::Test => format!("{fault} at {at}."),
    }
}

/// What it covers: destinations, or a credential that none of them uses now.
fn place(hold: &Hold, behind: &Behind) -> String {
    match (behind.destinations.as_slice(), behind.stands_by_for.as_slice()) {
        ([], []) => hold.scope.to_string(),
        ([], standby) => format!("{}, which stands by for {}", hold.scope, standby.join(", ")),
        (used, _) => used.join(", "),
    }
}
