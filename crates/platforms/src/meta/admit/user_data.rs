//! `user_data`: who the customer is. Everything that Meta wants hashed leaves here hashed.
//!
//! Reading checks the closed list of keys and the types; a mistake there is one of the program
//! that sends, and is refused. Writing normalizes, hashes and judges single values; a bad one next
//! to good ones is left out with a warning, because Meta would lose the whole batch over it and
//! refusing would lose the whole event.

use std::borrow::Cow;
use std::ops::Range;

use holdfast_model::destination::{
    DestinationSettings, ExternalIdRule, NormalizationProfile as Profile,
};
use holdfast_model::time::UnixSeconds;

use super::identifiers;
use super::json::Kind;
use super::reader::Reader;
use super::user_keys::{self, KEYS, KeySet, Rule, expected, hint, takes_numbers};
use super::warnings::Warnings;
use super::{encode, refusal};
use crate::Rejection;
use crate::meta::normalize::{
    Field, Normalized, Surroundings, calling_code, country_is_us, normalize, trim,
};

/// Most values of one identifier. People have a handful of addresses; this is a list gone wrong.
pub const MAX_LIST_VALUES: usize = 128;

/// Room for the values of a usual event.
const USUAL_VALUES: usize = 16;

/// What one event says of its customer, as it was given.
#[derive(Debug)]
pub struct UserData<'a> {
    values: Vec<Value<'a>>,
    slots: [Slot; user_keys::COUNT],
}

#[derive(Debug)]
struct Value<'a> {
    text: Cow<'a, str>,
    /// Position in the caller's list.
    position: u16,
    is_number: bool,
}

/// Where a key's values are. They follow each other, because a key occurs once.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    is_seen: bool,
    is_list: bool,
    start: u16,
    end: u16,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Written {
    pub keys: KeySet,
    /// The first value that had to be left out: fault, path, and what was expected.
    pub first_dropped: Option<(&'static str, String, &'static str)>,
}

impl<'a> UserData<'a> {
    pub fn nothing() -> Self {
        Self { values: Vec::new(), slots: [Slot::default(); user_keys::COUNT] }
    }

    /// Reads the object, which has been entered.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, Rejection> {
        let mut data = Self { values: Vec::with_capacity(USUAL_VALUES), ..Self::nothing() };
        let mut is_first = true;
        while let Some(key) = reader.scanner.next_key(&mut is_first)? {
            let Some(at) = KEYS.find(&key.name) else {
                if reader.skip_null()? {
                    continue;
                }
                return Err(refusal::unknown_key("user_data", &key.name, hint(&key.name)));
            };
            if std::mem::replace(&mut data.slots[at].is_seen, true) {
                return Err(refusal::duplicate_key("user_data", &key.name));
            }
            data.read_key(reader, at)?;
        }
        Ok(data)
    }

    fn read_key(&mut self, reader: &mut Reader<'a>, at: usize) -> Result<(), Rejection> {
        let (name, rule) = user_keys::at(at);
        let is_hashed = matches!(rule, Rule::Hash(_));
        let start = self.values.len() as u16;
        match reader.scanner.peek()? {
            Kind::List if is_hashed => {
                self.slots[at].is_list = true;
                self.read_list(reader, name, rule)?;
            }
            Kind::List => {
                // An empty list counts as absent, whatever the key.
                reader.scanner.open()?;
                if reader.scanner.next_element(&mut true)? {
                    return Err(refusal::wrong_type(path(name, None), Kind::List, expected(rule)));
                }
            }
            _ => self.read_value(reader, name, rule, None)?,
        }
        self.slots[at].start = start;
        self.slots[at].end = self.values.len() as u16;
        Ok(())
    }

    fn read_list(
        &mut self,
        reader: &mut Reader<'a>,
        name: &str,
        rule: Rule,
    ) -> Result<(), Rejection> {
        reader.scanner.open()?;
        let mut is_first = true;
        let mut position = 0;
        while reader.scanner.next_element(&mut is_first)? {
            if usize::from(position) == MAX_LIST_VALUES {
                return Err(refusal::too_large(
                    path(name, None),
                    format!("{MAX_LIST_VALUES} values"),
                ));
            }
            self.read_value(reader, name, rule, Some(position))?;
            position += 1;
        }
        Ok(())
    }

    fn read_value(
        &mut self,
        reader: &mut Reader<'a>,
        name: &str,
        rule: Rule,
        position: Option<u16>,
    ) -> Result<(), Rejection> {
        let (text, is_number) = match reader.scanner.peek()? {
            Kind::Null => return Ok(reader.scanner.null()?),
            Kind::Text => (reader.scanner.text()?, false),
            Kind::Number if takes_numbers(rule) => {
                let path = path(name, position);
                (Cow::Borrowed(reader.whole_number(&path, expected(rule))?), true)
            }
            found => return Err(refusal::wrong_type(path(name, position), found, expected(rule))),
        };
        self.values.push(Value { text, position: position.unwrap_or_default(), is_number });
        Ok(())
    }

    /// Writes the object, its braces included.
    pub fn write(
        &self,
        settings: &DestinationSettings,
        now: UnixSeconds,
        out: &mut Vec<u8>,
        warnings: &mut Warnings,
    ) -> Written {
        let around = self.surroundings(settings, now);
        let mut written = Written::default();
        out.push(b'{');
        for (at, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.start < slot.end) {
            let before = out.len();
            encode::key(out, user_keys::at(at).0);
            let mut pen = Pen { around: &around, settings, out, warnings, written: &mut written };
            let values = &self.values[usize::from(slot.start)..usize::from(slot.end)];
            let is_kept = match (slot.is_list, values) {
                (true, values) => pen.list(at, values),
                (false, [value]) => pen.value(at, value, None),
                (false, _) => false,
            };
            if is_kept {
                written.keys.insert(at);
            } else {
                out.truncate(before);
            }
        }
        out.push(b'}');
        written
    }

    /// What normalizing depends on besides the value; looked up only where something needs it.
    fn surroundings(&self, settings: &DestinationSettings, now: UnixSeconds) -> Surroundings {
        if settings.profile != Profile::MetaDocs {
            let profile = settings.profile;
            return Surroundings { profile, calling_code: None, country_is_us: None, now };
        }
        const PHONE: usize = KEYS.position_of("ph");
        const STATE: usize = KEYS.position_of("st");
        const ZIP: usize = KEYS.position_of("zp");
        const COUNTRY: usize = KEYS.position_of("country");
        let has_phone = self.slots[PHONE].is_seen;
        let has_place = self.slots[STATE].is_seen || self.slots[ZIP].is_seen;
        let slot = self.slots[COUNTRY];
        let mut countries = self.values[usize::from(slot.start)..usize::from(slot.end)].iter();
        Surroundings {
            profile: Profile::MetaDocs,
            calling_code: if has_phone {
                settings.default_country.as_deref().and_then(calling_code)
            } else {
                None
            },
            country_is_us: if has_place {
                countries.find_map(|country| country_is_us(&country.text))
            } else {
                None
            },
            now,
        }
    }
}

