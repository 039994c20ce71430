//! `app_data`: the app and the device behind an app event.

use std::ops::Range;

use super::json::Kind;
use super::reader::{Member, Reader};
use super::text::is_blank;
use super::{encode, refusal};
use crate::Rejection;

const EXTINFO: &str = "app_data.extinfo";

/// `extinfo` is positional: exactly so many values, empty where unknown.
const EXTINFO_VALUES: usize = 16;
/// Position of the operating system's version, which must not be empty.
const OS_VERSION: usize = 4;

/// A copied `app_data`.
#[derive(Debug)]
pub struct AppData {
    /// Where the copy is; `None` if nothing is in it.
    pub copy: Option<Range<usize>>,
    pub has_extinfo: bool,
}

/// The keys that Meta documents, with the kind of their values.
const KEYS: [(&str, Kind); 12] = [
    ("application_tracking_enabled", Kind::Bool),
    ("advertiser_tracking_enabled", Kind::Bool),
    ("campaign_ids", Kind::Text),
    ("consider_views", Kind::Bool),
    ("extinfo", Kind::List),
    ("include_dwell_data", Kind::Bool),
    ("include_video_data", Kind::Bool),
    ("install_referrer", Kind::Text),
    ("installer_package", Kind::Text),
    ("receipt_data", Kind::Text),
    ("url_schemes", Kind::List),
    ("windows_attribution_id", Kind::Text),
];

pub fn is_key(name: &str) -> bool {
    KEYS.iter().any(|(key, _)| *key == name)
}

pub fn read(reader: &mut Reader<'_>) -> Result<AppData, Rejection> {
    let mut has_extinfo = false;
    let copy = reader.object("app_data", |reader, key| {
        if key == "extinfo" {
            let member = extinfo(reader)?;
            has_extinfo = member == Member::Keep;
            return Ok(member);
        }
        let start = reader.copied.len();
        let found = reader.copy()?;
        match KEYS.iter().find(|(known, _)| *known == key) {
            None => {
                let key = refusal::shown(key);
                reader.warnings.add(|| format!("app_data.{key} is not a documented key"));
            }
            Some(_) if matches!(&reader.copied[start..], b"\"\"" | b"[]") => {
                return Ok(Member::Drop);
            }
            Some((_, kind)) if found == *kind => {}
            // The app SDKs write booleans as 0 and 1.
            Some((_, Kind::Bool)) if matches!(&reader.copied[start..], b"0" | b"1") => {}
            Some((_, kind)) => {
                return Err(refusal::wrong_type(format!("app_data.{key}"), found, kind.name()));
            }
        }
        Ok(Member::Keep)
    })?;
    Ok(AppData { copy, has_extinfo })
}

fn extinfo(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    match reader.scanner.peek()? {
        Kind::List => extinfo_list(reader),
        Kind::Object => extinfo_object(reader),
        found => Err(refusal::wrong_type(EXTINFO.to_owned(), found, "a list of 16 values")),
    }
}

fn extinfo_list(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    reader.scanner.open()?;
    reader.copied.push(b'[');
    let mut is_first = true;
    let mut count = 0;
    while reader.scanner.next_element(&mut is_first)? {
        if count > 0 {
            reader.copied.push(b',');
        }
        let is_empty = extinfo_value(reader, count)?;
        if count == OS_VERSION && is_empty {
            return Err(no_os_version());
        }
        count += 1;
    }
    reader.copied.push(b']');
    match count {
        0 => Ok(Member::Drop),
        EXTINFO_VALUES => Ok(Member::Keep),
        _ => {
            let expected = format!("exactly {EXTINFO_VALUES} values, empty strings where unknown");
            Err(refusal::refuse(
                "meta.invalid_value",
                EXTINFO,
                format!("{EXTINFO} has {count} values; expected {expected}"),
            ))
        }
    }
}

/// Meta's library for Node.js writes the list as an object of the positions that were set,
/// `{"0":"a2","4":"14.1"}`. It goes out as the list that is meant.
fn extinfo_object(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    const UNKNOWN: &[u8] = b"\"\"";
    let start = reader.copied.len();
    let mut values: [Option<Range<usize>>; EXTINFO_VALUES] = [const { None }; EXTINFO_VALUES];
    reader.scanner.open()?;
    let mut is_first = true;
    let mut os_version_is_empty = true;
    while let Some(key) = reader.scanner.next_key(&mut is_first)? {
        let position = key.name.parse().ok().filter(|at| *at < EXTINFO_VALUES);
        let fresh = position.filter(|at: &usize| values[*at].is_none());
        let Some(position) = fresh.filter(|at| at.to_string() == key.name) else {
            return Err(refusal::refuse(
                "meta.invalid_value",
                EXTINFO,
                format!("{EXTINFO} is an object; expected a list, or keys 0 to 15, each once"),
            ));
        };
        let at = reader.copied.len();
        let is_empty = extinfo_value(reader, position)?;
        os_version_is_empty &= position != OS_VERSION || is_empty;
        values[position] = Some(at..reader.copied.len());
    }
    if values.iter().all(Option::is_none) {
        return Ok(Member::Drop);
    }
    if os_version_is_empty {
        return Err(no_os_version());
    }
    let list: Vec<&[u8]> = values
        .into_iter()
        .map(|value| value.map_or(UNKNOWN, |range| &reader.copied[range]))
        .collect();
    let list = list.join(&b',');
    reader.copied.truncate(start);
    reader.copied.push(b'[');
    reader.copied.extend_from_slice(&list);
    reader.copied.push(b']');
    Ok(Member::Keep)
}

fn no_os_version() -> Rejection {
    refusal::refuse(
        "meta.extinfo_os_version_empty",
        format!("{EXTINFO}[{OS_VERSION}]"),
        format!("{EXTINFO}[{OS_VERSION}], the version of the operating system, is empty"),
    )
}

/// Copies one value, null as the empty text that Meta expects; true if it is empty.
fn extinfo_value(reader: &mut Reader<'_>, position: usize) -> Result<bool, Rejection> {
    match reader.scanner.peek()? {
        Kind::Number => {
            reader.copy()?;
            Ok(false)
        }
        Kind::Null | Kind::Text => {
            let text = reader.text(EXTINFO)?.unwrap_or_default();
            encode::text(&mut reader.copied, &text);
            Ok(is_blank(&text))
        }
        found => Err(refusal::wrong_type(
            format!("{EXTINFO}[{position}]"),
            found,
            "a string or a number",
        )),
    }
}
