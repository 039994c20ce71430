//! Whoever is in an event is found in the fragment that admission makes of it, and nobody else.

use holdfast_model::destination::{
    DestinationSettings, ExternalIdRule, NormalizationProfile as Profile,
};
use holdfast_model::item::BatchGroup;
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use holdfast_platforms::meta::Meta;
use holdfast_platforms::snap::Snap;
use holdfast_platforms::subject::{IdentifierKind as Kind, Subject, SubjectError};
use holdfast_platforms::{AdmitContext, Platform};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

fn subject(kind: Kind, value: &str) -> Subject {
    Subject::new(vec![(kind, Secret::new(value.to_owned()))], &["GB"]).unwrap()
}

/// The fragment of an event with this `user_data`.
fn fragment(platform: &dyn Platform, settings: &DestinationSettings, user: &Value) -> Vec<u8> {
    let mut user = user.clone();
    user["client_ip_address"] = json!("203.0.113.7");
    user["client_user_agent"] = json!("Mozilla/5.0");
    let (name, source) = match platform.id() {
        PlatformId::Snap => ("PURCHASE", "WEB"),
        _ => ("Purchase", "website"),
    };
    let event = json!({"event_name": name, "event_time": NOW.0 - 60, "action_source": source,
        "event_source_url": "https://shop.example/", "event_id": "order-1", "user_data": user,
        "custom_data": {"value": 1, "currency": "EUR"}});
    let cx = AdmitContext {
        settings,
        now: NOW,
        fallback_event_id: "made-up",
        group: &BatchGroup::default(),
    };
    let raw = serde_json::to_vec(&event).unwrap();
    platform.admit(&raw, &cx).unwrap_or_else(|e| panic!("{e:?}: {event}")).fragment
}

fn settings() -> Vec<DestinationSettings> {
    let mut all = Vec::new();
    for profile in Profile::ALL {
        for external_id in [None, Some(ExternalIdRule::Hash), Some(ExternalIdRule::Raw)] {
            for default_country in [None, Some("GB".to_owned())] {
                all.push(DestinationSettings {
                    profile,
                    external_id,
                    default_country,
                    ..DestinationSettings::default()
                });
            }
        }
    }
    all
}

#[test]
fn a_person_is_found_under_every_profile_of_both_platforms() {
    let hash = "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";
    for (kind, given, user) in [
        (Kind::Email, " John.Smith@Example.com", json!({"em": "john.smith@example.com "})),
        (Kind::Email, "a@example.com", json!({"em": ["b@example.com", "A@EXAMPLE.COM"]})),
        (Kind::Email, hash, json!({"em": hash.to_uppercase()})),
        (Kind::Phone, "+44 844 412 4653", json!({"ph": "(+44) 844-412-4653"})),
        (Kind::Phone, "+44 844 412 4653", json!({"ph": ["+16505551212", "+448444124653"]})),
        (Kind::ExternalId, "User-1", json!({"external_id": " User-1 "})),
        (Kind::ExternalId, "4711", json!({"external_id": 4711})),
    ] {
        let (one, other) = (subject(kind, given), subject(Kind::Email, "z@example.com"));
        for settings in settings() {
            for platform in [&Meta as &dyn Platform, &Snap] {
                let fragment = fragment(platform, &settings, &user);
                let what = format!("{:?} {kind} {user} {settings:?}", platform.id());
                assert!(platform.concerns(&fragment, &one), "{what}");
                assert!(one.is_in_any(&fragment), "{what}");
                assert!(!platform.concerns(&fragment, &other), "{what}");
            }
        }
    }
}

#[test]
fn a_number_is_completed_with_the_calling_codes_of_destinations() {
    let settings =
        DestinationSettings { default_country: Some("GB".to_owned()), ..Default::default() };
    let user = json!({"ph": "0844 412 4653"});
    for platform in [&Meta as &dyn Platform, &Snap] {
        let fragment = fragment(platform, &settings, &user);
        for given in ["0844 412 4653", "+44 844 412 4653"] {
            assert!(platform.concerns(&fragment, &subject(Kind::Phone, given)), "{given}");
        }
    }
}

