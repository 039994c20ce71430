//! Opening, listing and lifting holds.

use holdfast_credentials::signals::is_withdrawal;
use holdfast_model::credential::CredentialVersion;
use holdfast_model::destination::Destination;
use holdfast_model::fault::{Fault, FaultClass};
use holdfast_model::hold::{Confirmation, Hold, Lifted, LiftedBy};
use holdfast_model::id::{AppId, AssetId, CredentialId, HoldId};
use holdfast_model::ledger::LedgerCounts;
use holdfast_model::scope::{Scope, ScopeFacts, SelectorKind};
use holdfast_model::time::UnixSeconds;
use holdfast_storage::OpenedHold;
use serde::Serialize;

use super::{Actor, ServiceError, standby};
use crate::alerts::regrant;
use crate::state::Gateway;

/// A hold and what waits behind it.
#[derive(Debug, Clone, Serialize)]
pub struct HoldView {
    #[serde(flatten)]
    pub hold: Hold,
    pub open: bool,
    pub destinations: Vec<String>,
    pub waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_deadline: Option<UnixSeconds>,
    /// Where the person who granted the credential can grant it anew, if that would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regrant_url: Option<String>,
}

/// Opens a hold for a refusal that a lane met. Returns quietly if one is open already.
pub(crate) async fn open_for(
    gateway: &Gateway,
    destination: &Destination,
    fault: Fault,
    confirmation: Confirmation,
) -> Result<(), ServiceError> {
    let facts = gateway.scope_facts(destination);
    let scope = scope_of(&fault, &facts);
    let credential_version = scope
        .get(SelectorKind::Credential)
        .and_then(|_| gateway.snapshot().active.get(&destination.credential).map(|v| v.version));
    open(gateway, Actor::HOLDFAST, scope, fault, confirmation, credential_version, None).await?;
    Ok(())
}

/// Opens a hold on a credential by itself, whatever uses it. Returns quietly if one is open already.
pub(crate) async fn open_on_credential(
    gateway: &Gateway,
    credential: &CredentialId,
    fault: Fault,
    confirmation: Confirmation,
) -> Result<(), ServiceError> {
    let scope = Scope::new([(SelectorKind::Credential, credential.to_string())]);
    let version = gateway.snapshot().active.get(credential).map(|active| active.version);
    open(gateway, Actor::HOLDFAST, scope, fault, confirmation, version, None).await?;
    Ok(())
}

/// Opens a hold on what a platform named. Returns quietly if one is open already.
pub(crate) async fn open_on(
    gateway: &Gateway,
    scope: Scope,
    fault: Fault,
    confirmation: Confirmation,
) -> Result<(), ServiceError> {
    open(gateway, Actor::HOLDFAST, scope, fault, confirmation, None, None).await?;
    Ok(())
}

/// Lifts the open holds that are meant, save those that an operator opened.
pub(crate) async fn lift_where(
    gateway: &Gateway,
    is_meant: impl Fn(&Hold) -> bool,
    by: LiftedBy,
    reason: &str,
) -> Result<u32, ServiceError> {
    let mut lifted = 0;
    for hold in gateway.holds.open().iter() {
        if hold.opened_by.is_none()
            && is_meant(hold)
            && lift_as(gateway, Actor::HOLDFAST, hold.id, by.clone(), reason).await?
        {
            lifted += 1;
        }
    }
    Ok(lifted)
}

/// Pauses a destination by hand.
pub async fn pause(
    gateway: &Gateway,
    actor: Actor<'_>,
    destination: &Destination,
    reason: &str,
) -> Result<Hold, ServiceError> {
    let entry = holdfast_platforms::catalog::own().by_name("holdfast.operator_pause");
    let mut fault = entry
        .ok_or_else(|| ServiceError::invalid("fault", "the catalog has no operator pause"))?
        .fault();
    fault.platform_message = reason.chars().take(300).collect();
    let facts = gateway.scope_facts(destination);
    let kinds = [SelectorKind::Platform, SelectorKind::Asset, SelectorKind::Credential];
    let scope = Scope::of_kinds(&facts, &kinds)
        .ok_or_else(|| ServiceError::invalid("destination", "a destination that can be held"))?;
    let by = Some(actor.0.to_owned());
    open(gateway, actor, scope, fault, Confirmation::Unprobeable, None, by).await
}

/// Lifts a hold because an operator decided so.
pub async fn lift(
    gateway: &Gateway,
    actor: Actor<'_>,
    hold: HoldId,
    reason: &str,
) -> Result<(), ServiceError> {
    let by = LiftedBy::Operator(actor.0.to_owned());
    if lift_as(gateway, actor, hold, by, reason).await? {
        Ok(())
    } else {
        Err(ServiceError::NotFound { what: "open hold", name: hold.to_string() })
    }
}

