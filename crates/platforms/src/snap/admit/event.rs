//! The event's own keys in the form of version 3, and how every event is written.

use std::borrow::Cow;
use std::ops::Range;

use super::custom_data::{self, CustomData};
use super::refusal::refuse;
use super::rules::Required;
use super::user_data::UserData;
use super::v2::{self, Flat};
use super::{app_data, user_keys};
use crate::Rejection;
use crate::admission::encode::{self, write_integer, write_text};
use crate::admission::json::Kind;
use crate::admission::keys::KeyList;
use crate::admission::reader::Reader;
use crate::admission::refusal;
use crate::admission::text::trim;

/// Most entries of `data_processing_options`. One is usual; they are told apart by nobody.
const MAX_OPTIONS: usize = 8;

/// From here on (the year 5138 in seconds) a time is one in milliseconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// In which of Snap's two forms an event came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    #[default]
    V3,
    V2,
}

/// One event as it was given. What is copied is a range of [`Reader::copied`].
#[derive(Debug, Default)]
pub struct Event<'a> {
    pub form: Form,
    pub name: Option<Cow<'a, str>>,
    /// Seconds, whatever it was given in.
    pub time: Option<i64>,
    pub action_source: Option<Cow<'a, str>>,
    pub id: Option<Cow<'a, str>>,
    pub source_url: Option<Cow<'a, str>>,
    pub opt_out: Option<bool>,
    /// Passed on as they are: `LMU` is documented, `LDU` is in Snap's own samples.
    pub data_use: Vec<Cow<'a, str>>,
    pub data_use_country: Option<i64>,
    pub data_use_state: Option<i64>,
    pub integration: Option<Cow<'a, str>>,
    pub test_event_code: Option<Cow<'a, str>>,
    pub has_user_data: bool,
    pub user_data: UserData<'a>,
    pub custom_data: CustomData,
    pub app_data: Option<Range<usize>>,
}

impl Form {
    /// What the caller calls a key of version 3.
    pub fn path(self, v3: &'static str) -> &'static str {
        match (self, v3) {
            (Self::V3, v3) => v3,
            (Self::V2, "event_name") => "event_type",
            (Self::V2, "event_time") => "timestamp",
            (Self::V2, "action_source") => "event_conversion_type",
            (Self::V2, "event_source_url") => "page_url",
            (Self::V2, "event_id") => "client_dedup_id",
            (Self::V2, "app_data") => "app_id",
            (Self::V2, "custom_data.value") => "price",
            (Self::V2, "custom_data.currency") => "currency",
            (Self::V2, other) => other,
        }
    }
}

impl<'a> Event<'a> {
    /// Reads the whole text: one object, each key at most once, of one version.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, Rejection> {
        let found = reader.scanner.peek()?;
        if found != Kind::Object {
            // Text that is not even JSON is told so.
            reader.copy()?;
            reader.scanner.finish()?;
            let message = format!("the event is {}; expected an object", found.name());
            return Err(refuse("snap.wrong_type", "", message));
        }
        reader.scanner.open()?;
        let mut event = Self::default();
        let mut flat = Flat::default();
        let mut versions = Versions::default();
        let mark = reader.keys.mark();
        let mut is_first = true;
        while let Some(key) = reader.scanner.next_key(&mut is_first)? {
            let name = key.name.clone();
            reader.keys.add(mark, key.name, reader.scanner.at())?;
            if reader.skip_null()? {
                continue;
            }
            if let Some(at) = KEYS.find(&name) {
                versions.v3(KEYS.name(at))?;
                event.read_key(reader, KEYS.name(at))?;
            } else if let Some((known, meaning)) = v2::find(&name) {
                versions.v2(known, meaning)?;
                v2::read(reader, &mut event, &mut flat, known, meaning)?;
            } else {
                leave_out(reader, &name)?;
            }
        }
        reader.keys.release(mark);
        reader.scanner.finish()?;
        if versions.v2.is_some() {
            event.form = Form::V2;
            event.has_user_data = true;
            flat.finish(reader, &mut event);
        }
        Ok(event)
    }

