//! What a webhook of Meta's tells of tokens and accounts.
//!
//! The envelope is `{object, entry:[{id, time, changes:[{field, value}]}]}`; `permissions` names
//! `changed_fields` in some versions. Read leniently: what is missing or unknown makes a note of
//! that change and never spoils its neighbors.

use std::collections::BTreeMap;

use holdfast_model::redact::redact_and_cut;
use holdfast_model::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most signals that are taken from one push. Meta batches up to a thousand updates, and nearly all
/// of them are messages.
pub const MAX_SIGNALS: usize = 1_000;

/// Most different names of what was only noted.
const MAX_NOTED: usize = 32;

/// Longest id or name. Platforms' ids have 20 digits, their names of events 60 characters.
const MAX_TEXT_CHARS: usize = 80;

/// Whom or what something happened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// A person, by the id that the app knows them by.
    User(String),
    /// A client's business portfolio.
    Business(String),
    /// An ad account, without the `act_`.
    AdAccount(String),
    /// A WhatsApp Business Account, and the business that owns it where the push says so.
    WhatsappAccount { waba: String, business: Option<String> },
}

/// What happened. `spec/tokens.md §7`, `spec/whatsapp.md §2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    IntegrationInstalled,
    IntegrationUninstalled,
    IntegrationUpdated,
    PermissionsChanged,
    /// A person removed the app.
    Deauthorized,
    AdAccountChanged,
    /// The business took the app's access to its WhatsApp account away.
    AppUninstalled,
    PartnerRemoved,
    /// Access was given, or given again.
    AccountConnected,
    AccountDeleted,
    /// Some kinds of messages may not be sent.
    AccountRestricted {
        restriction: String,
        until: Option<UnixSeconds>,
    },
    AccountDisabled,
    AccountReinstated,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    pub about: About,
    pub happening: Happening,
    /// When, by the platform's clock.
    pub at: Option<UnixSeconds>,
}

/// What one webhook says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    pub object: String,
    /// Each once, in order.
    pub signals: Vec<Signal>,
    /// What has no consequence, by name and how often.
    pub noted: BTreeMap<String, u32>,
    /// Signals beyond [`MAX_SIGNALS`].
    pub left_out: usize,
}

/// The body is signed and still no webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a webhook: expected an object with object and entry")]
pub struct NotAPush;

/// Reads a body whose signature was checked.
pub fn read_push(body: &[u8]) -> Result<Push, NotAPush> {
    let body: Value = serde_json::from_slice(body).map_err(|_| NotAPush)?;
    let (Some(object), Some(entries)) = (body["object"].as_str(), body["entry"].as_array()) else {
        return Err(NotAPush);
    };
    let mut push = Push { object: short(object), ..Push::default() };
    for entry in entries {
        read_entry(object, entry, &mut push);
    }
    Ok(push)
}

fn read_entry(object: &str, entry: &Value, push: &mut Push) {
    let at = entry["time"].as_i64().map(seconds);
    let changes = entry["changes"].as_array().map_or(&[][..], Vec::as_slice);
    if object == "permissions" {
        // One look at a person's permissions settles all that changed of them.
        let person = id(&entry["uid"]).or_else(|| id(&entry["id"])).map(About::User);
        return push.add(person, Some(Happening::PermissionsChanged), at, "permissions");
    }
    for change in changes {
        let field = change["field"].as_str().unwrap_or_default();
        let value = &change["value"];
        match (object, field) {
            ("application", _) => {
                let business = id(&value["business_manager_id"]).map(About::Business);
                push.add(business, integration(field), at, field);
            }
            ("ad_account", _) => {
                let account = id(&entry["id"])
                    .map(|id| About::AdAccount(id.trim_start_matches("act_").to_owned()));
                push.add(account, Some(Happening::AdAccountChanged), at, field);
            }
            ("whatsapp_business_account", "account_update") => {
                for (happening, name) in account_update(value) {
                    push.add(whatsapp_account(entry, value), happening, at, &name);
                }
            }
            _ => push.note(&format!("{object}.{field}")),
        }
    }
    if changes.is_empty() {
        push.note(object);
    }
}

