//! `custom_data`: what was bought, seen or booked.
//!
//! Numbers go out as numbers, however they came; the rest passes through with its documented type
//! or a warning.

use std::ops::Range;

use crate::Rejection;
use crate::admission::encode;
use crate::admission::json::{Kind, Scanner};
use crate::admission::reader::{Member, Reader};
use crate::admission::refusal;
use crate::admission::text::trim;
use crate::admission::{currency, keys::KeyList};

/// A copied `custom_data` and what the rules of an event ask about it.
#[derive(Debug, Default)]
pub struct CustomData {
    /// Where the copy is; `None` if nothing is in it.
    pub copy: Option<Range<usize>>,
    pub has_value: bool,
    pub has_currency: bool,
    pub has_order_id: bool,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Amount,
    Whole,
    Currency,
    Text,
    Texts,
    /// Passes through; a value of another kind is a warning.
    As(Kind),
}

/// (`snap-conversions.md` §4)
const TABLE: [(&str, Holds); 40] = [
    ("currency", Holds::Currency),
    ("value", Holds::Amount),
    ("predicted_ltv", Holds::Amount),
    ("num_items", Holds::Whole),
    ("order_id", Holds::Text),
    ("content_ids", Holds::Texts),
    ("content_category", Holds::As(Kind::Text)),
    ("content_type", Holds::As(Kind::Text)),
    ("content_name", Holds::As(Kind::Text)),
    ("contents", Holds::As(Kind::List)),
    ("brands", Holds::As(Kind::Text)),
    ("search_string", Holds::Text),
    ("sign_up_method", Holds::Text),
    ("status", Holds::Text),
    ("delivery_category", Holds::Text),
    ("destination_ids", Holds::Texts),
    ("event_tag", Holds::Text),
    ("custom_fields", Holds::As(Kind::Object)),
    ("checkin_date", Holds::Text),
    ("travel_start", Holds::Text),
    ("travel_end", Holds::Text),
    ("suggested_destinations", Holds::Texts),
    ("destination_airport", Holds::Text),
    ("origin_airport", Holds::Text),
    ("country", Holds::Text),
    ("city", Holds::Text),
    ("region", Holds::Text),
    ("neighborhood", Holds::Text),
    ("departing_departure_date", Holds::Text),
    ("departing_arrival_date", Holds::Text),
    ("returning_departure_date", Holds::Text),
    ("returning_arrival_date", Holds::Text),
    ("num_adults", Holds::Whole),
    ("num_children", Holds::Whole),
    ("num_infants", Holds::Whole),
    ("hotel_score", Holds::Text),
    ("postal_code", Holds::Text),
    ("preferred_neighborhoods", Holds::Texts),
    ("preferred_star_ratings", Holds::Texts),
    ("suggested_hotels", Holds::Texts),
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

pub fn is_key(name: &str) -> bool {
    KEYS.find(name).is_some()
}

pub fn read(reader: &mut Reader<'_>) -> Result<CustomData, Rejection> {
    let mut data = CustomData::default();
    data.copy = reader.object("custom_data", |reader, key| {
        let Some(at) = KEYS.find(key) else { return unknown(reader, key) };
        let (name, holds) = TABLE[at];
        let path = format!("custom_data.{name}");
        let member = member(reader, &path, holds)?;
        let is_kept = member == Member::Keep;
        data.has_value |= name == "value" && is_kept;
        data.has_currency |= name == "currency" && is_kept;
        data.has_order_id |= name == "order_id" && is_kept;
        Ok(member)
    })?;
    Ok(data)
}

fn member(reader: &mut Reader<'_>, path: &str, holds: Holds) -> Result<Member, Rejection> {
    match holds {
        Holds::Amount => {
            let number = amount(reader, path)?;
            Ok(bare(reader, number.as_deref()))
        }
        Holds::Whole => {
            let number = whole(reader, path)?;
            Ok(bare(reader, number.as_deref()))
        }
        Holds::Currency => {
            let code = currency_code(reader, path)?;
            Ok(quoted(reader, code.as_deref()))
        }
        Holds::Text => {
            let text = reader.text_or_integer(path)?;
            Ok(quoted(reader, text.as_deref()))
        }
        Holds::Texts => texts(reader, path),
        Holds::As(kind) => documented(reader, path, kind),
    }
}

/// A number as JSON writes it, from a number or from a text that is one.
pub fn amount(reader: &mut Reader<'_>, path: &str) -> Result<Option<String>, Rejection> {
    const EXPECTED: &str = "a number";
    match reader.scanner.peek()? {
        Kind::Number => Ok(Some(reader.scanner.number()?.to_owned())),
        Kind::Null | Kind::Text => {
            let Some(text) = reader.text(path)? else { return Ok(None) };
            let number = as_json(trim(&text));
            number.map(Some).ok_or_else(|| refusal::invalid(path, EXPECTED))
        }
        found => Err(refusal::wrong_type(path.to_owned(), found, EXPECTED)),
    }
}

/// `10`, `10.50`, `+10` and `.5`; not `10,50` and not `1e999`.
fn as_json(text: &str) -> Option<String> {
    if Scanner::new(text).number().is_ok_and(|number| number.len() == text.len()) {
        return Some(text.to_owned());
    }
    let is_plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-');
    let number: f64 = text.bytes().all(is_plain).then(|| text.parse().ok())??;
    Some(number.to_string())
}

fn whole(reader: &mut Reader<'_>, path: &str) -> Result<Option<String>, Rejection> {
    const EXPECTED: &str = "a whole number";
    let Some(digits) = reader.text_or_integer(path)? else { return Ok(None) };
    let number: i64 = trim(&digits).parse().map_err(|_| refusal::invalid(path, EXPECTED))?;
    Ok(Some(number.to_string()))
}

/// In upper case, as ISO 4217 writes them.
pub fn currency_code(reader: &mut Reader<'_>, path: &str) -> Result<Option<String>, Rejection> {
    let Some(text) = reader.text(path)? else { return Ok(None) };
    let code = trim(&text).to_ascii_uppercase();
    if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err(refusal::invalid(path, "an ISO 4217 code of three letters such as EUR"));
    }
    if !currency::is_in_use(&code) {
        reader.warnings.add(|| format!("{path} is not an ISO 4217 code in use"));
    }
    Ok(Some(code))
}

