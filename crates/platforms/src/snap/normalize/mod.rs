//! Normalization of the fields that Snap wants hashed, under the `snap-docs` profile.
//!
//! The documented rules (`spec/snap-conversions.md` §3). Snap's own libraries differ from them in
//! several points, and so they are not followed: they take every phone number without a separator
//! for one of the United States, for example. What is already hashed passes through and is never
//! hashed again.

mod phone;

use std::borrow::Cow;

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::admission::normalized::{Normalized, text_or_invalid};
use crate::admission::sha256::HASH_OF_NOTHING;
use crate::admission::text::{is_space, keep, lower, trim};
use crate::admission::{country, email, us_states};

/// A field of `user_data` that is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Email,
    Phone,
    /// First or last.
    Name,
    Gender,
    City,
    State,
    Zip,
    Country,
    DateOfBirth,
    ExternalId,
}

/// What normalizing depends on besides the text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    /// Calling code put before phone numbers without one. A country is never guessed.
    pub calling_code: Option<&'static str>,
    /// Whether the event's country is the United States. `None` if it names none.
    pub country_is_us: Option<bool>,
}

const SHA256_DIGITS: usize = 64;

/// ZIP+4 codes are cut to the part that everybody knows.
const US_ZIP_DIGITS: usize = 5;

pub fn normalize<'a>(field: Field, text: &'a str, around: &Surroundings) -> Normalized<'a> {
    let trimmed = trim(text);
    if trimmed.is_empty() {
        return Normalized::Empty;
    }
    if is_hash(trimmed) {
        return match lower(trimmed) {
            hash if hash == HASH_OF_NOTHING => {
                Normalized::Invalid("a value; this is the hash of an empty text")
            }
            hash => Normalized::Hashed(hash),
        };
    }
    match field {
        Field::Email => address(lower(trimmed)),
        Field::Phone => phone::normalize(trimmed, around.calling_code),
        Field::Name => name(trimmed),
        Field::Gender => gender(&lower(trimmed)),
        Field::City => text_or_invalid(keep(composed(trimmed), is_letter_or_digit), "a city"),
        Field::State => state(trimmed, around.country_is_us),
        Field::Zip => zip(trimmed, around.country_is_us),
        Field::Country => country_code(lower(trimmed)),
        Field::DateOfBirth => date_of_birth(trimmed),
        Field::ExternalId => Normalized::Text(lower(trimmed)),
    }
}

/// Whether this is a SHA-256 in hexadecimal, in either case.
pub fn is_hash(text: &str) -> bool {
    text.len() == SHA256_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// In lower case, accents composed: the documented vector has `ë` as one character.
fn composed(text: &str) -> Cow<'_, str> {
    let text = lower(text);
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text,
        _ => Cow::Owned(text.nfc().collect()),
    }
}

fn address(text: Cow<'_, str>) -> Normalized<'_> {
    if email::is_address(&text) {
        Normalized::Text(text)
    } else {
        Normalized::Invalid("an e-mail address such as name@example.com")
    }
}

/// Without punctuation. Blanks between parts of a name stay: nothing says that they go.
fn name(text: &str) -> Normalized<'_> {
    let name = keep(composed(text), |c| is_letter_or_digit(c) || is_space(c));
    let bare = match name {
        Cow::Borrowed(name) => Cow::Borrowed(trim(name)),
        Cow::Owned(name) => Cow::Owned(trim(&name).to_owned()),
    };
    text_or_invalid(bare, "a name")
}

fn gender(text: &str) -> Normalized<'static> {
    match text {
        "f" | "female" => Normalized::Text(Cow::Borrowed("f")),
        "m" | "male" => Normalized::Text(Cow::Borrowed("m")),
        _ => Normalized::Invalid("m or f"),
    }
}

/// Letters only; names of US states become their codes, unless the country is another.
fn state(text: &str, country_is_us: Option<bool>) -> Normalized<'_> {
    let name = keep(composed(text), |c| c.is_alphabetic() || is_mark(c));
    match us_states::code_of(&name).filter(|_| country_is_us != Some(false)) {
        Some(code) => Normalized::Text(Cow::Borrowed(code)),
        None => text_or_invalid(name, "a state or province"),
    }
}

/// Without blanks; of the United States five digits.
fn zip(text: &str, country_is_us: Option<bool>) -> Normalized<'_> {
    let code = keep(lower(text), |c| !is_space(c));
    if country_is_us != Some(false) && is_us_zip(&code, country_is_us == Some(true)) {
        return Normalized::Text(Cow::Owned(code[..US_ZIP_DIGITS].to_owned()));
    }
    text_or_invalid(code, "a postal code")
}

/// ZIP+4 with its dash; where the country is known, with none too.
fn is_us_zip(code: &str, is_certain: bool) -> bool {
    let (head, tail) = match code.split_once('-') {
        Some(parts) => parts,
        None if is_certain && code.is_char_boundary(US_ZIP_DIGITS) => code.split_at(US_ZIP_DIGITS),
        None => return false,
    };
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    head.len() == US_ZIP_DIGITS && is_digits(head) && is_digits(tail) && matches!(tail.len(), 0 | 4)
}

