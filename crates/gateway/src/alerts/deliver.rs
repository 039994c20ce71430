//! From the queue to the channels.

use holdfast_model::alert::Alert;
use holdfast_model::time::{DAY_S, UnixMillis};
use holdfast_storage::{AlertOutcome, DueAlert, StorageError};

use super::regrant;
use crate::state::Gateway;

/// Alerts that are sent in one go.
const AT_ONCE: u32 = 50;

/// The wait after the first failure; it doubles up to the longest.
const FIRST_WAIT_MS: i64 = 5_000;
const LONGEST_WAIT_MS: i64 = 3_600_000;

/// What a channel has not taken by then is news no more.
const GIVEN_UP_AFTER_MS: i64 = 7 * DAY_S * 1_000;

pub async fn deliver(gateway: &Gateway) -> Result<(), StorageError> {
    let due = gateway.registry.due_alerts(gateway.clock.wall(), AT_ONCE).await?;
    for DueAlert { alert, channel, attempts } in due {
        let now = gateway.clock.wall();
        let registry = &gateway.registry;
        match send(gateway, &channel, &alert, now).await {
            Ok(()) => {
                let outcome = AlertOutcome::Delivered(gateway.clock.wall());
                registry.close_alert(&alert.key, &channel, &outcome).await?;
            }
            Err(error) => {
                tracing::warn!(alert = alert.key, channel, error, "an alert was not taken");
                let until = now.plus_millis(wait_ms(attempts));
                registry.postpone_alert(&alert.key, &channel, until, &error).await?;
                if is_old(alert.at, now) {
                    let outcome = AlertOutcome::GivenUp(now);
                    registry.close_alert(&alert.key, &channel, &outcome).await?;
                }
            }
        }
    }
    Ok(())
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
