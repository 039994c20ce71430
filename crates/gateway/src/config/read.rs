//! Taking keys out of a TOML table and the environment, collecting every mistake.

use std::collections::BTreeMap;

use super::sections::KEYS;
use super::value::ConfigValue;

pub struct Reader<'a> {
    table: toml::Table,
    environment: &'a BTreeMap<String, String>,
    errors: Vec<String>,
}

/// `HOLDFAST_SERVER_LISTEN` for `server.listen`. None for the platforms: where tokens are sent is
/// said in the file alone, which an operator wrote on purpose, and not in an environment that any
/// parent process may have filled.
pub fn variable(section: &str, key: &str) -> Option<String> {
    let name = || format!("HOLDFAST_{section}_{key}").to_ascii_uppercase();
    (!section.starts_with("platforms.")).then(name)
}

impl<'a> Reader<'a> {
    pub fn new(table: toml::Table, environment: &'a BTreeMap<String, String>) -> Self {
        Self { table, environment, errors: Vec::new() }
    }

    /// One key: the environment's value, else the file's, else the default. After a mistake the
    /// default stands in, so that reading goes on and finds the others.
    pub fn key<T: ConfigValue>(&mut self, section: &str, key: &str, default: &str) -> T {
        let from_file = self.take(section, key);
        let set = variable(section, key)
            .and_then(|name| self.environment.get(&name).map(|text| (name, text)));
        if let Some((name, text)) = set {
            match T::from_text(text) {
                Some(value) => return value,
                None => self
                    .errors
                    .push(format!("{name} (for {section}.{key}): expected {}", T::EXPECTED)),
            }
        } else if let Some(value) = from_file {
            match T::from_toml(&value) {
                Some(value) => return value,
                None => self
                    .errors
                    .push(format!("{section}.{key}: expected {}, found {value}", T::EXPECTED)),
            }
        }
        T::from_text(default).unwrap_or_else(|| panic!("the default of {section}.{key} is valid"))
    }

    /// A top-level table that is read elsewhere.
    pub fn take_whole(&mut self, name: &str) -> Option<toml::Value> {
        self.table.remove(name)
    }

    /// Something wrong that was found elsewhere; `text` begins with the key path.
    pub fn mistake(&mut self, text: String) {
        self.errors.push(text);
    }

    /// What is left in the table nobody asked for.
    pub fn finish(mut self) -> Vec<String> {
        let table = std::mem::take(&mut self.table);
        self.leftovers("", table);
        self.errors
    }

    fn take(&mut self, section: &str, key: &str) -> Option<toml::Value> {
        let mut table = &mut self.table;
        for part in section.split('.') {
            table = table.get_mut(part)?.as_table_mut()?;
        }
        table.remove(key)
    }

    fn leftovers(&mut self, path: &str, table: toml::Table) {
        for (key, value) in table {
            let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let is_section = KEYS
                .iter()
                .any(|k| k.section == full || k.section.starts_with(&format!("{full}.")));
            match value {
                toml::Value::Table(inner) if is_section => self.leftovers(&full, inner),
                toml::Value::Table(_) => {
                    self.errors.push(format!("{full}: is not a known section"));
                }
                _ if is_section => self.errors.push(format!("{full}: expected a section")),
                _ => self.errors.push(format!("{full}: is not a known key{}", nearest(path, &key))),
            }
        }
    }
}

/// ` (did you mean …?)` if a key of the section is one or two letters away, or begins alike.
fn nearest(section: &str, key: &str) -> String {
    KEYS.iter()
        .filter(|known| known.section == section)
        .find(|known| {
            known.name.starts_with(key)
                || key.starts_with(known.name)
                || distance(known.name, key) <= 2
        })
        .map(|known| format!(" (did you mean {section}.{}?)", known.name))
        .unwrap_or_default()
}

/// Levenshtein distance of two short names.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
