//! The event's own keys: the closed list, their types, and how they are written.

use std::borrow::Cow;
use std::ops::Range;

use holdfast_model::destination::DestinationSettings;
use holdfast_model::time::UnixSeconds;

use super::app_data::{self, AppData};
use super::custom_data::{self, CustomData};
use super::encode::{self, write_integer, write_text};
use super::json::Kind;
use super::keys::KeyList;
use super::messaging;
use super::reader::{Member, Reader};
use super::refusal;
use super::rules::Required;
use super::user_data::{UserData, Written};
use super::user_keys;
use super::warnings::Warnings;
use crate::Rejection;

pub const ACTION_SOURCES: &[&str] = &[
    "email",
    "website",
    "app",
    "phone_call",
    "chat",
    "physical_store",
    "system_generated",
    messaging::ACTION_SOURCE,
    "other",
];

pub const CUSTOMER_SEGMENTS: &[&str] = &[
    "new_customer_to_business",
    "new_customer_to_business_line",
    "new_customer_to_product_area",
    "new_customer_to_medium",
    "existing_customer_to_business",
    "existing_customer_to_business_line",
    "existing_customer_to_product_area",
    "existing_customer_to_medium",
    "customer_in_loyalty_program",
];

/// Keys of `attribution_data` that Meta's libraries know.
const ATTRIBUTION_KEYS: [&str; 20] = [
    "scope",
    "visit_time",
    "ad_id",
    "adset_id",
    "campaign_id",
    "attribution_share",
    "attribution_model",
    "attr_window",
    "attribution_value",
    "attribution_source",
    "touchpoint_type",
    "touchpoint_ts",
    "attribution_method",
    "decline_reason",
    "auditing_token",
    "linkage_key",
    "touchpoint_id",
    "attribution_setting",
    "total_credit",
    "partner_client_id",
];

/// `data_processing_options`: limited data use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DataUse {
    #[default]
    Unsaid,
    /// An empty list: explicitly not limited.
    Unlimited,
    Limited,
}

/// One event as it was given. What only passes through is a range of [`Reader::copied`].
#[derive(Debug, Default)]
pub struct Event<'a> {
    pub name: Option<Cow<'a, str>>,
    pub time: Option<i64>,
    pub action_source: Option<&'static str>,
    pub id: Option<Cow<'a, str>>,
    pub source_url: Option<Cow<'a, str>>,
    pub referrer_url: Option<Cow<'a, str>>,
    pub opt_out: Option<bool>,
    pub data_use: DataUse,
    pub data_use_country: Option<i64>,
    pub data_use_state: Option<i64>,
    pub messaging_channel: Option<&'static str>,
    pub customer_segmentation: Option<&'static str>,
    pub advanced_measurement_table: Option<Cow<'a, str>>,
    pub user_data: Option<UserData<'a>>,
    pub custom_data: CustomData,
    pub app_data: Option<AppData>,
    pub messaging_outcome_data: Option<Range<usize>>,
    pub original_event_data: Option<Range<usize>>,
    pub attribution_data: Option<Range<usize>>,
}

