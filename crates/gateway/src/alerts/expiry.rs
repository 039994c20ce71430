//! Tokens that will die: said beforehand, at fewer and fewer days.

use holdfast_model::alert::{Alert, Transition};
use holdfast_model::credential::{CredentialKind, CredentialVersion, Expiry};
use holdfast_model::id::CredentialId;
use holdfast_model::time::{DAY_S, UnixMillis, UnixSeconds, humanize_seconds};
use holdfast_storage::StorageError;

use super::{regrant, together};
use crate::state::Gateway;

/// So many days before, the last of them on the day itself.
const STAGES: [u32; 5] = [21, 14, 7, 3, 1];

type Stage = fn(u32) -> Transition;

pub async fn tell(gateway: &Gateway) -> Result<(), StorageError> {
    let now = gateway.clock.wall();
    let snapshot = gateway.snapshot();
    let renewals = gateway.registry.renewals().await?;
    let renews_itself = |id: &CredentialId| {
        renewals.iter().any(|record| record.credential == *id && record.failures == 0)
    };
    let mut alerts = Vec::new();
    for version in snapshot.active.values() {
        let dates: [(Expiry, Stage); 2] = [
            (version.expires_at, |days| Transition::Expiring { days }),
            (version.data_access_expires_at, |days| Transition::DataAccessEnding { days }),
        ];
        for (expiry, transition) in dates {
            let Expiry::At(at) = expiry else { continue };
            let left_s = at.0.saturating_sub(now.to_seconds().0);
            let reached = |days: &&u32| left_s <= i64::from(**days) * DAY_S;
            // The nearest only: a token that was added with two days left is told of once.
            let Some(days) = STAGES.iter().rev().find(reached) else { continue };
            // One that is dead is what holds are about.
            if left_s > 0 {
                let alert = write(gateway, version, transition(*days), at, now);
                // Access to data comes back by nothing but a new grant.
                let needs_a_person =
                    matches!(alert.transition, Transition::DataAccessEnding { .. })
                        || !renews_itself(&version.credential);
                if needs_a_person {
                    regrant::tell(gateway, &version.credential, &alert).await?;
                }
                alerts.push(alert);
            }
        }
    }
    together::tell(gateway, alerts).await
}

fn write(
    gateway: &Gateway,
    version: &CredentialVersion,
    transition: Transition,
    at: UnixSeconds,
    now: UnixMillis,
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
            format!("Version {} expires on {at}.", version.version),
        ),
    };
    Alert {
        key: Alert::key_of_version(name, version.version, transition),
        transition,
        hold: None,
        at: now,
        fault: "holdfast.token_expires".to_owned(),
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
