//! What follows from a signal, done.
//!
//! All of it may be done twice: holds are opened once for each scope, verifying changes nothing that
//! a second time would not. A signal that is older than the token it would hold is about the token
//! before.

use std::sync::Arc;
use std::time::Duration;

use holdfast_credentials::signals::{About, Consequence, Signal};
use holdfast_model::fault::Fault;
use holdfast_model::hold::{Confirmation, Hold, LiftedBy};
use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::{Scope, SelectorKind};
use holdfast_model::time::UnixSeconds;
use holdfast_platforms::{ProbeAnswer, catalog};
use holdfast_storage::Inbound;

use super::concerned::{concerned, sends_for};
use super::content::Content;
use super::receive::{about, record};
use super::worker::{Next, wait_ms};
use crate::lanes::confirm;
use crate::services::{ServiceError, holds, standby};
use crate::state::Gateway;
use crate::watcher::{self, Looked};

/// A token that still answers right after its end was announced may be on its way out: it is asked
/// once more after this.
const CONTRADICTION_PAUSE_MS: i64 = 20_000;

/// How long the probes of one credential may take before they count as silent: a platform that keeps
/// them waiting must not keep the other signals waiting too.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// So often a silent platform is asked. After that the watcher's daily look has to do.
const MAX_SILENCES: u32 = 6;

pub async fn apply(
    gateway: &Arc<Gateway>,
    inbound: &Inbound,
    signal: &Signal,
    asked_before: &[CredentialId],
) -> Result<Next, ServiceError> {
    let app = &inbound.app;
    let (next, came_of_it) = match signal.consequence() {
        Consequence::Hold { fault } => hold(gateway, inbound, signal, asked_before, fault).await?,
        Consequence::Verify => verify(gateway, inbound, signal).await?,
        Consequence::Policy { fault, message_class, until } => {
            let Some(scope) = scope_of_account(gateway, app, signal, message_class) else {
                return Ok(only_noted(gateway, app, signal));
            };
            policy(gateway, signal, scope, fault, until).await?
        }
        Consequence::PolicyOver { fault } => {
            let Some(scope) = scope_of_account(gateway, app, signal, None) else {
                return Ok(only_noted(gateway, app, signal));
            };
            let lifted = lift(gateway, &scope, fault).await?;
            (Next::Done, format!("{lifted} holds lifted"))
        }
        Consequence::Note => (Next::Done, "noted".to_owned()),
    };
    let whom = about(gateway, app, signal);
    let what = format!("{whom}: {}: {came_of_it}", signal.words());
    record(gateway, "signal.apply", app, what).await?;
    Ok(next)
}

/// Nothing here is the signing app's to stop, and what it says of others is not worth a record.
fn only_noted(gateway: &Gateway, app: &AppId, signal: &Signal) -> Next {
    let (whom, what) = (about(gateway, app, signal), signal.words());
    tracing::info!(%app, whom, what, "no destination on this account has a credential of the app");
    Next::Done
}

async fn hold(
    gateway: &Arc<Gateway>,
    inbound: &Inbound,
    signal: &Signal,
    asked_before: &[CredentialId],
    name: &'static str,
) -> Result<(Next, String), ServiceError> {
    let found = concerned(&gateway.snapshot(), &inbound.app, &signal.about);
    let fault = fault_of(name, signal)?;
    let (mut asked_now, mut came_of_it) = (Vec::new(), Vec::new());
    let mut failed = None;
    // First, whatever keeps the looks at others waiting.
    for id in found.certainly.iter().filter(|id| !is_newer(gateway, id, signal.at)) {
        match probed(gateway, id, &fault).await {
            ProbeAnswer::Proved if !asked_before.contains(id) => {
                asked_now.push(id.clone());
                came_of_it.push(format!("{id} still answers and is asked again"));
            }
            answer => {
                let confirmation = confirmation(answer);
                match holds::open_on_credential(gateway, id, fault.clone(), confirmation).await {
                    Ok(()) => {
                        let held = format!("{id} is held ({confirmation:?})");
                        came_of_it.push(held.to_lowercase());
                    }
                    Err(error) => failed = Some(error),
                }
            }
        }
    }
    // The whole push is tried again, after the others were held.
    if let Some(error) = failed {
        return Err(error);
    }
    for id in found.certainly.iter().filter(|id| is_newer(gateway, id, signal.at)) {
        look(gateway, id).await;
        came_of_it.push(format!("{id} has a newer token and was verified"));
    }
    for id in &found.perhaps {
        look(gateway, id).await;
        came_of_it.push(format!("{id} may be concerned and was verified"));
    }
    Ok((ask_again(gateway, signal, asked_before, asked_now), in_words(came_of_it)))
}

/// Which tokens contradicted is kept with the signal: how often it was looked at says nothing, because
/// it may have been put off before anybody was asked.
fn ask_again(
    gateway: &Gateway,
    signal: &Signal,
    asked_before: &[CredentialId],
    asked_now: Vec<CredentialId>,
) -> Next {
    if asked_now.is_empty() {
        return Next::Done;
    }
    let by = asked_before.iter().cloned().chain(asked_now).collect();
    let at = gateway.clock.wall().plus_millis(CONTRADICTION_PAUSE_MS);
    Next::AgainAs(at, Content::Contradicted { signal: signal.clone(), by })
}

