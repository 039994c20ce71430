//! Counters and gauges in the Prometheus text format.
//!
//! Names and meanings are listed in `docs/metrics.md`. Labels are bounded: destinations, fault
//! names and HTTP statuses, never ids, assets or anything a caller chose freely.

use holdfast_model::destination::Destination;
use holdfast_model::platform::PlatformId;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as PrometheusRegistry;

use crate::services::ServiceError;
use crate::services::status::{Status, status};
use crate::state::Gateway;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDestination {
    destination: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByFault {
    fault: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDestinationAndFault {
    destination: String,
    fault: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByPlatform {
    platform: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByWayAndOutcome {
    way: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByStatus {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByState {
    destination: String,
    state: &'static str,
}

/// All metrics. Cheap to clone handles inside; one per process.
pub struct Metrics {
    registry: PrometheusRegistry,
    requests: Family<ByStatus, Counter>,
    admitted: Family<ByPlatform, Counter>,
    refused: Family<ByFault, Counter>,
    attempts: Family<ByDestination, Counter>,
    delivered: Family<ByDestination, Counter>,
    rejected: Family<ByDestinationAndFault, Counter>,
    expired: Family<ByDestination, Counter>,
    holds_opened: Family<ByFault, Counter>,
    holds_lifted: Counter,
    takeovers: Family<ByDestination, Counter>,
    signals: Counter,
    signals_refused: Counter,
    renewals: Family<ByWayAndOutcome, Counter>,
    ledger: Family<ByState, Gauge>,
    lost: Gauge,
    open_holds: Gauge,
    queued_bytes: Family<ByDestination, Gauge>,
    first_deadline: Family<ByDestination, Gauge>,
    clock_trusted: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: PrometheusRegistry::with_prefix("holdfast"),
            requests: Family::default(),
            admitted: Family::default(),
            refused: Family::default(),
            attempts: Family::default(),
            delivered: Family::default(),
            rejected: Family::default(),
            expired: Family::default(),
            holds_opened: Family::default(),
            holds_lifted: Counter::default(),
            takeovers: Family::default(),
            signals: Counter::default(),
            signals_refused: Counter::default(),
            renewals: Family::default(),
            ledger: Family::default(),
            lost: Gauge::default(),
            open_holds: Gauge::default(),
            queued_bytes: Family::default(),
            first_deadline: Family::default(),
            clock_trusted: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("ingest_requests", "Ingest requests by HTTP status", self.requests.clone());
        r.register("items_admitted", "Items made durable", self.admitted.clone());
        r.register("items_refused", "Events refused at admission", self.refused.clone());
        r.register("delivery_attempts", "Requests sent to platforms", self.attempts.clone());
        r.register("items_delivered", "Items platforms accepted", self.delivered.clone());
        r.register("items_rejected", "Items dead-lettered after acceptance", self.rejected.clone());
        r.register(
            "items_expired",
            "Items that passed their deadline in hand",
            self.expired.clone(),
        );
        r.register("holds_opened", "Holds opened", self.holds_opened.clone());
        r.register("holds_lifted", "Holds lifted", self.holds_lifted.clone());
        r.register("takeovers", "Standby credentials that took over", self.takeovers.clone());
        r.register("signals", "Pushes of platforms that were taken", self.signals.clone());
        r.register("signals_refused", "Forged or broken pushes", self.signals_refused.clone());
        r.register("renewals", "Runs that renewed a credential or tried to", self.renewals.clone());
        r.register("ledger_items", "Items by destination and ledger state", self.ledger.clone());
        r.register("ledger_lost_items", "Accepted items in no state: must be 0", self.lost.clone());
        r.register("open_holds", "Holds open now", self.open_holds.clone());
        r.register("queued_bytes", "Bytes of waiting items on disk", self.queued_bytes.clone());
        r.register(
            "first_deadline_timestamp_seconds",
            "When the first waiting item expires; 0 if none does",
            self.first_deadline.clone(),
        );
        r.register(
            "clock_trusted",
            "1 while the wall clock agrees with the platforms",
            self.clock_trusted.clone(),
        );
    }

    pub fn requests(&self, status: u16) {
        self.requests.get_or_create(&ByStatus { status }).inc();
    }

    pub fn admitted(&self, platform: PlatformId, items: u64) {
        self.admitted.get_or_create(&ByPlatform { platform: platform.as_str() }).inc_by(items);
    }

    pub fn refused(&self, fault: &'static str, events: u64) {
        self.refused.get_or_create(&ByFault { fault: fault.to_owned() }).inc_by(events);
    }

    pub fn attempt(&self, destination: &Destination) {
        self.attempts.get_or_create(&by(destination)).inc();
    }

    pub fn delivered(&self, destination: &Destination, items: u64) {
        self.delivered.get_or_create(&by(destination)).inc_by(items);
    }

    pub fn rejected(&self, destination: &Destination, fault: &str) {
        let labels = ByDestinationAndFault {
            destination: destination.id.to_string(),
            fault: fault.to_owned(),
        };
        self.rejected.get_or_create(&labels).inc();
    }

    pub fn expired(&self, destination: &Destination, items: u64) {
        self.expired.get_or_create(&by(destination)).inc_by(items);
    }

    pub fn hold_opened(&self, fault: &str) {
        self.holds_opened.get_or_create(&ByFault { fault: fault.to_owned() }).inc();
    }

    pub fn hold_lifted(&self) {
        self.holds_lifted.inc();
    }

    pub fn taken_over(&self, destination: &Destination) {
        self.takeovers.get_or_create(&by(destination)).inc();
    }

    pub fn signal_received(&self) {
        self.signals.inc();
    }

    pub fn signal_refused(&self) {
        self.signals_refused.inc();
    }

    pub fn renewal(&self, way: &'static str, outcome: &'static str) {
        self.renewals.get_or_create(&ByWayAndOutcome { way, outcome }).inc();
    }

    /// The page for a scraper. The gauges are read from the outbox at this moment.
    pub async fn encode(&self, gateway: &Gateway) -> Result<String, ServiceError> {
        self.set_gauges(&status(gateway).await?);
        let mut page = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut page, &self.registry);
        Ok(page)
    }

    fn set_gauges(&self, status: &Status) {
        self.lost.set(status.lost);
        self.open_holds.set(status.holds.len() as i64);
        self.clock_trusted.set(i64::from(status.clock_trusted));
        for row in &status.destinations {
            let ledger = row.ledger;
            for (state, items) in [
                ("accepted", ledger.accepted),
                ("queued", ledger.queued),
                ("held", ledger.held),
                ("unknown", ledger.unknown),
                ("delivered", ledger.delivered),
                ("rejected", ledger.rejected),
                ("expired", ledger.expired),
            ] {
                let labels = ByState { destination: row.id.clone(), state };
                self.ledger.get_or_create(&labels).set(items as i64);
            }
            let labels = ByDestination { destination: row.id.clone() };
            self.queued_bytes.get_or_create(&labels).set(row.queued_bytes as i64);
            self.first_deadline
                .get_or_create(&labels)
                .set(row.first_deadline.map_or(0, |deadline| deadline.0));
        }
    }
}

fn by(destination: &Destination) -> ByDestination {
    ByDestination { destination: destination.id.to_string() }
}
