//! Waiting after transient failures and throttles: exponential, with full jitter, on monotonic
//! time.

use std::time::Duration;

use holdfast_model::fault::Fault;
use holdfast_model::time::MonoMillis;
use holdfast_platforms::Throttle;

use crate::LaneSettings;

/// Longest wait that a platform may ask for. Longer ones exist only in broken headers, and after
/// an hour it does no harm to ask again.
const MAX_ASKED_WAIT_MS: u64 = 3_600_000;

/// From this share of a limit on, one request at a time.
const CAUTIOUS_FROM_PERCENT: u32 = 80;

#[derive(Debug)]
pub struct Backoff {
    first_ms: u64,
    max_ms: u64,
    state: u64,
    until: Option<MonoMillis>,
    /// Failures in a row, and the name of the last one.
    consecutive: u32,
    last: String,
    cautious: bool,
}

impl Backoff {
    pub fn new(settings: &LaneSettings) -> Self {
        Self {
            first_ms: settings.backoff_first_ms.max(1),
            max_ms: settings.backoff_max_ms.max(1),
            state: settings.seed | 1,
            until: None,
            consecutive: 0,
            last: String::new(),
            cautious: false,
        }
    }

    pub fn until(&self) -> Option<MonoMillis> {
        self.until
    }

    pub fn is_cautious(&self) -> bool {
        self.cautious || self.consecutive > 0
    }

    pub fn pass(&mut self, now: MonoMillis) {
        if self.until.is_some_and(|until| until <= now) {
            self.until = None;
        }
    }

    /// Returns how many failures of this kind came in a row.
    pub fn failed(&mut self, fault: &Fault, now: MonoMillis) -> u32 {
        if self.last == fault.name {
            self.consecutive = self.consecutive.saturating_add(1);
        } else {
            self.last.clone_from(&fault.name);
            self.consecutive = 1;
        }
        let doublings = (self.consecutive - 1).min(32);
        let ceiling = self.first_ms.saturating_mul(1 << doublings).min(self.max_ms);
        let wait = Duration::from_millis(1 + self.random() % ceiling);
        self.wait_until(now + wait);
        self.consecutive
    }

    pub fn throttled(&mut self, throttle: &Throttle, now: MonoMillis) {
        self.cautious = throttle.used_percent.is_some_and(|used| used >= CAUTIOUS_FROM_PERCENT);
        if let Some(wait_ms) = throttle.wait_ms {
            self.wait_until(now + Duration::from_millis(wait_ms.min(MAX_ASKED_WAIT_MS)));
        }
    }

    pub fn succeeded(&mut self) {
        self.consecutive = 0;
        self.last.clear();
        self.until = None;
    }

    fn wait_until(&mut self, at: MonoMillis) {
        self.until = Some(self.until.map_or(at, |until| until.max(at)));
    }

    /// xorshift: good enough to keep lanes from knocking in step, and seeded.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}
