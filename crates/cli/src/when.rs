//! Times as people write them on a command line.

use holdfast_model::time::UnixMillis;

/// Reads `2026-11-20T10:00:00Z`, `2026-11-20` (its beginning in UTC), or how long ago: `90m`, `6h`,
/// `3d`.
#[allow(clippy::disallowed_methods, reason = "what was typed is counted from now")]
pub fn parse(text: &str) -> Result<UnixMillis, String> {
    read(text, jiff::Timestamp::now().as_millisecond())
}

fn read(text: &str, now: i64) -> Result<UnixMillis, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(UnixMillis(at.as_millisecond()));
    }
    let midnight = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10);
    if let Some(at) = midnight.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok()) {
        return Ok(UnixMillis(at.timestamp().as_millisecond()));
    }
    ago(text).map(|millis| UnixMillis(now.saturating_sub(millis))).ok_or_else(|| {
        "expected a time such as 2026-11-20T10:00:00Z, a date, or how long ago: 90m, 6h, 3d"
            .to_owned()
    })
}

fn ago(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let millis = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_dates_and_ages_are_read() {
        const NOW: i64 = 1_790_000_000_000;
        for (text, expected) in [
            ("1970-01-01T00:00:01Z", 1_000),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1970-01-02", 86_400_000),
            ("90m", NOW - 90 * 60_000),
            ("6h", NOW - 6 * 3_600_000),
            ("3d", NOW - 3 * 86_400_000),
            ("0s", NOW),
        ] {
            assert_eq!(read(text, NOW), Ok(UnixMillis(expected)), "{text}");
        }
        for text in [
            "",
            "d",
            "-3d",
            "3 d",
            "3w",
            "yesterday",
            "1970-01-01T00:00:01",
            "99999999999999999d",
            "é",
        ] {
            assert!(read(text, NOW).is_err(), "{text}");
        }
    }
}
