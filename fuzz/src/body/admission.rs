//! What admission promises of any event, whatever its bytes are.

use holdfast_model::destination::{
    DestinationSettings, ExternalIdRule, NormalizationProfile as Profile,
};
use holdfast_model::item::{Admitted, BatchGroup};
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixSeconds;
use holdfast_platforms::meta::{Normalized, Surroundings, normalize_field};
use holdfast_platforms::{AdmitContext, Platform, Rejection, platform};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::strict_json::{self, without_nulls, words};

/// The fields of `user_data` that leave hashed.
const HASHED: [&str; 18] = [
    "em",
    "ph",
    "fn",
    "ln",
    "db",
    "ge",
    "ct",
    "st",
    "zp",
    "country",
    "external_id",
    "f5first",
    "f5last",
    "fi",
    "dobd",
    "dobm",
    "doby",
    "app_user_id",
];

/// Keys of `custom_data` whose values may change on the way.
const TIDIED: [&str; 5] =
    ["value", "net_revenue", "predicted_ltv", "currency", "customer_segmentation"];

const FALLBACK_ID: &str = "fallback-event-id";

/// An address in a message of ours.
const OUR_EXAMPLE: &str = "name@example.com";

pub fn check(raw: &[u8], settings: &DestinationSettings, now: UnixSeconds) {
    let meta = platform(PlatformId::Meta).expect("Meta is there");
    let group = BatchGroup::default();
    let cx = AdmitContext { settings, now, fallback_event_id: FALLBACK_ID, group: &group };
    match meta.admit(raw, &cx) {
        Ok(admitted) => {
            accepted(raw, &admitted, settings, now, meta);
            let again = meta.admit(&admitted.fragment, &cx).map(|again| text(&again.fragment));
            assert_eq!(again, Ok(text(&admitted.fragment)), "sent in again, it stays as it is");
        }
        Err(rejection) => refused(raw, &rejection, meta),
    }
}

/// The same for Snap, whose fields and hashes have tests of their own: what holds for a fragment of
/// any platform.
pub fn check_snap(raw: &[u8], now: UnixSeconds) {
    let snap = platform(PlatformId::Snap).expect("Snap is there");
    let (settings, group) = (DestinationSettings::default(), BatchGroup::default());
    let cx =
        AdmitContext { settings: &settings, now, fallback_event_id: FALLBACK_ID, group: &group };
    match snap.admit(raw, &cx) {
        Ok(admitted) => {
            let fragment = strict_json::parse(&admitted.fragment).expect("strict JSON");
            assert!(fragment["event_id"].as_str().is_some_and(|id| !id.is_empty()), "{fragment}");
            let again = snap.admit(&admitted.fragment, &cx).map(|again| text(&again.fragment));
            assert_eq!(again, Ok(text(&admitted.fragment)), "sent in again, it stays as it is");
        }
        Err(rejection) => refused(raw, &rejection, snap),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn refused(raw: &[u8], rejection: &Rejection, meta: &dyn Platform) {
    let Rejection { fault, field, message, .. } = rejection;
    assert!(meta.catalog().by_name(fault).is_some(), "{fault} has no row");
    assert!(!message.is_empty() && message.len() < 1_000, "{message:?}");
    let Ok(event) = strict_json::parse(raw) else { return };
    if let Some(members) = event.as_object() {
        let blank = |key: &String| key.chars().all(char::is_control);
        let names_a_field = !field.is_empty() || message.contains("at byte ");
        assert!(names_a_field || members.keys().any(blank), "no field: {rejection:?}");
    }
    for value in personal(&event) {
        assert!(!message.contains(&value), "{message:?} repeats {value:?}");
        assert!(!field.contains(&value), "{field:?} repeats {value:?}");
    }
}

/// Values that no message may repeat: long enough not to be there by chance, and no key.
fn personal(event: &Value) -> Vec<String> {
    let mut values = Vec::new();
    let mut keys = String::new();
    gather("", event, &mut values, &mut keys);
    values.retain(|value| {
        let is_telling = value.contains('@') || value.bytes().any(|b| b.is_ascii_digit());
        value.len() >= 12
            && is_telling
            && !value.contains('<')
            && !OUR_EXAMPLE.contains(value.as_str())
            && !keys.contains(&without_indexes(value))
    });
    values
}

/// A path as it is without its places in lists: `user_data.em[2]` is shown, and no secret.
fn without_indexes(path: &str) -> String {
    let mut parts = path.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |path, part| {
        path + part.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(']')
    })
}

/// Values, and what may be shown: keys with the path of what they are in.
fn gather(path: &str, value: &Value, values: &mut Vec<String>, keys: &mut String) {
    match value {
        Value::String(text) => values.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|value| gather(path, value, values, keys)),
        Value::Object(map) => {
            for (key, value) in map {
                let path: String =
                    format!("{path}.{key}").chars().filter(|c| !c.is_control()).collect();
                keys.push_str(&path);
                keys.push('\n');
                gather(&path, value, values, keys);
            }
        }
        _ => {}
    }
}

