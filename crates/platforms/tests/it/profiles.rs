//! The normalization profiles of a destination: what each makes of the same identifiers, and what
//! an admitted event shows of it.

use holdfast_model::destination::{
    DestinationSettings, ExternalIdRule, NormalizationProfile as Profile,
};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::time::UnixSeconds;
use holdfast_platforms::meta::{Meta, Normalized, Surroundings, normalize_field};
use holdfast_platforms::{AdmitContext, Platform};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// November 2026.
const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

const HASHED_KEYS: [&str; 18] = [
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

/// Each line as meta-docs, param-builder and sdk-legacy see it; a dash where the value is left out.
/// Recorded from capi-param-builder-nodejs 1.3.2 and facebook-business 26.0.3.
#[rustfmt::skip]
const CASES: [(&str, &str, &str, &str, &str); 64] = [
    ("em", " John_Smith@Gmail.com ", "john_smith@gmail.com", "john_smith@gmail.com", "john_smith@gmail.com"),
    ("em", "müller@example.com", "müller@example.com", "-", "müller@example.com"),
    ("em", "a@b@example.com", "-", "-", "a@b@example.com"),
    ("em", "to: a@example.com", "-", "-", "to: a@example.com"),
    ("em", "a..b@example.com", "a..b@example.com", "-", "a..b@example.com"),
    ("em", "a:.b@example.com", "a:.b@example.com", "a:.b@example.com", "a:.b@example.com"),
    ("em", "a:b@example.com", "a:b@example.com", "-", "a:b@example.com"),
    ("em", "a@-x.com", "a@-x.com", "-", "a@-x.com"),
    ("em", "a@1.2", "a@1.2", "a@1.2", "a@1.2"),
    ("em", "a@localhost", "-", "-", "-"),
    ("em", "\u{212a}@example.com", "k@example.com", "k@example.com", "k@example.com"),
    ("ph", "1.650.555.1212", "16505551212", "16505551212", "-"),
    ("ph", "+1 (650) 555-1212", "16505551212", "16505551212", "16505551212"),
    ("ph", "+00 49 89 1234567", "49891234567", "49891234567", "49891234567"),
    ("ph", "0049 089 1234567", "490891234567", "490891234567", "490891234567"),
    ("ph", "000049891234567", "49891234567", "49891234567", "49891234567"),
    ("ph", "0000049891234567", "49891234567", "49891234567", "-"),
    ("ph", "123456", "123456", "123456", "-"),
    ("ph", "call 911", "911", "911", "-"),
    ("ph", "call me", "-", "-", "-"),
    ("fn", "Jean-Luc", "jeanluc", "jeanluc", "jean-luc"),
    ("fn", " Mary Ann ", "maryann", "maryann", "mary ann"),
    ("fn", "O\u{2019}Brien", "o\u{2019}brien", "o\u{2019}brien", "o\u{2019}brien"),
    ("ln", "!?", "-", "-", "!?"),
    ("ln", "\u{feff}Σας", "σας", "σας", "\u{feff}σας"),
    ("fn", "Anna\u{85}", "anna", "anna\u{85}", "anna"),
    ("db", "2/16/1997", "19970216", "19970216", "2/16/1997"),
    ("db", "16.2.1997", "19970216", "19970216", "16.2.1997"),
    ("db", "1850-02-16", "-", "18500216", "1850-02-16"),
    ("db", "2/16/2027", "-", "20270216", "2/16/2027"),
    ("db", "99999999", "-", "99999999", "99999999"),
    ("db", "2/16/97", "-", "-", "2/16/97"),
    ("db", "born 19970216", "19970216", "19970216", "born 19970216"),
    ("ge", "F", "f", "f", "f"),
    ("ge", "Female", "f", "f", "-"),
    ("ge", "Mrs", "-", "f", "-"),
    ("ge", "king", "-", "m", "-"),
    ("ge", "divers", "-", "-", "-"),
    ("ct", "São Paulo", "sãopaulo", "sopaulo", "sãopaulo"),
    ("ct", "東京", "東京", "-", "東京"),
    ("ct", "St. John's (2)", "stjohns2", "stjohns2", "stjohn's"),
    ("ct", "29 Palms", "29palms", "-", "palms"),
    ("st", "California", "ca", "ca", "california"),
    ("st", "New South Wales", "newsouthwales", "ne", "newsouthwales"),
    ("st", "State of West Virginia", "stateofwestvirginia", "va", "stateofwestvirginia"),
    ("st", "Ontario", "ontario", "on", "ontario"),
    ("st", "N.Y.", "ny", "ny", "ny"),
    ("zp", "M1 1AE", "m11ae", "m1 1ae", "m11ae"),
    ("zp", "94035-1234", "94035", "94035", "94035"),
    ("zp", "7", "7", "-", "7"),
    ("zp", "-12", "-", "-", "-"),
    ("country", "United States", "us", "us", "-"),
    ("country", "UK", "-", "uk", "-"),
    ("country", "Deutschland", "-", "de", "-"),
    ("country", "Romania", "ro", "ro", "-"),
    ("country", "u.s.", "us", "us", "us"),
    ("country", "123", "-", "-", "-"),
    ("external_id", " User 1 ", "user 1", "user1", "user 1"),
    ("f5first", "Jean-Luc", "jeanl", "jeanl", "jean-"),
    ("fi", " Zoë", "z", "z", "z"),
    ("dobd", "7", "07", "07", "07"),
    ("dobm", "13", "-", "-", "-"),
    ("doby", "1890", "-", "-", "1890"),
    ("em", "\u{1c} \u{feff}\t", "-", "-", "-"),
];

#[test]
fn every_profile_follows_its_own_rules() {
    for (key, input, docs, builder, legacy) in CASES {
        for (profile, expected) in Profile::ALL.into_iter().zip([docs, builder, legacy]) {
            let found = match normalize_field(key, input, &surroundings(profile)) {
                Normalized::Text(text) => text.into_owned(),
                Normalized::Empty | Normalized::Invalid(_) => "-".to_owned(),
                Normalized::Hashed(hash) => panic!("{key} {input:?} is no hash: {hash}"),
            };
            assert_eq!(found, expected, "{key} {input:?} under {profile:?}");
        }
    }
}

#[test]
fn items_are_stamped_with_the_profile_they_were_made_under() {
    let event = event(json!({"em": "a@example.com", "fn": "Jean-Luc", "external_id": " User 1 "}));
    for (profile, stamp, name, id) in [
        (Profile::MetaDocs, ProfileStamp::META_DOCS_1, "jeanluc", sha256("user 1")),
        (Profile::ParamBuilder, ProfileStamp::META_PARAM_BUILDER_1, "jeanluc", sha256("user1")),
        (Profile::SdkLegacy, ProfileStamp::META_SDK_LEGACY_1, "jean-luc", "User 1".to_owned()),
    ] {
        let admitted = admit(&event, &settings(profile));
        assert_eq!(admitted.profile, stamp);
        let expected =
            json!({"em": sha256("a@example.com"), "fn": sha256(name), "external_id": id});
        assert_eq!(user_data(&admitted), expected, "{profile:?}");
    }
}

#[test]
fn what_is_done_with_external_id_is_the_destinations_last_word() {
    let event = event(json!({"em": "a@example.com", "external_id": [" User 1", "", "user 1 "]}));
    let rules = [None, Some(ExternalIdRule::Hash), Some(ExternalIdRule::Raw)];
    let raw = json!(["User 1", "user 1"]);
    for (profile, expected) in [
        (Profile::MetaDocs, [json!([sha256("user 1")]), json!([sha256("user 1")]), raw.clone()]),
        (Profile::ParamBuilder, [json!([sha256("user1")]), json!([sha256("user1")]), raw.clone()]),
        (Profile::SdkLegacy, [raw.clone(), json!([sha256("user 1")]), raw]),
    ] {
        for (external_id, expected) in rules.into_iter().zip(expected) {
            let settings = DestinationSettings { external_id, ..settings(profile) };
            let written = user_data(&admit(&event, &settings))["external_id"].clone();
            assert_eq!(written, expected, "{profile:?} {external_id:?}");
        }
    }
}

#[test]
fn what_a_profile_leaves_out_is_told() {
    let event = event(json!({"em": "a@example.com", "ct": "東京", "country": "Japan"}));
    for (profile, left_out) in [
        (Profile::MetaDocs, &[][..]),
        (Profile::ParamBuilder, &["user_data.ct was left out"]),
        (Profile::SdkLegacy, &["user_data.country was left out"]),
    ] {
        let warnings = admit(&event, &settings(profile)).warnings;
        assert_eq!(warnings.len(), left_out.len(), "{profile:?}: {warnings:?}");
        for expected in left_out {
            assert!(warnings.iter().any(|warning| warning.starts_with(expected)), "{warnings:?}");
        }
    }
}

#[test]
fn settings_name_the_profiles() {
    for (name, profile) in
        ["meta-docs", "param-builder", "sdk-legacy"].into_iter().zip(Profile::ALL)
    {
        let settings: DestinationSettings =
            serde_json::from_value(json!({"profile": name})).unwrap();
        assert_eq!(settings.profile, profile);
    }
    let silent: DestinationSettings = serde_json::from_value(json!({})).unwrap();
    assert_eq!(silent.profile, Profile::MetaDocs);
    let stored_before: DestinationSettings =
        serde_json::from_value(json!({"external_id": "hash"})).unwrap();
    assert_eq!(stored_before.external_id, Some(ExternalIdRule::Hash));
    assert!(serde_json::from_value::<DestinationSettings>(json!({"profile": "mine"})).is_err());
}

proptest! {
    #[test]
    fn hashes_pass_under_every_profile(
        bytes in prop::array::uniform32(any::<u8>()),
        key in 0usize..18,
        form in 0usize..6,
    ) {
        let sha = hex::encode(bytes);
        let (given, expected) = match form {
            0 => (sha.clone(), sha),
            1 => (format!(" {} ", sha.to_uppercase()), sha),
            2 => (sha[..32].to_uppercase(), sha[..32].to_owned()),
            3 => (format!("{sha}.AQQCAQMC"), format!("{sha}.AQQCAQMC")),
            4 => (format!("{}.Bg", sha.to_uppercase()), format!("{}.Bg", sha.to_uppercase())),
            _ => (format!("{}.AQQCAQMC", &sha[..32]), format!("{}.AQQCAQMC", &sha[..32])),
        };
        for profile in Profile::ALL {
            let found = normalize_field(HASHED_KEYS[key], &given, &surroundings(profile));
            prop_assert_eq!(found, Normalized::Hashed(expected.clone().into()));
        }
    }

    #[test]
    fn no_profile_panics_or_gives_an_empty_text(key in 0usize..18, text in any::<String>()) {
        for profile in Profile::ALL {
            if let Normalized::Text(text) =
                normalize_field(HASHED_KEYS[key], &text, &surroundings(profile))
            {
                prop_assert!(!text.is_empty());
            }
        }
    }

    #[test]
    fn nothing_but_a_raw_external_id_leaves_unhashed(
        values in prop::collection::vec((0usize..18, "[ -~éß東\u{feff}\u{85}]{0,24}", any::<bool>()), 0..8),
        profile in prop::sample::select(Profile::ALL.to_vec()),
    ) {
        let mut user = json!({"em": "a@example.com"});
        for (key, text, is_list) in values {
            user[HASHED_KEYS[key]] = if is_list { json!([text, "x"]) } else { json!(text) };
        }
        let settings = DestinationSettings {
            external_id: Some(ExternalIdRule::Hash),
            ..settings(profile)
        };
        let event = event(user).to_string();
        if let Ok(admitted) = Meta.admit(event.as_bytes(), &context(&settings)) {
            for (key, value) in user_data(&admitted).as_object().unwrap() {
                let values = match value {
                    Value::Array(list) => list.clone(),
                    one => vec![one.clone()],
                };
                for value in values {
                    let text = value.as_str().unwrap();
                    let is_hash = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
                    prop_assert!(is_hash, "{} {}", key, text);
                }
            }
        }
    }
}

fn surroundings(profile: Profile) -> Surroundings {
    Surroundings { profile, calling_code: None, country_is_us: None, now: NOW }
}

fn settings(profile: Profile) -> DestinationSettings {
    DestinationSettings { profile, ..DestinationSettings::default() }
}

fn event(user_data: Value) -> Value {
    json!({"event_name": "Lead", "event_time": NOW.0, "action_source": "email",
        "user_data": user_data})
}

fn admit(event: &Value, settings: &DestinationSettings) -> Admitted {
    Meta.admit(event.to_string().as_bytes(), &context(settings)).unwrap()
}

fn context(settings: &DestinationSettings) -> AdmitContext<'_> {
    const NO_GROUP: &BatchGroup = &BatchGroup(String::new());
    AdmitContext { settings, now: NOW, fallback_event_id: "f", group: NO_GROUP }
}

fn user_data(admitted: &Admitted) -> Value {
    serde_json::from_slice::<Value>(&admitted.fragment).unwrap()["user_data"].clone()
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
