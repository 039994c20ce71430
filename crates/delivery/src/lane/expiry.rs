//! Deadlines: what passes its deadline goes to `expired`, unless the clock cannot be believed.

use std::time::Duration;

use holdfast_model::item::ItemMeta;
use holdfast_model::time::{MonoMillis, Now};

use super::{Lane, seqs};
use crate::{Command, Notice};

/// Sweeps come at most this often.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);

/// Longest time without a look at the deadlines while something waits: the wall clock may be set
/// in between.
const LONGEST_PAUSE_S: i64 = 600;

#[derive(Debug)]
pub struct Expiry {
    next_sweep: Option<MonoMillis>,
    last_sweep: Option<MonoMillis>,
    told_of_skew: bool,
}

impl Expiry {
    pub fn new(_now: Now) -> Self {
        Self { next_sweep: None, last_sweep: None, told_of_skew: false }
    }

    pub fn next_sweep(&self) -> Option<MonoMillis> {
        self.next_sweep
    }
}

impl Lane {
    /// Takes out what is too late to be sent.
    pub(super) fn drop_expired(&mut self, now: Now, items: Vec<ItemMeta>) -> Vec<ItemMeta> {
        let at = now.unix_seconds();
        if !now.wall_is_trusted || items.iter().all(|item| at < item.expires_at) {
            return items;
        }
        let (late, in_time): (Vec<_>, Vec<_>) = items.into_iter().partition(|i| i.expires_at <= at);
        if !late.is_empty() {
            self.command(Command::Expire { items: seqs(&late), hold: None, fault: None });
        }
        in_time
    }

    /// Sweeps waiting items, held ones too, when the first deadline has come.
    pub(super) fn sweep_deadlines(&mut self, now: Now) {
        let Some(first) = self.waiting.first_deadline else {
            self.expiry.next_sweep = None;
            return;
        };
        let is_due = first <= now.unix_seconds();
        if is_due && !now.wall_is_trusted {
            if !self.expiry.told_of_skew {
                self.expiry.told_of_skew = true;
                self.tell(Notice::ClockSkewHoldsExpiry);
            }
            self.expiry.next_sweep = Some(now.mono + SWEEP_PERIOD);
            return;
        }
        self.expiry.told_of_skew = false;
        let rested = self.expiry.last_sweep.is_none_or(|last| now.mono.since(last) >= SWEEP_PERIOD);
        if is_due && rested {
            self.expiry.last_sweep = Some(now.mono);
            let due = now.unix_seconds();
            self.command(Command::ExpireDue { due, hold: self.holding.hold_id() });
        }
        let seconds = (first - now.unix_seconds()).clamp(1, LONGEST_PAUSE_S);
        let pause = Duration::from_secs(seconds.unsigned_abs());
        self.expiry.next_sweep = Some(now.mono + pause.max(SWEEP_PERIOD));
    }
}