fn integration(field: &str) -> Option<Happening> {
    match field {
        "business_integration_install" => Some(Happening::IntegrationInstalled),
        "business_integration_uninstall" => Some(Happening::IntegrationUninstalled),
        "business_integration_update" => Some(Happening::IntegrationUpdated),
        _ => None,
    }
}

/// Of partner events the entry's id may be the partner's own; the value names the account then.
fn whatsapp_account(entry: &Value, value: &Value) -> Option<About> {
    let named = &value["waba_info"];
    let waba = id(&named["waba_id"]).or_else(|| id(&entry["id"]))?;
    Some(About::WhatsappAccount { waba, business: id(&named["owner_business_id"]) })
}

/// One update may tell of several restrictions.
fn account_update(value: &Value) -> Vec<(Option<Happening>, String)> {
    let event = value["event"].as_str().unwrap_or_default();
    let one = |happening| vec![(happening, format!("account_update.{event}"))];
    match event {
        "PARTNER_APP_UNINSTALLED" => one(Some(Happening::AppUninstalled)),
        "PARTNER_REMOVED" => one(Some(Happening::PartnerRemoved)),
        "PARTNER_APP_INSTALLED" | "PARTNER_ADDED" | "ACCOUNT_RECONNECTED" => {
            one(Some(Happening::AccountConnected))
        }
        "ACCOUNT_DELETED" | "ACCOUNT_OFFBOARDED" => one(Some(Happening::AccountDeleted)),
        "ACCOUNT_RESTRICTION" => restrictions(value),
        "DISABLED_UPDATE" => one(ban(&value["ban_info"]["waba_ban_state"])),
        _ => one(None),
    }
}

fn restrictions(value: &Value) -> Vec<(Option<Happening>, String)> {
    let info = value["restriction_info"].as_array().map_or(&[][..], Vec::as_slice);
    let read = |info: &Value| {
        let restriction = short(info["restriction_type"].as_str()?);
        let until = info["expiration"].as_i64().map(seconds);
        let name = format!("account_update.{restriction}");
        Some((Some(Happening::AccountRestricted { restriction, until }), name))
    };
    info.iter().filter_map(read).collect()
}

/// A text or a list of one. A ban that is only scheduled stops nothing yet.
fn ban(state: &Value) -> Option<Happening> {
    let state = state.as_str().or_else(|| state[0].as_str())?;
    match state {
        "DISABLE" => Some(Happening::AccountDisabled),
        "REINSTATE" => Some(Happening::AccountReinstated),
        _ => None,
    }
}

impl Push {
    /// Takes what is complete and known, and notes the rest.
    fn add(
        &mut self,
        about: Option<About>,
        happening: Option<Happening>,
        at: Option<UnixSeconds>,
        name: &str,
    ) {
        let (Some(about), Some(happening)) = (about, happening) else { return self.note(name) };
        let signal = Signal { about, happening, at };
        if self.signals.contains(&signal) {
            return;
        }
        if self.signals.len() == MAX_SIGNALS {
            self.left_out += 1;
            return;
        }
        self.signals.push(signal);
    }

    fn note(&mut self, name: &str) {
        let name = short(name);
        if self.noted.len() < MAX_NOTED || self.noted.contains_key(&name) {
            *self.noted.entry(name).or_default() += 1;
        }
    }
}

/// Meta writes seconds; where a number can only be milliseconds it is read as such.
fn seconds(time: i64) -> UnixSeconds {
    /// The year 5138 in seconds, 1973 in milliseconds.
    const NO_SECONDS: i64 = 100_000_000_000;
    UnixSeconds(if time >= NO_SECONDS { time / 1_000 } else { time })
}

fn id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (1..=MAX_TEXT_CHARS).contains(&text.len()).then_some(text)
}

