//! What Meta refuses. One bad event refuses the whole request.

use serde_json::{Map, Value};

use super::answer::GraphError;

const EVENT_KEYS: [&str; 19] = [
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
    "attribution_data",
    "customer_segmentation",
    "messaging_channel",
    "messaging_outcome_data",
    "advanced_measurement_table",
];

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

const PLAIN: [&str; 18] = [
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "fbp",
    "fb_login_id",
    "lead_id",
    "subscription_id",
    "anon_id",
    "madid",
    "page_id",
    "page_scoped_user_id",
    "ctwa_clid",
    "ig_account_id",
    "ig_sid",
    "whatsapp_business_account_id",
    "instagram_business_account_id",
    "partner_id",
    "partner_name",
];

const DAY_S: i64 = 86_400;

pub fn events(events: &[Value], now: i64) -> Result<(), GraphError> {
    if events.is_empty() {
        return Err(GraphError::parameter(None, "(#100) The parameter data is required."));
    }
    if events.len() > 1_000 {
        return Err(GraphError::parameter(None, "(#100) Too many events: at most 1000."));
    }
    events.iter().enumerate().try_for_each(|(index, event)| check(index, event, now))
}

fn check(index: usize, event: &Value, now: i64) -> Result<(), GraphError> {
    let Some(object) = event.as_object() else {
        return Err(GraphError::parameter(None, "(#100) an event must be an object"));
    };
    closed(object, &[&EVENT_KEYS], &format!("$['data'][{index}]"))?;
    for key in ["event_name", "action_source"] {
        if !object.get(key).is_some_and(Value::is_string) {
            return Err(GraphError::parameter(
                None,
                format!("param $['data'][{index}]['{key}'] is required"),
            ));
        }
    }
    let user_data = object.get("user_data").and_then(Value::as_object);
    let Some(user_data) = user_data.filter(|data| !data.is_empty()) else {
        return Err(GraphError::parameter(
            Some(2_804_050),
            "There is not enough customer information",
        ));
    };
    closed(user_data, &[&HASHED, &PLAIN], &format!("$['data'][{index}]['user_data']"))?;
    check_time(object, now)?;
    check_user_data(user_data)?;
    check_kind(object)
}

fn closed(object: &Map<String, Value>, known: &[&[&str]], path: &str) -> Result<(), GraphError> {
    let unknown = object.keys().find(|key| !known.iter().any(|list| list.contains(&key.as_str())));
    match unknown {
        None => Ok(()),
        Some(key) => {
            let message = format!(
                "Server Side Api Parameter Error: Unexpected key \"{key}\" on param \"{path}\""
            );
            Err(GraphError::parameter(Some(2_804_019), message))
        }
    }
}

fn check_time(event: &Map<String, Value>, now: i64) -> Result<(), GraphError> {
    let Some(time) = event.get("event_time").and_then(Value::as_i64) else {
        return Err(GraphError::parameter(None, "event_time must be an integer"));
    };
    let days = if event["action_source"] == "physical_store" { 62 } else { 7 };
    if time < now - days * DAY_S || time > now + 600 {
        return Err(GraphError::parameter(
            Some(2_804_003),
            "The timestamp of this event is not valid",
        ));
    }
    Ok(())
}

fn check_user_data(user_data: &Map<String, Value>) -> Result<(), GraphError> {
    for (key, value) in user_data {
        if !HASHED.contains(&key.as_str()) || key == "external_id" {
            continue;
        }
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        if !values.iter().all(|value| value.as_str().is_some_and(looks_hashed)) {
            return Err(GraphError::parameter(Some(2_804_016), format!("{key} must be hashed")));
        }
    }
    let click_id = user_data.get("fbc").and_then(Value::as_str);
    if click_id.is_some_and(|text| !text.starts_with("fb.") || text.split('.').count() < 4) {
        return Err(GraphError::parameter(Some(2_804_001), "The click id is not valid"));
    }
    Ok(())
}

/// 64 or 32 hexadecimal digits, perhaps with an appendix.
fn looks_hashed(text: &str) -> bool {
    let hash = text.split('.').next().unwrap_or_default();
    matches!(hash.len(), 32 | 64) && hash.bytes().all(|b| b.is_ascii_hexdigit())
}

fn check_kind(event: &Map<String, Value>) -> Result<(), GraphError> {
    let custom = |key: &str| event.get("custom_data").and_then(|data| data.get(key));
    if event["event_name"] == "Purchase"
        && (custom("value").is_none() || custom("currency").is_none())
    {
        return Err(GraphError::parameter(
            Some(2_804_009),
            "A Purchase needs a value and a currency",
        ));
    }
    if event["action_source"] == "business_messaging" && !event.contains_key("messaging_channel") {
        return Err(GraphError::parameter(Some(2_804_063), "messaging_channel is required"));
    }
    let os_version = event.get("app_data").and_then(|data| data.get("extinfo")?.get(4));
    if os_version.is_some_and(|version| version == "") {
        return Err(GraphError::parameter(Some(2_804_043), "The OS version is required"));
    }
    Ok(())
}
