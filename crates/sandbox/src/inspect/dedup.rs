//! Which repetitions a platform recognizes.

use std::collections::HashMap;

/// Two generations of so many events are remembered: at forty bytes each some 400 MB at the very
/// most. Beyond that the oldest are forgotten and a repetition of one counts as new.
const GENERATION: usize = 5_000_000;

/// What a platform makes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    New,
    /// Recognized and not counted.
    Recognized,
    /// The same event, counted again.
    CountedTwice,
}

/// Remembers when each event was counted.
#[derive(Default)]
pub struct Dedup {
    young: HashMap<u128, i64>,
    old: HashMap<u128, i64>,
}

impl Dedup {
    /// `window_s` is the time within which the platform recognizes a repetition; none if it never
    /// does.
    pub fn see(&mut self, event: u128, now_s: i64, window_s: Option<i64>) -> Repetition {
        let counted_at = self.young.get(&event).or_else(|| self.old.get(&event)).copied();
        let repetition = match (counted_at, window_s) {
            (None, _) => Repetition::New,
            (Some(at), Some(window)) if now_s - at < window => return Repetition::Recognized,
            (Some(_), _) => Repetition::CountedTwice,
        };
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(event, now_s);
        repetition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_begins_when_the_event_was_counted() {
        use Repetition::{CountedTwice, New, Recognized};
        let mut dedup = Dedup::default();
        for (now, window, expected) in [
            (0, Some(100), New),
            (99, Some(100), Recognized),
            (100, Some(100), CountedTwice),
            (150, Some(100), Recognized),
            (150, None, CountedTwice),
        ] {
            assert_eq!(dedup.see(1, now, window), expected, "{now}");
        }
        assert_eq!(dedup.see(2, 150, None), New);
    }
}
