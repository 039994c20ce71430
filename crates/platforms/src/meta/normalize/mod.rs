//! Normalization of the fields that Meta wants hashed, under the profile of the destination.
//!
//! * `meta-docs`, the default, lives in this folder: the documented rules, with their holes filled
//!   the way Meta's own Parameter Builder fills them.
//! * [`param_builder`] and [`sdk_legacy`] do what two of Meta's libraries do, for those whose other
//!   events go through one of them.
//!
//! Where Meta's libraries agree with each other, every profile agrees with them (the vector test
//! holds it to that). What is already hashed passes through under every profile and is never hashed
//! again.

mod date;
mod names;
mod param_builder;
mod phone;
mod prehashed;
mod sdk_legacy;

use std::borrow::Cow;

use holdfast_model::destination::NormalizationProfile as Profile;
use holdfast_model::time::UnixSeconds;
use unicode_normalization::char::is_combining_mark;

pub use crate::admission::country::{calling_code, is_us as country_is_us};
pub use crate::admission::normalized::Normalized;
pub use crate::admission::text::{is_space, trim};
pub use prehashed::is_appendix;

use crate::admission::normalized::text_or_invalid;
use crate::admission::text::{keep, lower};
use crate::admission::{country, email};
use prehashed::prehashed;

/// A field of `user_data` that is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Email,
    Phone,
    FirstName,
    LastName,
    DateOfBirth,
    Gender,
    City,
    State,
    Zip,
    Country,
    ExternalId,
    First5OfFirstName,
    First5OfLastName,
    FirstInitial,
    DayOfBirth,
    MonthOfBirth,
    YearOfBirth,
    AppUserId,
}

impl Field {
    pub fn from_key(key: &str) -> Option<Self> {
        Some(match key {
            "em" => Self::Email,
            "ph" => Self::Phone,
            "fn" => Self::FirstName,
            "ln" => Self::LastName,
            "db" => Self::DateOfBirth,
            "ge" => Self::Gender,
            "ct" => Self::City,
            "st" => Self::State,
            "zp" => Self::Zip,
            "country" => Self::Country,
            "external_id" => Self::ExternalId,
            "f5first" => Self::First5OfFirstName,
            "f5last" => Self::First5OfLastName,
            "fi" => Self::FirstInitial,
            "dobd" => Self::DayOfBirth,
            "dobm" => Self::MonthOfBirth,
            "doby" => Self::YearOfBirth,
            "app_user_id" => Self::AppUserId,
            _ => return None,
        })
    }
}

/// What normalizing depends on besides the text.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// Whose rules apply. The other profiles look at nothing else here but the time.
    pub profile: Profile,
    /// Calling code put before phone numbers without one.
    pub calling_code: Option<&'static str>,
    /// Whether the event's country is the United States. `None` if it names none.
    pub country_is_us: Option<bool>,
    pub now: UnixSeconds,
}

/// Normalizes one value of the field with this key. For the vector test and for whoever wants to
/// see what a value becomes.
pub fn normalize_field<'a>(key: &str, text: &'a str, around: &Surroundings) -> Normalized<'a> {
    match Field::from_key(key) {
        Some(field) => normalize(field, text, around),
        None => Normalized::Invalid("a field that is hashed"),
    }
}

pub fn normalize<'a>(field: Field, text: &'a str, around: &Surroundings) -> Normalized<'a> {
    match around.profile {
        Profile::MetaDocs => meta_docs(field, text, around),
        Profile::ParamBuilder => param_builder::normalize(field, text, around),
        Profile::SdkLegacy => sdk_legacy::normalize(field, text),
    }
}

