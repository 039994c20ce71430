//! Dates of birth as the Parameter Builder reads them.

use std::borrow::Cow;

use holdfast_model::time::UnixSeconds;

use crate::meta::normalize::date::year_of;

const FIRST_YEAR: u32 = 1800;

/// Of three groups of digits or more, the first that cannot be a day is the year. A single group
/// of eight digits passes as it is, whatever it says.
pub fn birth(text: &str, now: UnixSeconds) -> Option<Cow<'_, str>> {
    let mut groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    match (groups.next(), groups.next(), groups.next()) {
        (Some(whole), None, _) if whole.len() == 8 => Some(Cow::Borrowed(whole)),
        (Some(a), Some(b), Some(c)) => {
            // A group too long for a number is no year, no month and no day either.
            let (a, b, c) = (a.parse().ok()?, b.parse().ok()?, c.parse().ok()?);
            in_order(a, b, c, now).map(Cow::Owned)
        }
        _ => None,
    }
}

fn in_order(a: u32, b: u32, c: u32, now: UnixSeconds) -> Option<String> {
    let (year, month, day) = if a > 31 {
        (a, b, c)
    } else if b > 31 {
        (b, c, a)
    } else {
        (c, a, b)
    };
    let (month, day) = if month > 12 { (day, month) } else { (month, day) };
    let is_date = (FIRST_YEAR..=year_of(now) + 1).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day);
    is_date.then(|| format!("{year:04}{month:02}{day:02}"))
}
