//! `custom_data`: what was bought or seen. Keys of the sender's own pass through as they are.
//!
//! Meta enforces little here. What is documented but not enforced is a warning; what is known to
//! be refused, or cannot mean anything, is refused.

use std::ops::Range;

use super::currency;
use super::event::CUSTOMER_SEGMENTS;
use super::json::Kind;
use super::reader::{Member, Reader};
use super::text::is_blank;
use super::{encode, refusal};
use crate::Rejection;
use crate::meta::normalize::trim;

const DELIVERY_CATEGORIES: [&str; 3] = ["in_store", "curbside", "home_delivery"];

/// The keys that Meta defines; the rest are the sender's.
const STANDARD_KEYS: [&str; 17] = [
    "value",
    "net_revenue",
    "currency",
    "content_name",
    "content_category",
    "content_ids",
    "contents",
    "content_type",
    "order_id",
    "predicted_ltv",
    "num_items",
    "status",
    "search_string",
    "delivery_category",
    "item_number",
    "customer_segmentation",
    "lead_event_source",
];

/// A copied `custom_data` and what the rules of an event ask about it.
#[derive(Debug, Default)]
pub struct CustomData {
    /// Where the copy is; `None` if nothing is in it.
    pub copy: Option<Range<usize>>,
    pub has_value: bool,
    pub has_currency: bool,
}

pub fn is_key(name: &str) -> bool {
    STANDARD_KEYS.contains(&name)
}

pub fn read(reader: &mut Reader<'_>) -> Result<CustomData, Rejection> {
    let mut data = CustomData::default();
    let copy = reader.object("custom_data", |reader, key| {
        let member = match key {
            "value" => amount(reader, "custom_data.value")?,
            "net_revenue" => amount(reader, "custom_data.net_revenue")?,
            "predicted_ltv" => amount(reader, "custom_data.predicted_ltv")?,
            "currency" => currency_code(reader)?,
            "contents" => contents(reader)?,
            "content_ids" => documented(reader, key, Kind::List, "a list of product ids")?,
            "num_items" => documented(reader, key, Kind::Number, "a number")?,
            "delivery_category" => delivery_category(reader)?,
            "customer_segmentation" => customer_segmentation(reader)?,
            "content_name" | "content_category" | "content_type" | "status" | "search_string"
            | "item_number" => documented(reader, key, Kind::Text, "a string")?,
            "order_id" => reader.copy_unless_blank()?.map_or(Member::Drop, |_| Member::Keep),
            _ => free(reader, key)?,
        };
        data.has_value |= key == "value" && member == Member::Keep;
        data.has_currency |= key == "currency" && member == Member::Keep;
        Ok(member)
    })?;
    data.copy = copy;
    Ok(data)
}

/// A number, or a text that is one.
fn amount(reader: &mut Reader<'_>, path: &str) -> Result<Member, Rejection> {
    const EXPECTED: &str = "a number";
    match reader.scanner.peek()? {
        Kind::Number => {
            reader.copy()?;
        }
        Kind::Text => {
            let text = reader.scanner.text()?;
            if is_blank(&text) {
                return Ok(Member::Drop);
            }
            if !trim(&text).parse().is_ok_and(f64::is_finite) {
                return Err(refusal::invalid(path, EXPECTED));
            }
            encode::text(&mut reader.copied, trim(&text));
            reader.warnings.add(|| format!("{path} is a string; Meta documents a number"));
        }
        found => return Err(refusal::wrong_type(path.to_owned(), found, EXPECTED)),
    }
    Ok(Member::Keep)
}

fn currency_code(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    const PATH: &str = "custom_data.currency";
    let Some(text) = reader.text(PATH)? else { return Ok(Member::Drop) };
    let code = trim(&text);
    if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(refusal::invalid(PATH, "an ISO 4217 code of three letters such as EUR"));
    }
    encode::text(&mut reader.copied, code);
    if !currency::is_in_use(code) {
        reader.warnings.add(|| format!("{PATH} is not an ISO 4217 code in use, in upper case"));
    }
    Ok(Member::Keep)
}

fn contents(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    const EXPECTED: &str = "a list of objects with id and quantity";
    let start = reader.copied.len();
    let member = documented(reader, "contents", Kind::List, EXPECTED)?;
    let copy = &reader.copied[start..];
    let is_list_of_others = copy.starts_with(b"[") && !copy.starts_with(b"[{");
    if member == Member::Keep && is_list_of_others {
        reader.warnings.add(|| format!("custom_data.contents: Meta documents {EXPECTED}"));
    }
    Ok(member)
}

fn delivery_category(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    let start = reader.copied.len();
    let member = documented(reader, "delivery_category", Kind::Text, "a string")?;
    let copy = &reader.copied[start..];
    let is_known = DELIVERY_CATEGORIES.iter().any(|known| {
        copy.strip_prefix(b"\"").and_then(|copy| copy.strip_suffix(b"\"")) == Some(known.as_bytes())
    });
    if member == Member::Keep && !is_known {
        let names = DELIVERY_CATEGORIES.join(", ");
        reader.warnings.add(|| format!("custom_data.delivery_category is not one of {names}"));
    }
    Ok(member)
}

fn customer_segmentation(reader: &mut Reader<'_>) -> Result<Member, Rejection> {
    match reader.choice("custom_data.customer_segmentation", CUSTOMER_SEGMENTS)? {
        Some(segment) => {
            encode::text(&mut reader.copied, segment);
            Ok(Member::Keep)
        }
        None => Ok(Member::Drop),
    }
}

/// A standard key: its type is documented, not enforced. Blank texts and empty lists are left out.
fn documented(
    reader: &mut Reader<'_>,
    key: &str,
    kind: Kind,
    expected: &str,
) -> Result<Member, Rejection> {
    let Some(found) = reader.copy_unless_blank()? else { return Ok(Member::Drop) };
    if found != kind {
        let found = found.name();
        reader.warnings.add(|| format!("custom_data.{key} is {found}; Meta documents {expected}"));
    }
    Ok(Member::Keep)
}

fn free(reader: &mut Reader<'_>, key: &str) -> Result<Member, Rejection> {
    reader.copy()?;
    if matches!(key, "event_id" | "event_time" | "action_source" | "user_data") {
        reader.warnings.add(|| {
            format!(
                "custom_data.{key} is only a property of your own there; {key} belongs in the event"
            )
        });
    }
    Ok(Member::Keep)
}
