//! Definite refusals: from the answer over the confirming probe to the hold.

use std::time::Duration;

use holdfast_model::fault::{Fault, FaultClass};
use holdfast_model::hold::{Confirmation, Hold};
use holdfast_model::id::HoldId;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::{MonoMillis, Now};
use holdfast_platforms::ProbeAnswer;

use super::Lane;
use crate::{Command, Ticket};

/// After a probe contradicted a refusal, one request is tried after this pause.
const CONTRADICTED_PAUSE: Duration = Duration::from_secs(5);

/// A second refusal within this time after the contradiction holds all the same.
const CONTRADICTED_WINDOW: Duration = Duration::from_secs(60);

/// A probe that takes longer than this is silent. Longer than any request's own timeout.
const PROBE_PATIENCE: Duration = Duration::from_secs(120);

/// How long to wait for a hold that was asked for to appear, before it is asked for again.
const OPENING_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Holding {
    open: bool,
    hold: Option<HoldId>,
    since: MonoMillis,
    lifted_after_ms: u64,
    /// A refusal that is being checked.
    confirming: Option<Confirming>,
    /// A hold was asked for and is not there yet.
    opening: Option<Opening>,
    contradiction: Option<Contradiction>,
    /// Until then the one paced retry waits.
    pause_until: Option<MonoMillis>,
}

#[derive(Debug)]
struct Confirming {
    probe: Ticket,
    fault: Fault,
    give_up_at: MonoMillis,
}

#[derive(Debug)]
struct Opening {
    fault: Fault,
    confirmation: Confirmation,
    ask_again_at: MonoMillis,
}

/// A probe said that the credential works although a delivery was refused.
#[derive(Debug)]
struct Contradiction {
    at: MonoMillis,
    /// Requests up to this one left before: their refusals are the first one, heard again.
    after: Ticket,
}

impl Holding {
    pub fn is_held(&self) -> bool {
        self.open || self.opening.is_some()
    }

    pub fn hold_id(&self) -> Option<HoldId> {
        self.hold
    }

    pub fn is_confirming(&self) -> bool {
        self.confirming.is_some()
    }

    pub fn is_retrying(&self) -> bool {
        self.contradiction.is_some()
    }

    pub fn stops_sending(&self, now: MonoMillis) -> bool {
        self.is_held() || self.is_confirming() || self.pause_until.is_some_and(|at| now < at)
    }

    pub fn wakeup(&self) -> Option<MonoMillis> {
        let opening = self.opening.as_ref().map(|opening| opening.ask_again_at);
        let probe = self.confirming.as_ref().map(|confirming| confirming.give_up_at);
        [self.pause_until, opening, probe].into_iter().flatten().min()
    }

    pub fn held_for_ms(&self, _now: MonoMillis) -> u64 {
        self.lifted_after_ms
    }

    pub fn set_open(&mut self, open: &[Hold], now: MonoMillis) {
        let was_open = self.open;
        self.open = !open.is_empty();
        self.hold = open.first().map(|hold| hold.id);
        match (was_open, self.open) {
            (false, true) => {
                self.since = now;
                self.opening = None;
                self.confirming = None;
                self.contradiction = None;
                self.pause_until = None;
            }
            (true, false) => self.lifted_after_ms = now.since(self.since).as_millis() as u64,
            // Asked for and still not open: it is asked for again in a while.
            (false, false) => {}
            (true, true) => self.opening = None,
        }
    }

    pub fn succeeded(&mut self, ticket: Ticket) {
        if self.contradiction.as_ref().is_some_and(|found| ticket > found.after) {
            self.contradiction = None;
            self.pause_until = None;
        }
    }

    pub fn pass(&mut self, now: MonoMillis) {
        if self.pause_until.is_some_and(|until| until <= now) {
            self.pause_until = None;
        }
    }

    /// What was refused was another token.
    pub fn credential_changed(&mut self) {
        self.confirming.take_if(|asked| ends_with_token(&asked.fault));
        self.opening.take_if(|asked| ends_with_token(&asked.fault));
        self.contradiction = None;
        self.pause_until = None;
    }
}

/// Whether another token may mend it. A policy block is about the account, whichever token met it.
fn ends_with_token(fault: &Fault) -> bool {
    fault.class != FaultClass::Policy
}

impl Lane {
    /// A definite refusal that is not about an item.
    pub(super) fn refused(&mut self, now: Now, ticket: Ticket, items: &[ItemMeta], fault: Fault) {
        let suspects = self.suspicion.take_all();
        self.release(&suspects);
        self.release(items);
        let left_before_a_change = ticket <= self.fresh_after && ends_with_token(&fault);
        if left_before_a_change || self.holding.is_held() || self.holding.is_confirming() {
            return;
        }
        if let Some(found) = &self.holding.contradiction
            && now.mono.since(found.at) <= CONTRADICTED_WINDOW
        {
            if ticket > found.after {
                self.open_hold(fault, Confirmation::Conflict);
            }
            return;
        }
        if self.ramp.is_canary() {
            // The canary is the verification; a probe could say no more.
            return self.open_hold(fault, Confirmation::Confirmed);
        }
        let probe = self.ticket();
        let give_up_at = now.mono + PROBE_PATIENCE;
        self.holding.contradiction = None;
        self.holding.confirming = Some(Confirming { probe, fault: fault.clone(), give_up_at });
        self.command(Command::Probe { ticket: probe, fault });
    }

    pub(super) fn probed(&mut self, now: Now, ticket: Ticket, answer: ProbeAnswer) {
        let asked = self.holding.confirming.take_if(|asked| asked.probe == ticket);
        let Some(Confirming { fault, .. }) = asked else { return };
        let confirmation = match answer {
            ProbeAnswer::Refuted => Confirmation::Confirmed,
            ProbeAnswer::Silent => Confirmation::Silent,
            ProbeAnswer::Unprobeable => Confirmation::Unprobeable,
            ProbeAnswer::Proved => {
                let after = Ticket(self.next_ticket);
                self.holding.contradiction = Some(Contradiction { at: now.mono, after });
                self.holding.pause_until = Some(now.mono + CONTRADICTED_PAUSE);
                return;
            }
        };
        self.open_hold(fault, confirmation);
    }

    pub(super) fn open_hold(&mut self, fault: Fault, confirmation: Confirmation) {
        self.ramp.stop();
        if self.holding.is_held() {
            return;
        }
        self.ask_for_hold(fault, confirmation);
    }

    fn ask_for_hold(&mut self, fault: Fault, confirmation: Confirmation) {
        let ask_again_at = self.last_input.mono + OPENING_PATIENCE;
        self.holding.opening = Some(Opening { fault: fault.clone(), confirmation, ask_again_at });
        self.command(Command::OpenHold { fault, confirmation });
    }

    /// A probe that never answered, a hold that never came.
    pub(super) fn mind_overdue(&mut self, now: Now) {
        let silent = self.holding.confirming.take_if(|asked| asked.give_up_at <= now.mono);
        if let Some(Confirming { fault, .. }) = silent {
            self.open_hold(fault, Confirmation::Silent);
        }
        if let Some(overdue) = self.holding.opening.take_if(|asked| asked.ask_again_at <= now.mono)
        {
            self.ask_for_hold(overdue.fault, overdue.confirmation);
        }
    }
}
