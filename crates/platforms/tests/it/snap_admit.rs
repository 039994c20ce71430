//! Admission for Snap through the public seam: every rule with an event that breaks just that rule.

use holdfast_model::destination::{DestinationSettings, ExternalIdRule};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::time::{DAY_S, HOUR_S, UnixSeconds};
use holdfast_platforms::snap::Snap;
use holdfast_platforms::{AdmitContext, Platform, Rejection};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const NOW: i64 = 1_795_000_000;
const MARGIN_S: i64 = 600;

#[test]
fn a_whole_event_becomes_a_compact_fragment_in_a_fixed_order() {
    let event = br#" {
        "user_data" : {
            "sc_click_id": " AbC-Kept ", "client_user_agent": "Mozilla/5.0 (\"X\")", "client_ip_address": " 203.0.113.7 ",
            "em": [" A@Example.com ", "a@example.com", "", null, "b@example.com"], "ph": "+1 (650) 555-1212",
            "fn": null, "external_id": "User-1", "anon_id": "x", "lead_id": 77
        },
        "event_time": 1794999999123, "event_name": "purchase", "action_source": "web", "event_id": "order-1",
        "event_source_url": "https:\/\/shop.example\/\u00e9", "opt_out": false, "integration": "gtmss",
        "custom_data": { "value": "12.30", "currency": "eur", "num_items": "2", "order_id": 17, "status": "",
            "content_ids": "sku-1", "contents": [ {"id": "sku-1", "x": null} ] },
        "app_data": null, "data_processing_options": ["LMU"]
    } "#;
    let admitted = admit(event).unwrap();
    let expected = format!(
        concat!(
            r#"{{"event_name":"PURCHASE","event_time":1794999999,"action_source":"WEB","event_id":"order-1","#,
            r#""event_source_url":"https://shop.example/é","opt_out":false,"data_processing_options":["LMU"],"#,
            r#""integration":"gtmss","user_data":{{"em":["{}","{}"],"ph":["{}"],"external_id":"{}","#,
            r#""client_ip_address":"203.0.113.7","client_user_agent":"Mozilla/5.0 (\"X\")","sc_click_id":"AbC-Kept","#,
            r#""lead_id":"77","anon_id":["x"]}},"#,
            r#""custom_data":{{"value":12.30,"currency":"EUR","num_items":2,"order_id":"17","#,
            r#""content_ids":["sku-1"],"contents":[{{"id":"sku-1"}}]}}}}"#,
        ),
        sha256("a@example.com"),
        sha256("b@example.com"),
        sha256("16505551212"),
        sha256("user-1"),
    );
    assert_eq!(String::from_utf8(admitted.fragment).unwrap(), expected);
    assert_eq!(admitted.event_id, "order-1");
    assert_eq!(admitted.event_name, "PURCHASE");
    assert_eq!(admitted.event_time, UnixSeconds(1_794_999_999));
    assert_eq!(admitted.expires_at, UnixSeconds(1_794_999_999 + 7 * DAY_S - MARGIN_S));
    assert_eq!(admitted.profile, ProfileStamp::SNAP_DOCS_1);
    assert_eq!(admitted.warnings, Vec::<String>::new());
}

#[test]
fn the_documented_vectors() {
    for (key, input, hash) in [
        (
            "em",
            "person@example.com",
            "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345",
        ),
        (
            "ph",
            "+44 844 412 4653",
            "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383",
        ),
        ("fn", "john", "96d9632f363564cc3032521409cf22a852f2032eec099ed5967c0d000cec607a"),
        ("ln", "raphaël", "e74bb89e718fe1e19c422a48382870399f8bf7ca8dfa008739e75b0be76627b7"),
    ] {
        for given in [input.to_owned(), format!(" {}\n", input.to_uppercase()), hash.to_uppercase()]
        {
            let event = with(minimal(), &format!("/user_data/{key}"), json!(given));
            assert_eq!(fragment(&admit_value(&event).unwrap())["user_data"][key], json!([hash]));
        }
    }
}

