//! Names of people and of states.

use std::borrow::Cow;

use super::{Normalized, is_letter, is_space, keep, text_or_invalid};
use crate::admission::us_states;

/// Lower case without ASCII punctuation and white space; other scripts stay as they are.
pub fn person(text: Cow<'_, str>) -> Normalized<'_> {
    let name = keep(text, |c| !c.is_ascii_punctuation() && !is_space(c));
    text_or_invalid(name, "a name")
}

/// The first characters of a name.
pub fn first(text: Cow<'_, str>, characters: usize) -> Normalized<'_> {
    match person(text) {
        Normalized::Text(name) => {
            Normalized::Text(Cow::Owned(name.chars().take(characters).collect()))
        }
        other => other,
    }
}

/// Letters only; names of US states become their codes, unless the country is another.
pub fn state(text: Cow<'_, str>, country_is_us: Option<bool>) -> Normalized<'_> {
    let name = keep(text, is_letter);
    if country_is_us != Some(false)
        && let Some(code) = us_states::code_of(&name)
    {
        return Normalized::Text(Cow::Borrowed(code));
    }
    text_or_invalid(name, "a state or province")
}
