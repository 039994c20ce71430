//! Events in the form of version 2: the table of names, and what cannot be mapped.

use serde_json::{Value, json};

use crate::snap_admit::{NOW, admit, admit_value, fragment, sha256, with};

#[test]
fn every_key_of_the_table_finds_its_place() {
    let event = json!({
        "pixel_id": "a", "snap_app_id": "b", "app_id": 123456,
        "event_type": "purchase", "event_conversion_type": "MOBILE_APP", "timestamp": ((NOW - 60) * 1_000 + 5).to_string(),
        "page_url": "https://shop.example/", "client_dedup_id": "d-1", "data_use": "['lmu']", "event_tag": "tag",
        "hashed_email": sha256("a@example.com"), "hashed_phone_number": sha256("448444124653").to_uppercase(),
        "hashed_first_name_sha": sha256("john"), "hashed_last_name_sha": sha256("smith"),
        "hashed_city_sha": sha256("berlin"), "hashed_state_sha": sha256("be"), "hashed_zip": sha256("10115"),
        "user_agent": "Mozilla", "uuid_c1": "Cookie", "click_id": "Click", "integration": "segment",
        "price": "12.50", "currency": "usd", "transaction_id": "t-1", "item_ids": "a, b,c", "item_category": "shoes",
        "number_items": "3", "search_string": "boots", "sign_up_method": "mail", "brands": "x,y",
    });
    let admitted = admit_value(&event).unwrap();
    assert_eq!(
        fragment(&admitted),
        json!({
            "event_name": "PURCHASE", "event_time": NOW - 60, "action_source": "MOBILE_APP", "event_id": "d-1",
            "event_source_url": "https://shop.example/", "data_processing_options": ["LMU"], "integration": "segment",
            "user_data": {
                "em": [sha256("a@example.com")], "ph": [sha256("448444124653")], "fn": [sha256("john")],
                "ln": [sha256("smith")], "ct": [sha256("berlin")], "st": [sha256("be")], "zp": [sha256("10115")],
                "client_user_agent": "Mozilla", "sc_click_id": "Click", "sc_cookie1": "Cookie",
            },
            "custom_data": {
                "event_tag": "tag", "value": 12.5, "currency": "USD", "order_id": "t-1", "content_ids": ["a", "b", "c"],
                "content_category": "shoes", "num_items": 3, "search_string": "boots", "sign_up_method": "mail",
                "brands": "x,y",
            },
            "app_data": {"app_id": "123456"},
        })
    );
    assert_eq!(admitted.warnings, Vec::<String>::new());
    let again = admit(&admitted.fragment).unwrap();
    assert_eq!(again.fragment, admitted.fragment, "what goes out is version 3");
}

#[test]
fn what_was_hashed_and_must_be_raw_is_left_out_and_told() {
    for (key, hash) in [
        ("hashed_ip_address", sha256("203.0.113.7")),
        ("hashed_mobile_ad_id", sha256("3d64d66a")),
        ("hashed_idfv", sha256("3d64d66a")),
    ] {
        let admitted = admit_value(&with(minimal(), &format!("/{key}"), json!(hash))).unwrap();
        assert!(admitted.warnings[0].contains(&format!("{key} was left out")), "{key}");
        assert!(!String::from_utf8(admitted.fragment).unwrap().contains(&hash));
    }
    // Some send it raw under the name for hashes; that is just what version 3 wants.
    let raw = with(minimal(), "/hashed_ip_address", json!("203.0.113.7"));
    let admitted = admit_value(&raw).unwrap();
    assert_eq!(fragment(&admitted)["user_data"]["client_ip_address"], "203.0.113.7");
}

#[test]
fn what_has_no_place_in_version_3_is_told() {
    for key in [
        "description",
        "level",
        "device_model",
        "os_version",
        "hashed_first_name_sdx",
        "hashed_middle_name_sha",
        "hashed_middle_name_sdx",
        "hashed_last_name_sdx",
        "hashed_city_sdx",
        "hashed_state_sdx",
        "hashed_dob_month",
        "hashed_dob_day",
        "hashed_dob_year",
    ] {
        let admitted = admit_value(&with(minimal(), &format!("/{key}"), json!("v"))).unwrap();
        let expected = format!("{key} was left out: version 3 has no place for it");
        assert_eq!(admitted.warnings, [expected]);
        let nothing = with(minimal(), &format!("/{key}"), json!(null));
        assert_eq!(admit_value(&nothing).unwrap().warnings, Vec::<String>::new());
    }
}