#[test]
fn times_are_seconds_or_milliseconds_and_go_out_as_seconds() {
    let time = NOW - 3_600;
    for given in [
        json!(time),
        json!(time * 1_000),
        json!(time * 1_000 + 999),
        json!(time.to_string()),
        json!(format!(" {} ", time * 1_000)),
    ] {
        let admitted = admit_value(&with(minimal(), "/event_time", given.clone())).unwrap();
        assert_eq!(fragment(&admitted)["event_time"], time, "{given}");
        assert_eq!(admitted.event_time, UnixSeconds(time));
    }
}

#[test]
fn a_repetition_is_recognized_for_two_days_and_an_order_for_longer_than_it_waits() {
    let order = with(purchase(), "/custom_data/order_id", json!("o-1"));
    let lead_with_order = with(minimal(), "/custom_data", json!({"order_id": "o-1"}));
    for (event, window) in [
        (minimal(), 48 * HOUR_S),
        (purchase(), 48 * HOUR_S),
        (lead_with_order, 48 * HOUR_S),
        (order, 30 * DAY_S),
    ] {
        let admitted = admit_value(&event).unwrap();
        assert_eq!(admitted.dedup_until, Some(UnixSeconds(NOW - 60 + window - MARGIN_S)));
    }
}

#[test]
fn event_ids_stay_at_the_root_and_missing_ones_get_the_fallback() {
    for id in [json!(null), json!(""), json!(" ")] {
        let admitted = admit_value(&with(minimal(), "/event_id", id)).unwrap();
        assert_eq!(fragment(&admitted)["event_id"], "fallback-id");
    }
    let inside = with(minimal(), "/custom_data", json!({"event_id": "e-1"}));
    let admitted = admit_value(&inside).unwrap();
    assert_eq!(fragment(&admitted)["event_id"], "fallback-id");
    assert!(admitted.warnings.iter().any(|w| w.contains("custom_data.event_id")));
}

#[test]
fn sources_become_native_and_names_are_written_as_snap_does() {
    for (given, native) in [
        ("WEB", "WEB"),
        ("web", "WEB"),
        ("website", "WEB"),
        ("Mobile_App", "MOBILE_APP"),
        ("app", "MOBILE_APP"),
        ("offline", "OFFLINE"),
        ("physical_store", "OFFLINE"),
        ("phone_call", "OFFLINE"),
        ("email", "OFFLINE"),
        ("chat", "OFFLINE"),
        ("system_generated", "OFFLINE"),
        ("other", "OFFLINE"),
    ] {
        let event = with(full(), "/action_source", json!(given));
        let admitted = admit_value(&event).unwrap();
        assert_eq!(fragment(&admitted)["action_source"], native);
        assert_eq!(!admitted.warnings.is_empty(), given == "app", "{:?}", admitted.warnings);
    }
    for (given, name, warning) in [
        ("page_view", "PAGE_VIEW", None),
        (" Custom_Event_5 ", "CUSTOM_EVENT_5", None),
        ("ADD_TO_CART", "ADD_TO_CART", Some("ADD_CART")),
        ("LEAD", "LEAD", Some("CUSTOM_EVENT_1")),
    ] {
        let admitted = admit_value(&with(minimal(), "/event_name", json!(given))).unwrap();
        assert_eq!(admitted.event_name, name);
        let said = admitted.warnings.join(" ");
        assert!(warning.map_or(said.is_empty(), |expected| said.contains(expected)), "{said}");
    }
}

