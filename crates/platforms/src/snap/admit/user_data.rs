//! `user_data`: who the customer is. Everything that Snap wants hashed leaves here hashed, whether
//! it came under the names of version 3 or of version 2.
//!
//! Reading checks types. Writing normalizes, hashes and judges single values; a bad one next to
//! good ones is left out with a warning, because Snap might refuse the event over it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::Range;

use holdfast_model::destination::{DestinationSettings, ExternalIdRule};

use super::user_keys::{self, KeySet, Rule};
use crate::Rejection;
use crate::admission::country::{calling_code, is_us};
use crate::admission::json::Kind;
use crate::admission::normalized::Normalized;
use crate::admission::reader::Reader;
use crate::admission::text::trim;
use crate::admission::warnings::Warnings;
use crate::admission::{encode, refusal};
use crate::snap::normalize::{Field, Surroundings, is_hash, normalize};

/// Most values of one identifier. People have a handful of addresses; this is a list gone wrong.
pub const MAX_LIST_VALUES: usize = 128;

/// Room for the values of a usual event.
const USUAL_VALUES: usize = 16;

/// What one event says of its customer, as it was given.
#[derive(Debug, Default)]
pub struct UserData<'a> {
    values: Vec<Value<'a>>,
}

#[derive(Debug)]
struct Value<'a> {
    /// Position of the key in the table.
    at: usize,
    text: Cow<'a, str>,
    /// Position in the caller's list.
    position: Option<u16>,
    /// The name of version 2 under which it came.
    v2_name: Option<&'static str>,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Written {
    pub keys: KeySet,
    /// The first value that had to be left out: path, and what was expected.
    pub first_dropped: Option<(String, &'static str)>,
}

impl<'a> UserData<'a> {
    /// Reads the object of version 3, which has been entered.
    pub fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Rejection> {
        self.values.reserve(USUAL_VALUES);
        let mark = reader.keys.mark();
        let mut is_first = true;
        while let Some(key) = reader.scanner.next_key(&mut is_first)? {
            let name = key.name.clone();
            reader.keys.add(mark, key.name, reader.scanner.at())?;
            match user_keys::find(&name) {
                Some(at) => self.read_key(reader, at, None)?,
                None => leave_out(reader, &name)?,
            }
        }
        reader.keys.release(mark);
        Ok(())
    }

    /// Reads the values of one key, which come next. `v2_name` is set where they come flat.
    pub fn read_key(
        &mut self,
        reader: &mut Reader<'a>,
        at: usize,
        v2_name: Option<&'static str>,
    ) -> Result<(), Rejection> {
        let (_, rule) = user_keys::at(at);
        if reader.scanner.peek()? != Kind::List {
            return self.read_value(reader, at, v2_name, None);
        }
        reader.scanner.open()?;
        let mut is_first = true;
        let mut position = 0;
        while reader.scanner.next_element(&mut is_first)? {
            if !user_keys::takes_lists(rule) {
                let expected = user_keys::expected(rule);
                return Err(refusal::wrong_type(path(at, v2_name, None), Kind::List, expected));
            }
            if usize::from(position) == MAX_LIST_VALUES {
                let bound = format!("{MAX_LIST_VALUES} values");
                return Err(refusal::too_large(path(at, v2_name, None), bound));
            }
            self.read_value(reader, at, v2_name, Some(position))?;
            position += 1;
        }
        Ok(())
    }

    fn read_value(
        &mut self,
        reader: &mut Reader<'a>,
        at: usize,
        v2_name: Option<&'static str>,
        position: Option<u16>,
    ) -> Result<(), Rejection> {
        let (_, rule) = user_keys::at(at);
        let expected = user_keys::expected(rule);
        let text = match reader.scanner.peek()? {
            Kind::Null => return Ok(reader.scanner.null()?),
            Kind::Text => reader.scanner.text()?,
            Kind::Number if user_keys::takes_numbers(rule) => {
                Cow::Borrowed(reader.whole_number(&path(at, v2_name, position), expected)?)
            }
            found => {
                return Err(refusal::wrong_type(path(at, v2_name, position), found, expected));
            }
        };
        self.values.push(Value { at, text, position, v2_name });
        Ok(())
    }

    /// Writes the object, its braces included.
    pub fn write(
        &self,
        settings: &DestinationSettings,
        out: &mut Vec<u8>,
        warnings: &mut Warnings,
    ) -> Written {
        encode::key(out, "user_data");
        out.push(b'{');
        // In the order of the table, so that equal events are equal bytes.
        let mut order: Vec<&Value<'_>> = self.values.iter().collect();
        order.sort_by_key(|value| value.at);
        let mut pen = Pen {
            around: self.surroundings(settings),
            settings,
            out,
            warnings,
            written: Written::default(),
        };
        for values in order.chunk_by(|a, b| a.at == b.at) {
            pen.key(values);
        }
        let Pen { out, written, .. } = pen;
        out.push(b'}');
        written
    }

    /// What normalizing depends on besides the value; looked up only where something needs it.
    fn surroundings(&self, settings: &DestinationSettings) -> Surroundings {
        const PHONE: usize = user_keys::position_of("ph");
        const STATE: usize = user_keys::position_of("st");
        const ZIP: usize = user_keys::position_of("zp");
        const COUNTRY: usize = user_keys::position_of("country");
        let has = |key| self.values.iter().any(|value| value.at == key);
        let default_code = || settings.default_country.as_deref().and_then(calling_code);
        let mut countries = self.values.iter().filter(|value| value.at == COUNTRY);
        Surroundings {
            calling_code: if has(PHONE) { default_code() } else { None },
            country_is_us: if has(STATE) || has(ZIP) {
                countries.find_map(|country| is_us(&country.text))
            } else {
                None
            },
        }
    }
}

