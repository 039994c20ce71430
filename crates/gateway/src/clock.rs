//! The one place of the gateway where clocks are read.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use holdfast_model::time::{MonoMillis, Now, UnixMillis};

/// Nothing expires while the wall clock is further than this from what the platforms say.
/// Five minutes is also how long a timed proof lives, so a larger difference breaks requests.
pub const MAX_SKEW_MS: i64 = 5 * 60 * 1000;

/// Wall and monotonic time, and whether the wall clock can be believed.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    /// How far both clocks were turned on by hand: days pass in tests without anybody waiting.
    turned_on_ms: AtomicU64,
    /// Wall time of the platforms at `start`, as the last `Date` header implied it.
    platform_start_ms: AtomicI64,
    /// 1 once a `Date` header was seen.
    observed: AtomicU64,
}

impl Default for Clock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the clocks are read")]
    fn default() -> Self {
        Self {
            start: Instant::now(),
            turned_on_ms: AtomicU64::new(0),
            platform_start_ms: AtomicI64::new(0),
            observed: AtomicU64::new(0),
        }
    }
}

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the clocks are read")]
    pub fn now(&self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let turned_on = self.turned_on_ms.load(Ordering::Relaxed);
        let wall = UnixMillis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
            .plus_millis(i64::try_from(turned_on).unwrap_or(i64::MAX));
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mono = MonoMillis(elapsed.saturating_add(turned_on));
        Now { wall, mono, wall_is_trusted: self.skew_ms(wall, mono).abs() <= MAX_SKEW_MS }
    }

    pub fn wall(&self) -> UnixMillis {
        self.now().wall
    }

    /// Turns wall and monotonic time on together, for tests.
    pub fn turn_on(&self, ms: u64) {
        self.turned_on_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Notes the `Date` header of a platform's answer. Such headers have whole seconds and arrive
    /// late, both far below the tolerance.
    pub fn observe_platform_date(&self, date: UnixMillis) {
        let elapsed = i64::try_from(self.now().mono.0).unwrap_or(i64::MAX);
        self.platform_start_ms.store(date.0 - elapsed, Ordering::Relaxed);
        self.observed.store(1, Ordering::Relaxed);
    }

    /// How far the wall clock is ahead of the platforms' clocks. Zero until one was heard.
    pub fn skew_ms(&self, wall: UnixMillis, mono: MonoMillis) -> i64 {
        if self.observed.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let elapsed = i64::try_from(mono.0).unwrap_or(i64::MAX);
        wall.0 - (self.platform_start_ms.load(Ordering::Relaxed) + elapsed)
    }
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that platforms send.
pub fn parse_http_date(text: &str) -> Option<UnixMillis> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_ascii_whitespace().skip(1);
    let day: i64 = words.next()?.parse().ok()?;
    let month_name = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month_name)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<i64>());
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if words.next()? != "GMT" || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    // Days from civil (Howard Hinnant), the inverse of the one in the model crate.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(UnixMillis((days * 86_400 + hour * 3_600 + minute * 60 + second) * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_http_dates() {
        assert_eq!(
            parse_http_date("Tue, 14 Nov 2023 22:13:20 GMT"),
            Some(UnixMillis(1_700_000_000_000))
        );
        assert_eq!(
            parse_http_date("Tue, 29 Feb 2000 00:00:00 GMT"),
            Some(UnixMillis(951_782_400_000))
        );
        for bad in ["", "yesterday", "Tue, 14 Foo 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13 GMT"]
        {
            assert_eq!(parse_http_date(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_far_platform_clock_makes_the_wall_clock_doubtful() {
        let clock = Clock::default();
        assert!(clock.now().wall_is_trusted, "silence is not evidence of skew");
        clock.observe_platform_date(clock.wall().plus_millis(MAX_SKEW_MS + 60_000));
        assert!(!clock.now().wall_is_trusted);
        clock.observe_platform_date(clock.wall());
        assert!(clock.now().wall_is_trusted);
    }

    #[test]
    fn both_clocks_are_turned_on_together() {
        let clock = Clock::default();
        clock.observe_platform_date(clock.wall());
        let before = clock.now();
        clock.turn_on(86_400_000);
        let after = clock.now();
        assert!(after.wall.0 >= before.wall.0 + 86_400_000);
        assert!(after.mono.since(before.mono).as_secs() >= 86_400);
        assert!(after.wall_is_trusted, "the platforms' time went on too");
    }
}
