//! `app_data`: the app and the device behind an app event.

use std::ops::Range;

use super::refusal::refuse;
use crate::Rejection;
use crate::admission::json::Kind;
use crate::admission::reader::{Member, Reader};
use crate::admission::text::trim;
use crate::admission::{encode, refusal};

/// `extinfo` is positional: exactly so many values, empty where unknown.
const EXTINFO_VALUES: usize = 16;

/// What the first value of `extinfo` says: Android or iOS.
const EXTINFO_VERSIONS: [&str; 2] = ["a2", "i2"];

/// The keys that Snap's libraries and integrations have, with the kind of their values.
const KEYS: [(&str, Kind); 9] = [
    ("app_id", Kind::Text),
    ("advertiser_tracking_enabled", Kind::Bool),
    ("application_tracking_enabled", Kind::Bool),
    ("extinfo", Kind::List),
    ("campaign_ids", Kind::Text),
    ("install_referrer", Kind::Text),
    ("installer_package", Kind::Text),
    ("url_schemes", Kind::List),
    ("windows_attribution_id", Kind::Text),
];

pub fn is_key(name: &str) -> bool {
    KEYS.iter().any(|(key, _)| *key == name)
}

/// A copy of the object, or none if nothing is in it.
pub fn read(reader: &mut Reader<'_>) -> Result<Option<Range<usize>>, Rejection> {
    reader.object("app_data", |reader, key| match KEYS.iter().find(|(known, _)| *known == key) {
        Some(("extinfo", _)) => extinfo(reader),
        Some((name, Kind::Bool)) => flag(reader, name),
        Some((name, Kind::Text)) => text(reader, name),
        Some((name, kind)) => list(reader, name, *kind),
        None => {
            reader.copy()?;
            let key = refusal::shown(key);
            reader.warnings.add(|| format!("app_data.{key} is not a key that Snap documents"));
            Ok(Member::Keep)
        }
    })
}

fn text(reader: &mut Reader<'_>, name: &str) -> Result<Member, Rejection> {
    let Some(text) = reader.text_or_integer(&format!("app_data.{name}"))? else {
        return Ok(Member::Drop);
    };
    encode::text(&mut reader.copied, &text);
    Ok(Member::Keep)
}

/// True and false; app libraries write 1 and 0.
fn flag(reader: &mut Reader<'_>, name: &str) -> Result<Member, Rejection> {
    const EXPECTED: &str = "true or false";
    let path = format!("app_data.{name}");
    let is_true = match reader.scanner.peek()? {
        Kind::Number => match reader.scanner.number()? {
            "0" => false,
            "1" => true,
            _ => return Err(refusal::invalid(path, EXPECTED)),
        },
        _ => match reader.boolean(&path)? {
            Some(flag) => flag,
            None => return Ok(Member::Drop),
        },
    };
    reader.copied.extend_from_slice(if is_true { b"true" } else { b"false" });
    Ok(Member::Keep)
}

fn list(reader: &mut Reader<'_>, name: &str, kind: Kind) -> Result<Member, Rejection> {
    let Some(found) = reader.copy_unless_blank()? else { return Ok(Member::Drop) };
    if found != kind {
        return Err(refusal::wrong_type(format!("app_data.{name}"), found, kind.name()));
    }
    Ok(Member::Keep)
}

/// Sixteen texts; numbers and nulls are written as texts, as Snap's libraries do.
fn extinfo(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    const PATH: &str = "app_data.extinfo";
    let found = reader.scanner.peek()?;
    if found != Kind::List {
        return Err(refusal::wrong_type(PATH.to_owned(), found, "a list of 16 values"));
    }
    reader.scanner.open()?;
    let mut values = Vec::with_capacity(EXTINFO_VALUES);
    let mut is_first = true;
    while reader.scanner.next_element(&mut is_first)? {
        // What comes after too many is still read, so that the count can be told.
        values.push(extinfo_value(reader, values.len())?);
    }
    if values.is_empty() {
        return Ok(Member::Drop);
    }
    if values.len() != EXTINFO_VALUES {
        let message = format!(
            "{PATH} has {} values; expected exactly {EXTINFO_VALUES}, empty strings where unknown",
            values.len()
        );
        return Err(refuse("snap.invalid_value", PATH, message));
    }
    if !EXTINFO_VERSIONS.contains(&trim(&values[0])) {
        reader.warnings.add(|| format!("{PATH}[0] is neither a2 (Android) nor i2 (iOS)"));
    }
    encode::texts(&mut reader.copied, values.iter().map(String::as_str));
    Ok(Member::Keep)
}

fn extinfo_value(reader: &mut Reader<'_>, position: usize) -> Result<String, Rejection> {
    match reader.scanner.peek()? {
        Kind::Number => Ok(reader.scanner.number()?.to_owned()),
        Kind::Null | Kind::Text => {
            Ok(reader.text("app_data.extinfo")?.unwrap_or_default().into_owned())
        }
        found => Err(refusal::wrong_type(
            format!("app_data.extinfo[{position}]"),
            found,
            "a string or a number",
        )),
    }
}
