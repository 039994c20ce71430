//! Admission through the public seam: every rule with an event that breaks just that rule.

use holdfast_model::destination::{DestinationSettings, ExternalIdRule};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::time::{DAY_S, HOUR_S, UnixSeconds};
use holdfast_platforms::meta::Meta;
use holdfast_platforms::{AdmitContext, Platform, Rejection};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const NOW: i64 = 1_795_000_000;
const MARGIN_S: i64 = 600;

#[test]
fn a_whole_event_becomes_a_compact_fragment_in_a_fixed_order() {
    let event = br#" {
        "user_data" : {
            "client_user_agent": "Mozilla/5.0 (\"X\")", "client_ip_address": " 203.0.113.7 ",
            "em": [" A@Example.com ", "a@example.com", "", null, "b@example.com"], "ph": "+1 (650) 555-1212",
            "fbc": "fb.1.1794999000000.IwAR_Case-Kept", "lead_id": 123456789012345, "fn": null
        },
        "event_time": 1794999999, "event_name": "Purchase", "action_source": "website", "event_id": "order-1",
        "event_source_url": "https:\/\/shop.example\/\u00e9", "opt_out": false, "referrer_url": "  ",
        "custom_data": { "own" : [ 1.50, {"deep": null, "x": "\u00e9"} ], "currency": "EUR", "value": 12.30, "status": "" },
        "attribution_data": null, "data_processing_options": []
    } "#;
    let admitted = admit(event).unwrap();
    let expected = format!(
        concat!(
            r#"{{"event_name":"Purchase","event_time":1794999999,"action_source":"website","event_id":"order-1","#,
            r#""event_source_url":"https://shop.example/é","opt_out":false,"data_processing_options":[],"#,
            r#""user_data":{{"em":["{}","{}"],"ph":"{}","client_ip_address":"203.0.113.7","#,
            r#""client_user_agent":"Mozilla/5.0 (\"X\")","fbc":"fb.1.1794999000000.IwAR_Case-Kept","lead_id":123456789012345}},"#,
            r#""custom_data":{{"own":[1.50,{{"x":"\u00e9"}}],"currency":"EUR","value":12.30}}}}"#,
        ),
        sha256("a@example.com"),
        sha256("b@example.com"),
        sha256("16505551212"),
    );
    assert_eq!(String::from_utf8(admitted.fragment).unwrap(), expected);
    assert_eq!(admitted.event_id, "order-1");
    assert_eq!(admitted.event_name, "Purchase");
    assert_eq!(admitted.event_time, UnixSeconds(1_794_999_999));
    assert_eq!(admitted.expires_at, UnixSeconds(1_794_999_999 + 7 * DAY_S - MARGIN_S));
    assert_eq!(admitted.dedup_until, Some(UnixSeconds(1_794_999_999 + 48 * HOUR_S - MARGIN_S)));
    assert_eq!(admitted.profile, ProfileStamp::META_DOCS_1);
    assert_eq!(admitted.warnings, Vec::<String>::new());
}

#[test]
fn an_event_without_an_id_gets_the_fallback() {
    for id in [json!(null), json!(""), json!(" ")] {
        let admitted = admit_value(&with(minimal(), "/event_id", id)).unwrap();
        assert_eq!(admitted.event_id, "fallback-id");
        assert_eq!(fragment(&admitted)["event_id"], "fallback-id");
    }
    let admitted = admit_value(&with(minimal(), "/event_id", json!(77))).unwrap();
    assert_eq!(fragment(&admitted)["event_id"], "77");
}

