//! Normalization under the `sdk-legacy` profile: what Meta's Python SDK (26.0) does to identifiers
//! before it hashes them, for those whose old events were hashed by it.
//!
//! It does little: `jean-luc` keeps its dash, a date of birth keeps its punctuation. What the SDK
//! answers with an exception is left out here, and so is what it would hash to the hash of nothing.
//! Meta's Node SDK of that time agrees but for words for a gender, short postal codes, dots in
//! phone numbers, and what it takes for an e-mail address.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::{Field, Normalized, country, keep, lower, prehashed};

pub fn normalize<'a>(field: Field, text: &'a str) -> Normalized<'a> {
    let trimmed = text.trim_matches(is_space);
    if trimmed.is_empty() {
        return Normalized::Empty;
    }
    if let Some(hashed) = prehashed(trimmed) {
        return Normalized::Hashed(hashed);
    }
    let text = lower(trimmed);
    let (normalized, expected) = match field {
        Field::Email => (
            Some(text).filter(|text| is_address(text)),
            "an e-mail address such as name@example.com",
        ),
        Field::Phone => (phone(&text), "a phone number of digits, spaces, dashes and brackets"),
        Field::Gender => (Some(text).filter(|text| matches!(text.as_ref(), "f" | "m")), "f or m"),
        Field::City | Field::State => (Some(place(text)), "a place"),
        Field::Zip => (Some(zip(text)), "a postal code"),
        Field::Country => (
            country::code_of_letters(&text).map(Cow::Borrowed),
            "a country as two letters such as us",
        ),
        Field::DayOfBirth => (two_digits(text, 1..=31), "a day of the month, DD"),
        Field::MonthOfBirth => (two_digits(text, 1..=12), "a month, MM"),
        Field::YearOfBirth => (Some(text).filter(|text| is_year(text)), "a year, YYYY"),
        Field::First5OfFirstName | Field::First5OfLastName => (Some(first(text, 5)), "a name"),
        Field::FirstInitial => (Some(first(text, 1)), "a name"),
        Field::FirstName
        | Field::LastName
        | Field::DateOfBirth
        | Field::ExternalId
        | Field::AppUserId => (Some(text), "a text"),
    };
    match normalized.filter(|text| !text.is_empty()) {
        Some(text) => Normalized::Text(text),
        None => Normalized::Invalid(expected),
    }
}

/// White space as Python sees it: with the information separators and the next-line character,
/// without the byte order mark.
fn is_space(c: char) -> bool {
    matches!(c, '\u{1c}'..='\u{1f}') || c.is_whitespace()
}

/// Something, an `@`, something, a dot, something, all in the first line. What comes before and
/// after passes unseen.
fn is_address(text: &str) -> bool {
    let line = text.split('\n').next().unwrap_or_default();
    let Some(before) = line.char_indices().nth(1).map(|(at, _)| at) else { return false };
    line[before..].match_indices('@').any(|(at, _)| {
        let domain = &line[before + at + 1..];
        let inner = domain.char_indices().nth(1).map_or("", |(at, _)| &domain[at..]);
        inner.match_indices('.').any(|(dot, _)| dot + 1 < inner.len())
    })
}

/// A calling code of up to four digits, an area code, perhaps in brackets, and four digits or more:
/// with the brackets gone, that is any number of seven digits or more without a leading zero.
fn phone(text: &str) -> Option<Cow<'static, str>> {
    const MIN_DIGITS: usize = 7;
    let kept: String = text.chars().filter(|c| !is_space(*c) && !"-()".contains(*c)).collect();
    let digits = without_prefix(without_prefix(&kept));
    let is_number = digits.len() >= MIN_DIGITS
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| Cow::Owned(digits.to_owned()))
}

/// Without one plus sign and up to two zeros.
fn without_prefix(text: &str) -> &str {
    let text = text.strip_prefix('+').unwrap_or(text);
    let text = text.strip_prefix('0').unwrap_or(text);
    text.strip_prefix('0').unwrap_or(text)
}

fn place(text: Cow<'_, str>) -> Cow<'_, str> {
    keep(text, |c| !is_space(c) && !matches!(c, '0'..='9' | '.' | '-' | '(' | ')'))
}

/// What is before the first dash, without white space.
fn zip(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut code = keep(text, |c| !is_space(c));
    if let Some(dash) = code.find('-') {
        code.to_mut().truncate(dash);
    }
    code
}

/// A number of the range as it is written, with a zero before a single digit.
fn two_digits(text: Cow<'_, str>, range: RangeInclusive<u32>) -> Option<Cow<'_, str>> {
    let number: u32 = text.parse().ok().filter(|number| range.contains(number))?;
    Some(if text.len() == 1 { Cow::Owned(format!("{number:02}")) } else { text })
}

fn is_year(text: &str) -> bool {
    text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit())
}

fn first(text: Cow<'_, str>, characters: usize) -> Cow<'_, str> {
    match text.char_indices().nth(characters) {
        Some((end, _)) => Cow::Owned(text[..end].to_owned()),
        None => text,
    }
}