fn meta_docs<'a>(field: Field, text: &'a str, around: &Surroundings) -> Normalized<'a> {
    let trimmed = trim(text);
    if trimmed.is_empty() {
        return Normalized::Empty;
    }
    if let Some(hashed) = prehashed(trimmed) {
        return Normalized::Hashed(hashed);
    }
    match field {
        Field::Email => address(lower(trimmed)),
        Field::Phone => phone::normalize(trimmed, around.calling_code),
        Field::FirstName | Field::LastName => names::person(lower(trimmed)),
        Field::DateOfBirth => date::birth(trimmed, around.now),
        Field::Gender => gender(&lower(trimmed)),
        Field::City => text_or_invalid(keep(lower(trimmed), is_letter_or_digit), "a city"),
        Field::State => names::state(lower(trimmed), around.country_is_us),
        Field::Zip => zip(lower(trimmed), around.country_is_us),
        Field::Country => country_code(lower(trimmed)),
        Field::ExternalId | Field::AppUserId => Normalized::Text(lower(trimmed)),
        Field::First5OfFirstName | Field::First5OfLastName => names::first(lower(trimmed), 5),
        Field::FirstInitial => names::first(lower(trimmed), 1),
        Field::DayOfBirth => date::part(trimmed, 1..=31, 2, "a day of the month, DD"),
        Field::MonthOfBirth => date::part(trimmed, 1..=12, 2, "a month, MM"),
        Field::YearOfBirth => {
            date::part(trimmed, 1900..=date::year_of(around.now), 4, "a year since 1900, YYYY")
        }
    }
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || is_mark(c)
}

fn is_letter_or_digit(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

/// Marks belong to the letter before them: without them, Hindi or a decomposed `é` falls apart.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && is_combining_mark(c)
}

/// Trimmed and in lower case. No dots or plus parts are taken out.
fn address(text: Cow<'_, str>) -> Normalized<'_> {
    if email::is_address(&text) {
        Normalized::Text(text)
    } else {
        Normalized::Invalid("an e-mail address such as name@example.com")
    }
}

fn country_code(text: Cow<'_, str>) -> Normalized<'_> {
    const EXPECTED: &str = "a country as two letters such as us, or its English name";
    country::code_of(text)
        .map_or(Normalized::Invalid(EXPECTED), |code| Normalized::Text(Cow::Borrowed(code)))
}

fn gender(text: &str) -> Normalized<'static> {
    match text {
        "f" | "female" => Normalized::Text(Cow::Borrowed("f")),
        "m" | "male" => Normalized::Text(Cow::Borrowed("m")),
        _ => Normalized::Invalid("f or m"),
    }
}

fn zip(text: Cow<'_, str>, country_is_us: Option<bool>) -> Normalized<'_> {
    let head = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.split('-').next().unwrap_or(text)),
        Cow::Owned(mut text) => {
            text.truncate(text.find('-').unwrap_or(text.len()));
            Cow::Owned(text)
        }
    };
    let mut code = keep(head, |c| !is_space(c));
    if country_is_us == Some(true) && code.bytes().all(|b| b.is_ascii_digit()) {
        code = match code {
            Cow::Borrowed(digits) => Cow::Borrowed(digits.get(..US_ZIP_DIGITS).unwrap_or(digits)),
            Cow::Owned(mut digits) => {
                digits.truncate(US_ZIP_DIGITS);
                Cow::Owned(digits)
            }
        };
    }
    text_or_invalid(code, "a postal code")
}

