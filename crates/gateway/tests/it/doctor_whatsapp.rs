//! The doctor on tokens for WhatsApp: Meta answers for the token, the number and its account for the
//! use.

use holdfast_sandbox::{AssetKind, NewAsset, NewToken, Proof, TokenKind, TokenState};
use holdfast_testkit::{APP_ID, Damage};
use serde_json::{Value, json};

use crate::doctor::{Clinic, Table};

const NUMBER: &str = "106500000000001";
const OTHER_NUMBER: &str = "106500000000002";
const FOREIGN_NUMBER: &str = "106500000000003";
const WABA: &str = "102200000000001";
const MESSAGING: &str = "whatsapp_business_messaging";
const MANAGEMENT: &str = "whatsapp_business_management";

/// A business with an account of two numbers, and another business's number.
async fn clinic() -> Clinic {
    let clinic = Clinic::open().await;
    let control = clinic.control();
    let asset = |id: &str, kind, account: Option<&str>| NewAsset {
        id: id.to_owned(),
        kind,
        ticked: true,
        account: account.map(str::to_owned),
        ..NewAsset::default()
    };
    control.add(asset(WABA, AssetKind::WhatsappAccount, None));
    control.add(asset(NUMBER, AssetKind::PhoneNumber, Some(WABA)));
    control.add(asset(OTHER_NUMBER, AssetKind::PhoneNumber, Some(WABA)));
    control.add(asset(FOREIGN_NUMBER, AssetKind::PhoneNumber, None));
    assert!(control.subscribe_account(WABA, APP_ID));
    clinic
}

fn token_with(clinic: &Clinic, kind: TokenKind, scopes: &[&str]) -> String {
    let entry = NewToken {
        kind,
        assets: [WABA, NUMBER, OTHER_NUMBER].map(str::to_owned).to_vec(),
        scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        ..NewToken::default()
    };
    clinic.control().issue(entry).unwrap()
}

fn system_user(clinic: &Clinic) -> String {
    token_with(clinic, TokenKind::SystemUser, &[MESSAGING, MANAGEMENT])
}

async fn given(clinic: &Clinic, token: &str, number: &str) -> Value {
    let question = json!({"platform": "whatsapp", "token": token, "assets": [number],
        "account": WABA});
    clinic.ask(question).await
}