#[test]
fn what_is_raw_under_a_name_for_hashes_is_hashed() {
    let mut event = minimal();
    event["hashed_email"] = json!(" Person@Example.com ");
    let admitted = admit_value(&event).unwrap();
    assert_eq!(fragment(&admitted)["user_data"]["em"], json!([sha256("person@example.com")]));
}

#[test]
fn refusals_speak_the_callers_version() {
    let cases: &[(&str, Value, &str, &str)] = &[
        ("/event_type", json!(null), "snap.missing_field", "event_type"),
        ("/timestamp", json!(null), "snap.missing_field", "timestamp"),
        ("/timestamp", json!("soon"), "snap.invalid_value", "timestamp"),
        ("/timestamp", json!((NOW - 8 * 86_400) * 1_000), "snap.event_too_old", "timestamp"),
        ("/timestamp", json!((NOW + 3_600).to_string()), "snap.event_in_future", "timestamp"),
        ("/event_conversion_type", json!(null), "snap.missing_field", "event_conversion_type"),
        ("/event_conversion_type", json!("PHONE"), "snap.invalid_value", "event_conversion_type"),
        ("/event_conversion_type", json!("WEB"), "snap.missing_field", "page_url"),
        ("/event_conversion_type", json!("MOBILE_APP"), "snap.missing_field", "app_id"),
        ("/event_type", json!("PURCHASE"), "snap.purchase_without_value", "price"),
        ("/price", json!("a lot"), "snap.invalid_value", "price"),
        ("/hashed_email", json!(null), "snap.no_identity", "user_data"),
        ("/hashed_email", json!(5), "snap.wrong_type", "hashed_email"),
        ("/user_data", json!({"em": "a@b.cd"}), "snap.mixed_versions", "user_data"),
        ("/client_dedup_id", json!("x".repeat(1025)), "snap.event_too_large", "client_dedup_id"),
    ];
    for (path, value, fault, field) in cases {
        let refusal = admit_value(&with(minimal(), path, value.clone())).unwrap_err();
        assert_eq!((refusal.fault, refusal.field.as_str()), (*fault, *field), "{path} {value}");
    }
    let purchase = with(with(minimal(), "/event_type", json!("PURCHASE")), "/price", json!("5"));
    let refusal = admit_value(&purchase).unwrap_err();
    assert_eq!(refusal.field, "currency");
    assert!(refusal.message.contains("price and currency"), "{}", refusal.message);
}

#[test]
fn lists_in_texts_become_lists() {
    for (given, expected) in [
        (json!("a"), json!(["a"])),
        (json!("a, b ,"), json!(["a", "b"])),
        (json!("[\"a\",\"b\"]"), json!(["a", "b"])),
        (json!("['a', 'b']"), json!(["a", "b"])),
        (json!(["a", 5]), json!(["a", "5"])),
        (json!(7), json!(["7"])),
        (json!(""), json!(null)),
        (json!([]), json!(null)),
    ] {
        let admitted = admit_value(&with(minimal(), "/item_ids", given.clone())).unwrap();
        assert_eq!(fragment(&admitted)["custom_data"]["content_ids"], expected, "{given}");
    }
    for (given, expected) in [("lmu", "LMU"), ("['lmu']", "LMU"), ("[\"LDU\"]", "LDU")] {
        let admitted = admit_value(&with(minimal(), "/data_use", json!(given))).unwrap();
        assert_eq!(fragment(&admitted)["data_processing_options"], json!([expected]));
    }
    let admitted = admit_value(&with(minimal(), "/number_items", json!("1,2"))).unwrap();
    assert!(admitted.warnings[0].contains("number_items was left out"));
}

/// The least that is admitted without a warning.
fn minimal() -> Value {
    json!({
        "event_type": "SIGN_UP", "event_conversion_type": "OFFLINE", "timestamp": ((NOW - 60) * 1_000).to_string(),
        "hashed_email": sha256("a@example.com"),
    })
}
