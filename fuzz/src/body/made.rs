//! Events put together from the fuzzer's bytes: always JSON, mostly with the keys that are known,
//! so that the rules behind the parser are reached.

use arbitrary::{Result, Unstructured};
use holdfast_model::time::UnixSeconds;
use serde_json::{Map, Value, json};

const USER_KEYS: &[&str] = &[
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
    "ig_sid",
    "whatsapp_business_account_id",
    "partner_id",
    "f5first",
    "f5last",
    "fi",
    "dobd",
    "dobm",
    "doby",
    "app_user_id",
    "nobody",
];

const EVENT_KEYS: &[&str] = &[
    "event_source_url",
    "referrer_url",
    "opt_out",
    "data_processing_options_country",
    "data_processing_options_state",
    "messaging_channel",
    "customer_segmentation",
    "advanced_measurement_table",
    "messaging_outcome_data",
    "original_event_data",
    "attribution_data",
    "event_id",
    "data_processing_options",
    "own",
];

const CUSTOM_KEYS: &[&str] = &[
    "value",
    "currency",
    "net_revenue",
    "predicted_ltv",
    "contents",
    "content_ids",
    "num_items",
    "delivery_category",
    "customer_segmentation",
    "content_name",
    "order_id",
    "status",
    "own",
];

const APP_KEYS: &[&str] = &[
    "application_tracking_enabled",
    "advertiser_tracking_enabled",
    "campaign_ids",
    "extinfo",
    "install_referrer",
    "url_schemes",
    "receipt_data",
    "own",
];

/// Words that some rule knows.
const WORDS: &[&str] = &[
    "",
    " ",
    "Purchase",
    "Lead",
    "website",
    "app",
    "physical_store",
    "business_messaging",
    "other",
    "whatsapp",
    "messenger",
    "LDU",
    "EUR",
    "usd",
    "1.50",
    "us",
    "United States",
    "DE",
    "f",
    "Male",
    "California",
    "94035-1234",
    "20000229",
    "2/16/1997",
    "+49 (0)30 555",
    "0049 30 5550123",
    "fb.1.1554763741205.IwAR_x-Y",
    "fb.1.1558571054389.1098115397",
    "203.0.113.7",
    "2001:db8::7",
    "home_delivery",
    "new_customer_to_business",
    "in_store",
    "A.B@Shop.Example",
];

pub fn event(bytes: &[u8], now: UnixSeconds) -> String {
    let mut source = Unstructured::new(bytes);
    // When the bytes run out, the event is what was made until then.
    let mut event = Map::new();
    let _ = fill(&mut source, &mut event, now);
    Value::Object(event).to_string()
}

fn fill(
    source: &mut Unstructured<'_>,
    event: &mut Map<String, Value>,
    now: UnixSeconds,
) -> Result<()> {
    let sources = ["website", "app", "physical_store", "business_messaging", "other", "email"];
    event.insert("action_source".into(), json!(source.choose(&sources)?));
    let names = ["Purchase", "Lead", "AddToCart", "own event"];
    event.insert("event_name".into(), json!(source.choose(&names)?));
    let age = i64::from(source.arbitrary::<u32>()?) % 6_000_000 - 100;
    event.insert("event_time".into(), json!(now.0 - age));
    event.insert("user_data".into(), object(source, USER_KEYS)?);
    if source.arbitrary()? {
        event.insert("custom_data".into(), object(source, CUSTOM_KEYS)?);
    }
    if source.arbitrary()? {
        event.insert("app_data".into(), object(source, APP_KEYS)?);
    }
    for _ in 0..source.int_in_range(0..=4)? {
        let key = *source.choose(EVENT_KEYS)?;
        let value = value(source, 2)?;
        event.insert(key.into(), value);
    }
    Ok(())
}

fn object(source: &mut Unstructured<'_>, keys: &[&str]) -> Result<Value> {
    let mut members = Map::new();
    for _ in 0..source.int_in_range(0..=8)? {
        let key = *source.choose(keys)?;
        members.insert(key.to_owned(), value(source, 2)?);
    }
    Ok(Value::Object(members))
}

fn value(source: &mut Unstructured<'_>, depth: u8) -> Result<Value> {
    Ok(match source.int_in_range(0..=11)? {
        0 if depth > 0 => {
            let length = source.int_in_range(0..=3)?;
            Value::Array((0..length).map(|_| value(source, depth - 1)).collect::<Result<_>>()?)
        }
        1 if depth > 0 => {
            let key = text(source)?;
            json!({ key: value(source, depth - 1)? })
        }
        2 => json!(source.arbitrary::<bool>()?),
        3 => json!(source.arbitrary::<i32>()?),
        4 => json!(source.arbitrary::<u64>()?),
        5 => Value::Null,
        6..=8 => json!(source.choose(WORDS)?),
        _ => json!(text(source)?),
    })
}

fn text(source: &mut Unstructured<'_>) -> Result<String> {
    let length = source.int_in_range(0..=40)?;
    Ok(String::from_utf8_lossy(source.bytes(length)?).into_owned())
}
