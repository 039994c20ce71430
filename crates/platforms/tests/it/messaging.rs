//! Events from conversations: `action_source: business_messaging`.

use holdfast_model::destination::{DestinationSettings, NormalizationProfile};
use holdfast_model::id::Seq;
use holdfast_model::item::{Admitted, BatchGroup, ItemMeta};
use holdfast_model::time::{DAY_S, UnixMillis, UnixSeconds};
use holdfast_platforms::meta::Meta;
use holdfast_platforms::{AdmitContext, Platform, Rejection};
use serde_json::{Value, json};

/// November 2026.
const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

/// Names as Meta's guide for business messaging lists them.
const NAMES: [&str; 14] = [
    "Purchase",
    "LeadSubmitted",
    "InitiateCheckout",
    "AddToCart",
    "ViewContent",
    "OrderCreated",
    "OrderShipped",
    "OrderDelivered",
    "OrderCanceled",
    "OrderReturned",
    "CartAbandoned",
    "QualifiedLead",
    "RatingProvided",
    "ReviewProvided",
];

const WHATSAPP: (&str, &str) = ("ctwa_clid", "ARAkLkA8rmlFeiCktEJQ-QTwRiyYHAFDLM_a");
const MESSENGER: (&str, &str) = ("page_scoped_user_id", "3564832370253014");
const INSTAGRAM: (&str, &str) = ("ig_sid", "942571860384753");

#[test]
fn every_channel_takes_its_own_ids_as_they_are() {
    for (channel, customer, business) in [
        ("whatsapp", WHATSAPP, "whatsapp_business_account_id"),
        ("whatsapp", WHATSAPP, "page_id"),
        ("messenger", MESSENGER, "page_id"),
        ("instagram", INSTAGRAM, "instagram_business_account_id"),
        ("instagram", INSTAGRAM, "ig_account_id"),
    ] {
        for id in [json!("110987654321"), json!(110_987_654_321_u64)] {
            let user_data = json!({customer.0: format!(" {} ", customer.1), business: id});
            for profile in NormalizationProfile::ALL {
                let admitted = admit(&event(channel, user_data.clone()), profile).unwrap();
                let expected = json!({customer.0: customer.1, business: id});
                assert_eq!(fragment(&admitted)["user_data"], expected, "{channel}");
                assert_eq!(fragment(&admitted)["messaging_channel"], channel);
                assert_eq!(admitted.warnings, Vec::<String>::new(), "{channel} {business}");
            }
        }
    }
}

#[test]
fn the_list_of_names_is_closed_for_every_channel() {
    let user_data = json!({"ctwa_clid": "x", "page_scoped_user_id": "1", "ig_sid": "2"});
    for channel in ["whatsapp", "messenger", "instagram"] {
        for name in NAMES {
            let mut event = event(channel, user_data.clone());
            event["event_name"] = name.into();
            assert!(docs(&event).is_ok(), "{name}");
        }
        for name in ["Lead", "purchase", "Purchase ", "CompleteRegistration", "Own"] {
            let mut event = event(channel, user_data.clone());
            event["event_name"] = name.into();
            let refusal = docs(&event).unwrap_err();
            let found = (refusal.fault, refusal.code, refusal.field.as_str());
            let expected =
                ("meta.messaging_event_not_allowed", (100, Some(2_804_066)), "event_name");
            assert_eq!(found, expected, "{name}");
            assert!(refusal.message.contains("QualifiedLead"), "{}", refusal.message);
        }
    }
}

#[test]
fn a_channel_is_needed_and_must_be_known() {
    let mut event = event("whatsapp", json!({"ctwa_clid": "x"}));
    event["messaging_channel"] = Value::Null;
    let refusal = docs(&event).unwrap_err();
    assert_eq!(
        (refusal.fault, refusal.code, refusal.field.as_str()),
        ("meta.messaging_channel_missing", (100, Some(2_804_063)), "messaging_channel")
    );
    for channel in ["sms", "WhatsApp", "instagram_direct"] {
        event["messaging_channel"] = channel.into();
        let refusal = docs(&event).unwrap_err();
        assert_eq!((refusal.fault, &*refusal.field), ("meta.invalid_value", "messaging_channel"));
        assert!(refusal.message.contains("whatsapp, messenger, instagram"), "{}", refusal.message);
    }
}