#[test]
fn the_group_is_carried_along() {
    let group = BatchGroup(r#"{"partner_agent":"plshop"}"#.into());
    let settings = DestinationSettings::default();
    let cx = AdmitContext {
        settings: &settings,
        now: UnixSeconds(NOW),
        fallback_event_id: "f",
        group: &group,
    };
    let admitted = Meta.admit(minimal().to_string().as_bytes(), &cx).unwrap();
    assert_eq!(admitted.group, group);
}

#[test]
fn refusals_name_the_fault_the_field_and_metas_code() {
    let cases: &[(&str, Value, &str, Option<i64>, &str)] = &[
        // (path, value, fault, subcode, field)
        ("/event_name", json!(null), "meta.missing_field", None, "event_name"),
        ("/event_name", json!("  "), "meta.missing_field", None, "event_name"),
        ("/event_name", json!(5), "meta.wrong_type", None, "event_name"),
        ("/event_name", json!("x".repeat(1025)), "meta.event_too_large", None, "event_name"),
        ("/event_id", json!("x".repeat(1025)), "meta.event_too_large", None, "event_id"),
        ("/event_id", json!({"a": 1}), "meta.wrong_type", None, "event_id"),
        ("/event_time", json!(null), "meta.missing_field", None, "event_time"),
        ("/event_time", json!("1795000000"), "meta.wrong_type", None, "event_time"),
        ("/event_time", json!(1_795_000_000.5), "meta.wrong_type", None, "event_time"),
        ("/event_time", json!(NOW * 1000), "meta.event_time_in_milliseconds", None, "event_time"),
        ("/event_time", json!(NOW + 61), "meta.event_in_future", None, "event_time"),
        (
            "/event_time",
            json!(NOW - 7 * DAY_S + MARGIN_S),
            "meta.event_too_old",
            Some(2804003),
            "event_time",
        ),
        ("/event_time", json!(-1), "meta.event_too_old", Some(2804003), "event_time"),
        ("/event_time", json!(i64::MIN), "meta.event_too_old", Some(2804003), "event_time"),
        ("/event_time", json!(u64::MAX), "meta.invalid_value", None, "event_time"),
        ("/action_source", json!(null), "meta.missing_field", None, "action_source"),
        ("/action_source", json!("Website"), "meta.invalid_value", None, "action_source"),
        ("/action_source", json!(["app"]), "meta.wrong_type", None, "action_source"),
        ("/action_source", json!("app"), "meta.missing_field", None, "app_data"),
        (
            "/action_source",
            json!("business_messaging"),
            "meta.messaging_channel_missing",
            Some(2804063),
            "messaging_channel",
        ),
        ("/opt_out", json!("true"), "meta.wrong_type", None, "opt_out"),
        ("/event_source_url", json!(1), "meta.wrong_type", None, "event_source_url"),
        ("/messaging_channel", json!("sms"), "meta.invalid_value", None, "messaging_channel"),
        (
            "/customer_segmentation",
            json!("vip"),
            "meta.invalid_value",
            None,
            "customer_segmentation",
        ),
        ("/custom_data", json!("x"), "meta.wrong_type", None, "custom_data"),
        ("/custom_data", json!([1]), "meta.wrong_type", None, "custom_data"),
        ("/custom_data/value", json!("much"), "meta.invalid_value", None, "custom_data.value"),
        ("/custom_data/value", json!("inf"), "meta.invalid_value", None, "custom_data.value"),
        ("/custom_data/value", json!(true), "meta.wrong_type", None, "custom_data.value"),
        (
            "/custom_data/currency",
            json!("EURO"),
            "meta.invalid_value",
            None,
            "custom_data.currency",
        ),
        ("/custom_data/currency", json!("€"), "meta.invalid_value", None, "custom_data.currency"),
        ("/custom_data/currency", json!(978), "meta.wrong_type", None, "custom_data.currency"),
        (
            "/custom_data/customer_segmentation",
            json!("vip"),
            "meta.invalid_value",
            None,
            "custom_data.customer_segmentation",
        ),
        ("/app_data", json!(7), "meta.wrong_type", None, "app_data"),
        (
            "/app_data/advertiser_tracking_enabled",
            json!("yes"),
            "meta.wrong_type",
            None,
            "app_data.advertiser_tracking_enabled",
        ),
        ("/app_data/extinfo", json!("a2"), "meta.wrong_type", None, "app_data.extinfo"),
        (
            "/app_data/extinfo",
            json!(["a2", "", "", "", "14"]),
            "meta.invalid_value",
            None,
            "app_data.extinfo",
        ),
        (
            "/app_data/extinfo",
            extinfo(json!("")),
            "meta.extinfo_os_version_empty",
            Some(2804043),
            "app_data.extinfo[4]",
        ),
        (
            "/app_data/extinfo",
            extinfo(json!(null)),
            "meta.extinfo_os_version_empty",
            Some(2804043),
            "app_data.extinfo[4]",
        ),
        ("/app_data/extinfo", extinfo(json!({})), "meta.wrong_type", None, "app_data.extinfo[4]"),
        (
            "/original_event_data/event_time",
            json!("x"),
            "meta.wrong_type",
            None,
            "original_event_data.event_time",
        ),
        ("/user_data", json!(null), "meta.missing_field", None, "user_data"),
        ("/user_data", json!("x"), "meta.wrong_type", None, "user_data"),
        ("/user_data", json!([{"em": "a@example.com"}]), "meta.wrong_type", None, "user_data"),
        ("/user_data", json!({}), "meta.no_identity", Some(2804050), "user_data"),
        ("/user_data", json!([]), "meta.no_identity", Some(2804050), "user_data"),
        (
            "/user_data",
            json!({"em": "", "ph": null, "fn": []}),
            "meta.no_identity",
            Some(2804050),
            "user_data",
        ),
        ("/user_data", json!({"em": "nobody"}), "meta.no_identity", Some(2804050), "user_data.em"),
        (
            "/user_data",
            json!({"em": ["nobody", "@"]}),
            "meta.no_identity",
            Some(2804050),
            "user_data.em[0]",
        ),
        (
            "/user_data",
            json!({"fbc": "IwAR"}),
            "meta.click_id_malformed",
            Some(2804001),
            "user_data.fbc",
        ),
        (
            "/user_data",
            json!({"client_ip_address": "203.0.113.7:443"}),
            "meta.client_ip_invalid",
            None,
            "user_data.client_ip_address",
        ),
        ("/user_data", json!({"fbp": "x"}), "meta.invalid_value", None, "user_data.fbp"),
        (
            "/user_data",
            json!({"client_user_agent": "x"}),
            "meta.invalid_match",
            Some(2804050),
            "user_data",
        ),
        (
            "/user_data",
            json!({"fn": "a", "ge": "f"}),
            "meta.invalid_match",
            Some(2804050),
            "user_data",
        ),
        (
            "/user_data",
            json!({"fn": "a", "em": "bad"}),
            "meta.invalid_match",
            Some(2804050),
            "user_data",
        ),
        (
            "/user_data",
            json!({"ct": "a", "st": "b", "zp": "c", "country": "de"}),
            "meta.invalid_match",
            Some(2804050),
            "user_data",
        ),
        ("/user_data/em", json!({"a": 1}), "meta.wrong_type", None, "user_data.em"),
        ("/user_data/em", json!(["a@example.com", 5]), "meta.wrong_type", None, "user_data.em[1]"),
        (
            "/user_data/em",
            json!(vec!["a@example.com"; 129]),
            "meta.event_too_large",
            None,
            "user_data.em",
        ),
        ("/user_data/zp", json!(2139), "meta.wrong_type", None, "user_data.zp"),
        ("/user_data/external_id", json!(1.5), "meta.wrong_type", None, "user_data.external_id"),
        (
            "/user_data/fbp",
            json!(["fb.1.1558571054389.1"]),
            "meta.wrong_type",
            None,
            "user_data.fbp",
        ),
        (
            "/user_data/client_user_agent",
            json!(1),
            "meta.wrong_type",
            None,
            "user_data.client_user_agent",
        ),
        (
            "/user_data/email",
            json!("a@example.com"),
            "meta.unknown_key",
            Some(2804019),
            "user_data.email",
        ),
        (
            "/user_data/click_id",
            json!("x"),
            "meta.unknown_key",
            Some(2804019),
            "user_data.click_id",
        ),
        ("/click_id", json!("x"), "meta.unknown_key", Some(2804019), "click_id"),
        (
            "/advertiser_tracking_enabled",
            json!(true),
            "meta.unknown_key",
            Some(2804019),
            "advertiser_tracking_enabled",
        ),
        ("/test_event_code", json!("TEST1"), "meta.unknown_key", Some(2804019), "test_event_code"),
        (
            "/data_processing_options",
            json!("LDU"),
            "meta.wrong_type",
            None,
            "data_processing_options",
        ),
        (
            "/data_processing_options",
            json!(["ldu"]),
            "meta.ldu_selection",
            Some(2804030),
            "data_processing_options",
        ),
        (
            "/data_processing_options",
            json!(["LDU"]),
            "meta.ldu_selection",
            Some(2804030),
            "data_processing_options_country",
        ),
        (
            "/data_processing_options_country",
            json!(49),
            "meta.ldu_selection",
            Some(2804030),
            "data_processing_options_country",
        ),
        (
            "/data_processing_options_state",
            json!(1014),
            "meta.ldu_selection",
            Some(2804030),
            "data_processing_options_state",
        ),
        (
            "/data_processing_options_state",
            json!("1000"),
            "meta.wrong_type",
            None,
            "data_processing_options_state",
        ),
    ];
    for (path, value, fault, subcode, field) in cases {
        let event = with(minimal(), path, value.clone());
        let refusal = admit_value(&event).expect_err(&format!("{path} {value}"));
        let found = (refusal.fault, refusal.code, refusal.field.as_str());
        assert_eq!(found, (*fault, (100, *subcode), *field), "{path} {value}: {}", refusal.message);
        assert!(Meta.catalog().by_name(fault).is_some(), "{fault} has no row in the catalog");
    }
}

#[test]
fn a_purchase_needs_value_and_currency() {
    let purchase = |custom: Value| {
        with(with(minimal(), "/event_name", json!("Purchase")), "/custom_data", custom)
    };
    for (custom, field) in [
        (json!(null), "custom_data.value"),
        (json!({"currency": "EUR"}), "custom_data.value"),
        (json!({"currency": "EUR", "value": null}), "custom_data.value"),
        (json!({"currency": "EUR", "value": ""}), "custom_data.value"),
        (json!({"value": 1}), "custom_data.currency"),
        (json!({"value": 1, "currency": " "}), "custom_data.currency"),
    ] {
        let refusal = admit_value(&purchase(custom.clone())).unwrap_err();
        assert_eq!(refusal.field, field, "{custom}");
        assert_eq!(
            (refusal.fault, refusal.code),
            ("meta.purchase_without_value", (100, Some(2804009)))
        );
    }
    assert!(admit_value(&purchase(json!({"value": 0, "currency": "EUR"}))).is_ok());
    assert!(admit_value(&purchase(json!({"value": "9.90", "currency": "eur"}))).is_ok());
}

#[test]
fn text_that_is_no_event_is_refused() {
    let cases: [(&[u8], &str, &str); 15] = [
        (b"", "meta.malformed_json", ""),
        (b"not json", "meta.malformed_json", ""),
        (b"{", "meta.malformed_json", ""),
        (b"{} {}", "meta.malformed_json", ""),
        (b"{\"event_name\":\"\xff\"}", "meta.malformed_json", ""),
        (b"{\"event_name\":\"\\ud800\"}", "meta.malformed_json", ""),
        (b"{\"event_name\":\"a\",\"event_name\":\"b\"}", "meta.malformed_json", "event_name"),
        (
            b"{\"user_data\":{\"em\":\"a\",\"e\\u006d\":\"b\"}}",
            "meta.malformed_json",
            "user_data.em",
        ),
        (b"{\"custom_data\":{\"a\":1,\"a\":1}}", "meta.malformed_json", "a"),
        (b"[]", "meta.wrong_type", ""),
        (b"\"{}\"", "meta.wrong_type", ""),
        (b"{\"own key\":1}", "meta.unknown_key", "own key"),
        (b"{\"event_time\":1e999}", "meta.invalid_value", "event_time"),
        (b"{\"user_data\":{\"ph\":[1e999]}}", "meta.invalid_value", "user_data.ph[0]"),
        (b"{\"custom_data\":{\"x\":1e999}}", "meta.invalid_value", ""),
    ];
    for (raw, fault, field) in cases {
        let refusal = admit(raw).unwrap_err();
        let shown = String::from_utf8_lossy(raw);
        assert_eq!((refusal.fault, refusal.field.as_str()), (fault, field), "{shown}");
    }
    let large = with(minimal(), "/custom_data", json!({"x": "y".repeat(256 * 1024)}));
    assert_eq!(admit_value(&large).unwrap_err().fault, "meta.event_too_large");
    let deep = format!("{{\"custom_data\":{{\"x\":{}1{}}}}}", "[".repeat(40), "]".repeat(40));
    assert_eq!(admit(deep.as_bytes()).unwrap_err().fault, "meta.event_too_large");
}

#[test]
fn messages_tell_where_a_misplaced_key_belongs() {
    for (path, hint) in [
        ("/em", "belongs in user_data"),
        ("/value", "belongs in custom_data"),
        ("/advertiser_tracking_enabled", "belongs in app_data"),
        ("/test_event_code", "beside data"),
        ("/loyalty_tier", "custom_data"),
        ("/user_data/email", "em"),
        ("/user_data/event_id", "belongs in the event"),
    ] {
        let refusal = admit_value(&with(minimal(), path, json!("x"))).unwrap_err();
        assert!(refusal.message.contains(hint), "{path}: {}", refusal.message);
    }
}

#[test]
fn windows_follow_the_action_source() {
    let at = |source: &str, age: i64| {
        let event = with(minimal(), "/action_source", json!(source));
        admit_value(&with(event, "/event_time", json!(NOW - age)))
    };
    let web = 7 * DAY_S - MARGIN_S;
    let store = 62 * DAY_S - MARGIN_S;
    assert_eq!(at("email", web - 1).unwrap().expires_at, UnixSeconds(NOW + 1));
    assert!(at("email", web).is_err());
    assert_eq!(at("physical_store", store - 1).unwrap().expires_at, UnixSeconds(NOW + 1));
    assert!(at("physical_store", store).is_err());
    assert!(at("email", -60).is_ok(), "clocks differ by a little");
}

#[test]
fn app_events_carry_their_extinfo() {
    let event = json!({
        "event_name": "CompleteRegistration", "event_time": NOW, "action_source": "app",
        "user_data": {"madid": "38400000-8cf0-11bd-b23e-10b96e40000d"},
        "app_data": {"advertiser_tracking_enabled": 1, "application_tracking_enabled": true,
            "extinfo": extinfo(json!("14.4.1")), "campaign_ids": "", "url_schemes": []},
    });
    let admitted = admit_value(&event).unwrap();
    let app_data = &fragment(&admitted)["app_data"];
    assert_eq!(app_data["extinfo"].as_array().unwrap().len(), 16);
    assert_eq!(app_data["extinfo"][8], "", "null is written as the empty text");
    assert_eq!(app_data["extinfo"][9], 1080);
    assert!(app_data.get("campaign_ids").is_none() && app_data.get("url_schemes").is_none());
    assert_eq!(admitted.warnings, Vec::<String>::new());
}

#[test]
fn device_details_of_the_library_for_node_become_the_list_they_mean() {
    let app = |extinfo: &str| {
        let event = with(full(), "/action_source", json!("app")).to_string();
        let rest = format!(
            r#""app_data":{{"advertiser_tracking_enabled":1,"application_tracking_enabled":1,"extinfo":{extinfo}}}}}"#
        );
        format!("{},{rest}", event.strip_suffix('}').unwrap())
    };
    let admitted = admit(app(r#"{"4":"14.1","0":"a2","10":1920,"1":null}"#).as_bytes()).unwrap();
    let expected = json!(["a2", "", "", "", "14.1", "", "", "", "", "", 1920, "", "", "", "", ""]);
    assert_eq!(fragment(&admitted)["app_data"]["extinfo"], expected);
    for (extinfo, fault) in [
        (r#"{"0":"a2"}"#, "meta.extinfo_os_version_empty"),
        (r#"{"0":"a2","4":""}"#, "meta.extinfo_os_version_empty"),
        (r#"{"4":"1","16":"x"}"#, "meta.invalid_value"),
        (r#"{"4":"1","04":"x"}"#, "meta.invalid_value"),
        (r#"{"4":"1","4":"2"}"#, "meta.invalid_value"),
        (r#"{"version":"a2"}"#, "meta.invalid_value"),
        (r#"{"4":["1"]}"#, "meta.wrong_type"),
    ] {
        let refused = admit(app(extinfo).as_bytes()).unwrap_err();
        assert_eq!(refused.fault, fault, "{extinfo}: {}", refused.message);
        assert!(refused.field.starts_with("app_data.extinfo"), "{extinfo}");
    }
}

#[test]
fn limited_data_use() {
    let ldu = |country: Value, state: Value| {
        let event = with(minimal(), "/data_processing_options", json!(["LDU"]));
        let event = with(event, "/data_processing_options_country", country);
        admit_value(&with(event, "/data_processing_options_state", state))
    };
    for (country, state, warnings) in
        [(1, json!(1000), 0), (0, json!(0), 0), (0, json!(1000), 1), (1, json!(null), 1)]
    {
        let admitted = ldu(json!(country), state.clone()).unwrap();
        assert_eq!(fragment(&admitted)["data_processing_options"], json!(["LDU"]));
        assert_eq!(admitted.warnings.len(), warnings, "{country} {state}: {:?}", admitted.warnings);
    }
}

#[test]
fn a_bad_identifier_beside_good_ones_is_left_out_with_a_warning() {
    for (key, value, expected) in [
        ("fbc", json!("fb.1.1795.x"), "user_data.fbc was left out"),
        ("fbp", json!("?"), "user_data.fbp was left out"),
        ("client_ip_address", json!("203.0.113.7:80"), "without a port"),
        ("ph", json!("call me"), "user_data.ph was left out"),
        ("country", json!("Atlantis"), "user_data.country was left out"),
        ("db", json!(["19970216", "yesterday"]), "user_data.db[1] was left out"),
        ("lead_id", json!("l:123"), "user_data.lead_id was left out"),
        ("ge", json!("other"), "user_data.ge was left out"),
    ] {
        let admitted =
            admit_value(&with(minimal(), &format!("/user_data/{key}"), value.clone())).unwrap();
        let is_warned = admitted.warnings.iter().any(|warning| warning.contains(expected));
        assert!(is_warned, "{key} {value}: {:?}", admitted.warnings);
        let kept = &fragment(&admitted)["user_data"];
        assert_eq!(kept.get(key).is_some(), value.is_array(), "{key} {kept}");
        assert_eq!(kept["em"], sha256("a@example.com"));
    }
}

#[test]
fn what_is_documented_but_not_enforced_is_a_warning() {
    let cases = [
        ("/action_source", json!("website"), "event_source_url is missing"),
        ("/action_source", json!("website"), "client_user_agent is missing"),
        ("/messaging_channel", json!("whatsapp"), "messaging_channel only counts"),
        ("/custom_data/currency", json!("eur"), "ISO 4217"),
        ("/custom_data/value", json!("9.90"), "is a string"),
        ("/custom_data/contents", json!(["sku"]), "custom_data.contents"),
        ("/custom_data/content_ids", json!("sku"), "custom_data.content_ids"),
        ("/custom_data/num_items", json!("2"), "custom_data.num_items"),
        ("/custom_data/delivery_category", json!("drone"), "delivery_category"),
        ("/custom_data/event_id", json!("x"), "belongs in the event"),
        ("/app_data/vendor_id", json!("x"), "app_data.vendor_id"),
        ("/original_event_data/color", json!("x"), "original_event_data.color"),
        ("/attribution_data/color", json!("x"), "attribution_data.color"),
        ("/user_data/ct", json!(sha256("")), "hash of an empty text"),
    ];
    for (path, value, expected) in cases {
        let admitted = admit_value(&with(minimal(), path, value)).unwrap();
        let is_warned = admitted.warnings.iter().any(|warning| warning.contains(expected));
        assert!(is_warned, "{path}: {:?}", admitted.warnings);
    }
    let many: serde_json::Map<_, _> = (0..50).map(|n| (format!("k{n}"), json!(1))).collect();
    let admitted = admit_value(&with(minimal(), "/app_data", json!(many))).unwrap();
    assert_eq!(admitted.warnings.len(), 9, "bounded, and the rest counted");
}

#[test]
fn hashed_values_pass_and_are_never_hashed_again() {
    let sha = sha256("a@example.com");
    for (given, expected) in [
        (sha.clone(), sha.clone()),
        (format!(" {} ", sha.to_uppercase()), sha.clone()),
        (format!("{sha}.AQQCAQMC"), format!("{sha}.AQQCAQMC")),
        (format!("{sha}.Bg"), format!("{sha}.Bg")),
        (sha[..32].to_owned(), sha[..32].to_owned()),
    ] {
        let admitted = admit_value(&with(minimal(), "/user_data/em", json!(given))).unwrap();
        assert_eq!(fragment(&admitted)["user_data"]["em"], expected);
    }
}

#[test]
fn the_destinations_settings_decide() {
    let raw = DestinationSettings {
        external_id: Some(ExternalIdRule::Raw),
        ..DestinationSettings::default()
    };
    let event = with(minimal(), "/user_data/external_id", json!(" User-1 "));
    let hashed = admit_value(&event).unwrap();
    assert_eq!(fragment(&hashed)["user_data"]["external_id"], sha256("user-1"));
    let as_it_is = admit_with(event.to_string().as_bytes(), &raw).unwrap();
    assert_eq!(fragment(&as_it_is)["user_data"]["external_id"], "User-1");

    let us = DestinationSettings {
        default_country: Some("US".into()),
        ..DestinationSettings::default()
    };
    let event = with(minimal(), "/user_data/ph", json!("(650)555-1212"));
    let admitted = admit_with(event.to_string().as_bytes(), &us).unwrap();
    assert_eq!(fragment(&admitted)["user_data"]["ph"], sha256("16505551212"));
}

#[test]
fn the_country_of_the_event_decides_about_zip_and_state() {
    for (country, zip, state) in [
        (json!("us"), "94035", "ca"),
        (json!(["United States"]), "94035", "ca"),
        (json!(sha256("us")), "94035", "ca"),
        (json!("de"), "940351234", "california"),
        (json!(sha256("de")), "940351234", "california"),
        (json!(null), "940351234", "ca"),
    ] {
        let event = with(minimal(), "/user_data/country", country.clone());
        let event = with(event, "/user_data/zp", json!("940351234"));
        let admitted = admit_value(&with(event, "/user_data/st", json!("California"))).unwrap();
        let user_data = &fragment(&admitted)["user_data"];
        assert_eq!(
            (&user_data["zp"], &user_data["st"]),
            (&json!(sha256(zip)), &json!(sha256(state))),
            "{country}"
        );
    }
}

#[test]
fn refusals_and_warnings_never_repeat_a_value() {
    let secret = "zzsecretzz";
    for path in [
        "/event_name",
        "/event_time",
        "/action_source",
        "/event_id",
        "/messaging_channel",
        "/custom_data/value",
        "/custom_data/currency",
        "/user_data/em",
        "/user_data/ph",
        "/user_data/db",
        "/user_data/ge",
        "/user_data/country",
        "/user_data/fbc",
        "/user_data/fbp",
        "/user_data/client_ip_address",
        "/user_data/lead_id",
        "/data_processing_options",
        "/app_data/extinfo",
        "/opt_out",
    ] {
        for value in [json!(secret), json!([secret]), json!({"a": secret})] {
            let words = match admit_value(&with(minimal(), path, value)) {
                Ok(admitted) => admitted.warnings.join("\n"),
                Err(refusal) => format!("{} {}", refusal.field, refusal.message),
            };
            assert!(!words.contains(secret), "{path}: {words}");
        }
    }
}

const PERSONAL_KEYS: [&str; 18] = [
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

proptest! {
    #[test]
    fn never_panics_on_bytes(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = admit(&raw);
    }

    #[test]
    fn never_panics_on_damaged_events(at in 0usize..400, byte: u8, cut in 0usize..400) {
        let mut raw = full().to_string().into_bytes();
        let at = at % raw.len();
        raw[at] = byte;
        let _ = admit(&raw);
        raw.truncate(cut);
        prop_assert!(admit(&raw).is_err() || cut > 200);
    }

    #[test]
    fn nothing_that_is_to_be_hashed_leaves_unhashed(
        values in prop::collection::vec((0usize..18, "[ -~éß東\u{feff}]{0,24}", any::<bool>()), 0..8),
    ) {
        let mut event = minimal();
        for (key, text, is_list) in values {
            event["user_data"][PERSONAL_KEYS[key]] = if is_list { json!([text, "x"]) } else { json!(text) };
        }
        if let Ok(admitted) = admit_value(&event) {
            let fragment = fragment(&admitted);
            for key in PERSONAL_KEYS {
                let values = match &fragment["user_data"][key] {
                    Value::Null => vec![],
                    Value::Array(list) => list.clone(),
                    one => vec![one.clone()],
                };
                for value in values {
                    prop_assert!(is_hash(value.as_str().unwrap()), "{} {}", key, value);
                }
            }
        }
    }

    #[test]
    fn a_fragment_admitted_again_stays_as_it_is(text in "[a-z]{1,12}", amount in 0u32..100_000) {
        let mut event = full();
        event["user_data"]["fn"] = json!(text);
        event["custom_data"]["value"] = json!(f64::from(amount) / 100.0);
        let once = admit_value(&event).unwrap();
        let twice = admit(&once.fragment).unwrap();
        prop_assert_eq!(once.fragment, twice.fragment);
    }
}

fn is_hash(text: &str) -> bool {
    let hash = text.split('.').next().unwrap();
    matches!(hash.len(), 32 | 64)
        && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The least that is admitted without a warning.
fn minimal() -> Value {
    json!({
        "event_name": "Lead", "event_time": NOW - 60, "action_source": "email",
        "user_data": {"em": "a@example.com"},
    })
}

fn full() -> Value {
    json!({
        "event_name": "Purchase", "event_time": NOW - 60, "action_source": "website", "event_id": "order-1",
        "event_source_url": "https://shop.example/thanks?order=1",
        "user_data": {
            "em": ["a@example.com", "b@example.com"], "ph": "+49 30 123456", "ct": "Berlin", "country": "DE",
            "client_ip_address": "2001:db8::7", "client_user_agent": "Mozilla/5.0", "fbp": "fb.1.1558571054389.1098115397",
        },
        "custom_data": {"value": 10.5, "currency": "EUR", "contents": [{"id": "sku", "quantity": 1}]},
    })
}

fn extinfo(os_version: Value) -> Value {
    json!([
        "a2",
        "com.example",
        "1.0",
        "1.0 long",
        os_version,
        "Pixel",
        "en_US",
        "CET",
        null,
        1080,
        1920,
        "2",
        8,
        13,
        8,
        "Europe/Berlin"
    ])
}

/// The event with the value at a JSON pointer replaced or added.
fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    if !parent.is_empty() && event.pointer(parent).is_none() {
        event[&parent[1..]] = json!({});
    }
    event.pointer_mut(parent).unwrap()[key] = value;
    event
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn fragment(admitted: &Admitted) -> Value {
    serde_json::from_slice(&admitted.fragment).unwrap()
}

fn admit_value(event: &Value) -> Result<Admitted, Rejection> {
    admit(event.to_string().as_bytes())
}

fn admit(raw: &[u8]) -> Result<Admitted, Rejection> {
    admit_with(raw, &DestinationSettings::default())
}

fn admit_with(raw: &[u8], settings: &DestinationSettings) -> Result<Admitted, Rejection> {
    let group = BatchGroup::default();
    let cx = AdmitContext {
        settings,
        now: UnixSeconds(NOW),
        fallback_event_id: "fallback-id",
        group: &group,
    };
    Meta.admit(raw, &cx)
}
