//! The flat keys of version 2, taken in and mapped to version 3. (`snap-conversions.md` §9)
//!
//! Version 2 hashes addresses and device ids, version 3 does not: those cannot become raw again and
//! are left out with a warning, unless they were raw all the same. Soundex forms, middle names and
//! parts of a birthday have no place in version 3.

use super::custom_data;
use super::event::{Event, skip, time, trimmed};
use super::user_keys;
use crate::Rejection;
use crate::admission::encode::{self, write_text};
use crate::admission::json::Kind;
use crate::admission::keys::KeyList;
use crate::admission::reader::Reader;
use crate::admission::text::trim;

/// What a key of version 2 is in version 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Name,
    Source,
    Time,
    SourceUrl,
    Id,
    DataUse,
    AppId,
    /// A key of `user_data`, by position.
    User(usize),
    /// Keys of `custom_data`.
    Value,
    Currency,
    OrderId,
    ContentIds,
    NumItems,
    CustomText(&'static str),
    /// Says where the event goes, which the caller has told already.
    Ignored,
    /// Has no place in version 3.
    Nowhere,
}

const fn user(key: &str) -> Meaning {
    Meaning::User(user_keys::position_of(key))
}

const TABLE: [(&str, Meaning); 44] = [
    ("event_type", Meaning::Name),
    ("event_conversion_type", Meaning::Source),
    ("timestamp", Meaning::Time),
    ("page_url", Meaning::SourceUrl),
    ("client_dedup_id", Meaning::Id),
    ("data_use", Meaning::DataUse),
    ("app_id", Meaning::AppId),
    ("snap_app_id", Meaning::Ignored),
    ("hashed_email", user("em")),
    ("hashed_phone_number", user("ph")),
    ("hashed_first_name_sha", user("fn")),
    ("hashed_last_name_sha", user("ln")),
    ("hashed_city_sha", user("ct")),
    ("hashed_state_sha", user("st")),
    ("hashed_zip", user("zp")),
    ("hashed_ip_address", user("client_ip_address")),
    ("user_agent", user("client_user_agent")),
    ("click_id", user("sc_click_id")),
    ("uuid_c1", user("sc_cookie1")),
    ("hashed_mobile_ad_id", user("madid")),
    ("hashed_idfv", user("idfv")),
    ("price", Meaning::Value),
    ("currency", Meaning::Currency),
    ("transaction_id", Meaning::OrderId),
    ("item_ids", Meaning::ContentIds),
    ("number_items", Meaning::NumItems),
    ("item_category", Meaning::CustomText("content_category")),
    ("search_string", Meaning::CustomText("search_string")),
    ("sign_up_method", Meaning::CustomText("sign_up_method")),
    ("brands", Meaning::CustomText("brands")),
    ("event_tag", Meaning::CustomText("event_tag")),
    ("description", Meaning::Nowhere),
    ("level", Meaning::Nowhere),
    ("device_model", Meaning::Nowhere),
    ("os_version", Meaning::Nowhere),
    ("hashed_first_name_sdx", Meaning::Nowhere),
    ("hashed_middle_name_sha", Meaning::Nowhere),
    ("hashed_middle_name_sdx", Meaning::Nowhere),
    ("hashed_last_name_sdx", Meaning::Nowhere),
    ("hashed_city_sdx", Meaning::Nowhere),
    ("hashed_state_sdx", Meaning::Nowhere),
    ("hashed_dob_month", Meaning::Nowhere),
    ("hashed_dob_day", Meaning::Nowhere),
    ("hashed_dob_year", Meaning::Nowhere),
];

const KEYS: KeyList<{ TABLE.len() }> = {
    let mut names = [""; TABLE.len()];
    let mut at = 0;
    while at < TABLE.len() {
        names[at] = TABLE[at].0;
        at += 1;
    }
    KeyList::new(names)
};

/// The objects of version 3 that are put together from flat keys.
#[derive(Debug, Default)]
pub struct Flat {
    custom_data: Vec<u8>,
    app_data: Vec<u8>,
}

pub fn find(name: &str) -> Option<(&'static str, Meaning)> {
    KEYS.find(name).map(|at| TABLE[at])
}

