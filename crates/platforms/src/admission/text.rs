//! White space, lower case, and taking characters out, without copying what stays as it is.

use std::borrow::Cow;

/// White space as JavaScript and Python see it together: the two differ in U+FEFF, U+0085 and
/// U+001C to U+001F, and a value that either would trim is trimmed here.
pub fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r' | '\u{1c}'..='\u{1f}')
        || (!c.is_ascii() && (c.is_whitespace() || c == '\u{feff}'))
}

pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

pub fn trim(text: &str) -> &str {
    // Most values begin and end with a visible ASCII character.
    match text.as_bytes() {
        [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim_matches(is_space),
    }
}

pub fn lower(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        Cow::Owned(text.to_lowercase())
    } else if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Only the characters that pass; nothing is copied where all do.
pub fn keep(text: Cow<'_, str>, passes: impl Fn(char) -> bool) -> Cow<'_, str> {
    match text {
        _ if text.chars().all(&passes) => text,
        Cow::Borrowed(text) => Cow::Owned(text.chars().filter(|c| passes(*c)).collect()),
        Cow::Owned(mut text) => {
            text.retain(passes);
            Cow::Owned(text)
        }
    }
}
