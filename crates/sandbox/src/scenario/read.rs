//! Reading typed entries, every mistake at once.
//!
//! serde stops at the first mistake. So a mistake is noted, mended, and the entry is read again,
//! until nothing is left to find.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

/// A mistake and the path of the key that has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{key}: {what}")]
pub struct KeyError {
    pub key: String,
    pub what: String,
}

impl KeyError {
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into() }
    }
}

/// So many mistakes are looked for in one entry.
const MAX_ROUNDS: usize = 50;

/// What may stand in for a missing value while the other mistakes are looked for.
fn stand_ins() -> [Value; 3] {
    [Value::from("1"), Value::from(1), Value::Object(Map::new())]
}

/// An entry, or all that is wrong with it.
pub fn read<T: DeserializeOwned>(mut value: Value) -> Result<T, Vec<KeyError>> {
    let mut errors: Vec<KeyError> = Vec::new();
    let mut tried: Vec<(Vec<String>, usize)> = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(entry) if errors.is_empty() => return Ok(entry),
            Ok(_) => return Err(errors),
            Err(error) => error,
        };
        let mut path: Vec<String> = error.path().iter().filter_map(segment).collect();
        let message = error.inner().to_string();
        let missing = missing_field(&message);
        path.extend(missing.map(str::to_owned));
        let is_known = errors.iter().any(|known| known.key == path.join("."));
        if !is_known {
            let what = if missing.is_some() { "missing" } else { message.as_str() };
            errors.push(KeyError::new(path.join("."), what));
        }
        if !mend(&mut value, &path, missing.is_some(), is_known, &mut tried) {
            return Err(errors);
        }
    }
    Err(errors)
}

/// The entries of a list, `None` for each that has a mistake. Takes the list out of the value.
pub fn list<T: DeserializeOwned>(
    value: &mut Value,
    key: &str,
    errors: &mut Vec<KeyError>,
) -> Vec<Option<T>> {
    let taken = value.as_object_mut().and_then(|map| map.remove(key));
    let entries = match taken {
        None => return Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            errors.push(KeyError::new(key, format!("expected a list, written as [[{key}]]")));
            return Vec::new();
        }
    };
    let read_one = |(index, entry): (usize, Value)| match read(entry) {
        Ok(entry) => Some(entry),
        Err(found) => {
            errors.extend(found.into_iter().map(|error| {
                let dot = if error.key.is_empty() { "" } else { "." };
                KeyError::new(format!("{key}[{index}]{dot}{}", error.key), error.what)
            }));
            None
        }
    };
    entries.into_iter().enumerate().map(read_one).collect()
}

fn segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// Takes the mistake away so that the next one shows; false if that is not possible.
fn mend(
    value: &mut Value,
    path: &[String],
    is_missing: bool,
    is_known: bool,
    tried: &mut Vec<(Vec<String>, usize)>,
) -> bool {
    if is_missing || is_known {
        let round = tried.iter_mut().find(|(known, _)| known == path);
        let round = match round {
            Some((_, round)) => {
                *round += 1;
                *round
            }
            None => {
                tried.push((path.to_vec(), 0));
                0
            }
        };
        let Some(stand_in) = stand_ins().into_iter().nth(round) else { return false };
        return put(value, path, stand_in);
    }
    remove(value, path)
}

fn parent<'a>(value: &'a mut Value, path: &'a [String]) -> Option<(&'a mut Value, &'a str)> {
    let (last, above) = path.split_last()?;
    let mut at = value;
    for key in above {
        at = match at {
            Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?)?,
            Value::Object(map) => map.get_mut(key)?,
            _ => return None,
        };
    }
    Some((at, last))
}

fn put(value: &mut Value, path: &[String], stand_in: Value) -> bool {
    match parent(value, path) {
        Some((Value::Object(map), key)) => {
            map.insert(key.to_owned(), stand_in);
            true
        }
        _ => false,
    }
}

fn remove(value: &mut Value, path: &[String]) -> bool {
    match parent(value, path) {
        Some((Value::Object(map), key)) => map.remove(key).is_some(),
        Some((Value::Array(list), key)) => match key.parse::<usize>() {
            Ok(index) if index < list.len() => {
                list.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}
