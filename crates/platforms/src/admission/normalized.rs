//! What became of a value that is to be hashed.

use std::borrow::Cow;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normalized<'a> {
    /// To be hashed.
    Text(Cow<'a, str>),
    /// Hashed by the caller already; goes out like this.
    Hashed(Cow<'a, str>),
    /// Only white space: the value is left out silently.
    Empty,
    /// Not a value of this field. What was expected, for a warning.
    Invalid(&'static str),
}

/// A text, unless nothing of it is left.
pub fn text_or_invalid<'a>(text: Cow<'a, str>, expected: &'static str) -> Normalized<'a> {
    if text.is_empty() { Normalized::Invalid(expected) } else { Normalized::Text(text) }
}
