//! What came of it, as counted by the gateway and, independently, by the sandbox.

use holdfast_gateway::services::holds;
use serde::Serialize;

use super::stage::Stage;
use super::traffic::Sent;
use crate::output::{Output, grouped};

#[derive(Debug, Serialize)]
pub struct Report {
    pub accepted: u64,
    pub delivered: u64,
    pub rejected: u64,
    pub expired: u64,
    pub queued: u64,
    pub held: u64,
    pub unknown: u64,
    /// Events that the sandbox counted twice.
    pub duplicates: u64,
    /// Accepted events that are in no state, or that the ledger calls delivered and the sandbox
    /// never saw.
    pub lost: i64,
    pub holds_opened: u64,
    pub holds_lifted: u64,
    pub first_delivery_after_lift_ms: Option<u64>,
    pub poison_found: u64,
    pub poison_extra_requests: u64,
    /// Events that were accepted while their destination was held.
    pub accepted_while_held: u64,
    /// Distinct events that the sandbox received.
    pub received_by_platform: u64,
    /// Repetitions that the sandbox recognized, as the platform does within 48 hours.
    pub deduplicated_by_platform: u64,
    /// What the clients were told was accepted.
    pub acknowledged_to_clients: u64,
    poison_sent: u64,
}

impl Report {
    pub async fn gather(stage: &Stage, sent: &Sent) -> anyhow::Result<Self> {
        let status = stage.status().await?;
        let holds = holds::list(&stage.gateway, true).await?;
        let platform = stage.sandbox.handle().state().total;
        let ledger = status.ledger;
        let sum = |count: fn(&holdfast_gateway::services::status::DestinationStatus) -> u64| {
            status.destinations.iter().map(count).sum()
        };
        let unseen = ledger.delivered as i64 - platform.distinct as i64;
        let unaccounted = sent.accepted as i64 - ledger.accepted as i64;
        Ok(Self {
            accepted: ledger.accepted,
            delivered: ledger.delivered,
            rejected: ledger.rejected,
            expired: ledger.expired,
            queued: ledger.queued,
            held: ledger.held,
            unknown: ledger.unknown,
            duplicates: platform.counted_twice,
            lost: [status.lost, unseen, unaccounted]
                .into_iter()
                .max_by_key(|n| n.abs())
                .unwrap_or(0),
            holds_opened: holds.len() as u64,
            holds_lifted: holds.iter().filter(|hold| !hold.open).count() as u64,
            first_delivery_after_lift_ms: status
                .destinations
                .iter()
                .find_map(|row| row.first_delivery_after_lift_ms),
            poison_found: sum(|row| row.poison_found),
            poison_extra_requests: sum(|row| row.poison_extra_requests),
            accepted_while_held: sent.accepted_while_held,
            received_by_platform: platform.distinct,
            deduplicated_by_platform: platform.deduplicated,
            acknowledged_to_clients: sent.accepted,
            poison_sent: sent.poison,
        })
    }

    /// What must hold after every demo.
    pub fn verdict(&self) -> Result<(), String> {
        let wrong = [
            (self.lost != 0, "events were lost"),
            (self.duplicates != 0, "events were counted twice"),
            (self.queued + self.held + self.unknown != 0, "events are still waiting"),
            (self.holds_opened == 0, "no hold was opened"),
            (self.holds_lifted != self.holds_opened, "a hold is still open"),
            (self.poison_found != self.poison_sent, "poison was not found exactly"),
            (self.rejected != self.poison_sent, "something else than poison was rejected"),
        ];
        match wrong.iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, what)) => Err((*what).to_owned()),
            None => Ok(()),
        }
    }

    pub fn show(&self, output: &Output) -> anyhow::Result<()> {
        if output.json {
            // One line: the last of the output, for scripts.
            output.line(serde_json::to_string(self)?);
            return Ok(());
        }
        let after = self
            .first_delivery_after_lift_ms
            .map_or("-".to_owned(), |ms| format!("{} ms after the new token", grouped(ms)));
        for (name, value) in [
            ("Accepted", grouped(self.accepted)),
            ("Delivered", grouped(self.delivered)),
            ("Rejected", format!("{} (poison; each found on its own)", grouped(self.rejected))),
            ("Accepted while held", grouped(self.accepted_while_held)),
            ("Lost", grouped(self.lost)),
            ("Counted twice", grouped(self.duplicates)),
            ("Holds", format!("{} opened, {} lifted", self.holds_opened, self.holds_lifted)),
            ("First delivery", after),
            (
                "Poison",
                format!(
                    "{} found with {} extra requests",
                    self.poison_found, self.poison_extra_requests
                ),
            ),
        ] {
            output.line(format!("{name:20} {value}"));
        }
        Ok(())
    }
}