/// Within bounds, and without an end for the others: what cannot be looked at is as good as silent.
async fn look(gateway: &Arc<Gateway>, id: &CredentialId) -> Looked {
    match tokio::time::timeout(PROBE_PATIENCE, watcher::look(gateway, id)).await {
        Ok(Ok(looked)) => looked,
        Ok(Err(error)) => {
            tracing::warn!(credential = %id, %error, "a credential could not be looked at");
            Looked::SILENCE
        }
        Err(_) => {
            // It may have been cut short between a change and its being known here.
            if let Err(error) = gateway.reload_directory().await {
                tracing::error!(credential = %id, %error, "failed to read the credentials anew");
            }
            Looked::SILENCE
        }
    }
}

fn confirmation(answer: ProbeAnswer) -> Confirmation {
    match answer {
        ProbeAnswer::Refuted => Confirmation::Confirmed,
        ProbeAnswer::Silent => Confirmation::Silent,
        ProbeAnswer::Unprobeable => Confirmation::Unprobeable,
        ProbeAnswer::Proved => Confirmation::Conflict,
    }
}

/// Asked on everything that it is for. One refusal is one; of the rest a proof counts most.
async fn probed(gateway: &Gateway, id: &CredentialId, fault: &Fault) -> ProbeAnswer {
    let probing = probe_everywhere(gateway, id, fault);
    tokio::time::timeout(PROBE_PATIENCE, probing).await.unwrap_or(ProbeAnswer::Silent)
}

async fn probe_everywhere(gateway: &Gateway, id: &CredentialId, fault: &Fault) -> ProbeAnswer {
    let mut answers = Vec::new();
    for destination in gateway.snapshot().destinations_using(id) {
        answers.push(confirm(gateway, &standby::as_used_by(&destination, id), fault).await);
    }
    [ProbeAnswer::Refuted, ProbeAnswer::Proved, ProbeAnswer::Silent]
        .into_iter()
        .find(|answer| answers.contains(answer))
        .unwrap_or(ProbeAnswer::Unprobeable)
}

async fn verify(
    gateway: &Arc<Gateway>,
    inbound: &Inbound,
    signal: &Signal,
) -> Result<(Next, String), ServiceError> {
    let found = concerned(&gateway.snapshot(), &inbound.app, &signal.about);
    let (mut is_silent, mut came_of_it) = (false, Vec::new());
    for id in found.certainly.iter().chain(&found.perhaps) {
        let looked = look(gateway, id).await;
        is_silent |= !looked.has_answered;
        came_of_it.push(format!("{id} was verified"));
        if looked.is_proved && signal.gives_back() {
            holds::lift_given_back(gateway, id, signal.at).await?;
        }
    }
    let next = match is_silent && inbound.attempts < MAX_SILENCES {
        true => Next::Again(gateway.clock.wall().plus_millis(wait_ms(inbound.attempts))),
        false => Next::Done,
    };
    Ok((next, in_words(came_of_it)))
}

/// Held until the platform says that it is over: by its own date where it names one.
async fn policy(
    gateway: &Gateway,
    signal: &Signal,
    scope: Scope,
    name: &'static str,
    until: Option<UnixSeconds>,
) -> Result<(Next, String), ServiceError> {
    let now = gateway.clock.wall().to_seconds();
    match until {
        Some(until) if until <= now => {
            let lifted = lift(gateway, &scope, name).await?;
            return Ok((Next::Done, format!("it has ended by {until}; {lifted} holds lifted")));
        }
        _ => {}
    }
    let fault = fault_of(name, signal)?;
    let held = format!("{scope} is held");
    holds::open_on(gateway, scope, fault, Confirmation::Unprobeable).await?;
    let next = until.map_or(Next::Done, |until| Next::Again(until.to_millis()));
    Ok((next, until.map_or(held.clone(), |until| format!("{held} until {until}"))))
}

async fn lift(gateway: &Gateway, scope: &Scope, name: &str) -> Result<u32, ServiceError> {
    let is_meant = |hold: &Hold| hold.fault.name == name && hold.scope == *scope;
    let why = "the platform says that it is over";
    holds::lift_where(gateway, is_meant, LiftedBy::PlatformRule, why).await
}

/// None if nothing is sent for this account with a credential of the app that says so.
fn scope_of_account(
    gateway: &Gateway,
    app: &AppId,
    signal: &Signal,
    message_class: Option<&str>,
) -> Option<Scope> {
    let About::WhatsappAccount { waba, .. } = &signal.about else { return None };
    if !sends_for(&gateway.snapshot(), app, waba) {
        return None;
    }
    let account = [
        (SelectorKind::Platform, PlatformId::Whatsapp.as_str().to_owned()),
        (SelectorKind::Account, waba.clone()),
    ];
    let class = message_class.map(|class| (SelectorKind::MessageClass, class.to_owned()));
    Some(Scope::new(account.into_iter().chain(class)))
}

fn fault_of(name: &'static str, signal: &Signal) -> Result<Fault, ServiceError> {
    let entry = catalog::entry(name)
        .ok_or_else(|| ServiceError::invalid("fault", format!("the catalog has no {name}")))?;
    let mut fault = entry.fault();
    fault.platform_message = format!("Pushed by the platform: {}.", signal.words());
    Ok(fault)
}

/// Whether the token in use came after what the signal tells of.
fn is_newer(gateway: &Gateway, id: &CredentialId, at: Option<UnixSeconds>) -> bool {
    let snapshot = gateway.snapshot();
    let added = snapshot.active.get(id).map(|version| version.added_at.to_seconds());
    matches!((added, at), (Some(added), Some(at)) if added > at)
}

fn in_words(came_of_it: Vec<String>) -> String {
    if came_of_it.is_empty() {
        return "no credential here is concerned".to_owned();
    }
    came_of_it.join("; ")
}
