//! Phone numbers: digits with the calling code, without `+` and leading zeros.

use std::borrow::Cow;

use super::Normalized;

const EXPECTED: &str = "a phone number with its country's calling code";

/// National numbers of countries with calling code 1 have exactly so many digits.
const NANP_DIGITS: usize = 10;

/// Elsewhere, a number that already has the calling code has at least so many digits after it.
const MIN_NATIONAL_DIGITS: usize = 8;

pub fn normalize<'a>(text: &str, calling_code: Option<&str>) -> Normalized<'a> {
    let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let zeros = digits.bytes().take_while(|b| *b == b'0').count();
    if zeros == digits.len() {
        return Normalized::Invalid(EXPECTED);
    }
    let is_complete = zeros > 1 || has_plus(text);
    let missing = calling_code.filter(|code| !is_complete && !carries(&digits, code));
    digits.replace_range(..zeros, missing.unwrap_or_default());
    Normalized::Text(Cow::Owned(digits))
}

/// A plus sign before the first digit, whatever brackets are around it.
fn has_plus(text: &str) -> bool {
    text.chars().take_while(|c| !c.is_ascii_digit()).any(|c| c == '+')
}

/// Whether the calling code is there already. A trunk zero in front means that it is not.
fn carries(digits: &str, code: &str) -> bool {
    digits.strip_prefix(code).is_some_and(|national| match code {
        "1" => national.len() == NANP_DIGITS,
        _ => national.len() >= MIN_NATIONAL_DIGITS,
    })
}