pub async fn list(gateway: &Gateway, with_lifted: bool) -> Result<Vec<HoldView>, ServiceError> {
    /// Holds are rare events; this is years of them.
    const MOST: u32 = 1_000;
    // The open ones as they are in force: whoever reads of one can rely on it.
    let holds = if with_lifted {
        gateway.registry.holds(MOST).await?
    } else {
        gateway.holds.open().to_vec()
    };
    let mut views = Vec::with_capacity(holds.len());
    for hold in holds {
        views.push(view(gateway, hold).await?);
    }
    Ok(views)
}

pub async fn show(gateway: &Gateway, id: HoldId) -> Result<HoldView, ServiceError> {
    list(gateway, true)
        .await?
        .into_iter()
        .find(|view| view.hold.id == id)
        .ok_or_else(|| ServiceError::NotFound { what: "hold", name: id.to_string() })
}

/// Lifts every hold that this working version of a credential ends: those on the credential
/// itself, and those on its app, because the platform answered what that app signed.
pub(crate) async fn lift_for_version(
    gateway: &Gateway,
    version: &CredentialVersion,
    only_on: Option<&[AssetId]>,
    by: LiftedBy,
    reason: &str,
) -> Result<u32, ServiceError> {
    let app = gateway.snapshot().app_of(&version.credential).map(|app| app.id.clone());
    let is_ended =
        |hold: &Hold| ended_by(hold, version, only_on) || app_ended_by(hold, app.as_ref(), only_on);
    lift_where(gateway, is_ended, by, reason).await
}

/// `only_on` is where it was proved; `None` if that cannot be asked.
fn ended_by(hold: &Hold, version: &CredentialVersion, only_on: Option<&[AssetId]>) -> bool {
    let names_it = hold.scope.get(SelectorKind::Credential) == Some(version.credential.as_str());
    // That it still answers is no news where the platform never refused what somebody withdrew.
    let is_withdrawn = is_withdrawn_by_push(hold)
        && hold.confirmation != Confirmation::Confirmed
        && version.added_at <= hold.opened_at;
    // What it may do on one asset says nothing of another.
    let is_proved_there = match (hold.scope.get(SelectorKind::Asset), only_on) {
        (Some(asset), Some(proved)) => proved.iter().any(|one| one.as_str() == asset),
        _ => true,
    };
    // A policy block is about the account; another token does not end it.
    names_it && is_proved_there && !is_withdrawn && hold.fault.class != FaultClass::Policy
}

/// Lifts the holds on a credential whose access was withdrawn, once a push said that it was given
/// again and the token was seen to work. `at` is when that was, by the platform's clock.
pub(crate) async fn lift_given_back(
    gateway: &Gateway,
    credential: &CredentialId,
    at: Option<UnixSeconds>,
) -> Result<u32, ServiceError> {
    let is_meant = |hold: &Hold| {
        let names_it = hold.scope.get(SelectorKind::Credential) == Some(credential.as_str());
        // What was given before it was withdrawn is not given again.
        let is_later = at.is_none_or(|at| at >= hold.opened_at.to_seconds());
        names_it && is_later && is_withdrawn_by_push(hold)
    };
    let reason = "the platform says that access was given again, and the token works";
    lift_where(gateway, is_meant, LiftedBy::Probe, reason).await
}

/// A push said that the token is not to be used any more. Refusals of requests have a code.
fn is_withdrawn_by_push(hold: &Hold) -> bool {
    is_withdrawal(&hold.fault.name) && hold.fault.code.is_none()
}

/// A hold on a whole app is about its state, its secret or its proof. Any asset that answered to one
/// of its credentials shows that all three are sound; nothing less does.
fn app_ended_by(hold: &Hold, app: Option<&AppId>, only_on: Option<&[AssetId]>) -> bool {
    let names_it = app.is_some_and(|app| hold.scope.get(SelectorKind::App) == Some(app.as_str()));
    let is_about_it_alone = hold.scope.get(SelectorKind::Credential).is_none()
        && hold.scope.get(SelectorKind::Asset).is_none();
    let is_proved = only_on.is_some_and(|proved| !proved.is_empty());
    names_it && is_about_it_alone && is_proved && hold.fault.class == FaultClass::App
}

async fn lift_as(
    gateway: &Gateway,
    actor: Actor<'_>,
    id: HoldId,
    by: LiftedBy,
    reason: &str,
) -> Result<bool, ServiceError> {
    let reason: String = reason.chars().take(500).collect();
    let lifted = Lifted { at: gateway.clock.wall(), by, reason: reason.clone() };
    if !gateway.registry.lift_hold(id, &lifted).await? {
        return Ok(false);
    }
    gateway.holds.reload(&*gateway.registry).await?;
    gateway.audit(actor.0, "hold.lift", format!("hold:{id}"), reason.clone()).await?;
    gateway.metrics.hold_lifted();
    tracing::info!(hold = %id, actor = actor.0, reason, "hold lifted");
    Ok(true)
}

