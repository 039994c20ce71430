//! Ingest bodies: taking them apart, and admitting what is in them.
//!
//! The first byte chooses the shape of the body and the destination's settings; the rest is what a
//! client sends. Whatever shape it is, each event found goes through [`admission`].

mod admission;
mod made;
mod shapes;

use holdfast_model::destination::{
    DestinationSettings, ExternalIdRule, NormalizationProfile as Profile,
};
use holdfast_model::time::UnixSeconds;
use holdfast_testkit::event::FAKE_EVENT_TIME;
use holdfast_testkit::{Seeded, fake_event, fake_event_at};
use serde_json::{Value, json};

/// An hour after the events of the testkit.
const NOW: UnixSeconds = UnixSeconds(FAKE_EVENT_TIME.0 + 3_600);

/// Small, so that bodies of a few hundred bytes reach it.
const MAX_EVENTS: usize = 8;

pub fn check(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let settings = settings(*choice);
    let events = match choice & 3 {
        0 if choice & 16 != 0 => vec![made::event(body, NOW).into_bytes()],
        0 => vec![body.to_vec()],
        1 => shapes::json(body),
        2 => shapes::lines(body),
        _ => shapes::dropin(choice >> 5, body),
    };
    for event in events {
        admission::check(&event, &settings, NOW);
        admission::check_snap(&event, NOW);
    }
}

fn settings(choice: u8) -> DestinationSettings {
    let profile = match choice & 136 {
        128 => Profile::ParamBuilder,
        136 => Profile::SdkLegacy,
        _ => Profile::MetaDocs,
    };
    let external_id = if choice & 4 == 0 { ExternalIdRule::Hash } else { ExternalIdRule::Raw };
    DestinationSettings {
        profile,
        external_id: Some(external_id),
        default_country: (choice & 136 == 8).then(|| "DE".to_owned()),
        ..DestinationSettings::default()
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let text = |value: &Value| value.to_string();
    let shop = fake_event(1);
    let pretty = serde_json::to_string_pretty(&fake_event(2)).unwrap_or_default();
    let two = [fake_event(3), fake_event(4)];
    let lines = format!("{}\n\n{}\r\n{{\"event_name\":", text(&two[0]), text(&two[1]));
    let form = format!("data={}&partner_agent=shop", text(&json!([minimal()])));
    let multipart = format!(
        "--b0\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{}\r\n--b0--\r\n",
        json!([minimal()])
    );
    let mut seeds = vec![
        seed(0, &text(&shop)),
        seed(4, &text(&minimal())),
        seed(8, &pretty),
        seed(0, &text(&messaging())),
        seed(12, &text(&app())),
        seed(1, &text(&json!(two))),
        seed(1, &text(&json!({ "data": two, "test_event_code": "T1" }))),
        seed(1, &text(&json!({ "data": [minimal()], "trace": 7, "upload_id": null }))),
        seed(2, &lines),
        seed(3, &form),
        seed(0x23, &text(&json!({ "data": [minimal()], "access_token": "k" }))),
        seed(0x43, &multipart),
    ];
    seeds.extend(
        (0..8).map(|n| [vec![16 + 4 * (n % 4)], Seeded::new(u64::from(n)).bytes(300)].concat()),
    );
    seeds.extend(untidy().iter().map(|event| seed(0, &text(event))));
    seeds
}

fn seed(choice: u8, body: &str) -> Vec<u8> {
    [&[choice], body.as_bytes()].concat()
}

fn minimal() -> Value {
    json!({
        "event_name": "Lead", "event_time": FAKE_EVENT_TIME.0, "action_source": "other",
        "user_data": { "em": "a.b@shop.example" },
    })
}

fn messaging() -> Value {
    json!({
        "event_name": "Purchase", "event_time": FAKE_EVENT_TIME.0, "event_id": 7,
        "action_source": "business_messaging", "messaging_channel": "whatsapp",
        "user_data": { "whatsapp_business_account_id": 12345, "ctwa_clid": "Aff-n8ZTODiE79d22KtAwQKj9e" },
        "custom_data": { "currency": "eur", "value": " 1.50 ", "contents": [{ "id": "a", "quantity": 1 }] },
        "data_processing_options": ["LDU"], "data_processing_options_country": 1,
        "data_processing_options_state": 1000,
    })
}

fn app() -> Value {
    json!({
        "event_name": "Install", "event_time": FAKE_EVENT_TIME.0, "action_source": "app",
        "user_data": { "madid": "38400000-8cf0-11bd-b23e-10b96e40000d", "external_id": ["A", "b", "a"] },
        "app_data": {
            "application_tracking_enabled": 1, "advertiser_tracking_enabled": false,
            "extinfo": ["i2", "", "1.0", null, "18.1", "", "", "", "", "", 3, "", "", "", "", ""],
        },
        "original_event_data": { "event_name": "Purchase", "event_time": 1_700_000_000 },
    })
}

fn untidy() -> Vec<Value> {
    let mut hashed = fake_event_at(5, FAKE_EVENT_TIME);
    hashed["user_data"]["em"] = json!(["AB".repeat(32), format!("{}.AQQCAQMC", "0".repeat(64))]);
    hashed["user_data"]["db"] = json!("2/16/1997");
    hashed["user_data"]["zp"] = json!(["94035-1234"]);
    let mut millis = fake_event(6);
    millis["event_time"] = json!(FAKE_EVENT_TIME.0 * 1_000);
    let mut stranger = fake_event(7);
    stranger["user_data"]["email"] = json!("a.b@shop.example");
    vec![hashed, millis, stranger]
}
