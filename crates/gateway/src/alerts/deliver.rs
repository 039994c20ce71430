//! From the queue to the channels.
//!
//! Each channel is served by a task of its own, so that one that hangs keeps nobody else waiting:
//! neither the other channels nor those who write what is to be told next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::alert::Alert;
use holdfast_model::time::{DAY_S, UnixMillis};
use holdfast_storage::{AlertOutcome, DueAlert, StorageError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{channels, regrant};
use crate::state::Gateway;

/// Alerts that are read in one go, of all channels: enough that those of a channel that hangs do not
/// hide those of the others, because each that was not taken rests before it is due again.
const READ_AT_ONCE: u32 = 500;

/// Alerts that one channel is given in one go.
const AT_ONCE: usize = 50;

/// How long one alert may take from its beginning to its end: a channel may keep to the time of each
/// step, such as each line of a mail, and never come to an end.
const SEND_PATIENCE: Duration = channels::TIMEOUT.saturating_add(Duration::from_secs(5));

/// The wait after the first failure; it doubles up to the longest.
const FIRST_WAIT_MS: i64 = 5_000;
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// What a channel has not taken by then is news no more.
const GIVEN_UP_AFTER_MS: i64 = 7 * DAY_S * 1_000;

/// The channels that are being served.
#[derive(Default)]
pub struct Deliveries {
    busy: BTreeMap<String, JoinHandle<()>>,
}

impl Deliveries {
    /// Has what is due sent, by channels that are not busy yet.
    pub async fn begin(
        &mut self,
        gateway: &Arc<Gateway>,
        stop: &CancellationToken,
    ) -> Result<(), StorageError> {
        self.busy.retain(|_, task| !task.is_finished());
        let due = gateway.registry.due_alerts(gateway.clock.wall(), READ_AT_ONCE).await?;
        let mut by_channel = BTreeMap::<String, Vec<DueAlert>>::new();
        for one in due {
            by_channel.entry(served_with(&one.channel)).or_default().push(one);
        }
        for (channel, mut due) in by_channel {
            self.busy.entry(channel).or_insert_with(|| {
                due.truncate(AT_ONCE);
                tokio::spawn(serve(gateway.clone(), due, stop.clone()))
            });
        }
        Ok(())
    }

    /// Waits until nothing is being sent any more.
    pub async fn finish(self) {
        for task in self.busy.into_values() {
            // A panic in it was logged, and what it had not sent is due at the next start.
            let _ = task.await;
        }
    }
}

/// The mails to those who grant anew go one after the other, beside those to operators.
fn served_with(channel: &str) -> String {
    match regrant::is_contact(channel) {
        true => "contact".to_owned(),
        false => channel.to_owned(),
    }
}

async fn serve(gateway: Arc<Gateway>, due: Vec<DueAlert>, stop: CancellationToken) {
    for one in due {
        if stop.is_cancelled() {
            return;
        }
        if let Err(error) = deliver(&gateway, &one).await {
            tracing::error!(alert = one.alert.key, channel = one.channel, %error,
                "failed to write down what became of an alert");
            return;
        }
    }
    // There may be more for this channel.
    gateway.alert_due.notify_one();
}

async fn deliver(gateway: &Gateway, due: &DueAlert) -> Result<(), StorageError> {
    let DueAlert { alert, channel, attempts } = due;
    let registry = &gateway.registry;
    let sending = send(gateway, channel, alert, gateway.clock.wall());
    let sent = tokio::time::timeout(SEND_PATIENCE, sending).await;
    let now = gateway.clock.wall();
    match sent.unwrap_or_else(|_| Err(format!("it took longer than {SEND_PATIENCE:?}"))) {
        Ok(()) => registry.close_alert(&alert.key, channel, &AlertOutcome::Delivered(now)).await,
        Err(error) => {
            tracing::warn!(alert = alert.key, channel, error, "an alert was not taken");
            let until = now.plus_millis(wait_ms(*attempts));
            registry.postpone_alert(&alert.key, channel, until, &error).await?;
            if is_old(alert.at, now) {
                let outcome = AlertOutcome::GivenUp(now);
                registry.close_alert(&alert.key, channel, &outcome).await?;
            }
            Ok(())
        }
    }
}

async fn send(
    gateway: &Gateway,
    channel: &str,
    alert: &Alert,
    now: UnixMillis,
) -> Result<(), String> {
    if !regrant::is_contact(channel) {
        return gateway.channels.send(channel, alert, now).await;
    }
    let address = regrant::address(gateway, channel).ok_or("nobody is named any more")?;
    gateway.channels.send_to(&address, alert, now).await
}

fn wait_ms(attempts: u32) -> i64 {
    FIRST_WAIT_MS.saturating_mul(1 << attempts.min(20)).min(LONGEST_WAIT_MS)
}

fn is_old(told: UnixMillis, now: UnixMillis) -> bool {
    now.0 - told.0 >= GIVEN_UP_AFTER_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_bounded() {
        assert_eq!(wait_ms(0), 5_000);
        assert_eq!(wait_ms(3), 40_000);
        assert_eq!(wait_ms(u32::MAX), LONGEST_WAIT_MS);
    }
}