#[test]
fn refusals_name_the_fault_and_the_field() {
    let too_old = NOW - 7 * DAY_S + MARGIN_S;
    let cases: &[(&str, Value, &str, &str)] = &[
        ("/event_name", json!(null), "snap.missing_field", "event_name"),
        ("/event_name", json!("  "), "snap.missing_field", "event_name"),
        ("/event_name", json!(5), "snap.wrong_type", "event_name"),
        ("/event_name", json!("x".repeat(1025)), "snap.event_too_large", "event_name"),
        ("/event_id", json!("x".repeat(1025)), "snap.event_too_large", "event_id"),
        ("/event_id", json!({"a": 1}), "snap.wrong_type", "event_id"),
        ("/event_time", json!(null), "snap.missing_field", "event_time"),
        ("/event_time", json!("yesterday"), "snap.invalid_value", "event_time"),
        ("/event_time", json!(1_795_000_000.5), "snap.wrong_type", "event_time"),
        ("/event_time", json!(u64::MAX), "snap.invalid_value", "event_time"),
        ("/event_time", json!(NOW + 301), "snap.event_in_future", "event_time"),
        ("/event_time", json!(too_old), "snap.event_too_old", "event_time"),
        ("/event_time", json!(-1), "snap.event_too_old", "event_time"),
        ("/event_time", json!(i64::MIN), "snap.event_too_old", "event_time"),
        ("/action_source", json!(null), "snap.missing_field", "action_source"),
        ("/action_source", json!("business_messaging"), "snap.invalid_value", "action_source"),
        ("/action_source", json!(["web"]), "snap.wrong_type", "action_source"),
        ("/action_source", json!("WEB"), "snap.missing_field", "event_source_url"),
        ("/action_source", json!("MOBILE_APP"), "snap.missing_field", "app_data"),
        ("/user_data", json!(null), "snap.missing_field", "user_data"),
        ("/user_data", json!("x"), "snap.wrong_type", "user_data"),
        ("/user_data", json!({}), "snap.no_identity", "user_data"),
        ("/user_data", json!([]), "snap.no_identity", "user_data"),
        ("/user_data/em", json!({"x": 1}), "snap.wrong_type", "user_data.em"),
        ("/user_data/em", json!(["a@b.cd", 5]), "snap.wrong_type", "user_data.em[1]"),
        ("/user_data/em", json!(vec!["a@b.cd"; 129]), "snap.event_too_large", "user_data.em"),
        (
            "/user_data/client_ip_address",
            json!(["203.0.113.7"]),
            "snap.wrong_type",
            "user_data.client_ip_address",
        ),
        ("/user_data/zp", json!(2139), "snap.wrong_type", "user_data.zp"),
        ("/opt_out", json!("true"), "snap.wrong_type", "opt_out"),
        ("/data_processing_options", json!("LMU"), "snap.wrong_type", "data_processing_options"),
        (
            "/data_processing_options",
            json!(vec!["x"; 9]),
            "snap.event_too_large",
            "data_processing_options",
        ),
        ("/is_test", json!(true), "snap.test_event_refused", "is_test"),
        ("/test_event_code", json!("T1"), "snap.test_event_refused", "test_event_code"),
        ("/custom_data", json!("x"), "snap.wrong_type", "custom_data"),
        ("/custom_data/value", json!("much"), "snap.invalid_value", "custom_data.value"),
        ("/custom_data/value", json!("10,50"), "snap.invalid_value", "custom_data.value"),
        ("/custom_data/value", json!(true), "snap.wrong_type", "custom_data.value"),
        ("/custom_data/num_items", json!("few"), "snap.invalid_value", "custom_data.num_items"),
        ("/custom_data/num_items", json!(1.5), "snap.wrong_type", "custom_data.num_items"),
        ("/custom_data/currency", json!("EURO"), "snap.invalid_value", "custom_data.currency"),
        ("/custom_data/currency", json!(978), "snap.wrong_type", "custom_data.currency"),
        ("/custom_data/order_id", json!([1]), "snap.wrong_type", "custom_data.order_id"),
        (
            "/custom_data/content_ids",
            json!([{"id": 1}]),
            "snap.wrong_type",
            "custom_data.content_ids",
        ),
        ("/app_data", json!([1]), "snap.wrong_type", "app_data"),
        (
            "/app_data/advertiser_tracking_enabled",
            json!(2),
            "snap.invalid_value",
            "app_data.advertiser_tracking_enabled",
        ),
        (
            "/app_data/advertiser_tracking_enabled",
            json!("yes"),
            "snap.wrong_type",
            "app_data.advertiser_tracking_enabled",
        ),
        ("/app_data/extinfo", json!("a2"), "snap.wrong_type", "app_data.extinfo"),
        ("/app_data/extinfo", json!(["a2", "x"]), "snap.invalid_value", "app_data.extinfo"),
        ("/app_data/url_schemes", json!("x"), "snap.wrong_type", "app_data.url_schemes"),
        ("/event_type", json!("PURCHASE"), "snap.mixed_versions", "event_type"),
        ("/price", json!("1"), "snap.mixed_versions", "price"),
    ];
    for (path, value, fault, field) in cases {
        let refusal = admit_value(&with(minimal(), path, value.clone())).unwrap_err();
        assert_eq!((refusal.fault, refusal.field.as_str()), (*fault, *field), "{path} {value}");
        let code = if *fault == "snap.no_identity" { 507 } else { 400 };
        assert_eq!(refusal.code, (code, None));
        assert!(refusal.message.len() > 10, "{}", refusal.message);
        assert!(Snap.catalog().by_name(fault).is_some());
    }
    let last_moment = with(minimal(), "/event_time", json!(too_old + 1));
    assert!(admit_value(&last_moment).is_ok());
    assert!(admit_value(&with(minimal(), "/event_time", json!(NOW + 300))).is_ok());
}

