//! What is to be told now.

use std::cmp::Reverse;

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

/// Lifted holds that are looked at, the last lifted first. The end of older ones was told long ago.
const LIFTED: usize = 100;

/// Holds among which those are looked for, the last opened first.
const LOOKED_THROUGH: u32 = 500;

/// What waited behind a hold is mostly delivered within seconds. When it is not, the end of the hold
/// is told all the same.
const AFTERMATH_MS: i64 = 10 * 60 * 1_000;

pub async fn tell(gateway: &Gateway) -> Result<(), StorageError> {
    let now = gateway.clock.wall();
    let mut opened = Vec::new();
    for hold in to_be_told(gateway).await? {
        // What cannot be told of one is no reason to tell nobody of the others.
        match tell_of(gateway, &hold, now).await {
            Ok(alert) => opened.extend(alert),
            Err(error) => tracing::error!(hold = %hold.id, %error,
                "failed to write an alert of a hold; it is tried again"),
        }
    }
    together::tell(gateway, opened).await
}

/// All that are open, however many and however old, and those that were lifted last. What operators
/// opened is not told.
async fn to_be_told(gateway: &Gateway) -> Result<Vec<Hold>, StorageError> {
    let mut holds = gateway.registry.open_holds().await?;
    let open = u32::try_from(holds.len()).unwrap_or(u32::MAX);
    let newest = gateway.registry.holds(LOOKED_THROUGH.saturating_add(open)).await?;
    // One that was lifted between both readings is told of at the next look.
    let is_open = |id| holds.iter().any(|open| open.id == id);
    let mut lifted: Vec<Hold> =
        newest.into_iter().filter(|hold| !hold.is_open() && !is_open(hold.id)).collect();
    lifted.sort_by_key(|hold| Reverse(hold.lifted.as_ref().map(|lifted| lifted.at)));
    holds.extend(lifted.into_iter().take(LIFTED));
    holds.retain(|hold| hold.opened_by.is_none());
    Ok(holds)
}

/// Answers with what is to be told together with others.
async fn tell_of(
    gateway: &Gateway,
    hold: &Hold,
    now: UnixMillis,
) -> Result<Option<Alert>, StorageError> {
    let behind = Behind::look(gateway, hold).await?;
    if !hold.is_open() {
        tell_of_lifted(gateway, hold, &behind, now).await?;
        return Ok(None);
    }
    let alert = write(gateway, hold, &behind, Transition::Opened, now);
    let told = regrant::tell_of_hold(gateway, hold, &alert).await;
    if let Err(error) = told.and(tell_of_open(gateway, hold, &behind, now).await) {
        tracing::error!(hold = %hold.id, %error,
            "failed to write an alert of a hold; it is tried again");
    }
    Ok(Some(alert))
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
