//! When people are told that a token will die.

use holdfast_model::time::{DAY_S, UnixMillis, UnixSeconds};

use super::policy::Way;

/// So many days before, the last of them on the day itself.
pub const STAGES_DAYS: [u32; 5] = [21, 14, 7, 3, 1];

/// The nearest stage that has been reached: a token that was added with two days left is told of
/// once. None if the end is far, or past: one that is dead is what holds are about.
pub fn stage(at: UnixSeconds, now: UnixMillis) -> Option<u32> {
    let left_s = at.0.saturating_sub(now.to_seconds().0);
    let reached = |days: &&u32| left_s <= i64::from(**days) * DAY_S;
    STAGES_DAYS.iter().rev().find(reached).copied().filter(|_| left_s > 0)
}

/// Whether the end of a token is no news: it renews itself, that goes well, and the next time is
/// before the end. At the first stage not even a failure is: it was told when it happened, and there
/// are twenty more days of tries.
pub fn is_taken_care_of(
    way: &Way,
    failures: u32,
    next_at: Option<UnixMillis>,
    days: u32,
    at: UnixSeconds,
) -> bool {
    let is_well = failures == 0 && next_at.is_some_and(|next| next < at.to_millis());
    !way.is_none() && (is_well || days == STAGES_DAYS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: UnixSeconds = UnixSeconds(100 * DAY_S);

    fn days_before(days: i64) -> UnixMillis {
        END.plus_seconds(-days * DAY_S).to_millis()
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
        let planned = Some(days_before(10));
        assert!(is_taken_care_of(&way, 0, planned, 14, END));
        assert!(!is_taken_care_of(&way, 1, planned, 14, END));
        assert!(is_taken_care_of(&way, 1, planned, 21, END));
        assert!(!is_taken_care_of(&way, 0, None, 7, END), "an expired one is not planned for");
        let none = Way::None { why: String::new(), instead: String::new() };
        assert!(!is_taken_care_of(&none, 0, None, 21, END));
    }
}
