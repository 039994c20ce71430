//! The platform: what it answers, and what it counts.

use holdfast_delivery::{Input, Ticket};
use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::Seq;
use holdfast_model::scope::SelectorKind;
use holdfast_model::wire::{TransportFailure, TransportFailureKind};
use holdfast_platforms::{ItemVerdict, Judgement, RetryAdvice, Unlocated};

use super::world::{Manners, World};

/// How long the platform recognizes a repetition, from when it first saw the item.
const MEMORY_S: i64 = 48 * 3_600;

impl World {
    /// What the platform and the way back make of a request.
    pub fn respond(&mut self, ticket: Ticket, items: &[Seq], version: u32) -> Input {
        let luck = if self.has_trouble { self.toss(18) } else { u64::MAX };
        match luck {
            0 => return self.cut(ticket, items, true, true),
            1 => return self.cut(ticket, items, true, false),
            2 => return self.cut(ticket, items, false, false),
            _ => {}
        }
        let is_dead = !self.token_alive && version == self.token_version;
        let is_old = version != self.token_version && self.toss(2) == 0;
        let judgement = match luck {
            3 => self.server_error(items),
            4 if self.token_alive && self.manners != Manners::AllOrNothing => self.partly(items),
            5 => self.throttled(items),
            _ if is_dead || is_old => self.refuses_token(items),
            _ => self.judge(items),
        };
        Input::Judged { ticket, judgement }
    }

    fn judge(&mut self, items: &[Seq]) -> Judgement {
        let Some(at) = items.iter().position(|seq| self.outbox.item(*seq).is_poison) else {
            self.count(items);
            return Judgement::all(ItemVerdict::Accepted);
        };
        let says_nothing = match self.manners {
            Manners::Any => self.has_trouble && self.toss(3) == 0,
            Manners::AllOrNothing => false,
            Manners::Unsaid => items.len() > 1,
        };
        if says_nothing {
            return self.refuses_some(items, at);
        }
        self.certainly_refused(items);
        let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
        if self.toss(2) == 0 {
            judgement.named.push((at as u32, ItemVerdict::Refused(bad_event())));
        } else {
            judgement.unlocated = Some(Unlocated { fault: bad_event(), suspects: Vec::new() });
        }
        judgement
    }

    /// Some event is bad, and what became of its neighbors is not said.
    fn refuses_some(&mut self, items: &[Seq], at: usize) -> Judgement {
        let fine: Vec<Seq> =
            items.iter().copied().filter(|seq| !self.outbox.item(*seq).is_poison).collect();
        let processed = self.toss(1 + fine.len() as u64) as usize;
        self.count(&fine[..processed]);
        let mut judgement = Judgement::all(ItemVerdict::Ambiguous(bad_event()));
        if self.manners == Manners::Unsaid && self.toss(2) == 0 {
            self.certainly_refused(&items[at..=at]);
            self.never_heard(&items[..at]);
            self.never_heard(&items[at + 1..]);
            judgement.named.push((at as u32, ItemVerdict::Refused(bad_event())));
        } else {
            self.never_heard(items);
            judgement.unlocated = Some(Unlocated { fault: bad_event(), suspects: Vec::new() });
        }
        judgement
    }

    fn refuses_token(&mut self, items: &[Seq]) -> Judgement {
        self.certainly_refused(items);
        let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
        let expired = fault("meta.token_expired", FaultClass::Credential, FaultAction::Hold);
        judgement.hold = Some(expired);
        judgement
    }

    fn throttled(&mut self, items: &[Seq]) -> Judgement {
        self.certainly_refused(items);
        let fault = fault("meta.throttled", FaultClass::Throttle, FaultAction::Retry);
        let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
        judgement.retry = Some(RetryAdvice { fault, hold_after: None, resign_once: false });
        judgement
    }