    fn read_key(&mut self, reader: &mut Reader<'a>, key: &'static str) -> Result<(), Rejection> {
        match key {
            "event_name" => self.name = trimmed(reader.text(key)?),
            "event_time" => self.time = time(reader, key)?,
            "action_source" => self.action_source = trimmed(reader.text(key)?),
            "event_id" => self.id = reader.text_or_integer(key)?,
            "event_source_url" => self.source_url = reader.text(key)?,
            "opt_out" => self.opt_out = reader.boolean(key)?,
            "data_processing_options" => self.data_use = data_use(reader)?,
            "data_processing_options_country" => self.data_use_country = reader.integer(key)?,
            "data_processing_options_state" => self.data_use_state = reader.integer(key)?,
            "integration" => self.integration = reader.text(key)?,
            "test_event_code" => self.test_event_code = reader.text(key)?,
            "is_test" => is_test(reader)?,
            "user_data" => self.read_user_data(reader)?,
            "custom_data" => self.custom_data = custom_data::read(reader)?,
            "app_data" => self.app_data = app_data::read(reader)?,
            _ => skip(reader)?,
        }
        Ok(())
    }

    fn read_user_data(&mut self, reader: &mut Reader<'a>) -> Result<(), Rejection> {
        let found = reader.scanner.peek()?;
        let is_object = reader.enter_object("user_data")?;
        if is_object {
            self.user_data.read(reader)?;
        }
        // PHP writes an empty object as an empty list: there, but without anything in it.
        self.has_user_data = is_object || found == Kind::List;
        Ok(())
    }

    /// Writes what comes before `user_data`. `event_time` comes early, so that whoever searches a
    /// fragment for it finds the event's own.
    pub fn write_head(&self, out: &mut Vec<u8>, required: &Required<'_>, id: &str) {
        out.push(b'{');
        write_text(out, "event_name", Some(required.name));
        write_integer(out, "event_time", Some(required.time.0));
        write_text(out, "action_source", Some(required.action_source));
        write_text(out, "event_id", Some(id));
        write_text(out, "event_source_url", self.source_url.as_deref());
        if let Some(opt_out) = self.opt_out {
            encode::key(out, "opt_out");
            out.extend_from_slice(if opt_out { b"true" } else { b"false" });
        }
        if !self.data_use.is_empty() {
            encode::key(out, "data_processing_options");
            encode::texts(out, self.data_use.iter().map(AsRef::as_ref));
        }
        write_integer(out, "data_processing_options_country", self.data_use_country);
        write_integer(out, "data_processing_options_state", self.data_use_state);
        write_text(out, "integration", self.integration.as_deref());
    }

    /// Writes the copied objects and the closing brace.
    pub fn write_rest(&self, out: &mut Vec<u8>, copied: &[u8]) {
        for (name, copy) in
            [("custom_data", self.custom_data.copy.as_ref()), ("app_data", self.app_data.as_ref())]
        {
            if let Some(copy) = copy {
                encode::key(out, name);
                out.extend_from_slice(&copied[copy.clone()]);
            }
        }
        out.push(b'}');
    }
}

/// The keys of version 3, with those that only Snap's server writes and that are passed over.
const KEYS: KeyList<20> = KeyList::new([
    "event_name",
    "event_time",
    "action_source",
    "user_data",
    "event_source_url",
    "event_id",
    "custom_data",
    "app_data",
    "opt_out",
    "data_processing_options",
    "data_processing_options_country",
    "data_processing_options_state",
    "integration",
    "test_event_code",
    "is_test",
    "raw_request",
    "request_id",
    "request_timestamp",
    "asset_id",
    "pixel_id",
]);

/// Those of the keys above that events of version 2 may have too.
const EITHER: [&str; 9] = [
    "opt_out",
    "integration",
    "test_event_code",
    "is_test",
    "raw_request",
    "request_id",
    "request_timestamp",
    "asset_id",
    "pixel_id",
];

