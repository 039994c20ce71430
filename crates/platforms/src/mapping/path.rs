//! Where a value is inside an event: `custom_data.order_id`.

use std::fmt;

/// Deepest place that a rule can name. Events have three levels of objects.
const MAX_KEYS: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    text: Box<str>,
}

impl Path {
    /// What a path looks like; fits after "expected".
    pub const EXPECTED: &'static str =
        "a key or up to 4 with dots between, such as custom_data.order_id";

    /// `None` if the text is not a path.
    pub fn parse(text: &str) -> Option<Self> {
        let is_key = |key: &str| {
            !key.is_empty()
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        let is_path = text.split('.').count() <= MAX_KEYS && text.split('.').all(is_key);
        is_path.then(|| Self { text: text.into() })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The keys of the objects on the way, and the last key.
    pub fn split(&self) -> (impl Iterator<Item = &str>, &str) {
        let (way, last) = self.text.rsplit_once('.').unwrap_or(("", &self.text));
        (way.split('.').filter(|key| !key.is_empty()), last)
    }

    /// Whether one is the other, or inside it.
    pub fn overlaps(&self, other: &Self) -> bool {
        let inside = |outer: &str, inner: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        inside(&self.text, &other.text) || inside(&other.text, &self.text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
