//! What a backup says of itself, at its beginning.

use std::collections::BTreeSet;

use holdfast_model::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::error::BackupError;
use crate::outbox::number_of;

/// The form of the file and of its parts. A release reads its own and earlier ones.
pub const FORMAT: u32 = 1;

pub const HEAD: &str = "holdfast-backup.json";
pub const SUMS: &str = "SHA256SUMS";
pub const REGISTRY: &str = "registry.sqlite";
pub const LEDGER: &str = "ledger.sqlite";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub format: u32,
    /// The release that took it.
    pub release: String,
    /// The moment that it shows, in milliseconds.
    pub taken_at: UnixMillis,
    /// How often the installation had been restored before.
    pub epoch: u64,
    /// Tells which master key it was sealed under, and nothing about that.
    pub master_key: String,
    /// In the order in which they follow.
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it belongs in the data directory.
    pub name: String,
    pub bytes: u64,
    /// Size of the file that it is the beginning of, where that is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<u64>,
}

impl Head {
    /// Understands a head, and makes sure that it names nothing but what belongs in a data
    /// directory.
    pub fn read(json: &[u8]) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(json).map_err(|_| damaged())?;
        if format > FORMAT {
            return Err(BackupError::NewerFormat { found: format });
        }
        let head: Self = serde_json::from_slice(json).map_err(|_| damaged())?;
        let names: BTreeSet<&str> = head.parts.iter().map(|part| part.name.as_str()).collect();
        let are_whole = names.len() == head.parts.len()
            && [REGISTRY, LEDGER].iter().all(|name| names.contains(name))
            && names.iter().all(|name| is_known(name))
            && head.parts.iter().all(|part| part.reserved.is_none_or(|size| size >= part.bytes));
        if are_whole { Ok(head) } else { Err(damaged()) }
    }

    /// Of all parts together.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add)
    }
}

fn is_known(name: &str) -> bool {
    let is_segment = || name.strip_prefix("outbox/").and_then(number_of).is_some();
    name == REGISTRY || name == LEDGER || is_segment()
}

fn damaged() -> BackupError {
    BackupError::Damaged { part: HEAD.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(names: &[&str]) -> Vec<u8> {
        let part = |name: &&str| Part { name: (*name).to_owned(), bytes: 1, reserved: None };
        let head = Head {
            format: FORMAT,
            release: "0".to_owned(),
            taken_at: UnixMillis(1),
            epoch: 0,
            master_key: String::new(),
            parts: names.iter().map(part).collect(),
        };
        serde_json::to_vec(&head).unwrap()
    }

    #[test]
    fn only_what_belongs_in_a_data_directory_is_accepted() {
        assert!(Head::read(&head(&[REGISTRY, LEDGER, "outbox/0000000001.seg"])).is_ok());
        for names in [
            &[REGISTRY, LEDGER, "../etc/passwd"][..],
            &[REGISTRY, LEDGER, "outbox/../x.seg"],
            &[REGISTRY, LEDGER, "outbox/1.seg"],
            &[REGISTRY, LEDGER, "master.key"],
            &[REGISTRY, LEDGER, LEDGER],
            &[REGISTRY],
        ] {
            assert!(
                matches!(Head::read(&head(names)), Err(BackupError::Damaged { .. })),
                "{names:?}"
            );
        }
    }

    #[test]
    fn a_later_format_is_named_whatever_else_it_has() {
        let error = Head::read(br#"{"format": 7, "shape": "unheard of"}"#).unwrap_err();
        assert!(error.to_string().contains("format 7"), "{error}");
    }
}
