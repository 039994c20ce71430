//! Which repetitions a platform recognizes.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

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

/// One thing by which a platform tells an event from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub key: u128,
    /// The time within which the platform recognizes a repetition; none if it never does.
    pub window_s: Option<i64>,
}

/// How the platform tells one event from another: by nothing, or by up to two marks of which one
/// is enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    marks: [Option<Mark>; 2],
}

impl Verdict {
    pub const ANONYMOUS: Self = Self { marks: [None, None] };

    pub fn by(mark: Mark) -> Self {
        Self { marks: [Some(mark), None] }
    }

    pub fn by_either(marks: [Option<Mark>; 2]) -> Self {
        Self { marks }
    }
}

/// A key made of texts, in this order.
pub fn key_of(parts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    u128::from_le_bytes(first)
}

/// Remembers when each event was counted.
#[derive(Default)]
pub struct Dedup {
    young: HashMap<u128, i64>,
    old: HashMap<u128, i64>,
}

impl Dedup {
    /// Of a recognized repetition the marks that are new are remembered too: the platform merges
    /// what the first arrival lacks. The time of those it had stays that of the first.
    pub fn see(&mut self, verdict: Verdict, now_s: i64) -> Repetition {
        let seen = verdict.marks.map(|mark| {
            let mark = mark?;
            Some((mark, self.counted_at(mark.key)))
        });
        let mut known = seen.iter().flatten().filter_map(|(mark, at)| Some((mark, (*at)?)));
        let is_within = |(mark, at): (&Mark, i64)| mark.window_s.is_some_and(|w| now_s - at < w);
        let repetition = if known.clone().any(is_within) {
            Repetition::Recognized
        } else if known.next().is_some() {
            Repetition::CountedTwice
        } else {
            Repetition::New
        };
        for (mark, at) in seen.into_iter().flatten() {
            if at.is_none() || repetition != Repetition::Recognized {
                self.remember(mark.key, now_s);
            }
        }
        repetition
    }

    fn counted_at(&self, key: u128) -> Option<i64> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    fn remember(&mut self, key: u128, now_s: i64) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, now_s);
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
            let verdict = Verdict::by(Mark { key: 1, window_s: window });
            assert_eq!(dedup.see(verdict, now), expected, "{now}");
        }
        let other = Verdict::by(Mark { key: 2, window_s: None });
        assert_eq!(dedup.see(other, 150), New);
        assert_eq!(dedup.see(Verdict::ANONYMOUS, 150), New);
    }

    #[test]
    fn one_of_two_marks_is_enough_and_both_are_remembered() {
        use Repetition::{CountedTwice, New, Recognized};
        let mut dedup = Dedup::default();
        let id = |key| Some(Mark { key, window_s: Some(10) });
        let order = Some(Mark { key: 100, window_s: Some(1_000) });
        for (what, now, marks, expected) in [
            ("new", 0, [id(1), None], New),
            ("again, now with an order", 5, [id(1), order], Recognized),
            ("the order under another id", 9, [id(2), order], Recognized),
            ("the id is old and the order is not", 500, [id(1), order], Recognized),
            ("the id alone", 500, [id(1), None], CountedTwice),
            ("the order is old too", 2_000, [id(3), order], CountedTwice),
        ] {
            assert_eq!(dedup.see(Verdict::by_either(marks), now), expected, "{what}");
        }
    }
}
