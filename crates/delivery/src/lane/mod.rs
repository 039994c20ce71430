//! The state of a lane, and what each input does to it.
//!
//! The story is told in pieces: `backoff` (waiting after failures), `batch` (what is in flight),
//! `freshness` (when a request that is not full may leave),
//! `isolation` (finding the bad event), `holding` (refusals, probes, holds), `ramp` (after a lift),
//! `expiry` (deadlines). This file dispatches.

mod attempts;
mod backoff;
mod batch;
mod expiry;
mod freshness;
mod holding;
mod isolation;
mod ramp;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use holdfast_model::destination::AmbiguousPolicy;
use holdfast_model::fault::Fault;
use holdfast_model::hold::Hold;
use holdfast_model::id::{Seq, VersionNo};
use holdfast_model::item::ItemMeta;
use holdfast_model::time::{MonoMillis, Now};
use holdfast_platforms::{ItemVerdict, Judgement};

use crate::{Command, Input, LaneSettings, Notice, Ticket, Waiting};
use attempts::Attempts;
use backoff::Backoff;
use batch::{Batch, Purpose};
use freshness::Freshness;
use holding::Holding;
use isolation::Suspicion;
use ramp::Ramp;

/// What a lane is doing, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LaneState {
    #[default]
    Flowing,
    BackingOff,
    /// A refusal is being checked by a probe.
    Confirming,
    Held,
    /// After a lift, with requests that grow.
    Ramping,
    Isolating,
    Draining,
    Stopped,
}

impl LaneState {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Flowing => "flowing",
            Self::BackingOff => "backing_off",
            Self::Confirming => "confirming",
            Self::Held => "held",
            Self::Ramping => "ramping",
            Self::Isolating => "isolating",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// The delivery of one destination, as a state machine.
#[derive(Debug)]
pub struct Lane {
    settings: LaneSettings,
    waiting: Waiting,
    next_ticket: u64,
    /// Leases that were asked for and not answered.
    leasing: u32,
    /// Requests that were made and not answered.
    sent: BTreeMap<Ticket, Batch>,
    /// Batches in hand that are to be sent before anything new is leased.
    ready: VecDeque<Batch>,
    attempts: Attempts,
    backoff: Backoff,
    freshness: Freshness,
    holding: Holding,
    ramp: Ramp,
    suspicion: Suspicion,
    expiry: expiry::Expiry,
    credential_since: u64,
    draining: bool,
    storage_ok: bool,
    commands: Vec<Command>,
}

impl Lane {
    pub fn new(settings: LaneSettings, now: Now) -> Self {
        let backoff = Backoff::new(&settings);
        Self {
            settings,
            waiting: Waiting::default(),
            next_ticket: 0,
            leasing: 0,
            sent: BTreeMap::new(),
            ready: VecDeque::new(),
            attempts: Attempts::default(),
            backoff,
            freshness: Freshness::default(),
            holding: Holding::default(),
            ramp: Ramp::default(),
            suspicion: Suspicion::default(),
            expiry: expiry::Expiry::new(now),
            credential_since: 0,
            draining: false,
            storage_ok: true,
            commands: Vec::new(),
        }
    }

    /// Takes one input and answers with what is to be done, in this order.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Command> {
        match input {
            Input::Available(waiting) => self.waiting = waiting,
            Input::Leased { ticket: _, group, items, waiting } => {
                self.leased(now, group, items, waiting);
            }
            Input::Judged { ticket, judgement } => self.judged(now, ticket, judgement),
            Input::NoAnswer { ticket, failure, fault } => {
                self.unanswered(now, ticket, failure.may_have_arrived, fault);
            }
            Input::NotSent { ticket, fault } => self.not_sent(now, ticket, fault),
            Input::Probed { ticket, answer } => self.probed(now, ticket, answer),
            Input::Holds { open } => self.holds(now, &open),
            Input::CredentialChanged { version } => self.credential_changed(version),
            Input::Storage { ok } => self.storage_ok = ok,
            Input::Drain => self.draining = true,
            Input::Tick => {}
        }
        self.proceed(now);
        std::mem::take(&mut self.commands)
    }

