//! The task that runs one lane: inputs in, commands out, nothing decided here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use holdfast_delivery::{Command, Input, Lane, LaneSettings, Notice, Ticket, Waiting};
use holdfast_model::credential::SignedWith;
use holdfast_model::destination::Destination;
use holdfast_model::fault::Fault;
use holdfast_model::hold::{Confirmation, Hold};
use holdfast_model::id::{HoldId, Seq};
use holdfast_model::item::{BatchGroup, LeasedItem};
use holdfast_model::time::MonoMillis;
use holdfast_model::wire::{TransportFailure, TransportFailureKind};
use holdfast_platforms::{Platform, ProbeAnswer};
use holdfast_storage::{DeliveredBatch, ExpiryReason, LeaseAsk, Settlement};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::background::{Background, Done};
use super::sender::{self, Outcome};
use super::settler::{Settle, Settler, SettlerNews};
use super::{LaneView, Nudge};
use crate::services::holds;
use crate::state::Gateway;

/// While more settlements than this wait for storage, nothing new is leased: what is delivered but
/// not yet written down would grow without bound otherwise.
const MAX_UNSETTLED: usize = 64;

/// Longest sleep without an input. A lane that has nothing to do costs nothing; this only bounds
/// how long a missed wake-up could go unnoticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The fault of items that were being erased when they were to be sent.
const ERASED: &str = "holdfast.erased";

/// A leased item in the runner's care, until it is settled or released.
struct Leased {
    item: Arc<LeasedItem>,
    group: u64,
    signed_with: Option<Arc<SignedWith>>,
}

pub struct Runner {
    gateway: Arc<Gateway>,
    destination: Arc<Destination>,
    platform: &'static dyn Platform,
    lane: Lane,
    leased: HashMap<Seq, Leased>,
    groups: Groups,
    waiting_leases: VecDeque<Command>,
    background: Background,
    settler: Settler,
    settler_news: mpsc::UnboundedReceiver<SettlerNews>,
    nudges: mpsc::UnboundedReceiver<Nudge>,
    holds: watch::Receiver<Arc<Vec<Hold>>>,
    covering: Vec<HoldId>,
    items_arrived: Arc<Notify>,
    view: watch::Sender<LaneView>,
    stop: CancellationToken,
}

impl Runner {
    pub fn new(
        gateway: Arc<Gateway>,
        destination: Arc<Destination>,
        platform: &'static dyn Platform,
        nudges: mpsc::UnboundedReceiver<Nudge>,
        view: watch::Sender<LaneView>,
        stop: CancellationToken,
    ) -> Self {
        let lane = Lane::new(lane_settings(&gateway, &destination, platform), gateway.clock.now());
        let items_arrived = Arc::new(Notify::new());
        let wake = items_arrived.clone();
        gateway.outbox.on_available(destination.lane, Box::new(move || wake.notify_one()));
        gateway.outbox.set_quota(destination.lane, destination.settings.quota_bytes);
        let (settler, settler_news) = Settler::start(gateway.outbox.clone(), destination.lane);
        Self {
            holds: gateway.holds.watch(),
            gateway,
            destination,
            platform,
            lane,
            leased: HashMap::new(),
            groups: Groups::default(),
            waiting_leases: VecDeque::new(),
            background: Background::default(),
            settler,
            settler_news,
            nudges,
            covering: Vec::new(),
            items_arrived,
            view,
            stop,
        }
    }

    pub async fn run(mut self) {
        self.look_at_holds(true);
        self.input(Input::Available(self.waiting()));
        let mut draining = false;
        while !(draining && self.is_finished()) {
            let sleep = self.until_wakeup();
            tokio::select! {
                biased;
                Some(news) = self.settler_news.recv() => self.settled(news),
                Some(done) = self.background.next(), if !self.background.is_empty() => self.done(done),
                Some(nudge) = self.nudges.recv() => self.nudged(nudge),
                Ok(()) = self.holds.changed() => self.look_at_holds(false),
                () = self.stop.cancelled(), if !draining => {
                    draining = true;
                    self.input(Input::Drain);
                }
                () = self.items_arrived.notified(), if !draining => {
                    self.input(Input::Available(self.waiting()));
                }
                () = tokio::time::sleep(sleep) => self.input(Input::Tick),
            }
            self.publish();
        }
        self.settler.finish().await;
    }

    fn is_finished(&self) -> bool {
        self.background.is_empty() && self.settler.is_idle()
    }

    fn until_wakeup(&self) -> Duration {
        let now = self.gateway.clock.now().mono;
        let due: Option<MonoMillis> = self.lane.next_wakeup();
        due.map_or(LONGEST_SLEEP, |due| due.since(now)).min(LONGEST_SLEEP)
    }

