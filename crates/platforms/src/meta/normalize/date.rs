//! Dates of birth, in any order and punctuation, as YYYYMMDD.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use holdfast_model::time::UnixSeconds;

use super::Normalized;

const EXPECTED: &str = "a date of birth, best as YYYYMMDD, from 1900 to this year";

pub fn birth<'a>(text: &str, now: UnixSeconds) -> Normalized<'a> {
    let mut groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let date = match (groups.next(), groups.next(), groups.next()) {
        (Some(whole), None, _) if whole.len() == 8 => {
            let (year, rest) = whole.split_at(4);
            let (month, day) = rest.split_at(2);
            numbers(year, month, day)
        }
        (Some(a), Some(b), Some(c)) => in_any_order(a, b, c),
        _ => None,
    };
    match date {
        Some((year, month, day)) if is_real(year, month, day, now) => {
            Normalized::Text(Cow::Owned(format!("{:08}", year * 10_000 + month * 100 + day)))
        }
        _ => Normalized::Invalid(EXPECTED),
    }
}

/// One part of a date, with leading zeros. What is in its range is taken, however it is padded.
pub fn part<'a>(
    text: &str,
    range: RangeInclusive<u32>,
    digits: usize,
    expected: &'static str,
) -> Normalized<'a> {
    match text.parse::<u32>() {
        Ok(number) if range.contains(&number) => {
            Normalized::Text(Cow::Owned(format!("{number:0digits$}")))
        }
        _ => Normalized::Invalid(expected),
    }
}

/// The year by mean Gregorian years: within a day of the calendar, which is near enough for "not
/// born in the future".
pub fn year_of(now: UnixSeconds) -> u32 {
    const YEAR_S: i64 = 31_556_952;
    u32::try_from(1970 + now.0.div_euclid(YEAR_S)).unwrap_or(0)
}

/// The group above 31 is the year. Month before day, unless the month would be above 12.
fn in_any_order(a: &str, b: &str, c: &str) -> Option<(u32, u32, u32)> {
    let (a, b, c) = numbers(a, b, c)?;
    let (year, month, day) = if a > 31 {
        (a, b, c)
    } else if b > 31 {
        (b, c, a)
    } else {
        (c, a, b)
    };
    Some(if month > 12 { (year, day, month) } else { (year, month, day) })
}

fn numbers(a: &str, b: &str, c: &str) -> Option<(u32, u32, u32)> {
    Some((a.parse().ok()?, b.parse().ok()?, c.parse().ok()?))
}

fn is_real(year: u32, month: u32, day: u32, now: UnixSeconds) -> bool {
    (1900..=year_of(now)).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)
}