impl<'a> Event<'a> {
    /// Reads the whole text: one object with known keys, each at most once.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, Rejection> {
        let found = reader.scanner.peek()?;
        if found != Kind::Object {
            // Text that is not even JSON is told so.
            reader.copy()?;
            reader.scanner.finish()?;
            let message = format!("the event is {}; expected an object", found.name());
            return Err(refusal::refuse("meta.wrong_type", "", message));
        }
        reader.scanner.open()?;
        let mut event = Self::default();
        let mut seen = 0u32;
        let mut is_first = true;
        while let Some(key) = reader.scanner.next_key(&mut is_first)? {
            let Some(at) = KEYS.find(&key.name) else {
                if reader.skip_null()? {
                    continue;
                }
                return Err(refusal::unknown_key("", &key.name, hint(&key.name)));
            };
            if seen & 1 << at != 0 {
                return Err(refusal::duplicate_key("", &key.name));
            }
            seen |= 1 << at;
            event.read_key(reader, KEYS.name(at))?;
        }
        reader.scanner.finish()?;
        Ok(event)
    }

    fn read_key(&mut self, reader: &mut Reader<'a>, key: &'static str) -> Result<(), Rejection> {
        match key {
            "event_name" => self.name = reader.text(key)?,
            "event_time" => self.time = reader.integer(key)?,
            "action_source" => self.action_source = reader.choice(key, ACTION_SOURCES)?,
            "event_id" => self.id = reader.text_or_integer(key)?,
            "event_source_url" => self.source_url = reader.text(key)?,
            "referrer_url" => self.referrer_url = reader.text(key)?,
            "opt_out" => self.opt_out = reader.boolean(key)?,
            "data_processing_options" => self.data_use = data_use(reader)?,
            "data_processing_options_country" => self.data_use_country = reader.integer(key)?,
            "data_processing_options_state" => self.data_use_state = reader.integer(key)?,
            "messaging_channel" => {
                self.messaging_channel = reader.choice(key, messaging::CHANNELS)?;
            }
            "customer_segmentation" => {
                self.customer_segmentation = reader.choice(key, CUSTOMER_SEGMENTS)?;
            }
            "advanced_measurement_table" => self.advanced_measurement_table = reader.text(key)?,
            "user_data" => self.user_data = read_user_data(reader)?,
            "custom_data" => self.custom_data = custom_data::read(reader)?,
            "app_data" => self.app_data = Some(app_data::read(reader)?),
            "messaging_outcome_data" => {
                self.messaging_outcome_data = known_keys(reader, key, &["outcome_type"])?;
            }
            "original_event_data" => self.original_event_data = original_event_data(reader)?,
            _ => self.attribution_data = known_keys(reader, key, &ATTRIBUTION_KEYS)?,
        }
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
        write_text(out, "referrer_url", self.referrer_url.as_deref());
        if let Some(opt_out) = self.opt_out {
            encode::key(out, "opt_out");
            out.extend_from_slice(if opt_out { b"true" } else { b"false" });
        }
        if self.data_use != DataUse::Unsaid {
            let is_limited = self.data_use == DataUse::Limited;
            encode::key(out, "data_processing_options");
            out.extend_from_slice(if is_limited { b"[\"LDU\"]" } else { b"[]" });
        }
        write_integer(out, "data_processing_options_country", self.data_use_country);
        write_integer(out, "data_processing_options_state", self.data_use_state);
        write_text(out, "messaging_channel", self.messaging_channel);
        write_text(out, "customer_segmentation", self.customer_segmentation);
        write_text(out, "advanced_measurement_table", self.advanced_measurement_table.as_deref());
    }

    pub fn write_user_data(
        &self,
        settings: &DestinationSettings,
        now: UnixSeconds,
        out: &mut Vec<u8>,
        warnings: &mut Warnings,
    ) -> Written {
        encode::key(out, "user_data");
        match &self.user_data {
            Some(data) => data.write(settings, now, out, warnings),
            None => Written::default(),
        }
    }

    /// Writes the copied objects and the closing brace.
    pub fn write_rest(&self, out: &mut Vec<u8>, copied: &[u8]) {
        let app_data = self.app_data.as_ref().and_then(|data| data.copy.as_ref());
        for (name, copy) in [
            ("custom_data", self.custom_data.copy.as_ref()),
            ("app_data", app_data),
            ("messaging_outcome_data", self.messaging_outcome_data.as_ref()),
            ("original_event_data", self.original_event_data.as_ref()),
            ("attribution_data", self.attribution_data.as_ref()),
        ] {
            if let Some(copy) = copy {
                encode::key(out, name);
                out.extend_from_slice(&copied[copy.clone()]);
            }
        }
        out.push(b'}');
    }
}