/// Writes the values of one `user_data`.
struct Pen<'w> {
    around: &'w Surroundings,
    settings: &'w DestinationSettings,
    out: &'w mut Vec<u8>,
    warnings: &'w mut Warnings,
    written: &'w mut Written,
}

impl Pen<'_> {
    /// A list without repetitions; false if nothing is in it.
    fn list(&mut self, at: usize, values: &[Value<'_>]) -> bool {
        self.out.push(b'[');
        let opened = self.out.len();
        // Where the values are that were kept. Nothing is allocated for a list of one.
        let mut kept = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let before = self.out.len();
            if before > opened {
                self.out.push(b',');
            }
            let start = self.out.len();
            let is_kept = self.value(at, value, Some(value.position));
            if !is_kept || self.repeats(&kept, start) {
                self.out.truncate(before);
            } else if index + 1 < values.len() {
                kept.push(start..self.out.len());
            }
        }
        let is_empty = self.out.len() == opened;
        self.out.push(b']');
        !is_empty
    }

    /// Whether the value that was written last was written before.
    fn repeats(&self, kept: &[Range<usize>], start: usize) -> bool {
        kept.iter().any(|earlier| self.out[earlier.clone()] == self.out[start..])
    }

    /// One value; false if it was left out.
    fn value(&mut self, at: usize, value: &Value<'_>, position: Option<u16>) -> bool {
        let (name, rule) = user_keys::at(at);
        if let Rule::Hash(field) = rule {
            // What is white space is the profile's to say.
            return self.hashed(field, name, &value.text, position);
        }
        let trimmed = trim(&value.text);
        if trimmed.is_empty() {
            return false;
        }
        let text = if rule == Rule::Verbatim { value.text.as_ref() } else { trimmed };
        let verdict = match rule {
            Rule::ClickId => {
                identifiers::check_click_id(text).map_err(|e| ("meta.click_id_malformed", e))
            }
            Rule::BrowserId => {
                identifiers::check_browser_id(text).map_err(|e| ("meta.invalid_value", e))
            }
            Rule::IpAddress => {
                identifiers::check_ip_address(text).map_err(|e| ("meta.client_ip_invalid", e))
            }
            Rule::Digits => identifiers::check_digits(text).map_err(|e| ("meta.invalid_value", e)),
            Rule::Verbatim | Rule::Id | Rule::Hash(_) => Ok(()),
        };
        if let Err((fault, expected)) = verdict {
            self.drop_value(fault, path(name, position), expected);
            return false;
        }
        if value.is_number {
            self.out.extend_from_slice(text.as_bytes());
        } else {
            encode::text(self.out, text);
        }
        true
    }

    fn hashed(&mut self, field: Field, name: &str, text: &str, position: Option<u16>) -> bool {
        if field == Field::ExternalId && self.external_id() == ExternalIdRule::Raw {
            let text = trim(text);
            encode::text(self.out, text);
            return !text.is_empty();
        }
        match normalize(field, text, self.around) {
            Normalized::Text(text) => encode::hash(self.out, &text),
            Normalized::Hashed(hash) => {
                if identifiers::is_hash_of_nothing(&hash) {
                    let path = path(name, position);
                    self.warnings
                        .add(|| format!("{path} is the hash of an empty text and matches nobody"));
                }
                encode::text(self.out, &hash);
            }
            Normalized::Empty => return false,
            Normalized::Invalid(expected) => {
                self.drop_value("meta.no_identity", path(name, position), expected);
                return false;
            }
        }
        true
    }

    fn external_id(&self) -> ExternalIdRule {
        self.settings.external_id.unwrap_or(self.settings.profile.external_id())
    }

    fn drop_value(&mut self, fault: &'static str, path: String, expected: &'static str) {
        self.warnings.add(|| format!("{path} was left out: expected {expected}"));
        self.written.first_dropped.get_or_insert((fault, path, expected));
    }
}

fn path(name: &str, position: Option<u16>) -> String {
    match position {
        Some(position) => format!("user_data.{name}[{position}]"),
        None => format!("user_data.{name}"),
    }
}
