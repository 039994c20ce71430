//! Normalization under the `param-builder` profile: what Meta's Parameter Builder 1.3 does with its
//! appendix turned off, oddities included (`são paulo` becomes `sopaulo`, an unknown country is
//! cut to two letters), so that an identifier hashed here equals one hashed by it.
//!
//! It knows eleven fields; the older ones, which it does not have, follow `meta-docs`. Deliberately
//! not here: a default calling code, and any look at the event's country. The Parameter Builder
//! hashes each value for itself.

mod date;
mod email;
mod gender;
mod places;

use std::borrow::Cow;

use super::{Field, Normalized, Surroundings, keep, lower, meta_docs, prehashed};

pub fn normalize<'a>(field: Field, text: &'a str, around: &Surroundings) -> Normalized<'a> {
    let trimmed = text.trim_matches(is_space);
    if trimmed.is_empty() {
        return Normalized::Empty;
    }
    if let Some(hashed) = prehashed(trimmed) {
        return Normalized::Hashed(hashed);
    }
    let (normalized, expected) = match field {
        Field::Email => {
            let address = Some(lower(trimmed)).filter(|text| email::is_address(text));
            (address, "an e-mail address in ASCII such as name@example.com")
        }
        Field::Phone => (Some(phone(text)), "a phone number with its country's calling code"),
        Field::FirstName | Field::LastName => (Some(name(text)), "a name"),
        Field::DateOfBirth => (date::birth(text, around.now), "a date of birth, best as YYYYMMDD"),
        Field::Gender => {
            (gender::letter(&lower(trimmed)).map(Cow::Borrowed), "f, m, or an English word for it")
        }
        Field::City => (city(text), "a city that begins with a letter from a to z"),
        Field::State => (Some(places::state(lower(text))), "a state or province"),
        Field::Zip => (zip(text), "a postal code of two characters or more"),
        Field::Country => (Some(places::country(lower(text))), "a country"),
        Field::ExternalId => (Some(id(text)), "an id"),
        Field::First5OfFirstName
        | Field::First5OfLastName
        | Field::FirstInitial
        | Field::DayOfBirth
        | Field::MonthOfBirth
        | Field::YearOfBirth
        | Field::AppUserId => return meta_docs(field, text, around),
    };
    match normalized.filter(|text| !text.is_empty()) {
        Some(text) => Normalized::Text(text),
        None => Normalized::Invalid(expected),
    }
}

/// White space as JavaScript sees it: with the byte order mark, without the information separators
/// and the next-line character.
fn is_space(c: char) -> bool {
    match c {
        '\u{feff}' => true,
        '\u{85}' => false,
        _ => c.is_whitespace(),
    }
}

/// Digits without leading zeros, however few.
fn phone(text: &str) -> Cow<'_, str> {
    let digits = keep(Cow::Borrowed(text), |c| c.is_ascii_digit());
    Cow::Owned(digits.trim_start_matches('0').to_owned())
}

/// Letters of every script; only white space and ASCII punctuation go.
fn name(text: &str) -> Cow<'_, str> {
    lower_owned(keep(Cow::Borrowed(text), |c| !is_space(c) && !c.is_ascii_punctuation()))
}

/// Letters and digits of ASCII alone, a letter first.
fn city(text: &str) -> Option<Cow<'_, str>> {
    let city = lower_owned(keep(Cow::Borrowed(text), |c| c.is_ascii_alphanumeric()));
    city.starts_with(|c: char| c.is_ascii_lowercase()).then_some(city)
}

/// What is before the first dash, inner white space kept.
fn zip(text: &str) -> Option<Cow<'_, str>> {
    /// Shorter ones exist nowhere.
    const MIN_UTF16_UNITS: usize = 2;
    let head = text.split('-').next().unwrap_or_default();
    let code = lower(head.trim_matches(is_space));
    (code.encode_utf16().count() >= MIN_UTF16_UNITS).then_some(code)
}

fn id(text: &str) -> Cow<'_, str> {
    lower_owned(keep(Cow::Borrowed(text), |c| !is_space(c)))
}

/// After other characters went, because the lower case of a sigma depends on its neighbors.
fn lower_owned(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => lower(text),
        Cow::Owned(text) => Cow::Owned(lower(&text).into_owned()),
    }
}