/// A member that is a number already written as JSON, if there is one.
pub fn write_number(out: &mut Vec<u8>, name: &str, number: Option<&str>) {
    if let Some(number) = number {
        encode::key(out, name);
        out.extend_from_slice(number.as_bytes());
    }
}

fn bare(reader: &mut Reader<'_>, number: Option<&str>) -> Member {
    let Some(number) = number else { return Member::Drop };
    reader.copied.extend_from_slice(number.as_bytes());
    Member::Keep
}

fn quoted(reader: &mut Reader<'_>, text: Option<&str>) -> Member {
    let Some(text) = text else { return Member::Drop };
    encode::text(&mut reader.copied, text);
    Member::Keep
}

/// A list of texts; a single one becomes a list, and whole numbers become texts.
fn texts(reader: &mut Reader<'_>, path: &str) -> Result<Member, Rejection> {
    let mut found = Vec::new();
    if reader.scanner.peek()? == Kind::List {
        reader.scanner.open()?;
        let mut is_first = true;
        while reader.scanner.next_element(&mut is_first)? {
            found.extend(reader.text_or_integer(path)?);
        }
    } else {
        found.extend(reader.text_or_integer(path)?);
    }
    if found.is_empty() {
        return Ok(Member::Drop);
    }
    encode::texts(&mut reader.copied, found.iter().map(AsRef::as_ref));
    Ok(Member::Keep)
}

/// Passes through. That Snap minds another kind of value is not known.
fn documented(reader: &mut Reader<'_>, path: &str, kind: Kind) -> Result<Member, Rejection> {
    let Some(found) = reader.copy_unless_blank()? else { return Ok(Member::Drop) };
    if found != kind {
        let (found, expected) = (found.name(), kind.name());
        reader.warnings.add(|| format!("{path} is {found}; Snap documents {expected}"));
    }
    Ok(Member::Keep)
}

fn unknown(reader: &mut Reader<'_>, key: &str) -> Result<Member, Rejection> {
    reader.copy()?;
    let advice = match key {
        // Events were counted twice for this.
        "event_id" | "event_time" | "event_name" | "action_source" | "user_data" => {
            "it only counts in the event itself"
        }
        "transaction_id" => "the order is order_id",
        "price" => "the amount is value",
        _ => "properties of your own belong in custom_data.custom_fields",
    };
    let key = refusal::shown(key);
    reader.warnings.add(|| format!("custom_data.{key} is not a key that Snap documents; {advice}"));
    Ok(Member::Keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_numbers() {
        for (text, number) in [
            ("10", Some("10")),
            ("10.50", Some("10.50")),
            ("-3", Some("-3")),
            ("1e3", Some("1e3")),
            ("+10", Some("10")),
            (".5", Some("0.5")),
            ("1.", Some("1")),
            ("007", Some("7")),
            ("10,50", None),
            ("1e999", None),
            ("NaN", None),
            ("inf", None),
            ("--1", None),
            ("", None),
        ] {
            assert_eq!(as_json(text).as_deref(), number, "{text}");
        }
    }
}