/// ZIP+4 codes are cut to the part that everybody knows.
const US_ZIP_DIGITS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AROUND: Surroundings = Surroundings {
        profile: Profile::MetaDocs,
        calling_code: None,
        country_is_us: None,
        now: UnixSeconds(1_790_000_000),
    };

    fn check(key: &str, input: &str, expected: &str) {
        let found = normalize_field(key, input, &AROUND);
        assert_eq!(found, Normalized::Text(Cow::Borrowed(expected)), "{key} {input:?}");
    }

    fn check_with(around: Surroundings, key: &str, input: &str, expected: &str) {
        let found = normalize_field(key, input, &around);
        assert_eq!(found, Normalized::Text(Cow::Borrowed(expected)), "{key} {input:?}");
    }

    #[test]
    fn the_documented_examples() {
        check("em", " John_Smith@gmail.com ", "john_smith@gmail.com");
        check("fn", "Jean-Luc", "jeanluc");
        check("fn", " Mary Ann ", "maryann");
        check("fn", "정", "정");
        check("ln", "Valéry", "valéry");
        check("ct", "São Paulo", "sãopaulo");
        check("ct", "東京", "東京");
        check("st", "California", "ca");
        check("st", "New South Wales", "newsouthwales");
        check("zp", "M1 1AE", "m11ae");
        check("zp", "94035-1234", "94035");
        check("db", "2/16/1997", "19970216");
        check("ge", "Female", "f");
        check("country", "United States", "us");
        check("ph", "1.650.555.1212", "16505551212");
        check("ph", "+1 (650) 555-1212", "16505551212");
        check("external_id", " User-1 ", "user-1");
        check("f5first", "Margaret", "marga");
        check("fi", "Margaret", "m");
        check("dobd", "7", "07");
        check("doby", "1997", "1997");
    }

    #[test]
    fn a_default_country_completes_numbers_that_have_none() {
        let us = Surroundings { calling_code: Some("1"), ..AROUND };
        check_with(us, "ph", "(650)555-1212", "16505551212");
        check_with(us, "ph", "1 650 555 1212", "16505551212");
        check_with(us, "ph", "+44 844 412 4653", "448444124653");
        check_with(us, "ph", "0044 844 412 4653", "448444124653");
        let uk = Surroundings { calling_code: Some("44"), ..AROUND };
        check_with(uk, "ph", "0844 412 4653", "448444124653");
        check_with(uk, "ph", "448444124653", "448444124653");
    }

    #[test]
    fn the_country_decides_about_states_and_zip_codes() {
        let us = Surroundings { country_is_us: Some(true), ..AROUND };
        check_with(us, "zp", "940351234", "94035");
        let au = Surroundings { country_is_us: Some(false), ..AROUND };
        check_with(au, "st", "Victoria", "victoria");
        check_with(au, "st", "Washington", "washington");
    }

    #[test]
    fn what_is_no_value_of_the_field_is_told() {
        for (key, input) in [
            ("em", "not an email"),
            ("em", "a@b"),
            ("em", "a@b@c.de"),
            ("ph", "call me"),
            ("db", "yesterday"),
            ("db", "18991231"),
            ("ge", "unknown"),
            ("country", "Atlantis"),
            ("country", "uk!x"),
        ] {
            let found = normalize_field(key, input, &AROUND);
            assert!(matches!(found, Normalized::Invalid(_)), "{key} {input:?}: {found:?}");
        }
        assert_eq!(normalize_field("em", " \t", &AROUND), Normalized::Empty);
    }

    proptest! {
        #[test]
        fn never_panics_and_is_stable(key in 0usize..18, text in any::<String>()) {
            const KEYS: [&str; 18] = ["em", "ph", "fn", "ln", "db", "ge", "ct", "st", "zp", "country",
                "external_id", "f5first", "f5last", "fi", "dobd", "dobm", "doby", "app_user_id"];
            if let Normalized::Text(once) = normalize_field(KEYS[key], &text, &AROUND) {
                prop_assert!(!once.is_empty());
                // The lower case of a few letters depends on their neighbors or takes two steps.
                let is_settled = lower(&once) == once && prehashed(&once).is_none();
                let again = normalize_field(KEYS[key], &once, &AROUND);
                prop_assert!(!is_settled || again == Normalized::Text(once.clone()), "{:?}", again);
            }
        }

        #[test]
        fn a_hash_passes_through(bytes in prop::array::uniform32(any::<u8>()), upper: bool) {
            let mut hash = hex::encode(bytes);
            let lower = hash.clone();
            if upper { hash = hash.to_uppercase(); }
            let found = normalize_field("em", &hash, &AROUND);
            prop_assert_eq!(found, Normalized::Hashed(Cow::Owned(lower)));
        }
    }
}