    /// When to come back with [`Input::Tick`] if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<MonoMillis> {
        [
            self.backoff.until().filter(|_| !self.holding.is_held()),
            self.holding.retry_at(),
            self.freshness.due(),
            self.expiry.next_sweep(),
            self.suspicion.decide_at().filter(|_| !self.others_are_coming()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub fn state(&self) -> LaneState {
        if self.draining {
            let idle = self.sent.is_empty() && self.leasing == 0 && self.ready.is_empty();
            return if idle { LaneState::Stopped } else { LaneState::Draining };
        }
        if self.holding.is_held() {
            LaneState::Held
        } else if self.holding.is_confirming() {
            LaneState::Confirming
        } else if self.backoff.until().is_some() {
            LaneState::BackingOff
        } else if self.is_isolating() {
            LaneState::Isolating
        } else if self.ramp.is_ramping() {
            LaneState::Ramping
        } else {
            LaneState::Flowing
        }
    }

    /// Requests that are on their way.
    pub fn in_flight_requests(&self) -> u32 {
        u32::try_from(self.sent.len()).unwrap_or(u32::MAX)
    }

    fn is_isolating(&self) -> bool {
        let isolates = |batch: &Batch| batch.purpose.is_isolation();
        self.sent.values().any(isolates) || self.ready.iter().any(isolates)
    }

    fn command(&mut self, command: Command) {
        self.commands.push(command);
    }

    fn tell(&mut self, notice: Notice) {
        self.commands.push(Command::Tell(notice));
    }

    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Back to the queue, uncounted.
    fn release(&mut self, items: &[ItemMeta]) {
        if !items.is_empty() {
            self.command(Command::Release { items: seqs(items), not_before: None });
        }
    }

    // ── After every input: whatever may be done now ─────────────────────────────────────────

    fn proceed(&mut self, now: Now) {
        self.freshness.begin();
        self.backoff.pass(now.mono);
        self.holding.pass(now.mono);
        self.sweep_deadlines(now);
        self.decide_old_suspicions(now);
        if self.draining || self.holding.stops_sending(now.mono) {
            self.give_back_ready();
            return;
        }
        if self.backoff.until().is_some() || !self.storage_ok {
            return;
        }
        self.send_ready(now);
        self.lease_more(now);
    }

    /// Nothing is kept in hand that will not be sent soon: held items belong to the queue, where
    /// their deadlines are watched.
    fn give_back_ready(&mut self) {
        while let Some(batch) = self.ready.pop_front() {
            self.release(&batch.items);
        }
        if self.draining {
            let suspects = self.suspicion.take_all();
            self.release(&suspects);
        }
    }

    fn send_ready(&mut self, now: Now) {
        while self.may_send() {
            let Some(batch) = self.ready.pop_front() else { return };
            self.send(now, batch);
        }
    }

    fn may_send(&self) -> bool {
        self.in_flight_requests() < self.most_in_flight()
    }

    fn most_in_flight(&self) -> u32 {
        if self.ramp.is_ramping() || self.holding.is_retrying() || self.backoff.is_cautious() {
            1
        } else {
            self.settings.max_in_flight
        }
    }

    fn send(&mut self, now: Now, mut batch: Batch) {
        let unsafe_now = !batch.items.first().is_some_and(|i| i.resend_is_safe(now.unix_seconds()));
        let ticket = self.ticket();
        batch.requests += 1;
        self.tell(Notice::Attempt {
            items: batch.items.len() as u32,
            canary: self.ramp.is_canary(),
            isolation: batch.purpose.is_isolation(),
        });
        let items = seqs(&batch.items);
        self.command(Command::Send { ticket, items, record_intent: unsafe_now });
        self.sent.insert(ticket, batch);
    }

    fn lease_more(&mut self, now: Now) {
        let wanted = self.most_in_flight();
        let mut in_hand = self.in_flight_requests() + self.leasing + self.ready.len() as u32;
        let mut ready = self.waiting.ready;
        while in_hand < wanted && ready > 0 {
            let max_items = self.batch_items();
            let interval = Duration::from_millis(self.settings.partial_interval_ms);
            if !self.freshness.admits(ready, max_items, now.mono, interval) {
                break;
            }
            let ticket = self.ticket();
            self.leasing += 1;
            in_hand += 1;
            ready = ready.saturating_sub(u64::from(max_items));
            self.command(Command::Lease {
                ticket,
                max_items,
                max_bytes: self.settings.max_batch_bytes,
                max_unsafe_items: self.settings.max_unsafe_items.min(max_items),
            });
        }
        self.waiting.ready = ready;
    }

    fn batch_items(&self) -> u32 {
        let most = self.settings.max_batch_items;
        if self.holding.is_retrying() {
            return 1;
        }
        self.ramp.size(&self.settings.ramp).map_or(most, |size| size.min(most))
    }

    // ── Inputs ──────────────────────────────────────────────────────────────────────────────

    fn leased(&mut self, now: Now, group: u64, items: Vec<ItemMeta>, waiting: Waiting) {
        self.leasing = self.leasing.saturating_sub(1);
        self.waiting = waiting;
        let items = self.drop_expired(now, items);
        let items = self.drop_attempted(now, items);
        if !items.is_empty() {
            self.ready.push_back(Batch::new(group, items, Purpose::Plain));
        }
    }

    /// Items that were sent once, whose answer nobody heard, and which the platform would count
    /// again: before a crash, or so long ago that it no longer recognizes them.
    fn drop_attempted(&mut self, now: Now, items: Vec<ItemMeta>) -> Vec<ItemMeta> {
        if self.settings.ambiguous == AmbiguousPolicy::Resend {
            return items;
        }
        let at = now.unix_seconds();
        let (lost, fine): (Vec<_>, Vec<_>) = items
            .into_iter()
            .partition(|item| !item.resend_is_safe(at) && self.attempts.may_have_arrived(item));
        if !lost.is_empty() {
            let fault = batch::interrupted();
            self.command(Command::Unknown { items: seqs(&lost), fault });
        }
        fine
    }

    fn judged(&mut self, now: Now, ticket: Ticket, judgement: Judgement) {
        let Some(batch) = self.sent.remove(&ticket) else { return };
        if !judgement.warnings.is_empty() {
            self.tell(Notice::Warnings(judgement.warnings.clone()));
        }
        if let Some(throttle) = &judgement.throttle {
            self.backoff.throttled(throttle, now.mono);
        }
        let resign = judgement.retry.as_ref().is_some_and(|retry| retry.resign_once);
        if resign && !batch.resigned {
            self.ready.push_front(Batch { resigned: true, ..batch });
            return;
        }
        if let Some(fault) = judgement.hold {
            return self.refused(now, ticket, batch, fault);
        }
        if let Some(unlocated) = judgement.unlocated {
            return self.someone_is_bad(now, batch, unlocated);
        }
        self.each_by_verdict(now, batch, judgement);
    }

    /// The general case: every item by its own verdict.
    fn each_by_verdict(&mut self, now: Now, batch: Batch, judgement: Judgement) {
        let (mut accepted, mut again, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let mut ambiguous = None;
        for (position, item) in batch.items.iter().enumerate() {
            match judgement.verdict_of(position as u32) {
                ItemVerdict::Accepted => accepted.push(*item),
                ItemVerdict::NotProcessed => again.push(*item),
                ItemVerdict::Refused(fault) => refused.push((*item, fault.clone())),
                ItemVerdict::Ambiguous(fault) => {
                    again.push(*item);
                    ambiguous = Some(fault.clone());
                }
            }
        }
        if !accepted.is_empty() {
            self.succeeded(now, &batch, &accepted, judgement.trace_id);
        }
        let named = !refused.is_empty();
        for (item, fault) in refused {
            self.named_bad(now, item, fault, batch.requests);
        }
        if again.is_empty() {
            return;
        }
        match ambiguous {
            Some(fault) => again = self.keep_what_may_go_again(now, again, &fault),
            None => self.attempts.not_processed(&again),
        }
        match judgement.retry {
            Some(advice) => self.fail(now, again, advice.fault, advice.hold_after),
            // Known not to have been processed, and the cause was taken out: at once.
            None if named => self.ready.push_front(Batch { items: again, ..batch }),
            None => self.release(&again),
        }
    }

    fn succeeded(&mut self, now: Now, batch: &Batch, items: &[ItemMeta], trace_id: Option<String>) {
        self.backoff.succeeded();
        self.holding.succeeded();
        if let Some(notice) = self.ramp.succeeded(now.mono, &self.settings.ramp) {
            self.tell(notice);
        }
        self.attempts.forget(items);
        self.command(Command::Deliver { items: seqs(items), trace_id });
        self.clear_suspects(batch.group);
    }

    fn unanswered(&mut self, now: Now, ticket: Ticket, may_have_arrived: bool, fault: Fault) {
        let Some(batch) = self.sent.remove(&ticket) else { return };
        let mut items = batch.items;
        if may_have_arrived {
            items = self.keep_what_may_go_again(now, items, &fault);
        } else {
            self.attempts.not_processed(&items);
        }
        self.fail(now, items, fault, None);
    }

    /// Splits off what must not be sent again because its answer was lost.
    fn keep_what_may_go_again(
        &mut self,
        now: Now,
        items: Vec<ItemMeta>,
        fault: &Fault,
    ) -> Vec<ItemMeta> {
        if self.settings.ambiguous == AmbiguousPolicy::Resend {
            return items;
        }
        let at = now.unix_seconds();
        let (safe, lost): (Vec<_>, Vec<_>) = items.into_iter().partition(|i| i.resend_is_safe(at));
        if !lost.is_empty() {
            self.attempts.forget(&lost);
            self.command(Command::Unknown { items: seqs(&lost), fault: fault.clone() });
        }
        self.attempts.unheard(&safe);
        safe
    }

    /// A transient failure: the items go back, and the lane waits.
    fn fail(&mut self, now: Now, items: Vec<ItemMeta>, fault: Fault, hold_after: Option<u32>) {
        self.release(&items);
        self.ramp.failed();
        let consecutive = self.backoff.failed(&fault, now.mono);
        let wait_ms =
            self.backoff.until().map_or(0, |until| until.since(now.mono).as_millis() as u64);
        self.tell(Notice::BackingOff { fault: fault.clone(), wait_ms, consecutive });
        if hold_after.is_some_and(|bound| consecutive >= bound) {
            self.open_hold(fault, holdfast_model::hold::Confirmation::Unprobeable);
        }
    }

    fn not_sent(&mut self, now: Now, ticket: Ticket, fault: Option<Fault>) {
        let Some(batch) = self.sent.remove(&ticket) else { return };
        self.attempts.not_processed(&batch.items);
        match fault {
            Some(fault) => {
                self.release(&batch.items);
                self.open_hold(fault, holdfast_model::hold::Confirmation::Confirmed);
            }
            None => self.fail(now, batch.items, batch::not_made(), None),
        }
    }

    fn credential_changed(&mut self, _version: VersionNo) {
        self.credential_since = self.next_ticket;
        self.holding.credential_changed();
        self.backoff.succeeded();
    }

    fn holds(&mut self, now: Now, open: &[Hold]) {
        let was_held = self.holding.is_held();
        self.holding.set_open(open, now.mono);
        if was_held && !self.holding.is_held() {
            self.backoff.succeeded();
            self.ramp.start(now.mono, self.holding.held_for_ms(now.mono));
        }
    }
}

fn seqs(items: &[ItemMeta]) -> Vec<Seq> {
    items.iter().map(|item| item.seq).collect()
}