async fn open(
    gateway: &Gateway,
    actor: Actor<'_>,
    scope: Scope,
    fault: Fault,
    confirmation: Confirmation,
    credential_version: Option<holdfast_model::id::VersionNo>,
    opened_by: Option<String>,
) -> Result<Hold, ServiceError> {
    let at = gateway.clock.wall();
    let hold = Hold {
        id: crate::random::hold_id(at),
        scope,
        fault,
        opened_at: at,
        confirmation,
        credential_version,
        opened_by,
        lifted: None,
    };
    let opened = gateway.registry.open_hold(&hold).await?;
    // In force before it is told of.
    gateway.holds.reload(&*gateway.registry).await?;
    let opened = match opened {
        OpenedHold::Already(existing) => existing,
        OpenedHold::New => {
            announce(gateway, actor, &hold).await?;
            hold
        }
    };
    standby::take_over(gateway).await;
    Ok(opened)
}

/// Once per hold: the registry said that this call opened it.
async fn announce(gateway: &Gateway, actor: Actor<'_>, hold: &Hold) -> Result<(), ServiceError> {
    let subject = format!("hold:{}", hold.id);
    let detail = format!("{} on {}", hold.fault.name, hold.scope);
    gateway.audit(actor.0, "hold.open", subject, detail).await?;
    gateway.metrics.hold_opened(&hold.fault.name);
    tracing::error!(hold = %hold.id, scope = %hold.scope, fault = %hold.fault.name,
        code = hold.fault.code.map(|c| c.to_string()), what = %hold.fault.summary,
        todo = %hold.fault.remedy, says = %hold.fault.platform_message,
        "hold opened: nothing it covers is attempted or lost until it is lifted");
    Ok(())
}

/// The fault's selectors as far as the destination's facts know them. Where they know none (a
/// fault of an app we do not own), the credential is the narrowest thing that certainly covers it.
fn scope_of(fault: &Fault, facts: &ScopeFacts) -> Scope {
    let app_unknown = facts.get(SelectorKind::App).is_none();
    let selectors: Vec<SelectorKind> = fault
        .selectors
        .iter()
        .map(|kind| match kind {
            SelectorKind::App if app_unknown => SelectorKind::Credential,
            other => *other,
        })
        .collect();
    Scope::of_kinds(facts, &selectors)
        .or_else(|| Scope::of_kinds(facts, &[SelectorKind::Credential]))
        .unwrap_or_default()
}

async fn view(gateway: &Gateway, hold: Hold) -> Result<HoldView, ServiceError> {
    let open = hold.is_open();
    let snapshot = gateway.snapshot();
    let mut destinations = Vec::new();
    let mut behind = LedgerCounts::default();
    let mut first_deadline: Option<UnixSeconds> = None;
    for destination in snapshot.destinations.values() {
        if !hold.scope.covers(&gateway.scope_facts(destination)) {
            continue;
        }
        destinations.push(destination.id.to_string());
        if open {
            let counts = gateway.outbox.counts(destination.lane).await?;
            behind += counts.ledger;
            first_deadline = [first_deadline, counts.first_deadline].into_iter().flatten().min();
        }
    }
    destinations.sort();
    let waiting = behind.queued;
    let regrant_url = open.then(|| regrant::url_for(gateway, &hold)).flatten();
    Ok(HoldView { hold, open, destinations, waiting, first_deadline, regrant_url })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(selectors: &[SelectorKind]) -> Fault {
        Fault {
            name: "meta.test".to_owned(),
            class: FaultClass::App,
            action: holdfast_model::fault::FaultAction::Hold,
            selectors: selectors.to_vec(),
            code: None,
            summary: String::new(),
            remedy: String::new(),
            platform_message: String::new(),
            trace_id: None,
        }
    }

    #[test]
    fn a_fault_of_an_app_that_is_not_ours_holds_the_credential() {
        let mut facts = ScopeFacts::new([
            (SelectorKind::Credential, "shop".to_owned()),
            (SelectorKind::Asset, "1".to_owned()),
        ]);
        let app_fault = fault(&[SelectorKind::App]);
        assert_eq!(scope_of(&app_fault, &facts).to_string(), "credential=shop");
        facts.set(SelectorKind::App, "42");
        assert_eq!(scope_of(&app_fault, &facts).to_string(), "app=42");
        assert_eq!(scope_of(&fault(&[]), &facts).to_string(), "credential=shop");
    }
}
