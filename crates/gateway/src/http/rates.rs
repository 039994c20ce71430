//! How many requests a second each key may make: GCRA, in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use holdfast_model::id::KeyId;
use holdfast_model::time::MonoMillis;

/// A second's worth of requests may come at once after a pause.
const BURST_US: u64 = 1_000_000;

/// The buckets of all keys. There are as many as there are keys, which only admins can make.
#[derive(Debug)]
pub struct Rates {
    /// Microseconds that one request uses up; `None` where there is no bound.
    interval_us: Option<u64>,
    /// Per key: the time, in microseconds, at which its bucket is empty again.
    empty_at_us: RwLock<HashMap<KeyId, Arc<AtomicU64>>>,
}

impl Rates {
    /// `per_second` of 0 is no bound.
    pub fn new(per_second: u32) -> Self {
        let interval_us = (per_second > 0).then(|| (1_000_000 / u64::from(per_second)).max(1));
        Self { interval_us, empty_at_us: RwLock::default() }
    }

    /// Counts one request, or says in how many seconds the next one may come.
    pub fn take(&self, key: &KeyId, now: MonoMillis) -> Result<(), u32> {
        let Some(interval_us) = self.interval_us else { return Ok(()) };
        let now_us = now.0.saturating_mul(1_000);
        let mut wait_us = 0;
        let taken =
            self.bucket(key).fetch_update(Ordering::Relaxed, Ordering::Relaxed, |empty_at| {
                let filled = empty_at.max(now_us).saturating_add(interval_us);
                wait_us = filled.saturating_sub(now_us.saturating_add(BURST_US));
                (wait_us == 0).then_some(filled)
            });
        match taken {
            Ok(_) => Ok(()),
            Err(_) => Err(u32::try_from(wait_us.div_ceil(1_000_000)).unwrap_or(u32::MAX)),
        }
    }

    fn bucket(&self, key: &KeyId) -> Arc<AtomicU64> {
        // A bucket is one number: a panic elsewhere cannot leave it half changed.
        if let Some(known) =
            self.empty_at_us.read().unwrap_or_else(PoisonError::into_inner).get(key)
        {
            return known.clone();
        }
        let mut buckets = self.empty_at_us.write().unwrap_or_else(PoisonError::into_inner);
        buckets.entry(key.clone()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> KeyId {
        KeyId::new(name).unwrap()
    }

    #[test]
    fn a_second_at_once_then_the_rate() {
        let rates = Rates::new(10);
        let at = |ms| rates.take(&key("a"), MonoMillis(ms));
        for _ in 0..10 {
            assert_eq!(at(5_000), Ok(()));
        }
        assert_eq!(at(5_000), Err(1));
        assert_eq!(at(5_099), Err(1));
        assert_eq!(at(5_100), Ok(()));
        assert_eq!(at(5_100), Err(1));
        assert_eq!(rates.take(&key("b"), MonoMillis(5_100)), Ok(()), "another key's bucket");
        // In the long run it is the rate, to the request.
        let passed = (5_101..=105_100).filter(|ms| at(*ms).is_ok()).count();
        assert_eq!(passed, 1_000);
    }

    #[test]
    fn zero_is_no_bound() {
        let rates = Rates::new(0);
        assert!((0..100_000).all(|_| rates.take(&key("a"), MonoMillis(0)).is_ok()));
    }
}
