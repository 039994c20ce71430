//! The rules of version 3 (`snap-conversions.md §2 to §5`).

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::fields::{self, is_identifying, texts};
use super::{
    Findings, INSUFFICIENT, MISSING, NO_IDENTITY, NO_IP, NO_VALUE, OFF_THE_LIST, OTHER_ASSET,
    WRONG_TYPE, given, text_at,
};
use crate::inspect::{Mark, Verdict, key_of};
use crate::snap::world::SnapAssetKind;

/// The current page's window. Others have 28 and 37 days: the narrowest counts.
const WINDOW_DAYS: i64 = 7;

/// Times beyond this are in milliseconds, which are documented too: as seconds it would be the year
/// 5138.
const LARGEST_SECONDS: i64 = 100_000_000_000;

/// How long a repetition is recognized by its id, and a purchase by its order.
const ID_WINDOW_S: i64 = 48 * 3_600;
const ORDER_WINDOW_S: i64 = 30 * 86_400;

/// Elements of `extinfo`.
const EXTINFO: usize = 16;

pub const EVENT_NAMES: &[&str] = &[
    "PAGE_VIEW",
    "VIEW_CONTENT",
    "ADD_CART",
    "ADD_TO_WISHLIST",
    "ADD_BILLING",
    "START_CHECKOUT",
    "PURCHASE",
    "SIGN_UP",
    "LOGIN",
    "SUBSCRIBE",
    "START_TRIAL",
    "SEARCH",
    "LIST_VIEW",
    "SAVE",
    "SHARE",
    "RATE",
    "RESERVE",
    "INVITE",
    "AD_CLICK",
    "AD_VIEW",
    "COMPLETE_TUTORIAL",
    "LEVEL_COMPLETE",
    "ACHIEVEMENT_UNLOCKED",
    "SPENT_CREDITS",
    "APP_INSTALL",
    "APP_OPEN",
    "CUSTOM_EVENT_1",
    "CUSTOM_EVENT_2",
    "CUSTOM_EVENT_3",
    "CUSTOM_EVENT_4",
    "CUSTOM_EVENT_5",
];

/// Where an event happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Web,
    MobileApp,
    Offline,
}

pub fn check(event: &Value, kind: SnapAssetKind, now: i64) -> Findings {
    let mut findings = Findings::default();
    let Some(event) = event.as_object() else {
        findings.error(WRONG_TYPE, "the event must be an object");
        return findings;
    };
    fields::check(event, fields::EVENT, "", &mut findings);
    for key in ["event_name", "event_time", "action_source", "user_data"] {
        require(event, key, &mut findings);
    }
    check_name(event, &mut findings);
    if let Some(time) = given(event, "event_time").and_then(Value::as_i64) {
        let is_ms = time.saturating_abs() > LARGEST_SECONDS;
        findings.check_time(if is_ms { time / 1_000 } else { time }, WINDOW_DAYS, now);
    }
    let source = check_source(event, kind, &mut findings);
    let user_data = given(event, "user_data").and_then(Value::as_object);
    if let Some(user_data) = user_data {
        fields::check_user_data(user_data, &mut findings);
        check_address(user_data, &mut findings);
        if !is_somebody(user_data, source) {
            findings.error(NO_IDENTITY, INSUFFICIENT);
        }
    }
    check_custom_data(event, &mut findings);
    check_app_data(event, &mut findings);
    findings
}

/// By id and name for two days, and a purchase by its order for thirty.
pub fn verdict(event: &Value) -> Verdict {
    let name = event["event_name"].as_str().unwrap_or_default();
    let order = event["custom_data"]["order_id"].as_str();
    marks(name, event["event_id"].as_str(), order)
}

/// Both versions share what they recognize: an event may be sent again in the other form.
pub fn marks(name: &str, id: Option<&str>, order: Option<&str>) -> Verdict {
    let name = name.to_ascii_uppercase();
    let mark = |kind, text: &str, window_s| Mark {
        key: key_of(&[kind, &name, text]),
        window_s: Some(window_s),
    };
    let is_known = |text: &&str| !text.is_empty();
    let by_id = id.filter(is_known).map(|id| mark("id", id, ID_WINDOW_S));
    let order = order.filter(is_known).filter(|_| name == "PURCHASE");
    let by_order = order.map(|order| mark("order", order, ORDER_WINDOW_S));
    Verdict::by_either([by_id, by_order])
}