/// Reads the value of a key, which is not null.
pub fn read<'a>(
    reader: &mut Reader<'a>,
    event: &mut Event<'a>,
    flat: &mut Flat,
    name: &'static str,
    meaning: Meaning,
) -> Result<(), Rejection> {
    match meaning {
        Meaning::Name => event.name = trimmed(reader.text(name)?),
        Meaning::Source => event.action_source = trimmed(reader.text(name)?),
        Meaning::Time => event.time = time(reader, name)?,
        Meaning::SourceUrl => event.source_url = reader.text(name)?,
        Meaning::Id => event.id = reader.text_or_integer(name)?,
        Meaning::DataUse => data_use(reader, event, name)?,
        Meaning::AppId => {
            let id = reader.text_or_integer(name)?;
            write_text(opened(&mut flat.app_data), "app_id", id.as_deref());
        }
        Meaning::User(at) => event.user_data.read_key(reader, at, Some(name))?,
        Meaning::Ignored => skip(reader)?,
        Meaning::Nowhere => {
            skip(reader)?;
            reader.warnings.add(|| format!("{name} was left out: version 3 has no place for it"));
        }
        of_custom_data => read_custom(reader, event, flat, name, of_custom_data)?,
    }
    Ok(())
}

fn read_custom<'a>(
    reader: &mut Reader<'a>,
    event: &mut Event<'a>,
    flat: &mut Flat,
    name: &'static str,
    meaning: Meaning,
) -> Result<(), Rejection> {
    let out = opened(&mut flat.custom_data);
    let data = &mut event.custom_data;
    match meaning {
        Meaning::Value => {
            let amount = custom_data::amount(reader, name)?;
            data.has_value = amount.is_some();
            custom_data::write_number(out, "value", amount.as_deref());
        }
        Meaning::Currency => {
            let code = custom_data::currency_code(reader, name)?;
            data.has_currency = code.is_some();
            write_text(out, "currency", code.as_deref());
        }
        Meaning::OrderId => {
            let id = reader.text_or_integer(name)?;
            data.has_order_id = id.is_some();
            write_text(out, "order_id", id.as_deref());
        }
        Meaning::ContentIds => {
            let ids = texts(reader, name)?;
            if !ids.is_empty() {
                encode::key(out, "content_ids");
                encode::texts(out, ids.iter().map(String::as_str));
            }
        }
        Meaning::NumItems => {
            let given = reader.text_or_integer(name)?;
            match given.as_deref().map(|given| trim(given).parse::<u64>()) {
                Some(Ok(number)) => {
                    custom_data::write_number(out, "num_items", Some(&number.to_string()));
                }
                Some(Err(_)) => {
                    reader.warnings.add(|| format!("{name} was left out: expected a whole number"))
                }
                None => {}
            }
        }
        Meaning::CustomText(key) => {
            let text = texts(reader, name)?.join(",");
            write_text(out, key, Some(text.as_str()).filter(|text| !text.is_empty()));
        }
        _ => skip(reader)?,
    }
    Ok(())
}

impl Flat {
    /// Puts the objects where the event's copies are.
    pub fn finish(self, reader: &mut Reader<'_>, event: &mut Event<'_>) {
        event.custom_data.copy = closed(self.custom_data, &mut reader.copied);
        event.app_data = closed(self.app_data, &mut reader.copied);
    }
}

fn opened(object: &mut Vec<u8>) -> &mut Vec<u8> {
    if object.is_empty() {
        object.push(b'{');
    }
    object
}

fn closed(object: Vec<u8>, copied: &mut Vec<u8>) -> Option<std::ops::Range<usize>> {
    if object.len() < 2 {
        return None;
    }
    let start = copied.len();
    copied.extend_from_slice(&object);
    copied.push(b'}');
    Some(start..copied.len())
}

/// `"['lmu']"`, a list in a text, becomes a list.
fn data_use<'a>(
    reader: &mut Reader<'a>,
    event: &mut Event<'a>,
    name: &'static str,
) -> Result<(), Rejection> {
    let options = texts(reader, name)?;
    event.data_use = options.into_iter().map(|option| option.to_uppercase().into()).collect();
    Ok(())
}

/// Texts given as a list, as one text with commas, or as a list written into a text. Whole numbers
/// count as their digits.
fn texts(reader: &mut Reader<'_>, name: &'static str) -> Result<Vec<String>, Rejection> {
    /// A basket with more different products is a list gone wrong.
    const MOST: usize = 1_000;
    let mut found = Vec::new();
    if reader.scanner.peek()? != Kind::List {
        let text = reader.text_or_integer(name)?.unwrap_or_default();
        let inner = trim(&text).trim_start_matches('[').trim_end_matches(']');
        let parts = inner.split(',').map(|part| trim(trim(part).trim_matches(['"', '\''])));
        found.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
    } else {
        reader.scanner.open()?;
        let mut is_first = true;
        while reader.scanner.next_element(&mut is_first)? {
            found.extend(reader.text_or_integer(name)?.map(|text| text.into_owned()));
        }
    }
    if found.len() > MOST {
        return Err(crate::admission::refusal::too_large(name, format!("{MOST} values")));
    }
    Ok(found)
}
