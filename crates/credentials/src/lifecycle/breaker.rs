//! The end of a storm of renewals.
//!
//! A renewal that "succeeds" and is due again at once asks the platform for tokens without end,
//! and platforms block apps for that. Whatever the mistake is, it is stopped here.

use std::collections::{HashMap, VecDeque};

use holdfast_model::time::MonoMillis;

/// Mints are counted over so long, and the breaker stays open as long.
const WINDOW_MS: u64 = 60_000;

/// More mints in a minute than this many are no credential's life: the shortest-lived tokens are
/// renewed every half an hour.
pub const MINTS_OF_CREDENTIAL: usize = 5;

/// An app may have many credentials, all due after the gateway was off for long.
pub const MINTS_OF_APP: usize = 60;

/// Keys that are remembered. A forgotten one begins anew.
const MAX_KEYS: usize = 10_000;

#[derive(Debug, Default)]
pub struct Breaker {
    lines: HashMap<String, Line>,
}

#[derive(Debug, Default)]
struct Line {
    mints: VecDeque<MonoMillis>,
    open_until: Option<MonoMillis>,
}

/// What the breaker says of one more mint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Go,
    /// It has just opened: somebody should know.
    Opened,
    Open,
}

impl Breaker {
    /// Asks for one more mint, and counts it if it may be made.
    pub fn ask(&mut self, key: &str, most: usize, now: MonoMillis) -> Said {
        if self.lines.len() >= MAX_KEYS && !self.lines.contains_key(key) {
            self.lines.retain(|_, line| line.mints.back().is_some_and(|at| is_recent(*at, now)));
        }
        let line = self.lines.entry(key.to_owned()).or_default();
        if line.open_until.is_some_and(|until| now < until) {
            return Said::Open;
        }
        line.open_until = None;
        while line.mints.front().is_some_and(|at| !is_recent(*at, now)) {
            line.mints.pop_front();
        }
        if line.mints.len() >= most {
            line.mints.clear();
            line.open_until = Some(MonoMillis(now.0.saturating_add(WINDOW_MS)));
            return Said::Opened;
        }
        line.mints.push_back(now);
        Said::Go
    }
}

fn is_recent(at: MonoMillis, now: MonoMillis) -> bool {
    now.0.saturating_sub(at.0) < WINDOW_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_mint_within_a_minute_opens_it_for_a_minute() {
        let mut breaker = Breaker::default();
        let mut ask = |at| breaker.ask("shop", MINTS_OF_CREDENTIAL, MonoMillis(at));
        for at in 0..5 {
            assert_eq!(ask(at * 1_000), Said::Go);
        }
        assert_eq!(ask(5_000), Said::Opened, "told once");
        assert_eq!(ask(5_001), Said::Open);
        assert_eq!(ask(64_999), Said::Open);
        assert_eq!(ask(65_000), Said::Go, "and a minute later it is closed");
    }

    #[test]
    fn a_slow_life_never_opens_it_and_keys_do_not_share() {
        let mut breaker = Breaker::default();
        for n in 0..100 {
            assert_eq!(breaker.ask("shop", 5, MonoMillis(n * 15_000)), Said::Go, "{n}");
        }
        for n in 0..5 {
            assert_eq!(breaker.ask(&format!("other-{n}"), 5, MonoMillis(1_500_000)), Said::Go);
        }
    }
}