/// A key that is none of Snap's may hold what should have been hashed: it goes nowhere.
fn leave_out(reader: &mut Reader<'_>, name: &str) -> Result<(), Rejection> {
    let before = reader.copied.len();
    let found = reader.copy()?;
    reader.copied.truncate(before);
    if found != Kind::Null {
        let hint = user_keys::hint(name).map(|hint| format!("; {hint}")).unwrap_or_default();
        let name = refusal::shown(name);
        reader.warnings.add(|| {
            format!("user_data.{name} was left out: it is not a key that Snap documents{hint}")
        });
    }
    Ok(())
}

/// Writes the values of one `user_data`.
struct Pen<'w> {
    around: Surroundings,
    settings: &'w DestinationSettings,
    out: &'w mut Vec<u8>,
    warnings: &'w mut Warnings,
    written: Written,
}

impl Pen<'_> {
    /// All values of one key. Of those that are no list, the first that is good.
    fn key(&mut self, values: &[&Value<'_>]) {
        let Some(first) = values.first() else { return };
        let (name, rule) = user_keys::at(first.at);
        let before = self.out.len();
        encode::key(self.out, name);
        let is_kept = if goes_out_as_a_list(rule, values) {
            self.list(values)
        } else {
            values.iter().any(|value| self.value(value))
        };
        if is_kept {
            self.written.keys.insert(first.at);
        } else {
            self.out.truncate(before);
        }
    }

    /// A list without repetitions; false if nothing is in it.
    fn list(&mut self, values: &[&Value<'_>]) -> bool {
        self.out.push(b'[');
        let opened = self.out.len();
        let mut kept: Vec<Range<usize>> = Vec::new();
        for value in values {
            let before = self.out.len();
            if before > opened {
                self.out.push(b',');
            }
            let start = self.out.len();
            let is_kept = self.value(value);
            let is_repeated =
                || kept.iter().any(|earlier| self.out[earlier.clone()] == self.out[start..]);
            if is_kept && !is_repeated() {
                kept.push(start..self.out.len());
            } else {
                self.out.truncate(before);
            }
        }
        self.out.push(b']');
        !kept.is_empty()
    }

    /// One value; false if it was left out.
    fn value(&mut self, value: &Value<'_>) -> bool {
        let (_, rule) = user_keys::at(value.at);
        let trimmed = trim(&value.text);
        if trimmed.is_empty() {
            return false;
        }
        let verdict = match rule {
            Rule::Hash { field, .. } => return self.hashed(field, value, trimmed),
            Rule::Verbatim => Ok(Cow::Borrowed(value.text.as_ref())),
            Rule::Id { .. } => Ok(Cow::Borrowed(trimmed)),
            Rule::IpAddress => ip_address(trimmed),
            Rule::DeviceId => device_id(trimmed),
        };
        match &verdict {
            Ok(text) => encode::text(self.out, text),
            Err(expected) => self.drop_value(value, expected),
        }
        verdict.is_ok()
    }

    fn hashed(&mut self, field: Field, value: &Value<'_>, text: &str) -> bool {
        if field == Field::ExternalId && self.settings.external_id == Some(ExternalIdRule::Raw) {
            encode::text(self.out, text);
            return true;
        }
        match normalize(field, text, &self.around) {
            Normalized::Text(text) => encode::hash(self.out, &text),
            Normalized::Hashed(hash) => encode::text(self.out, &hash),
            Normalized::Empty => return false,
            Normalized::Invalid(expected) => {
                self.drop_value(value, expected);
                return false;
            }
        }
        true
    }

    fn drop_value(&mut self, value: &Value<'_>, expected: &'static str) {
        let path = path(value.at, value.v2_name, value.position);
        self.warnings.add(|| format!("{path} was left out: expected {expected}"));
        self.written.first_dropped.get_or_insert((path, expected));
    }
}

fn goes_out_as_a_list(rule: Rule, values: &[&Value<'_>]) -> bool {
    match rule {
        Rule::Hash { is_list: true, .. } | Rule::Id { is_list: true } => true,
        Rule::Hash { is_list: false, .. } => values.iter().any(|value| value.position.is_some()),
        _ => false,
    }
}

fn ip_address(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if text.parse::<IpAddr>().is_ok() {
        Ok(Cow::Borrowed(text))
    } else if is_hash(text) {
        Err("the address itself: Snap refuses a hashed one")
    } else {
        Err("one IPv4 or IPv6 address without a port")
    }
}

fn device_id(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if is_hash(text) {
        return Err("the id itself: version 3 takes it unhashed");
    }
    if text.bytes().all(|b| matches!(b, b'0' | b'-')) {
        return Err("an id; zeros are what every device answers whose owner said no");
    }
    Ok(crate::admission::text::lower(text))
}

/// The path in the caller's own words.
fn path(at: usize, v2_name: Option<&'static str>, position: Option<u16>) -> String {
    let mut path = match v2_name {
        Some(name) => name.to_owned(),
        None => format!("user_data.{}", user_keys::at(at).0),
    };
    if let Some(position) = position {
        path.push_str(&format!("[{position}]"));
    }
    path
}