    fn waiting(&self) -> Waiting {
        let peek = self.gateway.outbox.peek(self.destination.lane);
        Waiting {
            ready: peek.ready,
            next_not_before: peek.next_not_before,
            first_deadline: peek.first_deadline,
        }
    }

    fn input(&mut self, input: Input) {
        let commands = self.lane.handle(self.gateway.clock.now(), input);
        for command in commands {
            self.execute(command);
        }
    }

    // ── Inputs ──────────────────────────────────────────────────────────────────────────────

    fn nudged(&mut self, nudge: Nudge) {
        match nudge {
            Nudge::CredentialChanged => {
                let snapshot = self.gateway.snapshot();
                if let Some(current) = snapshot.destination_of_lane(self.destination.lane) {
                    self.destination = current.clone();
                }
                if let Some(active) = snapshot.active.get(&self.destination.credential) {
                    self.input(Input::CredentialChanged { version: active.version });
                }
                self.look_at_holds(true);
            }
        }
    }

    /// Tells the lane which open holds cover it, if that changed.
    fn look_at_holds(&mut self, even_if_unchanged: bool) {
        self.holds.mark_unchanged();
        let open = self.gateway.holds.covering(&self.gateway.scope_facts(&self.destination));
        let ids: Vec<HoldId> = open.iter().map(|hold| hold.id).collect();
        if even_if_unchanged || ids != self.covering {
            self.covering = ids;
            self.input(Input::Holds { open });
        }
    }

