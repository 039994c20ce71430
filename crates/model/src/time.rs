//! Times as values. Nothing here reads a clock: the outermost crates do, and pass what they read.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Wall-clock seconds since 1970-01-01T00:00:00Z. Deadlines and event times are in these.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

/// Wall-clock milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

/// Milliseconds of a clock that only moves forward, counted from an arbitrary start. Backoff,
/// leases and pacing run on it, so that a jump of the wall clock neither storms nor stalls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoMillis(pub u64);

/// One reading of both clocks, handed to every state machine with every input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    pub wall: UnixMillis,
    pub mono: MonoMillis,
    /// False while the wall clock disagrees by more than five minutes with the platforms' `Date`
    /// headers plus monotonic elapsed time. Nothing expires while this is false.
    pub wall_is_trusted: bool,
}

impl Now {
    pub fn unix_seconds(&self) -> UnixSeconds {
        self.wall.to_seconds()
    }
}

pub const MINUTE_S: i64 = 60;
pub const HOUR_S: i64 = 60 * MINUTE_S;
pub const DAY_S: i64 = 24 * HOUR_S;

impl UnixSeconds {
    /// Later than any deadline: the item never expires.
    pub const NEVER: UnixSeconds = UnixSeconds(i64::MAX);

    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    pub fn to_millis(self) -> UnixMillis {
        UnixMillis(self.0.saturating_mul(1000))
    }
}

impl UnixMillis {
    pub fn to_seconds(self) -> UnixSeconds {
        UnixSeconds(self.0.div_euclid(1000))
    }

    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl MonoMillis {
    pub fn since(self, earlier: MonoMillis) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for MonoMillis {
    type Output = MonoMillis;
    fn add(self, by: Duration) -> MonoMillis {
        MonoMillis(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<UnixSeconds> for UnixSeconds {
    /// Seconds between the two, negative if `other` is later.
    type Output = i64;
    fn sub(self, other: UnixSeconds) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

/// `2026-11-23T04:05:06Z`, the one form in which times are shown.
impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("never");
        }
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY_S));
        let second = self.0.rem_euclid(DAY_S);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / HOUR_S,
            second / MINUTE_S % 60,
            second % 60
        )
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_seconds(), f)
    }
}

/// Days since 1970-01-01 to a proleptic Gregorian date (Howard Hinnant's algorithm). Written out
/// because it is twelve lines and keeps a calendar library out of the pure crates.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

/// A length of time in at most two units, for people: `3d 4h`, `12m 5s`, `0s`.
pub fn humanize_seconds(seconds: i64) -> String {
    let (sign, s) = if seconds < 0 { ("-", -seconds) } else { ("", seconds) };
    let (days, hours, minutes, secs) = (s / DAY_S, s / HOUR_S % 24, s / MINUTE_S % 60, s % 60);
    let text = match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs}s"),
        (0, 0, _) => format!("{minutes}m {secs}s"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_utc_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(UnixSeconds(seconds).to_string(), text);
        }
    }

    #[test]
    fn shows_lengths_in_two_units() {
        for (seconds, text) in
            [(0, "0s"), (65, "1m 5s"), (3_660, "1h 1m"), (100_000, "1d 3h"), (-5, "-5s")]
        {
            assert_eq!(humanize_seconds(seconds), text);
        }
    }
}