#[test]
fn a_purchase_needs_value_and_currency() {
    for (data, field) in [
        (json!(null), "custom_data.value"),
        (json!({}), "custom_data.value"),
        (json!({"currency": "EUR"}), "custom_data.value"),
        (json!({"currency": "EUR", "value": ""}), "custom_data.value"),
        (json!({"value": 5}), "custom_data.currency"),
        (json!({"value": 5, "currency": null}), "custom_data.currency"),
    ] {
        let refusal = admit_value(&with(purchase(), "/custom_data", data.clone())).unwrap_err();
        assert_eq!(
            (refusal.fault, refusal.field.as_str()),
            ("snap.purchase_without_value", field),
            "{data}"
        );
    }
    let free = with(purchase(), "/custom_data", json!({"value": 0, "currency": "EUR"}));
    assert!(admit_value(&free).is_ok());
}

#[test]
fn what_is_enough_to_know_the_customer() {
    let device = "3D64D66A-CCAD-4CE8-A5C8-A1C1D4D8C7A1";
    let cases = [
        (json!({"em": "a@example.com"}), true, true),
        (json!({"ph": "+49 30 123456"}), true, true),
        (json!({"madid": device}), false, true),
        (json!({"mobile_ad_id": device}), false, true),
        (json!({"client_ip_address": "203.0.113.7", "client_user_agent": "UA"}), true, true),
        (json!({"client_ip_address": "203.0.113.7"}), false, false),
        (json!({"client_user_agent": "UA"}), false, false),
        (json!({"sc_click_id": "x", "sc_cookie1": "y", "external_id": "z"}), false, false),
        (json!({"fn": "John", "ln": "Smith", "zp": "94035"}), false, false),
        (json!({"idfv": device}), false, false),
        (json!({"em": "not an address"}), false, false),
        (json!({"em": sha256("")}), false, false),
        (json!({"ph": "0551234567"}), false, false),
        (
            json!({"client_ip_address": sha256("203.0.113.7"), "client_user_agent": "UA"}),
            false,
            false,
        ),
        (json!({"madid": "00000000-0000-0000-0000-000000000000"}), false, false),
        (json!({"madid": sha256(device)}), false, false),
    ];
    for (user_data, on_the_web, in_an_app) in cases {
        for (source, is_enough) in [("WEB", on_the_web), ("MOBILE_APP", in_an_app)] {
            let event = with(full(), "/action_source", json!(source));
            let found = admit_value(&with(event, "/user_data", user_data.clone()));
            assert_eq!(found.is_ok(), is_enough, "{source} {user_data}: {found:?}");
            if let Err(refusal) = found {
                assert_eq!(refusal.fault, "snap.no_identity");
            }
        }
    }
}

