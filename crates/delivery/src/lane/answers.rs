//! What an answer means for each item of a request, and for the lane.

use std::collections::HashMap;

use holdfast_model::fault::{Fault, FaultAction};
use holdfast_model::hold::Confirmation;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::Now;
use holdfast_platforms::{ItemVerdict, Judgement, RetryAdvice};

use super::batch::Batch;
use super::{Lane, faults, seqs};
use crate::{Command, Notice, Ticket};

/// After so many answers in a row that leave items unprocessed and do not say why, the lane holds.
const UNEXPLAINED_BOUND: u32 = 5;

/// A request's items by what the platform said of each.
#[derive(Default)]
struct Sorted {
    accepted: Vec<ItemMeta>,
    not_processed: Vec<ItemMeta>,
    unheard: Vec<ItemMeta>,
    unheard_fault: Option<Fault>,
    /// Bad, or so the platform says.
    refused: Vec<(ItemMeta, Fault)>,
}

impl Lane {
    pub(super) fn judged(&mut self, now: Now, ticket: Ticket, mut judgement: Judgement) {
        let Some(mut batch) = self.sent.remove(&ticket) else { return };
        let warnings = std::mem::take(&mut judgement.warnings);
        if !warnings.is_empty() {
            self.tell(Notice::Warnings(warnings));
        }
        self.backoff.throttled(judgement.throttle.as_ref(), now.mono);
        let sent = batch.items.len();
        let sorted = Sorted::new(std::mem::take(&mut batch.items), &mut judgement);
        let refused = sorted.refused.iter().map(|(item, _)| item);
        self.certainly_not_processed(sorted.not_processed.iter().chain(refused));
        let others_pass = !sorted.accepted.is_empty();
        if others_pass {
            self.succeeded(now, ticket, &sorted.accepted, judgement.trace_id.take());
        }
        let mut again = sorted.not_processed;
        if let Some(fault) = &sorted.unheard_fault {
            again.extend(self.unheard(sorted.unheard, fault));
        }
        batch.items = again;
        let wants_resigning = judgement.retry.as_ref().is_some_and(|retry| retry.resign_once);
        if wants_resigning && !batch.resigned && batch.items.len() == sent {
            return self.ready.push_front(Batch { resigned: true, ..batch });
        }
        if let Some(fault) = judgement.hold {
            batch.items.extend(sorted.refused.into_iter().map(|(item, _)| item));
            return self.refused(now, ticket, &batch.items, fault);
        }
        let named = !sorted.refused.is_empty();
        for (item, fault) in sorted.refused {
            let seen = if others_pass { Self::plainly_bad } else { Self::named_bad };
            seen(self, now, item, fault, batch.requests);
        }
        if let Some(unlocated) = &mut judgement.unlocated
            && batch.items.len() < sent
        {
            // Their positions are those of the whole batch.
            unlocated.suspects.clear();
        }
        if !batch.items.is_empty() {
            self.send_again(now, ticket, batch, judgement, named);
        }
    }

    /// What is left of a batch, after what was accepted or named bad is taken out.
    fn send_again(
        &mut self,
        now: Now,
        ticket: Ticket,
        batch: Batch,
        judgement: Judgement,
        named: bool,
    ) {
        if let Some(unlocated) = judgement.unlocated {
            return self.someone_is_bad(now, batch, unlocated);
        }
        match judgement.retry {
            Some(advice) => self.fail(now, ticket, &batch.items, advice),
            // Known not to have been processed, and the cause was taken out: at once.
            None if named => self.ready.push_front(batch),
            None => self.fail(now, ticket, &batch.items, unexplained()),
        }
    }

    fn succeeded(
        &mut self,
        now: Now,
        ticket: Ticket,
        items: &[ItemMeta],
        trace_id: Option<String>,
    ) {
        self.backoff.succeeded(ticket);
        self.holding.succeeded(ticket);
        // What left before a lift says nothing of the time after.
        if ticket > self.fresh_after
            && let Some(notice) = self.ramp.succeeded(now.mono, &self.settings.ramp)
        {
            self.tell(notice);
        }
        self.command(Command::Deliver { items: seqs(items), trace_id });
        self.clear_suspects();
    }

