//! When people are told that a token will die.

use holdfast_model::time::{DAY_S, MINUTE_S, UnixMillis, UnixSeconds};

use super::policy::{self, Way};

/// So many days before, the last of them on the day itself.
pub const STAGES_DAYS: [u32; 5] = [21, 14, 7, 3, 1];

/// An attempt that was due is made within seconds. If it was not after so long, nobody makes it.
const OVERDUE_MS: i64 = 10 * MINUTE_S * 1_000;

/// The nearest stage that has been reached: a token that was added with two days left is told of
/// once. None if the end is far, or past: one that is dead is what holds are about.
pub fn stage(at: UnixSeconds, now: UnixMillis) -> Option<u32> {
    let left_s = at.0.saturating_sub(now.to_seconds().0);
    let reached = |days: &&u32| left_s <= i64::from(**days) * DAY_S;
    STAGES_DAYS.iter().rev().find(reached).copied().filter(|_| left_s > 0)
}

/// How the renewal of a token goes.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    pub way: &'a Way,
    /// In a row.
    pub failures: u32,
    pub next_at: Option<UnixMillis>,
    /// How long the next attempt has been due while somebody was there to make it.
    pub overdue_ms: i64,
    /// Since when the token is here.
    pub added_at: UnixMillis,
    pub now: UnixMillis,
}

impl Course<'_> {
    /// Whether the end of the token is no news: it renews itself, that goes well, and the next time
    /// is before the end. At the first stage not even a failure is: it was told when it happened,
    /// and there are twenty more days of tries.
    pub fn takes_care_of(&self, days: u32, at: UnixSeconds) -> bool {
        let is_planned = self.next_at.is_some_and(|next| next < at.to_millis());
        let is_well = is_planned && self.overdue_ms <= OVERDUE_MS && !self.is_worrying(at);
        !self.way.is_none() && (is_well || days == STAGES_DAYS[0])
    }

    /// One failure is news about a token that lives for weeks. One that lives for hours is tried
    /// again within minutes, and its last day is its only one.
    fn is_worrying(&self, at: UnixSeconds) -> bool {
        let (life, left) = (at.to_millis().0 - self.added_at.0, at.to_millis().0 - self.now.0);
        match life < DAY_S * 1_000 {
            true => {
                self.failures >= policy::WORRYING_FAILURES || self.failures > 0 && left <= life / 8
            }
            false => self.failures > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: UnixSeconds = UnixSeconds(100 * DAY_S);

    fn before(seconds: i64) -> UnixMillis {
        END.plus_seconds(-seconds).to_millis()
    }

    fn days_before(days: i64) -> UnixMillis {
        before(days * DAY_S)
    }

    /// Of a token of sixty days, with two weeks to go.
    fn course(way: &Way) -> Course<'_> {
        Course {
            way,
            failures: 0,
            next_at: Some(days_before(10)),
            overdue_ms: 0,
            added_at: days_before(60),
            now: days_before(14),
        }
    }

    #[test]
    fn the_nearest_stage_is_told() {
        for (days, expected) in
            [(22, None), (21, Some(21)), (15, Some(21)), (14, Some(14)), (2, Some(3)), (0, None)]
        {
            assert_eq!(stage(END, days_before(days)), expected, "{days}");
        }
    }

    #[test]
    fn what_renews_itself_is_told_only_when_that_fails() {
        let way = Way::RefreshSystemUser;
        let course = course(&way);
        assert!(course.takes_care_of(14, END));
        let failed = Course { failures: 1, ..course };
        assert!(!failed.takes_care_of(14, END));
        assert!(failed.takes_care_of(21, END));
        let unplanned = Course { next_at: None, ..course };
        assert!(!unplanned.takes_care_of(7, END), "an expired one is not planned for");
        let none = Way::None { why: String::new(), instead: String::new() };
        assert!(!Course { way: &none, next_at: None, ..course }.takes_care_of(21, END));
    }

    #[test]
    fn what_is_overdue_and_not_tried_does_not_go_well() {
        let way = Way::RefreshSystemUser;
        for (overdue_ms, expected) in [(0, true), (OVERDUE_MS, true), (OVERDUE_MS + 1, false)] {
            let course = Course { overdue_ms, ..course(&way) };
            assert_eq!(course.takes_care_of(14, END), expected, "{overdue_ms}");
        }
    }

    #[test]
    fn an_hours_token_is_told_of_when_it_fails_again_and_again_or_dies() {
        let way = Way::RefreshSnap;
        for (failures, left_s, expected) in [
            (1, 29 * 60, true),
            (4, 20 * 60, true),
            (5, 20 * 60, false),
            (1, 7 * 60, false),
            (0, 7 * 60, true),
        ] {
            let course = Course {
                failures,
                next_at: Some(before(60)),
                added_at: before(3_600),
                now: before(left_s),
                ..course(&way)
            };
            assert_eq!(course.takes_care_of(1, END), expected, "{failures} with {left_s} s left");
        }
    }
}