#[test]
fn a_bad_value_beside_good_ones_is_left_out_and_told() {
    for (key, value, expected) in [
        ("em", json!(["nobody", "a@example.com"]), "user_data.em[0] was left out"),
        ("ph", json!("0551234567"), "user_data.ph was left out: expected a phone number with"),
        ("client_ip_address", json!(sha256("x")), "Snap refuses a hashed one"),
        ("client_ip_address", json!("203.0.113.7:443"), "without a port"),
        ("madid", json!(sha256("x")), "user_data.madid was left out: expected the id itself"),
        ("country", json!("Atlantis"), "user_data.country was left out"),
        ("email", json!("b@example.com"), "the e-mail address is em"),
        ("unheard_of", json!({"deep": ["b@example.com"]}), "user_data.unheard_of was left out"),
    ] {
        let mut event = with(minimal(), "/user_data/ph", json!("+49 30 123456"));
        event["user_data"][key] = value;
        let admitted = admit_value(&event).unwrap();
        let said = admitted.warnings.join(" ");
        assert!(said.contains(expected), "{key}: {said}");
        assert!(!String::from_utf8(admitted.fragment).unwrap().contains("b@example.com"));
    }
}

#[test]
fn what_is_never_hashed_goes_raw_and_keeps_its_case() {
    let mut event = full();
    event["user_data"] = json!({
        "client_ip_address": "2001:db8::7", "client_user_agent": " Mozilla ", "sc_click_id": "AbC",
        "sc_cookie1": "DeF", "madid": "3D64D66A-CCAD-4CE8-A5C8-A1C1D4D8C7A1", "idfv": "ABCD", "subscription_id": 5,
        "download_id": "X", "partner_id": "P", "anon_id": ["a", "a", "B"],
    });
    let user_data = &fragment(&admit_value(&event).unwrap())["user_data"];
    assert_eq!(
        *user_data,
        json!({
            "client_ip_address": "2001:db8::7", "client_user_agent": " Mozilla ", "sc_click_id": "AbC",
            "sc_cookie1": "DeF", "madid": "3d64d66a-ccad-4ce8-a5c8-a1c1d4d8c7a1", "idfv": "abcd", "subscription_id": "5",
            "download_id": "X", "partner_id": "P", "anon_id": ["a", "B"],
        })
    );
}

#[test]
fn the_destination_decides_about_phone_numbers_and_external_ids() {
    let settings = DestinationSettings {
        default_country: Some("SA".into()),
        external_id: Some(ExternalIdRule::Raw),
        ..DestinationSettings::default()
    };
    let mut event = minimal();
    event["user_data"] = json!({"ph": "0551234567", "external_id": " User-1 "});
    let admitted = admit_with(event.to_string().as_bytes(), &settings).unwrap();
    let user_data = &fragment(&admitted)["user_data"];
    assert_eq!(user_data["ph"], json!([sha256("966551234567")]));
    assert_eq!(user_data["external_id"], "User-1");
}

#[test]
fn the_country_decides_about_states_and_postal_codes() {
    let mut event = minimal();
    event["user_data"]["st"] = json!("Georgia");
    event["user_data"]["zp"] = json!("303011234");
    for (country, state, zip) in
        [("US", "ga", "30301"), ("GE", "georgia", "303011234"), ("", "ga", "303011234")]
    {
        event["user_data"]["country"] = json!(country);
        let user_data = &fragment(&admit_value(&event).unwrap())["user_data"];
        assert_eq!(user_data["st"], json!([sha256(state)]), "{country}");
        assert_eq!(user_data["zp"], json!([sha256(zip)]), "{country}");
    }
}

#[test]
fn custom_and_app_data_pass_with_their_documented_types() {
    let mut event = with(full(), "/event_name", json!("SAVE"));
    event["custom_data"] = json!({
        "value": "1e3", "predicted_ltv": "+5", "num_adults": "2", "hotel_score": 9, "brands": "a,b",
        "destination_ids": "d-1", "preferred_star_ratings": [4, "5"], "custom_fields": {"own": "x"}, "content_name": "",
        "num_children": null, "contents": [{"id": "a", "quantity": "1", "brand": "b"}], "own_key": {"deep": 1},
    });
    event["app_data"] = json!({
        "app_id": 123, "advertiser_tracking_enabled": 1, "application_tracking_enabled": false,
        "extinfo": extinfo(), "url_schemes": ["x"], "campaign_ids": "", "own": 1,
    });
    let admitted = admit_value(&event).unwrap();
    let fragment = fragment(&admitted);
    assert_eq!(
        fragment["custom_data"],
        json!({
            "value": 1e3, "predicted_ltv": 5, "num_adults": 2, "hotel_score": "9", "brands": "a,b",
            "destination_ids": ["d-1"], "preferred_star_ratings": ["4", "5"], "custom_fields": {"own": "x"},
            "contents": [{"id": "a", "quantity": "1", "brand": "b"}], "own_key": {"deep": 1},
        })
    );
    let app_data = &fragment["app_data"];
    assert_eq!(app_data["app_id"], "123");
    assert_eq!(app_data["advertiser_tracking_enabled"], true);
    assert_eq!(app_data["extinfo"].as_array().unwrap().len(), 16);
    assert_eq!(app_data["extinfo"][8], "", "unknown values are empty texts");
    assert_eq!(app_data["extinfo"][9], "1080", "numbers are texts there");
    assert_eq!(app_data["campaign_ids"], Value::Null);
    let said = admitted.warnings.join(" ");
    assert!(said.contains("custom_data.own_key") && said.contains("app_data.own"), "{said}");
}

