//! Phone numbers: the digits of the international number, without `+`, `00` and trunk zero.

use std::borrow::Cow;

use crate::admission::country::calling_code_of;
use crate::admission::normalized::Normalized;

const EXPECTED: &str = "a phone number with its country's calling code";

/// International numbers have at most 15 digits (E.164); shorter ones than this reach nobody
/// abroad.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// National numbers of countries with calling code 1 have exactly so many digits.
const NANP_DIGITS: usize = 10;

/// Elsewhere, a number that already has the calling code has at least so many digits after it.
const MIN_NATIONAL_DIGITS: usize = 8;

/// Where a zero after the calling code is part of the number and is dialed from abroad too: San
/// Marino, Italy with the Vatican, Côte d'Ivoire, Gabon, the Congo.
const KEEP_THEIR_ZERO: [&str; 5] = ["378", "39", "225", "241", "242"];

pub fn normalize<'a>(text: &str, calling_code: Option<&'static str>) -> Normalized<'a> {
    match international(text, calling_code) {
        Some(digits) if DIGITS.contains(&digits.len()) => Normalized::Text(Cow::Owned(digits)),
        _ => Normalized::Invalid(EXPECTED),
    }
}

fn international(text: &str, calling_code: Option<&'static str>) -> Option<String> {
    let digits: String = text.chars().filter_map(ascii_digit).collect();
    let zeros = digits.bytes().take_while(|b| *b == b'0').count();
    let rest = &digits[zeros..];
    if rest.is_empty() {
        return None;
    }
    if has_plus(text) || zeros > 1 {
        return Some(without_trunk_zero(rest));
    }
    match (zeros == 1, calling_code) {
        // A national number, of whatever country: without being told which, it is not guessed.
        (true, None) => None,
        // It may or may not begin with a calling code, and so it stays as it is.
        (false, None) => Some(rest.to_owned()),
        (false, Some(code)) if carries(rest, code) => Some(without_trunk_zero(rest)),
        (true, Some(code)) if KEEP_THEIR_ZERO.contains(&code) => Some(format!("{code}0{rest}")),
        (_, Some(code)) => Some(format!("{code}{rest}")),
    }
}

/// `44 0844…` and `44 (0)844…` are written by people who give both ways to dial.
fn without_trunk_zero(digits: &str) -> String {
    let code = calling_code_of(digits).filter(|code| !KEEP_THEIR_ZERO.contains(code));
    match code.map(|code| (code, digits[code.len()..].trim_start_matches('0'))) {
        Some((code, national)) => format!("{code}{national}"),
        None => digits.to_owned(),
    }
}

/// A plus sign before the first digit, whatever brackets are around it.
fn has_plus(text: &str) -> bool {
    text.chars().take_while(|c| ascii_digit(*c).is_none()).any(|c| matches!(c, '+' | '\u{ff0b}'))
}

/// Whether the calling code is there already. A trunk zero in front means that it is not.
fn carries(digits: &str, code: &str) -> bool {
    digits.strip_prefix(code).is_some_and(|national| match code {
        "1" => national.len() == NANP_DIGITS,
        _ => national.len() >= MIN_NATIONAL_DIGITS,
    })
}

/// Arabic-Indic, Persian, Devanagari and full-width digits are digits too.
fn ascii_digit(c: char) -> Option<char> {
    const ZEROS: [u32; 5] = [0x30, 0x660, 0x6f0, 0x966, 0xff10];
    let digit = ZEROS
        .iter()
        .find_map(|zero| u32::from(c).checked_sub(*zero).filter(|digit| *digit < 10))?;
    char::from_digit(digit, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, calling_code: Option<&'static str>, expected: Option<&str>) {
        let found = match normalize(text, calling_code) {
            Normalized::Text(digits) => Some(digits.into_owned()),
            _ => None,
        };
        assert_eq!(found.as_deref(), expected, "{text} in {calling_code:?}");
    }

    #[test]
    fn numbers_with_a_calling_code() {
        for (text, expected) in [
            ("+44 844 412 4653", "448444124653"),
            ("0044 844 412 4653", "448444124653"),
            ("+44 (0)844 412-4653", "448444124653"),
            ("+44.0844.412.4653", "448444124653"),
            ("448444124653", "448444124653"),
            ("+966551234567", "966551234567"),
            ("00966551234567", "966551234567"),
            ("+\u{669}\u{666}\u{666}551234567", "966551234567"),
            ("(+1) 650-555-1212", "16505551212"),
            ("1.650.555.1212", "16505551212"),
            ("+39 06 1234 5678", "390612345678"),
            ("+225 07 07 12 34 56", "2250707123456"),
        ] {
            check(text, None, Some(expected));
        }
    }

    #[test]
    fn a_country_is_never_guessed_but_may_be_told() {
        for (text, code, expected) in [
            ("0551234567", None, None),
            ("0551234567", Some("966"), Some("966551234567")),
            ("0844 412 4653", Some("44"), Some("448444124653")),
            ("(650) 555-1212", Some("1"), Some("16505551212")),
            ("1 650 555 1212", Some("1"), Some("16505551212")),
            ("06 1234 5678", Some("39"), Some("390612345678")),
            ("+44 844 412 4653", Some("1"), Some("448444124653")),
        ] {
            check(text, code, expected);
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "000", "+", "12345", "1234567890123456", "call 0"] {
            check(text, None, None);
        }
    }
}