/// The outcome of a step and what it says.
fn step<'a>(report: &'a Value, name: &str) -> (&'a str, &'a str) {
    let steps = report["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["step"] == name);
    let step = step.unwrap_or_else(|| panic!("no step {name}: {report:#}"));
    (step["outcome"].as_str().unwrap(), step["evidence"].as_str().unwrap())
}

#[tokio::test]
async fn a_good_token_passes_every_rung() {
    let clinic = clinic().await;
    let report = given(&clinic, &system_user(&clinic), NUMBER).await;
    assert_eq!(report["conclusion"], "works", "{report:#}");
    for name in ["form", "debug_token", "kind", "expiry", "scopes", "asset", "account", "webhooks"]
    {
        assert_eq!(step(&report, name).0, "PASS", "{name}: {report:#}");
    }
    assert!(step(&report, "account").1.contains("2 number(s)"), "{report:#}");
    assert_eq!(step(&report, "push").0, "SKIP", "the app's secret is not stored");
    assert!(step(&report, "dry run").1.contains("WhatsApp has none"), "{report:#}");
    // Calls on the account are counted by the hour: two, whatever happens.
    let on_account = clinic.control().requests(Some(WABA), 100).len();
    assert_eq!(on_account, 2, "one for the numbers, one for the subscriptions");
}

#[tokio::test]
async fn causes_are_told_apart() {
    let clinic = clinic().await;
    let mut table = Table::default();
    let token = system_user(&clinic);
    for (what, state, expected) in [
        ("190 without a subcode, undecryptable", TokenState::Unreadable, "token.altered_inside"),
        ("458", TokenState::AppRemoved, "meta.app_removed"),
        ("459", TokenState::Checkpointed, "meta.user_checkpoint"),
        ("463", TokenState::Expired, "meta.token_expired"),
        ("466", TokenState::Revoked, "meta.token_revoked"),
    ] {
        assert!(clinic.control().set_token_state(&token, state));
        table.settled(what, expected, given(&clinic, &token, NUMBER).await);
    }
    assert!(clinic.control().set_token_state(&token, TokenState::Valid));
    table.settled("as it was", "works", given(&clinic, &token, NUMBER).await);

    let wrong_id = given(&clinic, &token, "15550100").await;
    table.settled("the number in place of its id", "asset.number_not_of_the_account", wrong_id);
    let foreign = given(&clinic, &token, FOREIGN_NUMBER).await;
    table.settled("another business's number", "asset.number_not_of_the_account", foreign);
    assert!(clinic.control().assign(&token, NUMBER, false));
    let unassigned = given(&clinic, &token, NUMBER).await;
    table.settled("not assigned", "asset.not_assigned_or_wrong_id", unassigned);

    let poor = token_with(&clinic, TokenKind::SystemUser, &["public_profile"]);
    let report = given(&clinic, &poor, NUMBER).await;
    table.settled("a permission is missing", "permission.scope_missing", report);

    let flipped = Damage::ALL
        .iter()
        .map(|damage| damage.apply(&token, 11))
        .find(|text| text.len() == token.len() && *text != token && text.is_ascii());
    let report = given(&clinic, &flipped.unwrap(), NUMBER).await;
    table.settled("one letter changed", "token.altered_inside", report);
    let app_token = format!("{APP_ID}|{}", clinic.app_secret);
    let offline = json!({"platform": "whatsapp", "token": app_token, "offline": true});
    table.settled("an app token", "token.is_something_else", clinic.ask(offline).await);

    clinic.control().require_proof(APP_ID, Proof::Required);
    let report = given(&clinic, &system_user(&clinic), NUMBER).await;
    table.settled("a proof is required", "app.proof_missing", report);
    table.check();
}

/// What sending does not need is told, and blamed on nothing.
#[tokio::test]
async fn managing_is_not_sending() {
    let clinic = clinic().await;
    let sender = token_with(&clinic, TokenKind::SystemUser, &[MESSAGING]);
    let report = given(&clinic, &sender, NUMBER).await;
    assert_eq!(report["conclusion"], "works", "{report:#}");
    assert_eq!(step(&report, "scopes").0, "WARN");
    assert!(step(&report, "scopes").1.contains(MANAGEMENT), "{report:#}");
    // Refused, and no verdict on the token.
    assert_eq!(step(&report, "account").0, "WARN");
    assert_eq!(step(&report, "webhooks").0, "SKIP");
}

#[tokio::test]
async fn the_dashboards_token_is_warned_of_and_so_is_an_account_that_tells_nobody() {
    let clinic = clinic().await;
    let temporary = token_with(&clinic, TokenKind::WhatsappTemporary, &[MESSAGING, MANAGEMENT]);
    let report = given(&clinic, &temporary, NUMBER).await;
    assert_eq!(report["conclusion"], "works", "{report:#}");
    assert_eq!(step(&report, "kind").0, "WARN");
    assert!(step(&report, "kind").1.contains("24 hours"), "{report:#}");
    assert_eq!(step(&report, "expiry").0, "WARN", "it ends within a day");

    let silent = "102200000000002";
    let account = NewAsset {
        id: silent.to_owned(),
        kind: AssetKind::WhatsappAccount,
        ticked: true,
        ..NewAsset::default()
    };
    clinic.control().add(account);
    let token = system_user(&clinic);
    assert!(clinic.control().assign(&token, silent, true));
    let question = json!({"platform": "whatsapp", "token": token, "assets": [NUMBER],
        "account": silent});
    let report = clinic.ask(question).await;
    assert_eq!(report["conclusion"], "works", "the number works: {report:#}");
    assert_eq!(step(&report, "webhooks").0, "WARN");
    assert_eq!(step(&report, "account").0, "WARN", "the number is of another account");
}

#[tokio::test]
async fn a_stored_token_is_looked_at_where_destinations_use_it() {
    let clinic = clinic().await;
    let token = system_user(&clinic);
    let credential = json!({"id": "wa", "platform": "whatsapp", "token": token});
    let stored = clinic.call("/v1/credentials", &credential).await;
    assert!(stored["error"].is_null(), "{stored:#}");
    let destination = json!({"id": "care", "platform": "whatsapp", "asset": NUMBER,
        "credential": "wa", "settings": {"account": WABA}});
    let added = clinic.call("/v1/destinations", &destination).await;
    assert!(added["error"].is_null(), "{added:#}");
    let report = clinic.ask(json!({"platform": "whatsapp", "credential": "wa"})).await;
    assert_eq!(report["conclusion"], "works", "{report:#}");
    assert!(step(&report, "asset").1.contains(NUMBER), "{report:#}");
    assert!(step(&report, "account").1.contains(WABA), "{report:#}");
    let text = report.to_string();
    for window in token.as_bytes().windows(20) {
        assert!(!text.contains(std::str::from_utf8(window).unwrap()), "a piece of the token");
    }
}
