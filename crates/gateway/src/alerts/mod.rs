//! Telling people: what died, why, what to do, what waits and until when.
//!
//! What is to be told follows from the holds (`watch`), from the dates of tokens (`expiry`) and from
//! time alone, and the registry takes
//! each alert once, so nothing is told twice and nothing is forgotten across a restart: what
//! happened while nobody ran is told at the next start. Each alert waits in a queue of its own for
//! each channel (`deliver`, `channels`) until that has taken it.
//!
//! What one look finds of the same fault is one message (`together`). The person who has to grant
//! anew gets a mail of their own with the link (`regrant`).
//!
//! What an operator holds by hand is not told; they know.

mod channels;
mod deliver;
mod drift;
mod expiry;
mod mail;
pub(crate) mod regrant;
mod together;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use holdfast_model::alert::{Alert, Transition};
use holdfast_model::id::CredentialId;
use tokio_util::sync::CancellationToken;

use self::deliver::Deliveries;
use crate::services::ServiceError;
use crate::state::Gateway;

pub use channels::{AlertsError, Channels};

/// How often it is looked what time has made of the holds.
const TICK: Duration = Duration::from_secs(5);

/// Tells and delivers until it is stopped. What was not delivered is delivered after the next start.
pub async fn run(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut holds = gateway.holds.watch();
    let mut deliveries = Deliveries::default();
    loop {
        let told = [
            watch::tell(&gateway).await,
            expiry::tell(&gateway).await,
            drift::tell(&gateway).await,
        ];
        for told in told {
            if let Err(error) = told {
                tracing::error!(%error, "failed to write an alert; it is tried again");
            }
        }
        if let Err(error) = deliveries.begin(&gateway, &stop).await {
            tracing::error!(%error, "failed to read which alerts are due; it is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => break,
            changed = holds.changed() => if changed.is_err() { break },
            () = gateway.alert_due.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
    deliveries.finish().await;
}

/// Sends an alert about nothing through every channel, or to the contact of one credential, so that
/// one knows that it works. Answers with the channels that it goes to.
pub async fn test(
    gateway: &Gateway,
    contact: Option<&CredentialId>,
) -> Result<(Alert, Vec<String>), ServiceError> {
    let channels = match contact {
        None => gateway.channels.names(),
        Some(id) => vec![channel_of_contact(gateway, id)?],
    };
    let at = gateway.clock.wall();
    let alert = Alert {
        key: format!("test:{}", at.0),
        transition: Transition::Test,
        hold: None,
        at,
        fault: "holdfast.test".to_owned(),
        title: "Holdfast: a test. Alerts arrive here.".to_owned(),
        what: "Somebody asked for this test; nothing has happened.".to_owned(),
        remedy: "Nothing.".to_owned(),
        destinations: Vec::new(),
        waiting: 0,
        first_deadline: None,
        delivered: 0,
        expired: 0,
        regrant_url: None,
        together_with: Vec::new(),
    };
    let alert = Alert { regrant_url: contact.and_then(|id| regrant::url(gateway, id)), ..alert };
    gateway.registry.claim_alert(&alert, &channels).await?;
    gateway.look_around();
    Ok((alert, channels))
}

fn channel_of_contact(gateway: &Gateway, id: &CredentialId) -> Result<String, ServiceError> {
    let snapshot = gateway.snapshot();
    if !snapshot.credentials.contains_key(id) {
        return Err(ServiceError::NotFound { what: "credential", name: id.to_string() });
    }
    if regrant::contact_of(&snapshot, id).is_none() {
        let expected = format!("credential {id} has no address of somebody to tell");
        return Err(ServiceError::invalid("contact", expected));
    }
    if !gateway.channels.reaches_contacts() {
        return Err(ServiceError::Refused {
            reason: "contacts are told by mail, and no mail server is configured".to_owned(),
            hint: "Set alerts.smtp_url_file, mail_from and mail_to.".to_owned(),
        });
    }
    Ok(regrant::channel_of(id))
}
