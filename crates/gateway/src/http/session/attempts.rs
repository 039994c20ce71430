//! How often somebody may sign in, and fail to.
//!
//! Keys have 256 random bits, so nobody guesses one. The bound keeps those who try from costing
//! anything, and from hiding in the noise. It does not keep out whoever has a right key.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use holdfast_model::time::MonoMillis;

const WINDOW_MS: u64 = 60_000;

/// Failures of one address in a minute: a person who pastes the wrong thing does so a few times.
const MOST_OF_ONE: u32 = 10;

/// Failures of everybody in a minute.
const MOST_OF_ALL: u32 = 100;

/// Sessions that begin in a minute: each is a row and an entry of the audit trail, and people do not
/// sign in so often.
const MOST_BEGUN: u32 = 60;

/// Addresses that are remembered at once. Everybody's bound is reached long before.
const MOST_ADDRESSES: usize = 256;

#[derive(Debug, Default)]
pub struct Attempts(Mutex<Window>);

/// The minute that is being counted.
#[derive(Debug, Default)]
struct Window {
    began: MonoMillis,
    all: u32,
    begun: u32,
    of: HashMap<IpAddr, u32>,
}

impl Attempts {
    /// Whether this address may try now; else how many seconds to wait.
    pub fn may_try(&self, peer: Option<IpAddr>, now: MonoMillis) -> Result<(), u32> {
        let window = self.window(now);
        let of_peer = peer.and_then(|peer| window.of.get(&peer)).copied().unwrap_or(0);
        if of_peer < MOST_OF_ONE && window.all < MOST_OF_ALL {
            return Ok(());
        }
        Err(left(&window, now))
    }

    /// Counts a session that is about to begin with a right key; else says how many seconds to wait.
    pub fn may_begin(&self, now: MonoMillis) -> Result<(), u32> {
        let mut window = self.window(now);
        if window.begun < MOST_BEGUN {
            window.begun += 1;
            return Ok(());
        }
        Err(left(&window, now))
    }

    pub fn failed(&self, peer: Option<IpAddr>, now: MonoMillis) {
        let mut window = self.window(now);
        window.all = window.all.saturating_add(1);
        let Some(peer) = peer else { return };
        if window.of.len() < MOST_ADDRESSES || window.of.contains_key(&peer) {
            *window.of.entry(peer).or_default() += 1;
        }
    }

    /// The current minute; a new one if that is over.
    fn window(&self, now: MonoMillis) -> std::sync::MutexGuard<'_, Window> {
        // Numbers only: a panic elsewhere cannot leave them half changed.
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.0.saturating_sub(window.began.0) >= WINDOW_MS {
            *window = Window { began: now, ..Window::default() };
        }
        window
    }
}

/// Seconds until the minute is over.
fn left(window: &Window, now: MonoMillis) -> u32 {
    let left = WINDOW_MS.saturating_sub(now.0.saturating_sub(window.began.0));
    u32::try_from(left.div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn an_address_waits_and_others_do_not() {
        let attempts = Attempts::default();
        let at = MonoMillis;
        for _ in 0..MOST_OF_ONE {
            assert_eq!(attempts.may_try(address(1), at(100_000)), Ok(()));
            attempts.failed(address(1), at(100_000));
        }
        assert_eq!(attempts.may_try(address(1), at(100_000)), Err(60));
        assert_eq!(attempts.may_try(address(1), at(159_500)), Err(1));
        assert_eq!(attempts.may_try(address(2), at(100_000)), Ok(()));
        assert_eq!(attempts.may_try(address(1), at(160_000)), Ok(()));
    }

    #[test]
    fn right_keys_are_bounded_apart() {
        let attempts = Attempts::default();
        for _ in 0..MOST_OF_ALL {
            attempts.failed(address(1), MonoMillis(70_000));
        }
        for _ in 0..MOST_BEGUN {
            assert_eq!(attempts.may_begin(MonoMillis(70_000)), Ok(()));
        }
        assert_eq!(attempts.may_begin(MonoMillis(70_000)), Err(60));
        assert_eq!(attempts.may_begin(MonoMillis(130_000)), Ok(()));
    }

    #[test]
    fn many_addresses_are_bounded_together() {
        let attempts = Attempts::default();
        for n in 0..MOST_OF_ALL {
            attempts.failed(address(u8::try_from(n).unwrap()), MonoMillis(70_000));
        }
        assert_eq!(attempts.may_try(address(200), MonoMillis(70_000)), Err(60));
        assert_eq!(attempts.may_try(None, MonoMillis(130_000)), Ok(()));
    }
}