    pub(super) fn unanswered(
        &mut self,
        now: Now,
        ticket: Ticket,
        may_have_arrived: bool,
        fault: Fault,
    ) {
        let Some(batch) = self.sent.remove(&ticket) else { return };
        let mut items = batch.items;
        if may_have_arrived {
            items = self.unheard(items, &fault);
        } else {
            self.certainly_not_processed(&items);
        }
        let advice = RetryAdvice { fault, hold_after: None, resign_once: false };
        self.fail(now, ticket, &items, advice);
    }

    /// The request never left. What is wrong is on this side, and the fault says what.
    pub(super) fn not_sent(&mut self, now: Now, ticket: Ticket, fault: Option<Fault>) {
        let Some(batch) = self.sent.remove(&ticket) else { return };
        self.certainly_not_processed(&batch.items);
        let fault = fault.unwrap_or_else(faults::request_not_made);
        if fault.action == FaultAction::Hold {
            self.release(&batch.items);
            return self.open_hold(fault, Confirmation::Confirmed);
        }
        let advice = RetryAdvice { fault, hold_after: None, resign_once: false };
        self.fail(now, ticket, &batch.items, advice);
    }

    /// A passing failure of the platform, of the way to it, or of our own: the items go back, and
    /// the lane waits.
    fn fail(&mut self, now: Now, ticket: Ticket, items: &[ItemMeta], advice: RetryAdvice) {
        self.release(items);
        let RetryAdvice { fault, hold_after, .. } = advice;
        let is_fresh = ticket > self.fresh_after;
        if is_fresh {
            self.ramp.failed();
        }
        let newest = Ticket(self.next_ticket);
        let alike = self.backoff.failed(&fault, ticket, newest, now.mono);
        let wait = self.backoff.until().map_or(0, |until| until.since(now.mono).as_millis() as u64);
        let consecutive = self.backoff.consecutive();
        self.tell(Notice::BackingOff { fault: fault.clone(), wait_ms: wait, consecutive });
        if is_fresh && hold_after.is_some_and(|bound| alike >= bound) {
            self.open_hold(fault, Confirmation::Unprobeable);
        }
    }
}

fn unexplained() -> RetryAdvice {
    RetryAdvice {
        fault: faults::unexplained_answer(),
        hold_after: Some(UNEXPLAINED_BOUND),
        resign_once: false,
    }
}

impl Sorted {
    fn new(items: Vec<ItemMeta>, judgement: &mut Judgement) -> Self {
        let mut sorted = Self::default();
        if judgement.named.is_empty() && judgement.unnamed == ItemVerdict::Accepted {
            sorted.accepted = items;
            return sorted;
        }
        let mut named: HashMap<u32, ItemVerdict> = HashMap::with_capacity(judgement.named.len());
        for (position, verdict) in std::mem::take(&mut judgement.named) {
            // The first verdict on an item counts, as in `Judgement::verdict_of`.
            named.entry(position).or_insert(verdict);
        }
        for (position, item) in items.into_iter().enumerate() {
            sorted.add(item, named.get(&(position as u32)).unwrap_or(&judgement.unnamed));
        }
        sorted
    }

    fn add(&mut self, item: ItemMeta, verdict: &ItemVerdict) {
        match verdict {
            ItemVerdict::Accepted => self.accepted.push(item),
            ItemVerdict::NotProcessed => self.not_processed.push(item),
            ItemVerdict::Ambiguous(fault) => {
                self.unheard.push(item);
                self.unheard_fault.get_or_insert_with(|| fault.clone());
            }
            // As good as success: "this one I have already".
            ItemVerdict::Refused(fault) if fault.action == FaultAction::Note => {
                self.accepted.push(item);
            }
            ItemVerdict::Refused(fault) => self.refused.push((item, fault.clone())),
        }
    }
}