#[test]
fn an_event_that_names_only_the_business_is_refused() {
    for (channel, needed) in
        [("whatsapp", WHATSAPP.0), ("messenger", MESSENGER.0), ("instagram", INSTAGRAM.0)]
    {
        for user_data in [
            json!({"page_id": "1"}),
            json!({"whatsapp_business_account_id": 7, "ig_account_id": "8"}),
            json!({"instagram_business_account_id": "9", "partner_name": "x"}),
            json!({"page_id": "1", "ph": "call me", needed: " "}),
        ] {
            let refusal = docs(&event(channel, user_data.clone())).unwrap_err();
            assert_eq!(
                (refusal.fault, refusal.code, refusal.field),
                ("meta.no_identity", (100, Some(2_804_050)), format!("user_data.{needed}")),
                "{channel} {user_data}"
            );
            let tells_of_phone = refusal.message.contains("user_data.ph was left out");
            assert_eq!(tells_of_phone, user_data.get("ph").is_some(), "{}", refusal.message);
        }
    }
    let mut nobody = event("whatsapp", json!({}));
    assert_eq!(docs(&nobody).unwrap_err().fault, "meta.no_identity");
    // Elsewhere these ids are Meta's to judge.
    nobody["user_data"] = json!({"page_id": "1"});
    nobody["action_source"] = json!("chat");
    assert!(docs(&nobody).is_ok());
}

#[test]
fn what_is_documented_and_missing_is_a_warning() {
    for (channel, user_data, expected) in [
        ("whatsapp", json!({"ctwa_clid": "x"}), &["whatsapp_business_account_id is missing"][..]),
        (
            "whatsapp",
            json!({"ph": "+1 650 555 1212"}),
            &["ctwa_clid is missing", "whatsapp_business_account_id is missing"],
        ),
        ("messenger", json!({"page_scoped_user_id": "1"}), &["page_id is missing"]),
        ("instagram", json!({"ig_sid": "1"}), &["instagram_business_account_id is missing"]),
        (
            "messenger",
            json!({"page_id": "1", "ctwa_clid": "x"}),
            &["page_scoped_user_id is missing", "ctwa_clid belongs to whatsapp"],
        ),
        (
            "instagram",
            json!({"ig_account_id": "1", "ig_sid": "2", "page_scoped_user_id": "3"}),
            &["page_scoped_user_id belongs to messenger"],
        ),
    ] {
        let warnings = docs(&event(channel, user_data)).unwrap().warnings;
        assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
        for (warning, expected) in warnings.iter().zip(expected) {
            assert!(warning.contains(expected), "{warning}");
        }
    }
}

#[test]
fn a_repetition_is_never_safe() {
    let event = event("messenger", json!({"page_id": "1", "page_scoped_user_id": "2"}));
    let admitted = docs(&event).unwrap();
    assert_eq!(admitted.dedup_until, None);
    assert!(!resend_is_safe(&admitted, NOW));
    assert_eq!(admitted.expires_at, UnixSeconds(NOW.0 + 7 * DAY_S - 600));
    let mut website = event;
    website["action_source"] = json!("chat");
    assert!(resend_is_safe(&docs(&website).unwrap(), NOW));
    // So few share a request that a lost answer leaves few in doubt.
    let limits = Meta.limits();
    assert!(limits.max_unsafe_items <= limits.max_items / 10);
}

#[test]
fn whatsapps_automatic_events_say_so() {
    let user_data = json!({"ctwa_clid": "x", "whatsapp_business_account_id": "1"});
    let mut event = event("whatsapp", user_data);
    event["messaging_outcome_data"] = json!({"outcome_type": "automatic_events"});
    let admitted = docs(&event).unwrap();
    assert_eq!(
        fragment(&admitted)["messaging_outcome_data"],
        json!({"outcome_type": "automatic_events"})
    );
    assert_eq!(admitted.warnings, Vec::<String>::new());
}

#[test]
fn a_purchase_in_a_conversation_needs_value_and_currency_too() {
    let mut event = event("whatsapp", json!({"ctwa_clid": "x", "page_id": "1"}));
    event["event_name"] = json!("Purchase");
    event["custom_data"] = json!({"currency": "EUR"});
    assert_eq!(docs(&event).unwrap_err().fault, "meta.purchase_without_value");
}

fn event(channel: &str, user_data: Value) -> Value {
    json!({
        "event_name": "LeadSubmitted", "event_time": NOW.0, "action_source": "business_messaging",
        "messaging_channel": channel, "user_data": user_data,
        "custom_data": {"value": 1, "currency": "EUR"},
    })
}

fn docs(event: &Value) -> Result<Admitted, Rejection> {
    admit(event, NormalizationProfile::MetaDocs)
}

fn admit(event: &Value, profile: NormalizationProfile) -> Result<Admitted, Rejection> {
    let settings = DestinationSettings { profile, ..DestinationSettings::default() };
    let group = BatchGroup::default();
    let cx = AdmitContext { settings: &settings, now: NOW, fallback_event_id: "f", group: &group };
    Meta.admit(event.to_string().as_bytes(), &cx)
}

fn fragment(admitted: &Admitted) -> Value {
    serde_json::from_slice(&admitted.fragment).unwrap()
}

/// As a lane sees it.
fn resend_is_safe(admitted: &Admitted, now: UnixSeconds) -> bool {
    let item = ItemMeta {
        seq: Seq(1),
        bytes: 0,
        admitted_at: UnixMillis(now.0 * 1_000),
        expires_at: admitted.expires_at,
        dedup_until: admitted.dedup_until,
        intent_recorded: false,
    };
    item.resend_is_safe(now)
}
