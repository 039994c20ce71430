//! Leases and requests: what may be sent now, how much, and with whom.

use std::time::Duration;

use holdfast_model::item::ItemMeta;
use holdfast_model::time::Now;

use super::batch::{Batch, Purpose};
use super::{Lane, faults, seqs};
use crate::{Command, Notice, Waiting};

/// A lease that brought nothing although something was said to be there is repeated after this:
/// storage may have failed to read it, and asking at once would spin.
const EMPTY_LEASE_PAUSE: Duration = Duration::from_millis(250);

impl Lane {
    /// What is in hand comes first, then new items.
    pub(super) fn send_what_may_go(&mut self, now: Now) {
        while self.may_send()
            && let Some(batch) = self.ready.pop_front()
        {
            self.send(now, batch);
        }
        self.lease_more(now);
    }

    fn may_send(&self) -> bool {
        self.in_flight_requests() < self.most_in_flight()
    }

    fn most_in_flight(&self) -> u32 {
        if self.ramp.is_ramping() || self.holding.is_retrying() {
            return 1;
        }
        self.backoff.in_flight(self.settings.max_in_flight.max(1))
    }

    fn batch_items(&self) -> u32 {
        let most = self.settings.max_batch_items.max(1);
        if self.holding.is_retrying() {
            return 1;
        }
        self.ramp.size(&self.settings.ramp).map_or(most, |size| size.clamp(1, most))
    }

    // ── Leases ──────────────────────────────────────────────────────────────────────────────

    fn lease_more(&mut self, now: Now) {
        if self.lease_again_at.is_some_and(|at| now.mono < at) {
            return;
        }
        self.lease_again_at = None;
        let max_items = self.batch_items();
        let mut in_hand = self.in_flight_requests() + self.leasing + self.ready.len() as u32;
        while in_hand < self.most_in_flight() && self.take_from_waiting(now, max_items) {
            let ticket = self.ticket();
            self.leasing += 1;
            in_hand += 1;
            self.command(Command::Lease {
                ticket,
                max_items,
                max_bytes: self.settings.max_batch_bytes,
                max_unsafe_items: self.settings.max_unsafe_items.clamp(1, max_items),
            });
        }
    }

    /// Whether anything is left to lease that no lease under way will bring and that need not wait
    /// for company.
    fn take_from_waiting(&mut self, now: Now, items: u32) -> bool {
        let ready = self.waiting.ready;
        if ready > 0 {
            let interval = Duration::from_millis(self.settings.partial_interval_ms);
            let admitted = self.freshness.admits(ready, items, now.mono, interval);
            if admitted {
                self.waiting.ready = ready.saturating_sub(u64::from(items));
            }
            return admitted;
        }
        let waiting = &mut self.waiting;
        // The outbox wakes nobody when a deferred item's time comes; the lane looks at the clock.
        let is_due = waiting.next_not_before.is_some_and(|at| at <= now.wall);
        if is_due {
            waiting.next_not_before = None;
        }
        is_due
    }

    pub(super) fn leased(&mut self, now: Now, items: Vec<ItemMeta>, waiting: Waiting) {
        self.leasing = self.leasing.saturating_sub(1);
        self.waiting = waiting;
        let is_due = waiting.next_not_before.is_some_and(|at| at <= now.wall);
        if items.is_empty() && (waiting.ready > 0 || is_due) {
            self.lease_again_at = Some(now.mono + EMPTY_LEASE_PAUSE);
        }
        if !items.is_empty() {
            self.ready.push_back(Batch::new(items, Purpose::Plain));
        }
    }

    // ── Requests ────────────────────────────────────────────────────────────────────────────

    /// Sends what of the batch may still be sent: it may have waited in hand since it was leased.
    fn send(&mut self, now: Now, mut batch: Batch) {
        let items = self.drop_expired(now, std::mem::take(&mut batch.items));
        let items = self.set_lost_aside(items, &faults::interrupted_attempt());
        batch.items = self.set_unsafe_apart(&batch, items);
        if batch.items.is_empty() {
            return;
        }
        let ticket = self.ticket();
        batch.requests += 1;
        self.tell(Notice::Attempt {
            items: batch.items.len() as u32,
            canary: self.ramp.is_canary(),
            isolation: batch.purpose.is_isolation(),
        });
        self.command(Command::Send { ticket, items: seqs(&batch.items) });
        self.sent.insert(ticket, batch);
    }

    /// Items that the platform would count again travel in small company, because they become
    /// `unknown` together. Those that became so since their lease wait for the next free slot.
    fn set_unsafe_apart(&mut self, batch: &Batch, items: Vec<ItemMeta>) -> Vec<ItemMeta> {
        let most = self.settings.max_unsafe_items.max(1) as usize;
        if items.len() <= most || items.iter().all(|item| self.recognition.resend_is_safe(item)) {
            return items;
        }
        let (safe, mut apart): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| self.recognition.resend_is_safe(item));
        let now_sent = if safe.is_empty() { apart.drain(..most).collect() } else { safe };
        for few in apart.chunks(most).rev() {
            self.ready.push_front(Batch { items: few.to_vec(), ..batch.clone() });
        }
        now_sent
    }
}
