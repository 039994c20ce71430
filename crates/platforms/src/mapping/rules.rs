//! How a mapping is written in the configuration.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::path::Path;
use super::{Mapping, presets};

/// Most entries of each list of rules.
const MAX_RULES: usize = 256;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MappingRules {
    /// Only events that came under one of these names. Empty: all.
    pub events: Vec<String>,
    /// Not those that came under one of these names.
    pub except: Vec<String>,
    /// What the platforms' documentation calls the same.
    pub preset: Option<Preset>,
    /// The name with which an event came, and its name there.
    pub rename_events: BTreeMap<String, String>,
    /// Where a value goes, and where it is taken from.
    pub fields: BTreeMap<String, String>,
    /// Where a value goes, and the value: a string, a number or a boolean.
    pub set: BTreeMap<String, Value>,
    /// What is left out.
    pub drop: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Events written for Meta, for a destination of Snap.
    MetaToSnap,
    /// Events written for version 3 of Snap's API, for a destination of Meta.
    SnapToMeta,
}

/// A rule that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct MappingError {
    pub key: String,
    pub problem: String,
}

impl MappingRules {
    /// Every mistake is reported.
    pub fn compile(&self) -> Result<Mapping, Vec<MappingError>> {
        let mut errors = Vec::new();
        let mapping = Mapping {
            only: self.events.clone(),
            except: self.except.clone(),
            preset: self.preset.map(presets::names),
            rename_events: self.rename_events.clone().into_iter().collect(),
            fields: self.fields(&mut errors),
            set: self.set(&mut errors),
            drop: self.drop.iter().filter_map(|text| path("drop", text, &mut errors)).collect(),
        };
        self.check_sizes(&mut errors);
        self.check_names(&mut errors);
        for (at, (to, _)) in mapping.fields.iter().enumerate() {
            let others = mapping.fields[at + 1..].iter().map(|(other, _)| ("fields", other));
            let set = mapping.set.iter().map(|(other, _)| ("set", other));
            let dropped = mapping.drop.iter().map(|other| ("drop", other));
            for (list, other) in others.chain(set).chain(dropped) {
                if to.overlaps(other) {
                    let problem = format!("{list} says something else of {other}");
                    errors.push(MappingError { key: format!("fields.\"{to}\""), problem });
                }
            }
        }
        if errors.is_empty() { Ok(mapping) } else { Err(errors) }
    }

    fn fields(&self, errors: &mut Vec<MappingError>) -> Vec<(Path, Path)> {
        let mut fields = Vec::with_capacity(self.fields.len());
        for (to, from) in &self.fields {
            let key = format!("fields.\"{to}\"");
            if let (Some(to), Some(from)) = (path("fields", to, errors), path(&key, from, errors)) {
                fields.push((to, from));
            }
        }
        fields
    }

    fn set(&self, errors: &mut Vec<MappingError>) -> Vec<(Path, Box<str>)> {
        let mut set = Vec::with_capacity(self.set.len());
        for (to, value) in &self.set {
            if matches!(value, Value::Array(_) | Value::Object(_) | Value::Null) {
                let problem = "expected a string, a number or a boolean".to_owned();
                errors.push(MappingError { key: format!("set.\"{to}\""), problem });
            } else if let Some(to) = path("set", to, errors) {
                set.push((to, value.to_string().into_boxed_str()));
            }
        }
        set
    }

    fn check_sizes(&self, errors: &mut Vec<MappingError>) {
        for (key, entries) in [
            ("events", self.events.len()),
            ("except", self.except.len()),
            ("rename_events", self.rename_events.len()),
            ("fields", self.fields.len()),
            ("set", self.set.len()),
            ("drop", self.drop.len()),
        ] {
            if entries > MAX_RULES {
                let problem = format!("expected at most {MAX_RULES} entries, found {entries}");
                errors.push(MappingError { key: key.to_owned(), problem });
            }
        }
    }

    fn check_names(&self, errors: &mut Vec<MappingError>) {
        for name in self.events.iter().filter(|name| self.except.contains(name)) {
            let problem = format!("{name:?} is in events too");
            errors.push(MappingError { key: "except".to_owned(), problem });
        }
        for (from, to) in &self.rename_events {
            if to.trim().is_empty() {
                let problem = "expected a name".to_owned();
                errors.push(MappingError { key: format!("rename_events.\"{from}\""), problem });
            }
        }
    }
}

fn path(key: &str, text: &str, errors: &mut Vec<MappingError>) -> Option<Path> {
    let path = Path::parse(text);
    if path.is_none() {
        let problem = format!("expected {}, found {text:?}", Path::EXPECTED);
        errors.push(MappingError { key: key.to_owned(), problem });
    }
    path
}