fn accepted(
    raw: &[u8],
    admitted: &Admitted,
    settings: &DestinationSettings,
    now: UnixSeconds,
    meta: &dyn Platform,
) {
    let event = strict_json::parse(raw).expect("an admitted event is JSON without doubled keys");
    let sent = strict_json::parse(&admitted.fragment).expect("a fragment is JSON");
    assert!(admitted.fragment.len() <= meta.limits().max_bytes as usize, "fits into a request");
    head(&event, &sent, admitted, now);
    for key in sent.as_object().expect("a fragment is an object").keys() {
        assert!(key == "event_id" || !event[key].is_null(), "{key} came from nowhere");
    }
    who(&event["user_data"], &sent["user_data"], settings, now);
    what(&event["custom_data"], &sent["custom_data"]);
    nothing_plain(&event, &sent, settings);
    let warnings = admitted.warnings.join("\n");
    assert!(admitted.warnings.len() <= 9, "{warnings}");
    for value in personal(&event) {
        assert!(!warnings.contains(&value), "{warnings:?} repeats {value:?}");
    }
}

fn head(event: &Value, sent: &Value, admitted: &Admitted, now: UnixSeconds) {
    for key in ["event_name", "event_time", "action_source"] {
        assert_eq!(sent[key], event[key], "{key}");
    }
    assert_eq!(sent["event_name"], json!(admitted.event_name));
    assert_eq!(sent["event_time"], json!(admitted.event_time.0));
    assert_eq!(sent["event_id"], json!(admitted.event_id));
    match &event["event_id"] {
        Value::String(id) if !is_blank(id) => assert_eq!(*id, admitted.event_id),
        Value::Number(id) if id.is_u64() || id.to_string() != "-0.0" && id.is_i64() => {
            assert_eq!(id.to_string(), admitted.event_id);
        }
        Value::Number(_) => {
            let digits = admitted.event_id.strip_prefix('-').unwrap_or(&admitted.event_id);
            assert!(digits.bytes().all(|b| b.is_ascii_digit()), "{digits}");
        }
        _ => assert_eq!(admitted.event_id, FALLBACK_ID),
    }
    assert!(admitted.expires_at > now, "no item is expired at its admission");
    let is_messaging = sent["action_source"] == "business_messaging";
    assert_eq!(admitted.dedup_until.is_none(), is_messaging, "messages are not deduplicated");
    assert!(admitted.dedup_until.is_none_or(|until| until < admitted.expires_at));
}

/// Hashed fields leave hashed, and each hash is that of a value that was given.
fn who(given: &Value, sent: &Value, settings: &DestinationSettings, now: UnixSeconds) {
    let sent = sent.as_object().expect("user_data is an object");
    assert!(!sent.is_empty(), "an event of nobody was admitted");
    for (key, value) in sent {
        let given = texts(&given[key]);
        let is_blank = |word: &String| match settings.profile {
            // Meta's builder trims what JavaScript calls white space, its old SDK what Python does.
            Profile::ParamBuilder => word.trim_matches(is_space).is_empty(),
            Profile::SdkLegacy => word.trim_matches(is_space_of_python).is_empty(),
            _ => is_blank(word),
        };
        let given: Vec<String> = given.into_iter().filter(|word| !is_blank(word)).collect();
        assert!(!given.is_empty(), "user_data.{key} came from nowhere");
        let values = several(value);
        assert!(!values.is_empty() && values.len() <= given.len(), "user_data.{key}");
        if !HASHED.contains(&key.as_str()) || is_raw(key, settings) {
            assert!(values.iter().all(|v| given.iter().any(|g| trim(g) == trim(v))), "{key}");
            continue;
        }
        for hash in values {
            let known = given.iter().any(|given| is_of(&hash, key, given, settings, now));
            assert!(known, "user_data.{key} has {hash:?}, which is of none of {given:?}");
        }
    }
}

fn is_raw(key: &str, settings: &DestinationSettings) -> bool {
    key == "external_id" && settings.external_id == Some(ExternalIdRule::Raw)
}