#[test]
fn keys_that_nobody_documents_are_left_out_at_the_top() {
    for (key, hint) in [
        ("em", "user_data"),
        ("value", "custom_data"),
        ("extinfo", "app_data"),
        ("email", "the e-mail address is em"),
        ("own", "custom_data.custom_fields"),
    ] {
        let event = with(minimal(), &format!("/{key}"), json!("person@example.org"));
        let admitted = admit_value(&event).unwrap();
        assert!(admitted.warnings[0].contains(hint), "{key}: {:?}", admitted.warnings);
        assert!(!String::from_utf8(admitted.fragment).unwrap().contains("person@example.org"));
    }
    let servers_own = with(minimal(), "/request_id", json!("r-1"));
    assert_eq!(admit_value(&servers_own).unwrap().warnings, Vec::<String>::new());
}

#[test]
fn tests_are_told_from_conversions_and_share_no_request_with_them() {
    let allowed = DestinationSettings { allow_test_events: true, ..DestinationSettings::default() };
    let of_event = with(minimal(), "/test_event_code", json!("T\"1"));
    let admitted = admit_with(of_event.to_string().as_bytes(), &allowed).unwrap();
    assert_eq!(admitted.group.0, r#"{"test_event_code":"T\"1"}"#);
    assert_eq!(fragment(&admitted)["test_event_code"], Value::Null);

    let keys = |keys: Value, settings: &DestinationSettings| {
        Snap.request_keys(keys.as_object().unwrap(), settings)
    };
    let beside = json!({"data": [], "access_token": "x", "test_event_code": "T\"1"});
    assert_eq!(keys(beside.clone(), &allowed), Ok(admitted.group));
    let refusal = keys(beside, &DestinationSettings::default()).unwrap_err();
    assert_eq!(refusal.fault, "snap.test_event_refused");
    for nothing in [json!({}), json!({"test_event_code": null}), json!({"test_event_code": " "})] {
        assert_eq!(keys(nothing, &DestinationSettings::default()), Ok(BatchGroup::default()));
    }
    let wrong = keys(json!({"test_event_code": 1}), &allowed).unwrap_err();
    assert_eq!((wrong.fault, wrong.field.as_str()), ("snap.wrong_type", "test_event_code"));
    let long = keys(json!({"test_event_code": "x".repeat(257)}), &allowed).unwrap_err();
    assert_eq!(long.fault, "snap.invalid_value");
}

#[test]
fn text_that_is_no_event_is_refused() {
    let cases: [(&[u8], &str, &str); 10] = [
        (b"", "snap.malformed_json", ""),
        (b"{", "snap.malformed_json", ""),
        (b"{\"event_name\":\"\xff\"}", "snap.malformed_json", ""),
        (b"{\"event_id\":\"a\",\"event_id\":\"b\"}", "snap.malformed_json", "event_id"),
        (b"{\"user_data\":{\"em\":\"a@b.cd\",\"em\":\"a@b.cd\"}}", "snap.malformed_json", "em"),
        (b"{\"hashed_email\":1,\"hashed_email\":2}", "snap.wrong_type", "hashed_email"),
        (b"[]", "snap.wrong_type", ""),
        (b"\"{}\"", "snap.wrong_type", ""),
        (b"{} {}", "snap.malformed_json", ""),
        (b"{\"custom_data\":{\"x\":1e999}}", "snap.invalid_value", ""),
    ];
    for (raw, fault, field) in cases {
        let refusal = admit(raw).unwrap_err();
        let shown = String::from_utf8_lossy(raw);
        assert_eq!((refusal.fault, refusal.field.as_str()), (fault, field), "{shown}");
    }
    let large = with(minimal(), "/event_source_url", json!("x".repeat(256 * 1024)));
    assert_eq!(admit_value(&large).unwrap_err().fault, "snap.event_too_large");
}

const PERSONAL_KEYS: [&str; 11] =
    ["em", "ph", "fn", "ln", "ge", "ct", "st", "zp", "country", "db", "external_id"];

proptest! {
    #[test]
    fn nothing_makes_it_panic(raw in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..600) {
        let _ = admit(&raw);
        let whole = full().to_string();
        let end = (0..=cut.min(whole.len())).rev().find(|at| whole.is_char_boundary(*at)).unwrap();
        prop_assert!(admit(&whole.as_bytes()[..end]).is_err() || end == whole.len());
    }

    #[test]
    fn nothing_that_is_to_be_hashed_leaves_unhashed(
        values in prop::collection::vec((0..PERSONAL_KEYS.len(), "[ -~éß東\u{feff}]{0,24}", any::<bool>()), 0..8),
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
        event["custom_data"]["content_ids"] = json!([text]);
        let once = admit_value(&event).unwrap();
        let twice = admit(&once.fragment).unwrap();
        prop_assert_eq!(once.fragment, twice.fragment);
    }

    #[test]
    fn a_refusal_never_repeats_a_value(
        path in prop::sample::select(vec![
            "/event_name", "/event_time", "/action_source", "/user_data/em", "/user_data/ph", "/custom_data/currency",
            "/custom_data/value", "/data_processing_options", "/app_data/extinfo", "/custom_data/num_items",
        ]),
    ) {
        const SECRET: &str = "zq9-somebody's-value";
        if let Err(refusal) = admit_value(&with(minimal(), path, json!(SECRET))) {
            prop_assert!(!refusal.message.contains("zq9"), "{}", refusal.message);
        }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The least that is admitted without a warning.
fn minimal() -> Value {
    json!({
        "event_name": "SIGN_UP", "event_time": NOW - 60, "action_source": "OFFLINE",
        "user_data": {"em": "a@example.com"},
    })
}

fn purchase() -> Value {
    with(
        with(minimal(), "/event_name", json!("PURCHASE")),
        "/custom_data",
        json!({"value": 5, "currency": "EUR"}),
    )
}

/// An event that fits every source.
fn full() -> Value {
    json!({
        "event_name": "PURCHASE", "event_time": NOW - 60, "action_source": "WEB", "event_id": "order-1",
        "event_source_url": "https://shop.example/thanks?order=1", "integration": "stape",
        "user_data": {
            "em": ["a@example.com", "b@example.com"], "ph": "+49 30 123456", "ct": "Berlin", "country": "DE",
            "client_ip_address": "2001:db8::7", "client_user_agent": "Mozilla/5.0", "sc_cookie1": "AbC",
        },
        "custom_data": {"value": 10.5, "currency": "EUR", "order_id": "1", "contents": [{"id": "sku"}]},
        "app_data": {"app_id": "com.example", "extinfo": extinfo()},
    })
}

fn extinfo() -> Value {
    json!([
        "a2",
        "com.example",
        "1.0",
        "1.0 long",
        "15",
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
pub fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    if !parent.is_empty() && event.pointer(parent).is_none() {
        event[&parent[1..]] = json!({});
    }
    event.pointer_mut(parent).unwrap()[key] = value;
    event
}

pub fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

pub fn fragment(admitted: &Admitted) -> Value {
    serde_json::from_slice(&admitted.fragment).unwrap()
}

pub fn admit_value(event: &Value) -> Result<Admitted, Rejection> {
    admit(event.to_string().as_bytes())
}

pub fn admit(raw: &[u8]) -> Result<Admitted, Rejection> {
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
    Snap.admit(raw, &cx)
}
