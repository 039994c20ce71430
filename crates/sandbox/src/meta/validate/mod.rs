//! What Meta refuses. One bad event refuses the whole request.
//!
//! Only what the sheet records as enforced: what is documented and not enforced (a website event
//! without a user agent, a lower-case currency) passes here too.

mod keys;

use serde_json::{Map, Value};

use super::answer::GraphError;

const DAY_S: i64 = 86_400;

/// The bound on future times is not known; this much is a clock that is a little off.
const FUTURE_S: i64 = 600;

/// Most events of a request.
const MAX_EVENTS: usize = 1_000;

pub fn events(events: &[Value], now: i64) -> Result<(), GraphError> {
    if events.is_empty() {
        return Err(GraphError::parameter(None, "(#100) The parameter data is required."));
    }
    if events.len() > MAX_EVENTS {
        return Err(GraphError::parameter(None, "(#100) Too many events: at most 1000."));
    }
    events.iter().enumerate().try_for_each(|(index, event)| check(index, event, now))
}

fn check(index: usize, event: &Value, now: i64) -> Result<(), GraphError> {
    let path = format!("$['data'][{index}]");
    let Some(object) = event.as_object() else {
        return Err(GraphError::parameter(None, format!("param {path} must be an object")));
    };
    closed(object, &[&keys::EVENT], &path)?;
    for key in ["event_name", "action_source"] {
        if !object.get(key).is_some_and(Value::is_string) {
            let message = format!("param {path}['{key}'] is required");
            return Err(GraphError::parameter(None, message));
        }
    }
    if !keys::ACTION_SOURCES.iter().any(|known| object["action_source"] == **known) {
        let message = format!("param {path}['action_source'] must be one of the listed values");
        return Err(GraphError::parameter(None, message));
    }
    let user_data = object.get("user_data").and_then(Value::as_object);
    let Some(user_data) = user_data.filter(|data| !data.is_empty()) else {
        return Err(thin());
    };
    closed(user_data, &[&keys::HASHED, &keys::PLAIN], &format!("{path}['user_data']"))?;
    check_time(object, now)?;
    check_user_data(user_data)?;
    check_kind(object)
}

fn thin() -> GraphError {
    refuse(2_804_050, "There is not enough customer information")
}

fn refuse(subcode: i64, why: &str) -> GraphError {
    let mut error = GraphError::parameter(Some(subcode), why);
    error.details.user_title = Some("Invalid event".to_owned());
    error
}

fn closed(object: &Map<String, Value>, known: &[&[&str]], path: &str) -> Result<(), GraphError> {
    let unknown = object.keys().find(|key| !known.iter().any(|list| list.contains(&key.as_str())));
    match unknown {
        None => Ok(()),
        Some(key) => {
            let message = format!(
                "Server Side Api Parameter Error: Unexpected key \"{key}\" on param \"{path}\""
            );
            Err(refuse(2_804_019, &message))
        }
    }
}

fn check_time(event: &Map<String, Value>, now: i64) -> Result<(), GraphError> {
    let Some(time) = event.get("event_time").and_then(Value::as_i64) else {
        return Err(GraphError::parameter(None, "event_time must be an integer"));
    };
    let days = if event["action_source"] == "physical_store" { 62 } else { 7 };
    if time < now - days * DAY_S || time > now + FUTURE_S {
        return Err(refuse(2_804_003, "The timestamp of this event is not valid"));
    }
    Ok(())
}

fn check_user_data(user_data: &Map<String, Value>) -> Result<(), GraphError> {
    let only = |list: &[&str]| user_data.keys().all(|key| list.contains(&key.as_str()));
    if keys::TOO_BROAD.iter().any(|list| only(list)) {
        return Err(thin());
    }
    for (key, value) in user_data {
        if !keys::HASHED.contains(&key.as_str()) || key == "external_id" {
            continue;
        }
        let is_fine = match value {
            Value::Array(values) => values.iter().all(looks_hashed),
            value => looks_hashed(value),
        };
        if !is_fine {
            return Err(refuse(2_804_016, &format!("{key} must be hashed")));
        }
    }
    let click_id = user_data.get("fbc").and_then(Value::as_str);
    if click_id.is_some_and(|text| !text.starts_with("fb.") || text.split('.').count() < 4) {
        return Err(refuse(2_804_001, "The click id is not valid"));
    }
    Ok(())
}

/// 64 or 32 hexadecimal digits, perhaps with an appendix.
fn looks_hashed(value: &Value) -> bool {
    let hash = value.as_str().unwrap_or_default().split('.').next().unwrap_or_default();
    matches!(hash.len(), 32 | 64) && hash.bytes().all(|b| b.is_ascii_hexdigit())
}

fn check_kind(event: &Map<String, Value>) -> Result<(), GraphError> {
    let custom = |key: &str| event.get("custom_data").and_then(|data| data.get(key));
    if event["event_name"] == "Purchase"
        && (custom("value").is_none() || custom("currency").is_none())
    {
        return Err(refuse(2_804_009, "A Purchase needs a value and a currency"));
    }
    if event["action_source"] == "business_messaging" {
        if !event.contains_key("messaging_channel") {
            return Err(refuse(2_804_063, "messaging_channel is required"));
        }
        if !keys::MESSAGING_EVENTS.iter().any(|name| event["event_name"] == **name) {
            return Err(refuse(2_804_066, "This event is not allowed for business messaging"));
        }
    }
    if let Some(options) = event.get("data_processing_options") {
        let is_known = |options: &Vec<Value>| options.iter().all(|option| option == "LDU");
        if !options.as_array().is_some_and(is_known) {
            return Err(refuse(2_804_030, "The data processing options are not valid"));
        }
    }
    let os_version = event.get("app_data").and_then(|data| data.get("extinfo")?.get(4));
    if os_version.is_some_and(|version| version == "") {
        return Err(refuse(2_804_043, "The OS version is required"));
    }
    Ok(())
}
