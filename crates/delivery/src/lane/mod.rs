//! The state of a lane, and what each input does to it.
//!
//! The story is told in pieces: `sending` (leases and requests), `freshness` (when a request that is
//! not full may leave), `answers` (what an answer means for each item), `attempts` (what may have
//! arrived already), `backoff` (waiting after failures),
//! `isolation` (finding the bad event), `holding` (refusals, probes, holds), `ramp` (after a lift),
//! `expiry` (deadlines). This file dispatches.

mod answers;
mod attempts;
mod backoff;
mod batch;
mod expiry;
mod faults;
mod freshness;
mod holding;
mod isolation;
mod ramp;
mod sending;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use holdfast_model::hold::Hold;
use holdfast_model::id::Seq;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::{MonoMillis, Now, UnixMillis};

use crate::{Command, Input, LaneSettings, Notice, Ticket, Waiting};
use attempts::RecognitionClock;
use backoff::Backoff;
use batch::Batch;
use freshness::Freshness;
use holding::Holding;
use isolation::Suspicion;
use ramp::Ramp;

/// Batches are kept in hand through a wait of at most this length. Through a longer one their items
/// wait in the queue, where deadlines are watched and fragments take no memory.
const LONGEST_WAIT_IN_HAND: Duration = Duration::from_secs(60);

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
    /// A lease came back empty against expectation: not before then again.
    lease_again_at: Option<MonoMillis>,
    /// Requests that were made and not answered.
    sent: BTreeMap<Ticket, Batch>,
    /// Batches in hand that are to be sent before anything new is leased.
    ready: VecDeque<Batch>,
    recognition: RecognitionClock,
    backoff: Backoff,
    freshness: Freshness,
    holding: Holding,
    ramp: Ramp,
    suspicion: Suspicion,
    expiry: expiry::Expiry,
    /// Requests up to this one were signed with another token, or left before a lift: what became
    /// of them says nothing of the present.
    fresh_after: Ticket,
    draining: bool,
    storage_ok: bool,
    last_input: Now,
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
            lease_again_at: None,
            sent: BTreeMap::new(),
            ready: VecDeque::new(),
            recognition: RecognitionClock::default(),
            backoff,
            freshness: Freshness::default(),
            holding: Holding::default(),
            ramp: Ramp::default(),
            suspicion: Suspicion::default(),
            expiry: expiry::Expiry::new(now),
            fresh_after: Ticket(0),
            draining: false,
            storage_ok: true,
            last_input: now,
            commands: Vec::new(),
        }
    }

    /// Takes one input and answers with what is to be done, in this order.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Command> {
        self.last_input = now;
        self.recognition.observe(now);
        match input {
            Input::Available(waiting) => {
                self.waiting = waiting;
                self.lease_again_at = None;
            }
            // Leases are never merged, so their groups need not be compared.
            Input::Leased { ticket: _, group: _, items, waiting } => {
                self.leased(now, items, waiting);
            }
            Input::Judged { ticket, judgement } => self.judged(now, ticket, judgement),
            Input::NoAnswer { ticket, failure, fault } => {
                self.unanswered(now, ticket, failure.may_have_arrived, fault);
            }
            Input::NotSent { ticket, fault } => self.not_sent(now, ticket, fault),
            Input::Probed { ticket, answer } => self.probed(now, ticket, answer),
            Input::Holds { open } => self.holds(now, &open),
            Input::CredentialChanged { version: _ } => self.credential_changed(),
            Input::Storage { ok } => self.storage_ok = ok,
            Input::Drain => self.draining = true,
            Input::Tick => {}
        }
        self.proceed(now);
        std::mem::take(&mut self.commands)
    }

    /// When to come back with [`Input::Tick`] if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<MonoMillis> {
        if self.draining {
            return None;
        }
        let deferred = self.waiting.next_not_before.map(|at| self.mono_of(at));
        let may_send = !self.holding.is_held() && !self.holding.is_confirming();
        // What was due at the last input was either done then or waits for another input.
        let is_to_come = |at: &MonoMillis| *at > self.last_input.mono;
        let leasing = [self.lease_again_at, deferred].map(|at| at.filter(is_to_come));
        let sending = leasing.into_iter().chain([self.freshness.due()]).filter(|_| may_send);
        let backoff = self.backoff.until().filter(|_| !self.holding.is_held());
        let suspicion = self.suspicion.decide_at().filter(|_| !self.others_are_coming());
        [backoff, self.holding.wakeup(), self.expiry.next_sweep(), suspicion]
            .into_iter()
            .chain(sending)
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
        self.mind_overdue(now);
        self.sweep_deadlines(now);
        self.decide_old_suspicions(now);
        if self.draining || self.holding.stops_sending(now.mono) {
            self.give_back_ready();
            return;
        }
        if let Some(until) = self.backoff.until() {
            if until.since(now.mono) > LONGEST_WAIT_IN_HAND {
                self.give_back_ready();
            }
            return;
        }
        if !self.storage_ok {
            return;
        }
        self.send_what_may_go(now);
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

    // ── What the operator does ──────────────────────────────────────────────────────────────

    fn credential_changed(&mut self) {
        self.forget_the_past();
        self.holding.credential_changed();
    }

    fn holds(&mut self, now: Now, open: &[Hold]) {
        let was_held = self.holding.is_held();
        self.holding.set_open(open, now.mono);
        if was_held && !self.holding.is_held() {
            self.forget_the_past();
            self.ramp.start(now.mono, self.holding.held_for_ms(now.mono));
        }
    }

    /// What failed before says nothing about now, nor does what left before and fails later.
    fn forget_the_past(&mut self) {
        self.fresh_after = Ticket(self.next_ticket);
        self.backoff.start_anew(self.fresh_after);
    }

    /// The monotonic time at which the wall clock will show `at`, if nobody sets it.
    fn mono_of(&self, at: UnixMillis) -> MonoMillis {
        let left_ms = at.0.saturating_sub(self.last_input.wall.0);
        self.last_input.mono + Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }
}

fn seqs(items: &[ItemMeta]) -> Vec<Seq> {
    items.iter().map(|item| item.seq).collect()
}
