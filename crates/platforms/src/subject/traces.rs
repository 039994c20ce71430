//! What is looked for in fragments of one platform.

use std::fmt;

use zeroize::Zeroizing;

use super::fragment;
use crate::admission::normalized::Normalized;
use crate::admission::sha256::sha256;

/// How a value in a fragment is compared with what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Exact,
    /// A hash, perhaps with the appendix of Meta's Parameter Builder behind it.
    Hash,
    /// Device ids are written in either case.
    AnyCase,
    /// Meta's cookie `fb.1.<milliseconds>.<fbclid>`, of which the last part may be all that is known.
    FacebookCookie,
}

/// Values, each with the key under which it would be.
#[derive(Default)]
pub struct Traces(Vec<Trace>);

struct Trace {
    key: &'static str,
    value: Zeroizing<String>,
    comparison: Comparison,
}

impl Traces {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, key: &'static str, comparison: Comparison, value: &str) {
        let is_known = self.0.iter().any(|trace| trace.key == key && trace.value.as_str() == value);
        if !is_known && !value.is_empty() {
            self.0.push(Trace { key, value: Zeroizing::new(value.to_owned()), comparison });
        }
    }

    /// What a hashed field has of a value that was normalized so.
    pub fn add_hashed(&mut self, key: &'static str, normalized: &Normalized<'_>) {
        match normalized {
            Normalized::Text(text) => {
                self.add(key, Comparison::Hash, &hex::encode(sha256(text.as_bytes())));
            }
            Normalized::Hashed(hash) => self.add(key, Comparison::Hash, without_appendix(hash)),
            Normalized::Empty | Normalized::Invalid(_) => {}
        }
    }

    /// Whether a fragment has any of them.
    pub fn are_in(&self, fragment: &[u8]) -> bool {
        !self.0.is_empty() && fragment::any_value(fragment, |key, value| self.matches(key, value))
    }

    fn matches(&self, key: &str, value: &str) -> bool {
        self.0.iter().any(|trace| trace.key == key && trace.is(value))
    }
}

impl Trace {
    fn is(&self, value: &str) -> bool {
        let sought = self.value.as_str();
        match self.comparison {
            Comparison::Exact => value == sought,
            Comparison::Hash => without_appendix(value).eq_ignore_ascii_case(sought),
            Comparison::AnyCase => value.eq_ignore_ascii_case(sought),
            Comparison::FacebookCookie => {
                value == sought || value.split('.').nth(3).is_some_and(|click| click == sought)
            }
        }
    }
}

/// No hash has a dot.
fn without_appendix(hash: &str) -> &str {
    hash.split('.').next().unwrap_or(hash)
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|trace| trace.key)).finish()
    }
}
