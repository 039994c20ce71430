//! Telling people: what died, why, what to do, what waits and until when.
//!
//! What is to be told follows from the holds (`watch`), from the dates of tokens (`expiry`) and from
//! time alone, and the registry takes
//! each alert once, so nothing is told twice and nothing is forgotten across a restart: what
//! happened while nobody ran is told at the next start. Each alert waits in a queue of its own for
//! each channel (`deliver`, `channels`) until that has taken it.
//!
//! What an operator holds by hand is not told; they know.

mod channels;
mod deliver;
mod expiry;
mod mail;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use holdfast_model::alert::{Alert, Transition};
use holdfast_storage::StorageError;
use tokio_util::sync::CancellationToken;

use crate::state::Gateway;

pub use channels::{AlertsError, Channels};

/// How often it is looked what time has made of the holds.
const TICK: Duration = Duration::from_secs(5);

/// Tells and delivers until it is stopped. What was not delivered is delivered after the next start.
pub async fn run(gateway: Arc<Gateway>, stop: CancellationToken) {
    let mut holds = gateway.holds.watch();
    loop {
        for told in [watch::tell(&gateway).await, expiry::tell(&gateway).await] {
            if let Err(error) = told {
                tracing::error!(%error, "failed to write an alert; it is tried again");
            }
        }
        if let Err(error) = deliver::deliver(&gateway).await {
            tracing::error!(%error, "failed to read which alerts are due; it is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = holds.changed() => if changed.is_err() { return },
            () = gateway.alert_due.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Sends an alert about nothing through every channel, so that one knows that they work.
pub async fn test(gateway: &Gateway) -> Result<Alert, StorageError> {
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
    gateway.registry.claim_alert(&alert, &gateway.channels.names()).await?;
    gateway.look_around();
    Ok(alert)
}