/// Whether a hash is that of a given value, or the value itself, hashed already. What the value
/// becomes before it is hashed is asked of the product; the `normalize` target looks at that.
fn is_of(
    hash: &str,
    key: &str,
    given: &str,
    settings: &DestinationSettings,
    now: UnixSeconds,
) -> bool {
    let profile = settings.profile;
    if profile == Profile::MetaDocs && is_hashed(trim(given)) {
        return hash.eq_ignore_ascii_case(trim(given));
    }
    let calling_codes = [None, settings.default_country.as_deref().map(|_| "49")];
    let countries = [None, Some(true), Some(false)];
    calling_codes.into_iter().flat_map(|code| countries.map(|us| (code, us))).any(|(code, us)| {
        let around = Surroundings { profile, calling_code: code, country_is_us: us, now };
        match normalize_field(key, given, &around) {
            Normalized::Text(text) => hash == hex::encode(Sha256::digest(text.as_bytes())),
            // The other profiles trim less, so they see fewer hashes.
            Normalized::Hashed(found) => hash == found,
            _ => false,
        }
    })
}

/// SHA-256 or MD5 in hexadecimal, perhaps with an appendix of the Parameter Builder.
fn is_hashed(text: &str) -> bool {
    let (hash, appendix) = text.rsplit_once('.').map_or((text, None), |(h, a)| (h, Some(a)));
    matches!(hash.len(), 32 | 64)
        && hash.bytes().all(|b| b.is_ascii_hexdigit())
        && appendix.is_none_or(|a| {
            (a.len() == 8 && a.is_ascii()) || ["AQ", "Ag", "Aw", "BA", "BQ", "Bg"].contains(&a)
        })
}

/// The texts and numbers of one field, blank ones left out.
fn several(value: &Value) -> Vec<String> {
    texts(value).into_iter().filter(|value: &String| !is_blank(value)).collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().filter_map(word).collect(),
        other => Vec::from_iter(word(other)),
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Properties of the sender's own pass through; nothing is lost and nothing is added.
fn what(given: &Value, sent: &Value) {
    let mut given = given.clone();
    without_nulls(&mut given);
    for (key, value) in sent.as_object().into_iter().flatten() {
        let is_tidied = TIDIED.contains(&key.as_str());
        assert!(is_tidied || given[key] == *value, "custom_data.{key}: {value}");
        assert!(!given[key].is_null(), "custom_data.{key} came from nowhere");
    }
    for (key, value) in given.as_object().into_iter().flatten() {
        let is_empty =
            value.as_array().is_some_and(Vec::is_empty) || value.as_str().is_some_and(is_blank);
        assert!(is_empty || !sent[key].is_null(), "custom_data.{key} was lost");
    }
}

/// No plain value of a hashed field is anywhere in the fragment, unless the event has it elsewhere
/// too.
fn nothing_plain(event: &Value, sent: &Value, settings: &DestinationSettings) {
    let mut rest = event.clone();
    let mut plain = Vec::new();
    for key in HASHED.into_iter().filter(|key| !is_raw(key, settings)) {
        plain.extend(several(&event["user_data"][key]));
        if let Some(user_data) = rest["user_data"].as_object_mut() {
            user_data.remove(key);
        }
    }
    let (elsewhere, sent) = (words(&rest), words(sent));
    for value in plain.iter().map(|value| trim(value)) {
        if value.len() < 6 || is_hashed(value) {
            continue;
        }
        // A fuzzer sees the hashes and gives pieces of them in.
        let is_hexadecimal = value.bytes().all(|b| b.is_ascii_hexdigit());
        let shows = |word: &String| word.contains(value) && !(is_hexadecimal && is_hashed(word));
        let is_sent = sent.iter().any(shows);
        let is_elsewhere = elsewhere.iter().any(|word| word.contains(value))
            || HASHED.iter().any(|key| key.contains(value))
            || FALLBACK_ID.contains(value)
            || "event_id".contains(value);
        assert!(!is_sent || is_elsewhere, "{value:?} left in the clear");
    }
}

fn is_blank(text: &str) -> bool {
    trim(text).is_empty()
}

/// White space of JavaScript and of Python.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| is_space(c) || matches!(c, '\u{1c}'..='\u{1f}' | '\u{85}'))
}

fn is_space_of_python(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// White space of JavaScript.
fn is_space(c: char) -> bool {
    c.is_whitespace() && c != '\u{85}' || c == '\u{feff}'
}
