//! The sandbox's clock: the one place that reads the machine's.
//!
//! It can be moved forward on command, so that a token of sixty days or a window of forty-eight
//! hours can be tried without waiting. It never moves backward.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub struct Clock {
    started: Instant,
    started_unix_ms: i64,
    /// How far it was moved on command.
    advanced_ms: u64,
}

impl Clock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the sandbox is an outer crate; this is its one clock"
    )]
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            started: Instant::now(),
            started_unix_ms: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX),
            advanced_ms: 0,
        }
    }

    /// Since the sandbox was started, on its own clock.
    pub fn elapsed_ms(&self) -> u64 {
        let real = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        real.saturating_add(self.advanced_ms)
    }

    pub fn unix_seconds(&self) -> i64 {
        let elapsed = i64::try_from(self.elapsed_ms()).unwrap_or(i64::MAX);
        self.started_unix_ms.saturating_add(elapsed) / 1_000
    }

    pub fn advance(&mut self, ms: u64) {
        self.advanced_ms = self.advanced_ms.saturating_add(ms);
    }

    /// Whether it agrees with the machine's clock.
    pub fn is_real(&self) -> bool {
        self.advanced_ms == 0
    }
}