    /// An error page: before the work was done, or after.
    fn server_error(&mut self, items: &[Seq]) -> Judgement {
        if self.toss(2) == 0 {
            self.process_unheard(items);
        }
        self.never_heard(items);
        let mut judgement = Judgement::all(ItemVerdict::Ambiguous(server_error()));
        judgement.retry = Some(try_again());
        judgement
    }

    /// Some were taken, some were not, of some nobody knows, and bad ones are named.
    fn partly(&mut self, items: &[Seq]) -> Judgement {
        let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
        judgement.retry = Some(try_again());
        for (position, seq) in items.iter().enumerate() {
            let only = [*seq];
            let verdict = match (self.outbox.item(*seq).is_poison, self.toss(3)) {
                (true, _) => {
                    self.certainly_refused(&only);
                    ItemVerdict::Refused(bad_event())
                }
                (false, 0) => {
                    self.count(&only);
                    ItemVerdict::Accepted
                }
                (false, 1) => {
                    self.certainly_refused(&only);
                    ItemVerdict::NotProcessed
                }
                (false, _) => {
                    if self.toss(2) == 0 {
                        self.count(&only);
                    }
                    self.never_heard(&only);
                    ItemVerdict::Ambiguous(server_error())
                }
            };
            judgement.named.push((position as u32, verdict));
        }
        judgement
    }

    fn cut(&mut self, ticket: Ticket, items: &[Seq], may_have_arrived: bool, did: bool) -> Input {
        if did {
            self.process_unheard(items);
        }
        if may_have_arrived {
            self.never_heard(items);
        }
        let kind = TransportFailureKind::Closed;
        let failure = TransportFailure { kind, may_have_arrived, detail: String::new() };
        let fault = fault("meta.no_answer", FaultClass::Transient, FaultAction::Retry);
        Input::NoAnswer { ticket, failure, fault }
    }

    /// The platform does its work, or refuses, and nobody hears which.
    pub fn process_unheard(&mut self, items: &[Seq]) {
        let is_fine = !items.iter().any(|seq| self.outbox.item(*seq).is_poison);
        if self.token_alive && is_fine {
            self.count(items);
        }
    }

    /// The platform counts, recognizing repetitions for two days after the first.
    fn count(&mut self, items: &[Seq]) {
        let (at, seed, resends) = (self.true_s(), self.seed, self.resends);
        for seq in items {
            let item = self.outbox.items.get_mut(seq).expect("a known item");
            let recognized = item.meta.dedup_until.is_some()
                && item.first_seen.is_some_and(|first| at - first < MEMORY_S);
            item.counted += u32::from(!recognized);
            item.first_seen.get_or_insert(at);
            assert!(item.counted <= 1 || resends, "seed {seed}: counted twice: {item:?}");
            self.tally.recognized += u64::from(recognized);
            self.tally.counted_again += u64::from(item.counted > 1 && !recognized);
        }
    }

    // ── The books ───────────────────────────────────────────────────────────────────────────

    pub fn never_heard(&mut self, items: &[Seq]) {
        for seq in items {
            self.outbox.item(*seq).in_doubt = true;
        }
    }

    fn certainly_refused(&mut self, items: &[Seq]) {
        for seq in items {
            self.outbox.item(*seq).was_refused = true;
        }
    }
}

fn try_again() -> RetryAdvice {
    RetryAdvice { fault: server_error(), hold_after: None, resign_once: false }
}

fn server_error() -> Fault {
    fault("meta.server_error", FaultClass::Transient, FaultAction::Retry)
}

fn bad_event() -> Fault {
    fault("meta.event_refused", FaultClass::Payload, FaultAction::DeadLetter)
}

pub fn fault(name: &str, class: FaultClass, action: FaultAction) -> Fault {
    Fault {
        name: name.to_owned(),
        class,
        action,
        selectors: vec![SelectorKind::Credential],
        code: None,
        summary: String::new(),
        remedy: String::new(),
        platform_message: String::new(),
        trace_id: None,
    }
}
