//! Definite refusals: from the answer over the confirming probe to the hold.

use std::time::Duration;

use holdfast_model::fault::{Fault, FaultClass};
use holdfast_model::hold::{Confirmation, Hold};
use holdfast_model::id::HoldId;
use holdfast_model::time::{MonoMillis, Now};
use holdfast_platforms::ProbeAnswer;

use super::Lane;
use super::batch::Batch;
use crate::{Command, Ticket};

/// After a probe contradicted a refusal, one request is tried after this pause.
const CONTRADICTED_PAUSE: Duration = Duration::from_secs(5);

/// A second refusal within this time after the contradiction holds all the same.
const CONTRADICTED_WINDOW: Duration = Duration::from_secs(60);

/// How long to wait for a hold that was asked for to appear, before it is asked for again.
const OPENING_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Holding {
    open: bool,
    hold: Option<HoldId>,
    since: MonoMillis,
    lifted_after_ms: u64,
    /// A refusal that is being checked.
    confirming: Option<(Ticket, Fault)>,
    /// A hold was asked for and is not there yet.
    opening: Option<(Fault, Confirmation, Option<MonoMillis>)>,
    /// A probe contradicted a refusal at this time.
    contradicted_at: Option<MonoMillis>,
    /// Until then the one paced retry waits.
    pause_until: Option<MonoMillis>,
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
        self.contradicted_at.is_some()
    }

    pub fn stops_sending(&self, now: MonoMillis) -> bool {
        self.is_held() || self.is_confirming() || self.pause_until.is_some_and(|at| now < at)
    }

    pub fn retry_at(&self) -> Option<MonoMillis> {
        let opening = self.opening.as_ref().and_then(|(_, _, again)| *again);
        [self.pause_until, opening].into_iter().flatten().min()
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
                self.contradicted_at = None;
                self.pause_until = None;
            }
            (true, false) => self.lifted_after_ms = now.since(self.since).as_millis() as u64,
            // Asked for, answered, and still not open: it is asked for again in a while.
            (false, false) => {
                if let Some((_, _, again)) = &mut self.opening {
                    *again = Some(now + OPENING_PATIENCE);
                }
            }
            (true, true) => self.opening = None,
        }
    }

    pub fn succeeded(&mut self) {
        self.contradicted_at = None;
        self.pause_until = None;
    }

    pub fn pass(&mut self, now: MonoMillis) {
        if self.pause_until.is_some_and(|until| until <= now) {
            self.pause_until = None;
        }
    }

    /// What was refused was another token.
    pub fn credential_changed(&mut self) {
        self.confirming = None;
        self.opening = None;
        self.succeeded();
    }
}

impl Lane {
    /// A definite refusal that is not about an item: nothing was processed.
    pub(super) fn refused(&mut self, now: Now, ticket: Ticket, batch: Batch, fault: Fault) {
        let suspects = self.suspicion.take_all();
        self.release(&suspects);
        self.attempts.not_processed(&batch.items);
        self.release(&batch.items);
        let signed_before_the_change = ticket.0 <= self.credential_since;
        if signed_before_the_change && fault.class == FaultClass::Credential {
            return;
        }
        if self.holding.is_held() || self.holding.is_confirming() {
            return;
        }
        let contradicted = self.holding.contradicted_at;
        if contradicted.is_some_and(|at| now.mono.since(at) <= CONTRADICTED_WINDOW) {
            return self.open_hold(fault, Confirmation::Conflict);
        }
        if self.ramp.is_canary() {
            // The canary is the verification; a probe could say no more.
            return self.open_hold(fault, Confirmation::Confirmed);
        }
        let probe = self.ticket();
        self.holding.confirming = Some((probe, fault.clone()));
        self.command(Command::Probe { ticket: probe, fault });
    }

    pub(super) fn probed(&mut self, now: Now, ticket: Ticket, answer: ProbeAnswer) {
        let Some((_, fault)) = self.holding.confirming.take_if(|(asked, _)| *asked == ticket)
        else {
            return;
        };
        let confirmation = match answer {
            ProbeAnswer::Refuted => Confirmation::Confirmed,
            ProbeAnswer::Silent => Confirmation::Silent,
            ProbeAnswer::Unprobeable => Confirmation::Unprobeable,
            ProbeAnswer::Proved => {
                self.holding.contradicted_at = Some(now.mono);
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
        self.holding.opening = Some((fault.clone(), confirmation, None));
        self.command(Command::OpenHold { fault, confirmation });
    }

    /// The hold that was asked for never came: once more.
    pub(super) fn reopen_if_overdue(&mut self, now: Now) {
        let Some((fault, confirmation, Some(again))) = &self.holding.opening else { return };
        if *again > now.mono {
            return;
        }
        let (fault, confirmation) = (fault.clone(), *confirmation);
        self.holding.opening = Some((fault.clone(), confirmation, None));
        self.command(Command::OpenHold { fault, confirmation });
    }
}