/// The first key that decided each version.
#[derive(Debug, Default)]
struct Versions {
    v3: Option<&'static str>,
    v2: Option<&'static str>,
}

impl Versions {
    fn v3(&mut self, key: &'static str) -> Result<(), Rejection> {
        if !EITHER.contains(&key) {
            self.v3.get_or_insert(key);
        }
        self.agree(key)
    }

    fn v2(&mut self, key: &'static str, meaning: v2::Meaning) -> Result<(), Rejection> {
        if meaning != v2::Meaning::Ignored {
            self.v2.get_or_insert(key);
        }
        self.agree(key)
    }

    fn agree(&self, key: &'static str) -> Result<(), Rejection> {
        let (Some(v3), Some(v2)) = (self.v3, self.v2) else { return Ok(()) };
        let message = format!(
            "{v3} is a key of version 3 and {v2} one of version 2; expected an event of one version"
        );
        Err(refuse("snap.mixed_versions", key, message))
    }
}

/// Seconds, from seconds or milliseconds, as a number or as its digits.
pub fn time(reader: &mut Reader<'_>, path: &str) -> Result<Option<i64>, Rejection> {
    const EXPECTED: &str = "seconds or milliseconds since 1970, UTC";
    let Some(digits) = reader.text_or_integer(path)? else { return Ok(None) };
    let time: i64 = trim(&digits).parse().map_err(|_| refusal::invalid(path, EXPECTED))?;
    Ok(Some(if time >= MILLISECONDS_FROM { time.div_euclid(1_000) } else { time }))
}

pub fn trimmed(text: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    text.map(|text| match text {
        Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
        Cow::Owned(text) => Cow::Owned(trim(&text).to_owned()),
    })
}

fn data_use<'a>(reader: &mut Reader<'a>) -> Result<Vec<Cow<'a, str>>, Rejection> {
    const PATH: &str = "data_processing_options";
    let found = reader.scanner.peek()?;
    if found != Kind::List {
        return Err(refusal::wrong_type(PATH.to_owned(), found, "a list such as [\"LMU\"]"));
    }
    reader.scanner.open()?;
    let mut options = Vec::new();
    let mut is_first = true;
    while reader.scanner.next_element(&mut is_first)? {
        if options.len() == MAX_OPTIONS {
            return Err(refusal::too_large(PATH, format!("{MAX_OPTIONS} values")));
        }
        options.extend(trimmed(reader.text(PATH)?));
    }
    Ok(options)
}

/// An event that was meant as a test must not become a conversion because the mark is not sent.
fn is_test(reader: &mut Reader<'_>) -> Result<(), Rejection> {
    if reader.boolean("is_test")? != Some(true) {
        return Ok(());
    }
    let message = "is_test marks a test, which is not sent as a conversion; expected \
                   test_event_code beside the events";
    Err(refuse("snap.test_event_refused", "is_test", message))
}

/// Reads a value that goes nowhere.
pub fn skip(reader: &mut Reader<'_>) -> Result<(), Rejection> {
    let before = reader.copied.len();
    reader.copy()?;
    reader.copied.truncate(before);
    Ok(())
}

fn leave_out(reader: &mut Reader<'_>, name: &str) -> Result<(), Rejection> {
    skip(reader)?;
    let hint = hint(name);
    let name = refusal::shown(name);
    reader
        .warnings
        .add(|| format!("{name} was left out: it is not a key that Snap documents; {hint}"));
    Ok(())
}

/// Where a key belongs that is known elsewhere.
fn hint(name: &str) -> &'static str {
    if user_keys::find(name).is_some() {
        "it belongs in user_data"
    } else if custom_data::is_key(name) {
        "it belongs in custom_data"
    } else if app_data::is_key(name) {
        "it belongs in app_data"
    } else {
        user_keys::hint(name)
            .unwrap_or("properties of your own belong in custom_data.custom_fields")
    }
}
