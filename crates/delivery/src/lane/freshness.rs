//! When a request that is not full may leave.
//!
//! A lane at rest sends at once whatever there is. Under a steady stream of single events that
//! would make one tiny request after the other, each with a signature, an answer to judge and a
//! record to write; so requests that are not full leave at most once an interval, and what arrives
//! meanwhile goes together. Full requests never wait.

use std::time::Duration;

use holdfast_model::time::MonoMillis;

#[derive(Debug, Default)]
pub struct Freshness {
    /// Before this, only full requests.
    next_partial: Option<MonoMillis>,
    /// Items wait for that time, and nothing else.
    waits: bool,
}

impl Freshness {
    /// Whether a request for so many items may be made now; if it would not be full, the next such
    /// one waits for the interval.
    pub fn admits(&mut self, ready: u64, full: u32, now: MonoMillis, interval: Duration) -> bool {
        if ready >= u64::from(full) {
            return true;
        }
        self.waits = self.next_partial.is_some_and(|next| now < next);
        if !self.waits {
            self.next_partial = Some(now + interval);
        }
        !self.waits
    }

    /// A new look at what may leave.
    pub fn begin(&mut self) {
        self.waits = false;
    }

    /// When items that wait without filling a request may leave.
    pub fn due(&self) -> Option<MonoMillis> {
        self.next_partial.filter(|_| self.waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_at_rest_sends_at_once_and_then_gathers() {
        let mut freshness = Freshness::default();
        let mut admits = |ready, at| {
            freshness.begin();
            let admitted =
                freshness.admits(ready, 1_000, MonoMillis(at), Duration::from_millis(20));
            (admitted, freshness.due().map(|due| due.0))
        };
        assert_eq!(admits(1, 0), (true, None), "nothing was sent before");
        assert_eq!(admits(30, 19), (false, Some(20)));
        assert_eq!(admits(1_000, 19), (true, None), "a full request never waits");
        assert_eq!(admits(31, 20), (true, None));
        assert_eq!(admits(1, 39), (false, Some(40)));
    }
}