#[test]
fn ids_that_are_not_hashed() {
    let none = DestinationSettings::default();
    let id = "10158912345678901";
    for user in [json!({"fb_login_id": id}), json!({"fb_login_id": 10158912345678901_u64})] {
        let fragment = fragment(&Meta, &none, &user);
        assert!(Meta.concerns(&fragment, &subject(Kind::FbLoginId, id)));
        assert!(!Meta.concerns(&fragment, &subject(Kind::FbLoginId, "1015891234567890")));
        assert!(!Meta.concerns(&fragment, &subject(Kind::ExternalId, id)), "another key");
    }
    let cookie = "fb.1.1554763741205.AbCdEfGh";
    let clicked = fragment(&Meta, &none, &json!({"fbc": cookie, "madid": "AB-12"}));
    for (kind, given, is) in [
        (Kind::ClickId, cookie, true),
        (Kind::ClickId, "AbCdEfGh", true),
        (Kind::ClickId, "abcdefgh", false),
        (Kind::Madid, "ab-12", true),
        (Kind::Madid, "ab-1", false),
    ] {
        assert_eq!(Meta.concerns(&clicked, &subject(kind, given)), is, "{kind} {given}");
    }
    let clicked = fragment(&Snap, &none, &json!({"sc_click_id": "AbC", "madid": "AB-12"}));
    assert!(Snap.concerns(&clicked, &subject(Kind::ClickId, "AbC")));
    assert!(Snap.concerns(&clicked, &subject(Kind::Madid, "AB-12")));
    assert!(!Snap.concerns(&clicked, &subject(Kind::ClickId, "AB-12")));
}

#[test]
fn values_elsewhere_are_not_the_person() {
    let one = subject(Kind::ExternalId, "user-1");
    for (fragment, is) in [
        (r#"{"user_data":{"external_id":"user-1"}}"#, true),
        (r#"{"user_data":{"external_id":["x","user-1"]}}"#, true),
        (r#"{"user_data":{"external_id":"user-\u0031"}}"#, true),
        (r#"{"user_data":{"external_id":"user-12"}}"#, false),
        (r#"{"user_data":{"em":"user-1"}}"#, false),
        (r#"{"custom_data":{"external_id":"user-1"}}"#, false),
        (r#"{"event_id":"user-1"}"#, false),
        ("user-1", false),
    ] {
        assert_eq!(Meta.concerns(fragment.as_bytes(), &one), is, "{fragment}");
        assert_eq!(Snap.concerns(fragment.as_bytes(), &one), is, "{fragment}");
    }
    let of_email = subject(Kind::Email, "a@example.com");
    let hash = "08d7d09c6f2ebb1b2f0f8ce0ab6b5ae2f7f7bb1fc4f0d7a5d3b9c1e5a4b3c2d1";
    let flat = format!(r#"{{"hashed_email":"{hash}"}}"#);
    assert!(!Snap.concerns(flat.as_bytes(), &of_email));
    let by_hash = subject(Kind::Email, hash);
    assert!(Snap.concerns(flat.as_bytes(), &by_hash), "version 2");
    let appended = format!(r#"{{"user_data":{{"em":"{hash}.AQQCAQMC"}}}}"#);
    assert!(Meta.concerns(appended.as_bytes(), &by_hash), "with an appendix");
}

#[test]
fn what_is_no_identifier_is_told_without_repeating_it() {
    for (kind, value) in [
        (Kind::FbLoginId, "12a"),
        (Kind::FbLoginId, ""),
        (Kind::Email, "nobody"),
        (Kind::Phone, "call me"),
        (Kind::ExternalId, " \t"),
    ] {
        let refused = Subject::new(vec![(kind, Secret::new(value.to_owned()))], &[]).unwrap_err();
        assert_eq!(refused, SubjectError::NotOne { kind });
        assert!(value.len() < 3 || !refused.to_string().contains(value), "{refused}");
    }
    assert_eq!(Subject::new(Vec::new(), &[]).unwrap_err(), SubjectError::Nobody);
    let shown = format!("{:?}", subject(Kind::Email, "a@example.com"));
    assert_eq!(shown, "[Email]");
}

#[test]
fn the_canonical_text_does_not_depend_on_the_order() {
    let text = |order: [(Kind, &str); 2]| {
        let given = order.map(|(kind, value)| (kind, Secret::new(value.to_owned())));
        Subject::new(given.into(), &[]).unwrap().canonical().expose().to_owned()
    };
    let (email, id) = ((Kind::Email, "a@example.com"), (Kind::ExternalId, " 7 "));
    assert_eq!(text([email, id]), text([id, email]));
}

proptest! {
    #[test]
    fn reading_a_fragment_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let one = subject(Kind::ExternalId, "user-1");
        let _ = one.is_in_any(&bytes);
    }

    #[test]
    fn any_external_id_is_found(id in "[a-zA-Z0-9 _.\"\\\\äß-]{1,40}") {
        prop_assume!(!id.trim().is_empty());
        let one = subject(Kind::ExternalId, &id);
        for settings in settings() {
            for platform in [&Meta as &dyn Platform, &Snap] {
                let fragment = fragment(platform, &settings, &json!({"em": "x@example.com", "external_id": id}));
                prop_assert!(platform.concerns(&fragment, &one), "{} {:?}", id, settings);
            }
        }
    }
}
