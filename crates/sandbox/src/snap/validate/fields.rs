//! The types of fields, from the API's own description (`snap-conversions.md §2, §3, §4`).

use serde_json::{Map, Value};

use super::{Findings, NOT_HASHED, WRONG_TYPE};

/// What a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Text,
    Texts,
    /// Fields of `user_data` take one or many.
    TextOrTexts,
    Whole,
    /// A number, or a text of one: the documentation's own samples have both.
    Number,
    /// True, false, 0 or 1.
    Flag,
    Object,
    Objects,
    /// An object whose values are texts.
    TextMap,
}

pub const EVENT: &[(&str, Type)] = &[
    ("event_name", Type::Text),
    ("event_time", Type::Whole),
    ("action_source", Type::Text),
    ("user_data", Type::Object),
    ("event_source_url", Type::Text),
    ("app_data", Type::Object),
    ("custom_data", Type::Object),
    ("event_id", Type::Text),
    ("data_processing_options", Type::Texts),
    ("data_processing_options_country", Type::Whole),
    ("data_processing_options_state", Type::Whole),
    ("integration", Type::Text),
    ("test_event_code", Type::Text),
    ("opt_out", Type::Flag),
    ("raw_request", Type::Text),
    ("request_id", Type::Text),
    ("asset_id", Type::Text),
];

/// Must be hashed.
pub const HASHED: [&str; 10] = ["em", "ph", "fn", "ln", "ge", "ct", "st", "zp", "country", "db"];

/// Never hashed, save for `external_id`, which may be.
pub const PLAIN: &[(&str, Type)] = &[
    ("external_id", Type::TextOrTexts),
    ("client_ip_address", Type::Text),
    ("client_user_agent", Type::Text),
    ("sc_click_id", Type::Text),
    ("sc_cookie1", Type::Text),
    ("madid", Type::Text),
    ("mobile_ad_id", Type::Text),
    ("idfv", Type::Text),
    ("subscription_id", Type::TextOrTexts),
    ("lead_id", Type::TextOrTexts),
    ("anon_id", Type::TextOrTexts),
    ("download_id", Type::TextOrTexts),
    ("partner_id", Type::Text),
];

pub const CUSTOM_DATA: &[(&str, Type)] = &[
    ("currency", Type::Text),
    ("value", Type::Number),
    ("order_id", Type::Text),
    ("num_items", Type::Whole),
    ("content_ids", Type::Texts),
    ("content_category", Type::TextOrTexts),
    ("content_type", Type::Text),
    ("content_name", Type::Text),
    ("contents", Type::Objects),
    ("brands", Type::TextOrTexts),
    ("search_string", Type::Text),
    ("sign_up_method", Type::Text),
    ("status", Type::Text),
    ("delivery_category", Type::Text),
    ("predicted_ltv", Type::Number),
    ("destination_ids", Type::Texts),
    ("event_tag", Type::Text),
    ("custom_fields", Type::TextMap),
    ("checkin_date", Type::Text),
    ("travel_start", Type::Text),
    ("travel_end", Type::Text),
    ("suggested_destinations", Type::Texts),
    ("destination_airport", Type::Text),
    ("origin_airport", Type::Text),
    ("country", Type::Text),
    ("city", Type::Text),
    ("region", Type::Text),
    ("neighborhood", Type::Text),
    ("departing_departure_date", Type::Text),
    ("departing_arrival_date", Type::Text),
    ("returning_departure_date", Type::Text),
    ("returning_arrival_date", Type::Text),
    ("num_adults", Type::Whole),
    ("num_children", Type::Whole),
    ("num_infants", Type::Whole),
    ("hotel_score", Type::TextOrTexts),
    ("postal_code", Type::Text),
    ("preferred_neighborhoods", Type::Texts),
    ("preferred_star_ratings", Type::Texts),
    ("suggested_hotels", Type::Texts),
];

pub const APP_DATA: &[(&str, Type)] = &[
    ("app_id", Type::Text),
    ("advertiser_tracking_enabled", Type::Flag),
    ("application_tracking_enabled", Type::Flag),
    ("extinfo", Type::Texts),
    ("campaign_ids", Type::Text),
    ("install_referrer", Type::Text),
    ("installer_package", Type::Text),
    ("url_schemes", Type::Texts),
    ("windows_attribution_id", Type::Text),
];

/// Every value has its field's type; a key that is not in the list is a warning.
pub fn check(
    object: &Map<String, Value>,
    known: &[(&str, Type)],
    path: &str,
    findings: &mut Findings,
) {
    for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        match known.iter().find(|(name, _)| name == key) {
            Some((_, wanted)) if !wanted.fits(value) => {
                let message = format!("{path}{key}: expected {}", wanted.words());
                findings.error(WRONG_TYPE, message);
            }
            Some(_) => {}
            None => findings.warn(format!("{path}{key}: unknown field")),
        }
    }
}

/// `user_data`, in which what identifies a person must be hashed.
pub fn check_user_data(user_data: &Map<String, Value>, findings: &mut Findings) {
    let known: Vec<(&str, Type)> =
        HASHED.iter().map(|key| (*key, Type::TextOrTexts)).chain(PLAIN.iter().copied()).collect();
    check(user_data, &known, "user_data.", findings);
    for key in HASHED {
        for text in texts(user_data, key) {
            if !is_hash(text) {
                findings.error(NOT_HASHED, format!("user_data.{key}: expected a SHA-256 hash"));
            } else if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                findings.warn(format!("user_data.{key}: expected lower-case hexadecimal digits"));
            }
        }
    }
    for key in ["client_user_agent", "sc_click_id", "sc_cookie1", "madid", "idfv"] {
        if texts(user_data, key).any(is_hash) {
            findings.warn(format!("user_data.{key}: must not be hashed"));
        }
    }
}

/// The text or texts at a key; none if there are none.
pub fn texts<'a>(
    object: &'a Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let value = object.get(key);
    let (one, many) = match value {
        Some(Value::String(text)) => (Some(text.as_str()), None),
        Some(Value::Array(values)) => (None, Some(values.iter().filter_map(Value::as_str))),
        _ => (None, None),
    };
    one.into_iter().chain(many.into_iter().flatten())
}

pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A hash of something: that of nothing identifies nobody.
pub fn is_identifying(text: &str) -> bool {
    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    is_hash(text) && !text.eq_ignore_ascii_case(OF_NOTHING)
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        let are_texts = || value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        match self {
            Self::Text => value.is_string(),
            Self::Texts => are_texts(),
            Self::TextOrTexts => value.is_string() || are_texts(),
            Self::Whole => value.is_i64() || value.is_u64(),
            Self::Number => number(value).is_some(),
            Self::Flag => value.is_boolean() || matches!(value.as_u64(), Some(0 | 1)),
            Self::Object => value.is_object(),
            Self::Objects => value.as_array().is_some_and(|list| list.iter().all(Value::is_object)),
            Self::TextMap => {
                value.as_object().is_some_and(|map| map.values().all(Value::is_string))
            }
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Texts => "an array of strings",
            Self::TextOrTexts => "a string or an array of strings",
            Self::Whole => "an integer",
            Self::Number => "a number",
            Self::Flag => "a boolean",
            Self::Object => "an object",
            Self::Objects => "an array of objects",
            Self::TextMap => "an object of strings",
        }
    }
}

/// A number, or a text of one.
pub fn number(value: &Value) -> Option<f64> {
    let found = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    found.filter(|number| number.is_finite())
}
