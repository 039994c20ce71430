//! What entries of the scenario file and of the control API have in common, whatever the platform.

/// What is wrong with an entry, and under which of its keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}")]
pub struct EntryError {
    pub key: &'static str,
    pub what: String,
    /// Whether it names something that does not exist.
    pub is_unknown_name: bool,
}

impl EntryError {
    pub fn new(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, what: what.into(), is_unknown_name: false }
    }

    pub fn unknown(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, what: what.into(), is_unknown_name: true }
    }
}

/// Longest lifetime that can be asked for: a hundred years, far from where times overflow.
const MAX_SECONDS: u64 = 100 * 366 * 86_400;

/// What a flag is that is set unless somebody says otherwise.
pub fn yes() -> bool {
    true
}

/// Names become file names.
pub fn check_name(name: &str, found: &mut Vec<EntryError>) {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_fine) {
        let what = format!("expected 1 to 64 letters, digits, - or _, found {name:?}");
        found.push(EntryError::new("name", what));
    }
}

/// Times must not overflow.
pub fn check_seconds(key: &'static str, value: Option<u64>, found: &mut Vec<EntryError>) {
    if value.is_some_and(|value| value > MAX_SECONDS) {
        found
            .push(EntryError::new(key, format!("expected at most {MAX_SECONDS}, a hundred years")));
    }
}

pub fn seconds(value: u64) -> i64 {
    i64::try_from(value.min(MAX_SECONDS)).unwrap_or(i64::MAX)
}