    fn settled(&mut self, news: SettlerNews) {
        match news {
            SettlerNews::Failing => self.input(Input::Storage { ok: false }),
            SettlerNews::Recovered => self.input(Input::Storage { ok: true }),
            SettlerNews::Settled => {
                while self.settler.backlog() < MAX_UNSETTLED {
                    let Some(lease) = self.waiting_leases.pop_front() else { break };
                    self.execute(lease);
                }
                self.input(Input::Available(self.waiting()));
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Leased { ticket, lease } => self.took_lease(ticket, lease),
            Done::Sent { ticket, items, sent } => self.sent(ticket, &items, sent),
            Done::Input(input) => self.input(input),
            Done::HoldOpened => self.look_at_holds(true),
        }
    }

    fn took_lease(
        &mut self,
        ticket: Ticket,
        lease: Result<holdfast_storage::Lease, holdfast_storage::StorageError>,
    ) {
        let lease = lease.unwrap_or_else(|error| {
            tracing::error!(destination = %self.destination.id, %error, "failed to lease items");
            holdfast_storage::Lease::default()
        });
        let group = self.groups.number(lease.group);
        let metas = lease.items.iter().map(|item| item.meta).collect();
        for item in lease.items {
            let entry = Leased { item: Arc::new(item), group, signed_with: None };
            self.leased.insert(entry.item.meta.seq, entry);
        }
        self.input(Input::Leased { ticket, group, items: metas, waiting: self.waiting() });
    }

    fn sent(&mut self, ticket: Ticket, items: &[Seq], sent: Outcome) {
        let input = match sent {
            Outcome::Answered { judgement, signed_with } => {
                for seq in items {
                    if let Some(leased) = self.leased.get_mut(seq) {
                        leased.signed_with = Some(signed_with.clone());
                    }
                }
                Input::Judged { ticket, judgement: *judgement }
            }
            Outcome::Unanswered { failure, fault } => Input::NoAnswer { ticket, failure, fault },
            Outcome::NotSent { fault } => Input::NotSent { ticket, fault },
        };
        self.input(input);
    }

    // ── Commands ────────────────────────────────────────────────────────────────────────────

    fn execute(&mut self, command: Command) {
        match command {
            Command::Lease { .. } if self.settler.backlog() >= MAX_UNSETTLED => {
                self.waiting_leases.push_back(command);
            }
            Command::Lease { ticket, max_items, max_bytes, max_unsafe_items } => {
                self.lease(ticket, max_items, max_bytes, max_unsafe_items);
            }
            Command::Send { ticket, items } => self.send(ticket, items),
            Command::WithdrawIntent { items } => {
                // Here and now: an intent of the next attempt must come after it.
                self.gateway.outbox.withdraw_intent(self.destination.lane, &items);
            }
            Command::Probe { ticket, fault } => self.probe(ticket, fault),
            Command::OpenHold { fault, confirmation } => self.open_hold(fault, confirmation),
            Command::Release { items, not_before } => {
                self.forget(&items);
                self.settler.push(Settle::Release { items, not_before });
            }
            Command::Deliver { items, trace_id } => self.deliver(items, trace_id),
            Command::DeadLetter { items } => self.dead_letter(items),
            Command::Expire { items, hold, fault } => self.expire(items, hold, fault),
            Command::ExpireDue { due, hold } => {
                let at = self.gateway.clock.wall();
                self.settler.push(Settle::ExpireDue { due, at, reason: expiry_reason(hold, None) });
            }
            Command::Unknown { items, fault } => {
                self.forget(&items);
                let at = self.gateway.clock.wall();
                tracing::warn!(destination = %self.destination.id, items = items.len(),
                    fault = %fault.name, "answer lost and a resend would not be safe");
                self.settler.push(Settle::Settlement(Settlement::Unknown { items, fault, at }));
            }
            Command::Tell(notice) => self.tell(notice),
        }
    }

    fn lease(&mut self, ticket: Ticket, max_items: u32, max_bytes: u32, max_unsafe_items: u32) {
        let (outbox, lane) = (self.gateway.outbox.clone(), self.destination.lane);
        let now = self.gateway.clock.wall();
        let ask = LeaseAsk { max_items, max_unsafe_items, max_bytes, now };
        let failed = Done::Leased { ticket, lease: Ok(holdfast_storage::Lease::default()) };
        self.background.spawn(failed, async move {
            let lease = outbox.lease(lane, ask).await;
            Done::Leased { ticket, lease }
        });
    }

    fn send(&mut self, ticket: Ticket, items: Vec<Seq>) {
        let in_hand: Vec<_> = items.iter().filter_map(|seq| self.leased.get(seq)).collect();
        let group = in_hand.first().map_or(0, |leased| leased.group);
        let batch = sender::Batch {
            destination: self.destination.clone(),
            platform: self.platform,
            group: self.groups.group(group),
            items: in_hand.iter().map(|leased| leased.item.clone()).collect(),
        };
        let gateway = self.gateway.clone();
        let failed = Done::Sent { ticket, items: items.clone(), sent: self.failed() };
        self.background.spawn(failed, async move {
            let sent = sender::send(&gateway, batch).await;
            Done::Sent { ticket, items, sent }
        });
    }

    /// A request whose task panicked: it may have left.
    fn failed(&self) -> Outcome {
        let failure = TransportFailure {
            kind: TransportFailureKind::Other,
            may_have_arrived: true,
            detail: "the task that sent it failed".to_owned(),
        };
        Outcome::Unanswered { fault: self.platform.transport_fault(&failure), failure }
    }

    fn probe(&mut self, ticket: Ticket, fault: Fault) {
        let (gateway, destination) = (self.gateway.clone(), self.destination.clone());
        let failed = Done::Input(Input::Probed { ticket, answer: ProbeAnswer::Silent });
        self.background.spawn(failed, async move {
            let answer = sender::confirm(&gateway, &destination, &fault).await;
            Done::Input(Input::Probed { ticket, answer })
        });
    }

    fn open_hold(&mut self, fault: Fault, confirmation: Confirmation) {
        let (gateway, destination) = (self.gateway.clone(), self.destination.clone());
        self.background.spawn(Done::HoldOpened, async move {
            if let Err(error) = holds::open_for(&gateway, &destination, fault, confirmation).await {
                tracing::error!(destination = %destination.id, %error, "failed to persist a hold");
                // The lane asks again as soon as it is told that nothing is open; not at once.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Done::HoldOpened
        });
    }

    fn deliver(&mut self, items: Vec<Seq>, trace_id: Option<String>) {
        let now = self.gateway.clock.wall();
        let signed_with = items
            .iter()
            .find_map(|seq| self.leased.get(seq).and_then(|leased| leased.signed_with.clone()));
        self.forget(&items);
        self.gateway.metrics.delivered(&self.destination, items.len() as u64);
        self.view.send_modify(|view| view.last_delivery_at = Some(now));
        let Some(signed_with) = signed_with else {
            tracing::error!(destination = %self.destination.id, "delivered items nobody signed");
            return;
        };
        self.gateway.renewals.count(&signed_with, items.len() as u64, now);
        self.settler.push(Settle::Settlement(Settlement::Delivered(DeliveredBatch {
            batch: crate::random::batch_id(now),
            items,
            signed_with: (*signed_with).clone(),
            trace_id,
            at: now,
        })));
    }

    fn dead_letter(&mut self, items: Vec<(Seq, Fault)>) {
        for (seq, fault) in &items {
            let event_id = self.leased.remove(seq).map(|leased| leased.item.event_id.clone());
            self.gateway.metrics.rejected(&self.destination, &fault.name);
            if fault.name == ERASED {
                // The platform has nothing to do with it, and its id is not to be written down.
                continue;
            }
            tracing::warn!(destination = %self.destination.id, event_id = event_id.as_deref(),
                fault = %fault.name, code = fault.code.map(|c| c.to_string()),
                "an event was refused by the platform and is now a dead letter");
        }
        let at = self.gateway.clock.wall();
        self.settler.push(Settle::Settlement(Settlement::Rejected { items, at }));
    }

    fn expire(&mut self, items: Vec<Seq>, hold: Option<HoldId>, fault: Option<Fault>) {
        self.forget(&items);
        self.gateway.metrics.expired(&self.destination, items.len() as u64);
        let at = self.gateway.clock.wall();
        let reason = expiry_reason(hold, fault);
        self.settler.push(Settle::Settlement(Settlement::Expired { items, reason, at }));
    }

    fn forget(&mut self, items: &[Seq]) {
        for seq in items {
            self.leased.remove(seq);
        }
        if self.leased.is_empty() {
            self.groups.clear();
        }
    }

    // ── What people see ─────────────────────────────────────────────────────────────────────

    fn tell(&mut self, notice: Notice) {
        let destination = &self.destination.id;
        match notice {
            Notice::BackingOff { fault, wait_ms, consecutive } => {
                tracing::warn!(%destination, fault = %fault.name, wait_ms, consecutive,
                    says = %fault.platform_message, "backing off");
                self.view.send_modify(|view| view.last_fault = Some(fault));
            }
            Notice::Warnings(warnings) => {
                for says in warnings {
                    tracing::warn!(%destination, says, "the platform remarked on a success");
                }
            }
            Notice::PoisonFound { extra_requests, .. } => self.view.send_modify(|view| {
                view.poison_found += 1;
                view.poison_extra_requests += u64::from(extra_requests);
            }),
            Notice::Recovered { hold_was_open_ms, first_delivery_after_lift_ms } => {
                tracing::info!(%destination, hold_was_open_ms, first_delivery_after_lift_ms,
                    "delivering again");
                self.view.send_modify(|view| {
                    view.last_recovery_ms = Some(first_delivery_after_lift_ms);
                });
            }
            Notice::Attempt { .. } => self.view.send_modify(|view| view.attempts += 1),
            Notice::ClockSkewHoldsExpiry => {
                tracing::error!(%destination,
                    "deadlines seem to have passed, but this machine's clock disagrees with the \
                     platforms' by more than five minutes; nothing expires until it is right");
            }
        }
    }

    fn publish(&mut self) {
        let (state, in_flight) = (self.lane.state(), self.lane.in_flight_requests());
        self.view.send_if_modified(|view| {
            let changed = view.state != state || view.in_flight_requests != in_flight;
            view.state = state;
            view.in_flight_requests = in_flight;
            changed
        });
    }
}

fn lane_settings(
    gateway: &Gateway,
    destination: &Destination,
    platform: &dyn Platform,
) -> LaneSettings {
    let limits = platform.limits();
    let chosen = &destination.settings;
    let delivery = &gateway.settings.delivery;
    let max_bytes = u32::try_from(delivery.max_request_bytes.0).unwrap_or(u32::MAX);
    LaneSettings {
        max_batch_items: chosen.max_batch_items.clamp(1, limits.max_items),
        max_batch_bytes: max_bytes.min(limits.max_bytes),
        max_unsafe_items: limits.max_unsafe_items,
        max_in_flight: u32::from(chosen.max_in_flight.max(1)),
        partial_interval_ms: delivery.partial_interval_ms,
        backoff_first_ms: delivery.backoff_first_ms,
        backoff_max_ms: delivery.backoff_max_ms,
        ramp: vec![4, 16, 64, 256],
        ambiguous: chosen.ambiguous,
        seed: crate::random::seed(),
    }
}

fn expiry_reason(hold: Option<HoldId>, fault: Option<Fault>) -> ExpiryReason {
    let hint = match fault {
        Some(fault) => format!("{} {}", fault.summary, fault.remedy),
        None => "The platform no longer accepts an event of this age. It can be put back, but \
                 will be refused unless the platform's window is wider than ours."
            .to_owned(),
    };
    ExpiryReason { hold, hint }
}

/// Numbers for the groups of items in hand, so that the lane can compare them cheaply.
#[derive(Default)]
struct Groups {
    known: Vec<BatchGroup>,
}

impl Groups {
    fn number(&mut self, group: BatchGroup) -> u64 {
        let at = self.known.iter().position(|known| *known == group).unwrap_or_else(|| {
            self.known.push(group);
            self.known.len() - 1
        });
        at as u64
    }

    fn group(&self, number: u64) -> BatchGroup {
        usize::try_from(number).ok().and_then(|at| self.known.get(at)).cloned().unwrap_or_default()
    }

    /// Only when no item is in hand: numbers are given out anew.
    fn clear(&mut self) {
        self.known.clear();
    }
}
