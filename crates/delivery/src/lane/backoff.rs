//! Waiting after transient failures and throttles: exponential, with full jitter, on monotonic
//! time.

use std::time::Duration;

use holdfast_model::fault::Fault;
use holdfast_model::time::MonoMillis;
use holdfast_platforms::Throttle;

use crate::{LaneSettings, Ticket};

/// Longest wait that a platform may ask for. Longer ones exist only in broken headers, and after
/// an hour it does no harm to ask again.
const MAX_ASKED_WAIT_MS: u64 = 3_600_000;

/// From this share of a limit on, half as many requests at once.
const SLOW_FROM_PERCENT: u32 = 80;

/// From this share on, one request at a time with a pause between them.
const CRAWL_FROM_PERCENT: u32 = 95;

#[derive(Debug)]
pub struct Backoff {
    first_ms: u64,
    max_ms: u64,
    jitter: u64,
    /// Our own wait.
    own_until: Option<MonoMillis>,
    /// The wait that the platform asked for. No success and no lift ends it.
    asked_until: Option<MonoMillis>,
    /// Failed rounds in a row: the exponent.
    rounds: u32,
    /// Rounds in a row that failed with the same fault, and its name.
    alike: u32,
    last: String,
    /// Requests up to this one left before the last failure: when they fail too, it is the same
    /// outage seen once more, not a longer one.
    round: Ticket,
    used_percent: u32,
}

impl Backoff {
    pub fn new(settings: &LaneSettings) -> Self {
        Self {
            first_ms: settings.backoff_first_ms.max(1),
            max_ms: settings.backoff_max_ms.max(1),
            // xorshift never leaves zero.
            jitter: settings.seed | 1,
            own_until: None,
            asked_until: None,
            rounds: 0,
            alike: 0,
            last: String::new(),
            round: Ticket(0),
            used_percent: 0,
        }
    }

    /// When sending may go on, if it may not now.
    pub fn until(&self) -> Option<MonoMillis> {
        self.own_until.max(self.asked_until)
    }

    pub fn consecutive(&self) -> u32 {
        self.rounds
    }

    /// How many requests may be under way, where `most` would be usual.
    pub fn in_flight(&self, most: u32) -> u32 {
        match self.used_percent {
            _ if self.rounds > 0 => 1,
            CRAWL_FROM_PERCENT.. => 1,
            SLOW_FROM_PERCENT.. => (most / 2).max(1),
            _ => most,
        }
    }

    /// Ends waits whose time has come.
    pub fn pass(&mut self, now: MonoMillis) {
        self.own_until = self.own_until.filter(|until| now < *until);
        self.asked_until = self.asked_until.filter(|until| now < *until);
    }

    /// A request failed; `newest` is the last that was made. Returns how many rounds in a row
    /// ended with this fault.
    pub fn failed(
        &mut self,
        fault: &Fault,
        ticket: Ticket,
        newest: Ticket,
        now: MonoMillis,
    ) -> u32 {
        if ticket <= self.round {
            return self.alike;
        }
        self.round = newest;
        self.rounds = self.rounds.saturating_add(1);
        if self.last == fault.name {
            self.alike = self.alike.saturating_add(1);
        } else {
            self.last.clone_from(&fault.name);
            self.alike = 1;
        }
        let doublings = (self.rounds - 1).min(32);
        let ceiling = self.first_ms.saturating_mul(1 << doublings).min(self.max_ms);
        let wait = self.up_to(ceiling);
        self.own_until = self.own_until.max(Some(now + wait));
        self.alike
    }

    /// What the answer said of the platform's limits; nothing is as good as "all is well".
    pub fn throttled(&mut self, throttle: Option<&Throttle>, now: MonoMillis) {
        self.used_percent = throttle.and_then(|throttle| throttle.used_percent).unwrap_or(0);
        let asked_ms = throttle.and_then(|throttle| throttle.wait_ms);
        if asked_ms.is_none() && self.used_percent < CRAWL_FROM_PERCENT {
            return;
        }
        let asked = Duration::from_millis(asked_ms.unwrap_or(0).min(MAX_ASKED_WAIT_MS));
        // Lanes that share the limit were told the same time; they should not come back as one.
        let wait = asked + self.up_to(self.first_ms);
        self.asked_until = self.asked_until.max(Some(now + wait));
    }

    /// Something was accepted. What left before the last failure proves nothing about after.
    pub fn succeeded(&mut self, ticket: Ticket) {
        if ticket > self.round {
            self.forget();
        }
    }

    /// A new token, or a lift: what failed before says nothing about now, nor does what left
    /// before and fails later.
    pub fn start_anew(&mut self, newest: Ticket) {
        self.round = newest;
        self.forget();
    }

    fn forget(&mut self) {
        self.rounds = 0;
        self.alike = 0;
        self.last.clear();
        self.own_until = None;
    }

    /// From one millisecond to `ceiling_ms`.
    fn up_to(&mut self, ceiling_ms: u64) -> Duration {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        Duration::from_millis(1 + self.jitter % ceiling_ms.max(1))
    }
}