/// Names go into logs and into the audit trail.
fn short(text: &str) -> String {
    redact_and_cut(text, MAX_TEXT_CHARS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Push {
        read_push(body.to_string().as_bytes()).unwrap()
    }

    fn change(object: &str, entry: &str, field: &str, value: &Value) -> Value {
        let change = json!({ "field": field, "value": value });
        json!({ "object": object, "entry": [{ "id": entry, "time": 1_700_000_000, "changes": [change] }] })
    }

    fn signal(about: About, happening: Happening) -> Signal {
        Signal { about, happening, at: Some(UnixSeconds(1_700_000_000)) }
    }

    #[test]
    fn integrations_are_about_the_clients_business() {
        for (field, happening) in [
            ("business_integration_install", Happening::IntegrationInstalled),
            ("business_integration_uninstall", Happening::IntegrationUninstalled),
            ("business_integration_update", Happening::IntegrationUpdated),
        ] {
            let push =
                read(&change("application", "1", field, &json!({ "business_manager_id": "77" })));
            let expected = signal(About::Business("77".to_owned()), happening);
            assert_eq!(push.signals, [expected], "{field}");
        }
        let number = json!({ "business_manager_id": 77 });
        let push = read(&change("application", "1", "business_integration_uninstall", &number));
        assert_eq!(push.signals[0].about, About::Business("77".to_owned()));
    }

    #[test]
    fn permissions_are_about_the_person_however_they_are_written() {
        let expected = signal(About::User("400".to_owned()), Happening::PermissionsChanged);
        for entry in [
            json!({ "uid": "400", "id": "9", "time": 1_700_000_000, "changed_fields": ["email"] }),
            json!({ "id": "400", "time": 1_700_000_000_000_i64,
                "changes": [{ "field": "email", "value": { "verb": "revoked" } },
                            { "field": "ads_management", "value": { "verb": "revoked" } }] }),
        ] {
            let push = read(&json!({ "object": "permissions", "entry": [entry, entry] }));
            assert_eq!(push.signals, std::slice::from_ref(&expected), "each once");
        }
    }

    #[test]
    fn an_account_update_says_what_became_of_the_account() {
        let account = || About::WhatsappAccount { waba: "102".to_owned(), business: None };
        for (event, happening) in [
            ("PARTNER_APP_UNINSTALLED", Happening::AppUninstalled),
            ("PARTNER_REMOVED", Happening::PartnerRemoved),
            ("PARTNER_APP_INSTALLED", Happening::AccountConnected),
            ("ACCOUNT_RECONNECTED", Happening::AccountConnected),
            ("ACCOUNT_DELETED", Happening::AccountDeleted),
            ("ACCOUNT_OFFBOARDED", Happening::AccountDeleted),
        ] {
            let value = json!({ "event": event });
            let push = read(&change("whatsapp_business_account", "102", "account_update", &value));
            assert_eq!(push.signals, [signal(account(), happening)], "{event}");
        }
        let value = json!({ "event": "PARTNER_APP_UNINSTALLED",
            "waba_info": { "waba_id": "102", "owner_business_id": "77" } });
        let push = read(&change("whatsapp_business_account", "9", "account_update", &value));
        let business = Some("77".to_owned());
        assert_eq!(
            push.signals[0].about,
            About::WhatsappAccount { waba: "102".to_owned(), business }
        );
    }

    #[test]
    fn restrictions_and_bans_are_read_one_by_one() {
        let restricted = |restriction: &str, until| Happening::AccountRestricted {
            restriction: restriction.to_owned(),
            until,
        };
        let value = json!({ "event": "ACCOUNT_RESTRICTION", "restriction_info": [
            { "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1_700_086_400 },
            { "restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION" }, { "expiration": 3 }] });
        let push = read(&change("whatsapp_business_account", "102", "account_update", &value));
        let happened: Vec<_> = push.signals.into_iter().map(|signal| signal.happening).collect();
        let until = Some(UnixSeconds(1_700_086_400));
        let expected = [
            restricted("RESTRICTED_BIZ_INITIATED_MESSAGING", until),
            restricted("RESTRICTED_ADD_PHONE_NUMBER_ACTION", None),
        ];
        assert_eq!(happened, expected);
        for (state, happening) in [
            (json!("DISABLE"), Some(Happening::AccountDisabled)),
            (json!(["REINSTATE"]), Some(Happening::AccountReinstated)),
            (json!("SCHEDULE_FOR_DISABLE"), None),
            (json!([]), None),
        ] {
            let value =
                json!({ "event": "DISABLED_UPDATE", "ban_info": { "waba_ban_state": state } });
            let push = read(&change("whatsapp_business_account", "102", "account_update", &value));
            assert_eq!(push.signals.first().map(|it| it.happening.clone()), happening, "{state}");
            assert_eq!(push.noted.len(), usize::from(happening.is_none()), "{state}");
        }
    }

    #[test]
    fn what_is_unknown_is_noted_and_spoils_nothing() {
        let body = json!({ "object": "whatsapp_business_account", "entry": [
            { "id": "102", "changes": [
                { "field": "messages", "value": { "messages": [] } },
                { "field": "account_update", "value": { "event": "SOMETHING_NEW" } },
                { "value": 1 },
                { "field": "account_update", "value": { "event": "PARTNER_REMOVED" } }] },
            { "id": "103" }, 7, null] });
        let push = read(&body);
        assert_eq!(push.signals.len(), 1);
        let noted: Vec<&str> = push.noted.keys().map(String::as_str).collect();
        let expected = [
            "account_update.SOMETHING_NEW",
            "whatsapp_business_account",
            "whatsapp_business_account.",
            "whatsapp_business_account.messages",
        ];
        assert_eq!(noted, expected);
        assert_eq!(push.noted["whatsapp_business_account"], 3);
        for bad in ["", "[]", "{}", r#"{"object":"page"}"#, r#"{"object":1,"entry":[]}"#] {
            assert_eq!(read_push(bad.as_bytes()), Err(NotAPush), "{bad}");
        }
    }

    #[test]
    fn a_flood_is_bounded_and_counted() {
        let entry = |n: usize| json!({ "uid": n.to_string() });
        let entries: Vec<Value> = (0..MAX_SIGNALS + 5).map(entry).collect();
        let push = read(&json!({ "object": "permissions", "entry": entries }));
        assert_eq!((push.signals.len(), push.left_out), (MAX_SIGNALS, 5));
        let change = |n: usize| json!({ "field": format!("field-{n}") });
        let changes: Vec<Value> = (0..1_000).map(change).collect();
        let push = read(&json!({ "object": "page", "entry": [{ "changes": changes }] }));
        assert_eq!(push.noted.len(), MAX_NOTED);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let names = prop::sample::select(vec![
            "object",
            "entry",
            "changes",
            "field",
            "value",
            "id",
            "uid",
            "time",
            "event",
            "restriction_info",
            "ban_info",
            "waba_info",
            "business_manager_id",
        ]);
        let words = prop::sample::select(vec![
            "application",
            "permissions",
            "whatsapp_business_account",
            "account_update",
            "ACCOUNT_RESTRICTION",
            "DISABLED_UPDATE",
            "business_integration_uninstall",
            "1",
        ]);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            words.prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names.clone(), inner, 0..6)
                    .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_push(&body);
        }

        #[test]
        fn any_webhook_is_read_without_a_panic(entry in any_json(), object in any_json()) {
            for object in [object, "whatsapp_business_account".into(), "permissions".into()] {
                let body = json!({ "object": object, "entry": [entry.clone(), entry.clone()] });
                if let Ok(push) = read_push(body.to_string().as_bytes()) {
                    prop_assert!(push.signals.iter().all(|signal| push.signals.iter()
                        .filter(|other| *other == signal).count() == 1));
                }
            }
        }
    }
}