fn country_code(text: Cow<'_, str>) -> Normalized<'_> {
    const EXPECTED: &str = "a country as two letters such as us, or its English name";
    country::code_of(text)
        .map_or(Normalized::Invalid(EXPECTED), |code| Normalized::Text(Cow::Borrowed(code)))
}

/// Year first. Other orders are not guessed at, because the field itself is on no page of Snap's.
fn date_of_birth(text: &str) -> Normalized<'_> {
    const EXPECTED: &str = "a date of birth as YYYYMMDD";
    let digits = keep(Cow::Borrowed(text), |c| !matches!(c, '-' | '/' | '.'));
    let number = |range: std::ops::Range<usize>| digits.get(range).and_then(|d| d.parse().ok());
    let is_date = digits.len() == 8
        && digits.bytes().all(|b| b.is_ascii_digit())
        && number(0..4).is_some_and(|year: u32| (1900..2100).contains(&year))
        && number(4..6).is_some_and(|month: u32| (1..=12).contains(&month))
        && number(6..8).is_some_and(|day: u32| (1..=31).contains(&day));
    if is_date { Normalized::Text(digits) } else { Normalized::Invalid(EXPECTED) }
}

fn is_letter_or_digit(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

/// Marks belong to the letter before them: without them, Hindi falls apart.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: [Field; 10] = [
        Field::Email,
        Field::Phone,
        Field::Name,
        Field::Gender,
        Field::City,
        Field::State,
        Field::Zip,
        Field::Country,
        Field::DateOfBirth,
        Field::ExternalId,
    ];

    const NOWHERE: Surroundings = Surroundings { calling_code: None, country_is_us: None };
    const US: Surroundings = Surroundings { country_is_us: Some(true), ..NOWHERE };
    const BRAZIL: Surroundings = Surroundings { country_is_us: Some(false), ..NOWHERE };

    fn check(field: Field, input: &str, expected: &str) {
        check_in(NOWHERE, field, input, expected);
    }

    fn check_in(around: Surroundings, field: Field, input: &str, expected: &str) {
        let found = normalize(field, input, &around);
        assert_eq!(found, Normalized::Text(Cow::Borrowed(expected)), "{field:?} {input:?}");
    }

    #[test]
    fn the_rules_of_the_documentation() {
        check(Field::Email, " Person@Example.COM\n", "person@example.com");
        check(Field::Name, "John", "john");
        check(Field::Name, "Raphaël", "raphaël");
        check(Field::Name, "Raphae\u{308}l", "rapha\u{eb}l");
        check(Field::Name, " O'Brien-Smith, Jr. ", "obriensmith jr");
        check(Field::Name, "O\u{2019}Brien", "obrien");
        check(Field::Name, "李", "李");
        check(Field::Gender, "Female", "f");
        check(Field::Gender, " M ", "m");
        check(Field::City, "Menlo Park", "menlopark");
        check(Field::City, "St. John's", "stjohns");
        check(Field::City, "São Paulo", "sãopaulo");
        check(Field::State, "CA", "ca");
        check(Field::State, "California", "ca");
        check_in(US, Field::State, "New York", "ny");
        check_in(BRAZIL, Field::State, "Georgia", "georgia");
        check(Field::Zip, "SW1A 1AA", "sw1a1aa");
        check(Field::Zip, "94035-1234", "94035");
        check_in(US, Field::Zip, "940351234", "94035");
        check_in(US, Field::Zip, "94035", "94035");
        check_in(BRAZIL, Field::Zip, "01310-1000", "01310-1000");
        check(Field::Country, "US", "us");
        check(Field::Country, "United Kingdom", "gb");
        check(Field::DateOfBirth, "1997-02-16", "19970216");
        check(Field::ExternalId, " User-7 ", "user-7");
    }

    #[test]
    fn what_is_no_value_of_the_field_is_told() {
        for (field, input) in [
            (Field::Email, "person"),
            (Field::Email, "person@example"),
            (Field::Phone, "call me"),
            (Field::Name, "-.-"),
            (Field::Gender, "unknown"),
            (Field::City, "!"),
            (Field::State, "12"),
            (Field::Country, "Atlantis"),
            (Field::DateOfBirth, "16.02.1997"),
            (Field::DateOfBirth, "19971301"),
            (Field::ExternalId, HASH_OF_NOTHING),
            (Field::Email, &HASH_OF_NOTHING.to_uppercase()),
        ] {
            let found = normalize(field, input, &NOWHERE);
            assert!(matches!(found, Normalized::Invalid(_)), "{field:?} {input:?}: {found:?}");
        }
        assert_eq!(normalize(Field::Email, " \u{feff}\t", &NOWHERE), Normalized::Empty);
    }

    proptest! {
        #[test]
        fn never_panics_and_is_stable(at in 0..FIELDS.len(), text in "\\PC{0,24}", us: Option<bool>) {
            let around = Surroundings { calling_code: Some("44"), country_is_us: us };
            if let Normalized::Text(once) = normalize(FIELDS[at], &text, &around) {
                prop_assert!(!once.is_empty());
                // The lower case of a few letters takes two steps, and composing may need another.
                let is_settled = composed(&once) == once && !is_hash(&once);
                let around = Surroundings { calling_code: None, ..around };
                let again = normalize(FIELDS[at], &once, &around);
                prop_assert!(!is_settled || again == Normalized::Text(once.clone()), "{:?}", again);
            }
        }

        #[test]
        fn a_hash_passes_through_in_lower_case(bytes in prop::array::uniform32(any::<u8>()), upper: bool) {
            let lower = hex::encode(bytes);
            let given = if upper { lower.to_uppercase() } else { lower.clone() };
            for field in FIELDS {
                let found = normalize(field, &given, &NOWHERE);
                prop_assert_eq!(found, Normalized::Hashed(Cow::Owned(lower.clone())));
            }
        }
    }
}
