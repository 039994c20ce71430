//! The rules of version 2 (`snap-conversions.md §2, §9`): flat, and numbers written as texts.

use serde_json::{Map, Value};

use super::fields::{is_identifying, number};
use super::v3::{self, EVENT_NAMES, Source};
use super::{
    Findings, INSUFFICIENT, MISSING, NO_IDENTITY, NO_VALUE, NOT_HASHED, OFF_THE_LIST, WRONG_TYPE,
    given, text_at,
};
use crate::inspect::Verdict;
use crate::snap::world::SnapAssetKind;

/// The narrowest window that any page of this version has.
const WINDOW_DAYS: i64 = 28;

const HASHED: &[&str] = &[
    "hashed_email",
    "hashed_phone_number",
    "hashed_ip_address",
    "hashed_mobile_ad_id",
    "hashed_idfv",
    "hashed_first_name_sha",
    "hashed_last_name_sha",
    "hashed_city_sha",
    "hashed_state_sha",
    "hashed_zip",
];

const PLAIN: &[&str] = &[
    "event_type",
    "event_conversion_type",
    "timestamp",
    "event_tag",
    "page_url",
    "client_dedup_id",
    "data_use",
    "pixel_id",
    "snap_app_id",
    "app_id",
    "user_agent",
    "uuid_c1",
    "click_id",
    "price",
    "transaction_id",
    "item_ids",
    "item_category",
    "number_items",
    "currency",
    "search_string",
    "sign_up_method",
    "brands",
    "description",
    "level",
    "integration",
];

pub fn check(event: &Value, kind: SnapAssetKind, now: i64) -> Findings {
    let mut findings = Findings::default();
    let Some(event) = event.as_object() else {
        findings.error(WRONG_TYPE, "the event must be an object");
        return findings;
    };
    check_types(event, &mut findings);
    for key in ["event_type", "event_conversion_type", "timestamp"] {
        if given(event, key).is_none_or(|value| *value == "") {
            findings.error(MISSING, format!("{key} is required"));
        }
    }
    let name = text_at(event, "event_type");
    if name.is_some_and(|name| !EVENT_NAMES.contains(&name.to_ascii_uppercase().as_str())) {
        findings.error(OFF_THE_LIST, "Unrecognized event type");
    }
    if let Some(time) = given(event, "timestamp") {
        check_time(time, now, &mut findings);
    }
    check_source(event, kind, &mut findings);
    if !is_somebody(event) {
        findings.error(NO_IDENTITY, INSUFFICIENT);
    }
    if name.is_some_and(|name| name.eq_ignore_ascii_case("PURCHASE")) {
        for key in ["price", "currency"] {
            if given(event, key).is_none_or(|value| *value == "") {
                findings.error(NO_VALUE, format!("{key} is required for PURCHASE"));
            }
        }
    }
    findings
}

pub fn verdict(event: &Value) -> Verdict {
    let name = event["event_type"].as_str().unwrap_or_default();
    v3::marks(name, event["client_dedup_id"].as_str(), event["transaction_id"].as_str())
}

/// The pixel or the app that the event is for.
pub fn asset_of(event: &Value) -> String {
    let text = |key: &str| event[key].as_str().filter(|text| !text.is_empty());
    text("pixel_id").or_else(|| text("snap_app_id")).unwrap_or_default().to_owned()
}

fn check_types(event: &Map<String, Value>, findings: &mut Findings) {
    for (key, value) in event.iter().filter(|(_, value)| !value.is_null()) {
        let is_hashed = HASHED.contains(&key.as_str());
        let is_soundex = key.starts_with("hashed_") && key.ends_with("_sdx");
        if !is_hashed && !is_soundex && !PLAIN.contains(&key.as_str()) {
            findings.warn(format!("{key}: unknown field"));
        } else if key == "price" && number(value).is_none() {
            findings.error(WRONG_TYPE, "price: expected a number");
        } else if !matches!(key.as_str(), "timestamp" | "price" | "number_items")
            && !value.is_string()
        {
            findings.error(WRONG_TYPE, format!("{key}: expected a string"));
        } else if is_hashed && !value.as_str().is_some_and(is_identifying) {
            findings.error(NOT_HASHED, format!("{key}: expected a SHA-256 hash"));
        }
    }
}

/// Milliseconds, as a text.
fn check_time(time: &Value, now: i64, findings: &mut Findings) {
    let ms = time.as_i64().or_else(|| time.as_str()?.parse().ok());
    match ms {
        Some(ms) => findings.check_time(ms / 1_000, WINDOW_DAYS, now),
        None => findings.error(WRONG_TYPE, "timestamp: expected milliseconds"),
    }
}

fn check_source(event: &Map<String, Value>, kind: SnapAssetKind, findings: &mut Findings) {
    let Some(text) = text_at(event, "event_conversion_type") else { return };
    let source = match text.to_ascii_uppercase().as_str() {
        "WEB" => Source::Web,
        "MOBILE_APP" => Source::MobileApp,
        "OFFLINE" => Source::Offline,
        _ => {
            let expected = "event_conversion_type: expected WEB, MOBILE_APP or OFFLINE";
            return findings.error(OFF_THE_LIST, expected);
        }
    };
    v3::check_kind(source, kind, findings);
    if text_at(event, "snap_app_id").is_some() && text_at(event, "app_id").is_none() {
        findings.error(MISSING, "app_id is required with snap_app_id");
    }
}

fn is_somebody(event: &Map<String, Value>) -> bool {
    let has = |key| text_at(event, key).is_some();
    let is_browser = has("hashed_ip_address") && has("user_agent");
    has("hashed_email") || has("hashed_phone_number") || has("hashed_mobile_ad_id") || is_browser
}