/// The native word of a source, or one that is taken for it; upper and lower case are the same.
pub fn source_of(text: &str) -> Option<Source> {
    match text.to_ascii_lowercase().as_str() {
        "web" | "website" => Some(Source::Web),
        "mobile_app" | "app" => Some(Source::MobileApp),
        "offline" | "physical_store" | "phone_call" | "email" | "chat" | "system_generated"
        | "other" => Some(Source::Offline),
        _ => None,
    }
}

fn require(event: &Map<String, Value>, key: &str, findings: &mut Findings) {
    if given(event, key).is_none_or(|value| *value == "") {
        findings.error(MISSING, format!("{key} is required"));
    }
}

fn check_name(event: &Map<String, Value>, findings: &mut Findings) {
    let Some(name) = text_at(event, "event_name") else { return };
    if !EVENT_NAMES.contains(&name.to_ascii_uppercase().as_str()) {
        findings.warn(format!("event_name: {name} is not on the list"));
    }
}

fn check_source(
    event: &Map<String, Value>,
    kind: SnapAssetKind,
    findings: &mut Findings,
) -> Option<Source> {
    let text = text_at(event, "action_source")?;
    let Some(source) = source_of(text) else {
        findings.error(OFF_THE_LIST, "action_source: expected WEB, MOBILE_APP or OFFLINE");
        return None;
    };
    match source {
        Source::Web => require(event, "event_source_url", findings),
        Source::MobileApp => require(event, "app_data", findings),
        Source::Offline => {}
    }
    check_kind(source, kind, findings);
    Some(source)
}

/// What Snap says where an app's events go to a pixel is unknown.
pub fn check_kind(source: Source, kind: SnapAssetKind, findings: &mut Findings) {
    let is_app = source == Source::MobileApp;
    if is_app != (kind == SnapAssetKind::SnapApp) {
        findings.error(OTHER_ASSET, "the asset does not take events of this action_source");
    }
}

/// An address that is hashed is no address.
fn check_address(user_data: &Map<String, Value>, findings: &mut Findings) {
    let address = text_at(user_data, "client_ip_address");
    if address.is_some_and(|text| text.parse::<IpAddr>().is_err()) {
        findings.error(NO_IP, "user_data.client_ip_address: expected an IP address, not hashed");
    }
}

fn is_somebody(user_data: &Map<String, Value>, source: Option<Source>) -> bool {
    let has_hash = |key| texts(user_data, key).any(is_identifying);
    let has_text = |key| text_at(user_data, key).is_some();
    let is_device =
        source == Some(Source::MobileApp) && (has_text("madid") || has_text("mobile_ad_id"));
    let is_browser = has_text("client_ip_address") && has_text("client_user_agent");
    has_hash("em") || has_hash("ph") || is_device || is_browser
}

fn check_custom_data(event: &Map<String, Value>, findings: &mut Findings) {
    let custom_data = given(event, "custom_data").and_then(Value::as_object);
    if let Some(custom_data) = custom_data {
        fields::check(custom_data, fields::CUSTOM_DATA, "custom_data.", findings);
    }
    let is_purchase =
        text_at(event, "event_name").is_some_and(|name| name.eq_ignore_ascii_case("PURCHASE"));
    if !is_purchase {
        return;
    }
    let has = |key: &str| custom_data.is_some_and(|data| given(data, key).is_some());
    for key in ["value", "currency"] {
        if !has(key) {
            findings.error(NO_VALUE, format!("custom_data.{key} is required for PURCHASE"));
        }
    }
}

fn check_app_data(event: &Map<String, Value>, findings: &mut Findings) {
    let Some(app_data) = given(event, "app_data").and_then(Value::as_object) else { return };
    fields::check(app_data, fields::APP_DATA, "app_data.", findings);
    let extinfo = given(app_data, "extinfo").and_then(Value::as_array);
    if extinfo.is_some_and(|list| list.len() != EXTINFO) {
        let message = format!("app_data.extinfo: expected {EXTINFO} elements");
        findings.error(WRONG_TYPE, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_have_the_same_marks_and_only_a_purchase_has_an_order() {
        let same = marks("purchase", Some("1"), Some("a"));
        assert_eq!(marks("PURCHASE", Some("1"), Some("a")), same);
        assert_ne!(marks("PURCHASE", Some("1"), Some("b")), same);
        assert_eq!(marks("SAVE", Some("1"), Some("a")), marks("SAVE", Some("1"), None));
        assert_ne!(marks("SAVE", Some("1"), None), marks("SHARE", Some("1"), None));
        assert_eq!(marks("SAVE", None, Some("a")), Verdict::ANONYMOUS);
        assert_eq!(marks("SAVE", Some(""), None), Verdict::ANONYMOUS);
    }
}
