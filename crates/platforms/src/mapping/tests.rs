use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Mapped, Mapping, MappingRules};
use crate::{AdmitContext, platform};
use holdfast_model::destination::DestinationSettings;
use holdfast_model::item::BatchGroup;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixSeconds;

const NOW: i64 = 1_800_000_000;

fn rules(rules: Value) -> Mapping {
    let rules: MappingRules = serde_json::from_value(rules).unwrap();
    rules.compile().unwrap()
}

fn apply(mapping: &Mapping, raw: &str) -> Option<String> {
    match mapping.apply(raw.as_bytes()) {
        Mapped::Event(event) => Some(String::from_utf8(event.into_owned()).unwrap()),
        Mapped::NotForIt => None,
    }
}

#[test]
fn events_are_chosen_by_the_name_with_which_they_came() {
    let some = rules(json!({"events": ["Purchase", "Lead"], "rename_events": {"Lead": "SIGN_UP"}}));
    assert_eq!(apply(&some, r#"{"event_name":"Lead"}"#).unwrap(), r#"{"event_name":"SIGN_UP"}"#);
    assert_eq!(apply(&some, r#"{"event_name":"SIGN_UP"}"#), None);
    assert_eq!(apply(&some, r#"{"event_time":1}"#), None);
    let most = rules(json!({"except": ["Heartbeat"]}));
    assert_eq!(apply(&most, r#"{"event_name":"Heartbeat"}"#), None);
    for taken in [r#"{"event_name":"Purchase"}"#, r#"{"event_time":1}"#, "[]", "{", "\"x\"", ""] {
        let mapped = most.apply(taken.as_bytes());
        assert!(matches!(mapped, Mapped::Event(Cow::Borrowed(same)) if same == taken.as_bytes()));
    }
}

#[test]
fn values_move_are_set_and_are_left_out_and_all_else_keeps_its_bytes() {
    let mapping = rules(json!({
        "fields": {"custom_data.order_id": "custom_data.ref", "user_data.em": "email"},
        "set": {"integration": "holdfast", "custom_data.num_items": 2},
        "drop": ["user_data.fbp", "nothing.of.this"],
    }));
    let raw = r#"{ "event_name":"A", "email" : ["x"],"user_data":{"fbp":"1","ph":"2"},
        "custom_data":{"value":10.10,"ref":"o\u002d1","big":123456789012345678901234567890}}"#;
    let expected = concat!(
        r#"{"event_name":"A","user_data":{"ph":"2","em":["x"]},"custom_data":"#,
        r#"{"value":10.10,"big":123456789012345678901234567890,"order_id":"o\u002d1","num_items":2},"#,
        r#""integration":"holdfast"}"#,
    );
    assert_eq!(apply(&mapping, raw).unwrap(), expected);
    let blocked = r#"{"user_data":3,"email":"x","custom_data":null}"#;
    let mapped: Value = serde_json::from_str(&apply(&mapping, blocked).unwrap()).unwrap();
    assert_eq!(mapped["user_data"], 3, "what is in the way is for admission to refuse");
    assert_eq!(mapping.origin_of("custom_data.order_id"), "custom_data.ref");
    assert_eq!(mapping.origin_of("custom_data.value"), "custom_data.value");
}

#[test]
fn repeated_keys_stay_for_admission_to_refuse() {
    let mapping = rules(json!({"drop": ["a"]}));
    assert_eq!(apply(&mapping, r#"{"a":1,"b":2,"b":3,"a":4}"#).unwrap(), r#"{"b":2,"b":3,"a":4}"#);
}

#[test]
fn an_event_written_for_one_platform_is_admitted_by_the_other() {
    let meta = json!({
        "event_name": "AddToCart", "event_time": NOW - 60, "action_source": "website",
        "event_source_url": "https://shop.example/cart", "event_id": "e1",
        "referrer_url": "https://shop.example/",
        "user_data": {"em": "Person@Example.com", "fbc": "fb.1.1.x", "fbp": "fb.1.1.2",
            "client_ip_address": "203.0.113.9", "client_user_agent": "Mozilla/5.0"},
        "custom_data": {"value": 12.5, "currency": "EUR",
            "contents": [{"id": "a", "quantity": 1, "item_price": 12.5}]},
    });
    let to_snap = rules(json!({"preset": "meta-to-snap"}));
    let (fragment, warnings) = admit(PlatformId::Snap, &to_snap, &meta);
    assert_eq!(
        (&fragment["event_name"], &fragment["action_source"]),
        (&json!("ADD_CART"), &json!("WEB"))
    );
    assert_eq!(fragment["event_id"], "e1");
    assert_eq!(warnings, Vec::<String>::new());

    let snap = json!({
        "event_name": "SIGN_UP", "event_time": NOW - 60, "action_source": "WEB",
        "event_source_url": "https://shop.example/", "event_id": "e2", "integration": "x",
        "user_data": {"em": ["person@example.com"], "sc_click_id": "abc", "idfv": "d",
            "client_ip_address": "203.0.113.9", "client_user_agent": "Mozilla/5.0"},
    });
    let to_meta = rules(json!({"preset": "snap-to-meta"}));
    let (fragment, warnings) = admit(PlatformId::Meta, &to_meta, &snap);
    assert_eq!(fragment["event_name"], "CompleteRegistration");
    assert_eq!(fragment["action_source"], "website");
    assert_eq!(warnings, Vec::<String>::new());
}

fn admit(id: PlatformId, mapping: &Mapping, event: &Value) -> (Value, Vec<String>) {
    let raw = event.to_string();
    let Mapped::Event(mapped) = mapping.apply(raw.as_bytes()) else { panic!("it is for it") };
    let settings = DestinationSettings::default();
    let cx = AdmitContext {
        settings: &settings,
        now: UnixSeconds(NOW),
        fallback_event_id: "fallback",
        group: &BatchGroup::default(),
    };
    let admitted = platform(id).unwrap().admit(&mapped, &cx).unwrap_or_else(|refused| {
        panic!("{}: {}", refused.field, refused.message);
    });
    (serde_json::from_slice(&admitted.fragment).unwrap(), admitted.warnings)
}

#[test]
fn every_mistake_in_the_rules_is_named() {
    let rules: MappingRules = serde_json::from_value(json!({
        "events": ["A"], "except": ["A"],
        "fields": {"a..b": "c", "d": "", "e.f": "g", "e": "h"},
        "set": {"x": [1], "y": null, "e.f": 1},
        "drop": ["a.b.c.d.e"], "rename_events": {"A": " "},
    }))
    .unwrap();
    let errors: Vec<String> =
        rules.compile().unwrap_err().into_iter().map(|error| error.to_string()).collect();
    for expected in [
        "fields: expected a key",
        "fields.\"d\": expected a key",
        "set.\"x\": expected a string",
        "set.\"y\": expected a string",
        "drop: expected a key",
        "except: \"A\" is in events too",
        "rename_events.\"A\": expected a name",
        "fields.\"e\": fields says something else of e.f",
        "fields.\"e.f\": set says something else of e.f",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(expected)), "{expected}: {errors:#?}");
    }
    assert!(serde_json::from_value::<MappingRules>(json!({"renames": {}})).is_err());
}

proptest! {
    #[test]
    fn whatever_comes_the_result_is_json_exactly_if_the_event_was(raw in "\\PC{0,60}") {
        let mapping = rules(json!({"preset": "meta-to-snap", "fields": {"a.b": "c"}, "drop": ["d"]}));
        let Mapped::Event(mapped) = mapping.apply(raw.as_bytes()) else { panic!("no filter") };
        let is_json = |text: &[u8]| serde_json::from_slice::<Value>(text).is_ok();
        prop_assert_eq!(is_json(raw.as_bytes()), is_json(&mapped));
    }

    #[test]
    fn what_no_rule_names_keeps_its_value(
        event in proptest::collection::btree_map("[a-z]{1,3}", "\\PC{0,8}", 0..6),
    ) {
        let mapping = rules(json!({"set": {"event_name": "X"}}));
        let raw = serde_json::to_string(&event).unwrap();
        let Mapped::Event(mapped) = mapping.apply(raw.as_bytes()) else { panic!("no filter") };
        let mut mapped: Value = serde_json::from_slice(&mapped).unwrap();
        prop_assert_eq!(mapped.as_object_mut().unwrap().remove("event_name").unwrap(), "X");
        prop_assert_eq!(mapped, serde_json::to_value(&event).unwrap());
    }
}