/// The closed list.
const KEYS: KeyList<19> = KeyList::new([
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
    "referrer_url",
    "original_event_data",
    "customer_segmentation",
    "messaging_channel",
    "messaging_outcome_data",
    "advanced_measurement_table",
    "attribution_data",
]);

fn read_user_data<'a>(reader: &mut Reader<'a>) -> Result<Option<UserData<'a>>, Rejection> {
    let found = reader.scanner.peek()?;
    if found == Kind::Null {
        reader.scanner.null()?;
        return Ok(None);
    }
    if reader.enter_object("user_data")? {
        return UserData::read(reader).map(Some);
    }
    // PHP writes an empty object as an empty list: there, but without anything in it.
    Ok((found == Kind::List).then(UserData::nothing))
}

fn data_use(reader: &mut Reader<'_>) -> Result<DataUse, Rejection> {
    const PATH: &str = "data_processing_options";
    if reader.skip_null()? {
        return Ok(DataUse::Unsaid);
    }
    let found = reader.scanner.peek()?;
    if found != Kind::List {
        return Err(refusal::wrong_type(PATH.to_owned(), found, "[\"LDU\"] or an empty list"));
    }
    reader.scanner.open()?;
    let mut data_use = DataUse::Unlimited;
    let mut is_first = true;
    while reader.scanner.next_element(&mut is_first)? {
        match reader.text(PATH)?.as_deref() {
            None => {}
            Some("LDU") => data_use = DataUse::Limited,
            Some(_) => {
                let message =
                    format!("{PATH} has an option that is not known; expected [\"LDU\"] or []");
                return Err(refusal::refuse("meta.ldu_selection", PATH, message));
            }
        }
    }
    Ok(data_use)
}

/// An object whose keys are known but, as far as anyone knows, not enforced.
fn known_keys(
    reader: &mut Reader<'_>,
    path: &str,
    known: &[&str],
) -> Result<Option<Range<usize>>, Rejection> {
    reader.object(path, |reader, key| {
        if !known.contains(&key) {
            let key = refusal::shown(key);
            reader.warnings.add(|| format!("{path}.{key} is not a documented key"));
        }
        keep_unless_blank(reader)
    })
}

fn original_event_data(reader: &mut Reader<'_>) -> Result<Option<Range<usize>>, Rejection> {
    const PATH: &str = "original_event_data";
    reader.object(PATH, |reader, key| {
        match key {
            "event_time" => {
                let time = reader.integer("original_event_data.event_time")?.unwrap_or_default();
                encode::integer(&mut reader.copied, time);
                return Ok(Member::Keep);
            }
            "event_name" | "order_id" | "event_id" => {}
            _ => {
                let key = refusal::shown(key);
                reader.warnings.add(|| format!("{PATH}.{key} is not a documented key"));
            }
        }
        keep_unless_blank(reader)
    })
}

fn keep_unless_blank(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    let start = reader.copied.len();
    reader.copy()?;
    let is_blank = matches!(&reader.copied[start..], b"\"\"" | b"[]");
    Ok(if is_blank { Member::Drop } else { Member::Keep })
}

/// Where a key belongs that is known elsewhere.
fn hint(name: &str) -> Option<&'static str> {
    if user_keys::KEYS.find(name).is_some() {
        return Some("it belongs in user_data");
    }
    if app_data::is_key(name) {
        return Some("it belongs in app_data");
    }
    if custom_data::is_key(name) {
        return Some("it belongs in custom_data");
    }
    match name {
        "test_event_code" | "partner_agent" | "upload_tag" | "upload_id" | "upload_source"
        | "namespace_id" | "access_token" => Some("it belongs beside data, not in the event"),
        "click_id" | "fbclid" => Some("the click id is fbc, in user_data"),
        _ => Some("properties of your own belong in custom_data"),
    }
}
