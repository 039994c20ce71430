//! Tokens that will die: said beforehand, at fewer and fewer days.

use holdfast_credentials::lifecycle::warning;
use holdfast_model::alert::{Alert, Transition};
use holdfast_model::credential::{CredentialKind, CredentialVersion, Expiry};
use holdfast_model::time::{UnixMillis, UnixSeconds, humanize_seconds};
use holdfast_platforms::catalog::own;
use holdfast_storage::StorageError;

use super::{regrant, together};
use crate::renewal::{Outlook, outlook};
use crate::state::Gateway;

type Stage = fn(u32) -> Transition;

pub async fn tell(gateway: &Gateway) -> Result<(), StorageError> {
    let snapshot = gateway.snapshot();
    let mut alerts = Vec::new();
    for version in snapshot.active.values() {
        let dates: [(Expiry, Stage); 2] = [
            (version.expires_at, |days| Transition::Expiring { days }),
            (version.data_access_expires_at, |days| Transition::DataAccessEnding { days }),
        ];
        for (expiry, transition) in dates {
            let Expiry::At(at) = expiry else { continue };
            // What cannot be told of one is no reason to tell nobody of the others.
            match tell_of(gateway, version, at, transition).await {
                Ok(alert) => alerts.extend(alert),
                Err(error) => tracing::error!(credential = %version.credential, %error,
                    "failed to write an alert of a token's end; it is tried again"),
            }
        }
    }
    together::tell(gateway, alerts).await
}

/// Answers with what is to be told together with others.
async fn tell_of(
    gateway: &Gateway,
    version: &CredentialVersion,
    at: UnixSeconds,
    transition: Stage,
) -> Result<Option<Alert>, StorageError> {
    let now = gateway.clock.wall();
    let Some(days) = warning::stage(at, now) else { return Ok(None) };
    let renewal = outlook(gateway, &version.credential).await?;
    // Access to data comes back by nothing but a new grant.
    let is_about_token = matches!(transition(days), Transition::Expiring { .. });
    if is_about_token && renewal.takes_care_of(days, at) {
        return Ok(None);
    }
    let alert = write(gateway, version, transition(days), at, now, &renewal);
    regrant::tell(gateway, &version.credential, &alert).await?;
    Ok(Some(alert))
}

fn write(
    gateway: &Gateway,
    version: &CredentialVersion,
    transition: Transition,
    at: UnixSeconds,
    now: UnixMillis,
    renewal: &Outlook,
) -> Alert {
    let name = &version.credential;
    let using = gateway.snapshot().destinations_using(name);
    let destinations: Vec<String> = using.iter().map(|one| one.id.to_string()).collect();
    let left = humanize_seconds(at.0 - now.to_seconds().0);
    let (title, what) = match transition {
        Transition::DataAccessEnding { .. } => (
            format!("In {left} credential {name} loses its access to data."),
            format!("What was granted to it ends on {at}; from then on it is refused."),
        ),
        _ => (
            format!("In {left} the token of credential {name} expires."),
            format!("Version {} expires on {at}. {}", version.version, renewing(renewal)),
        ),
    };
    Alert {
        key: Alert::key_of_version(name, version.version, transition),
        transition,
        hold: None,
        at: now,
        fault: own().row("holdfast.token_expires").name.to_owned(),
        title,
        what,
        remedy: remedy(version),
        destinations,
        waiting: 0,
        first_deadline: None,
        delivered: 0,
        expired: 0,
        regrant_url: regrant::url(gateway, name),
        together_with: Vec::new(),
    }
}

/// `It renews itself: …; the last attempt on …: …`
fn renewing(renewal: &Outlook) -> String {
    match (renewal.tried_at, &renewal.outcome) {
        (Some(at), Some(outcome)) => {
            let says = renewal.says.trim_end_matches('.');
            format!("{says}; the last attempt on {at}: {outcome}.")
        }
        _ => renewal.says.clone(),
    }
}

fn remedy(version: &CredentialVersion) -> String {
    let how = match version.kind {
        CredentialKind::SystemUser => "Generate a new token of the same system user",
        CredentialKind::User => {
            "Sign in again and grant anew, or better use a system user, whose token does not end"
        }
        CredentialKind::Page => "Derive the page's token anew from a fresh one of its user",
        _ => "Make a new token",
    };
    format!(
        "{how}, and add it before that: `holdfast credential add {} --token-file PATH`. The old one \
         stays in use until the new one is proved.",
        version.credential
    )
}
