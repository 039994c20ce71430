//! Reads of WhatsApp's numbers and accounts, and what an app is subscribed to.

use holdfast_sandbox::{AssetKind, NewAsset, NewToken, TokenKind};
use serde_json::{Value, json};

use crate::rig::{APP, OTHER_APP, Rig};

const WABA: &str = "102200000000001";
const NUMBER: &str = "106500000000001";

async fn rig() -> Rig {
    let rig = Rig::start().await;
    for (id, kind, account) in [
        (WABA, AssetKind::WhatsappAccount, None),
        (NUMBER, AssetKind::PhoneNumber, Some(WABA.to_owned())),
    ] {
        let ticked = true;
        rig.control().add(NewAsset { id: id.to_owned(), kind, ticked, account, name: None });
    }
    rig
}

fn token(rig: &Rig, scopes: &[&str]) -> String {
    rig.issue(NewToken {
        kind: TokenKind::SystemUser,
        assets: vec![WABA.to_owned(), NUMBER.to_owned()],
        scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        ..NewToken::default()
    })
}

fn code(body: &Value) -> (i64, Option<i64>) {
    (body["error"]["code"].as_i64().unwrap_or(-1), body["error"]["error_subcode"].as_i64())
}

#[tokio::test]
async fn a_number_is_read_by_who_may_send_and_an_account_by_who_may_manage() {
    let rig = rig().await;
    let number = format!("/v25.0/{NUMBER}?fields=id,display_phone_number,quality_rating");
    let numbers = format!("/v25.0/{WABA}/phone_numbers");
    let apps = format!("/v25.0/{WABA}/subscribed_apps");

    let manager = token(&rig, &["whatsapp_business_management"]);
    let (status, body) = rig.get(&number, &manager).await;
    assert_eq!((status, &body["id"]), (200, &json!(NUMBER)), "{body}");
    let (_, body) = rig.get(&numbers, &manager).await;
    assert_eq!(body["data"][0]["id"], NUMBER, "{body}");
    let (_, body) = rig.get(&apps, &manager).await;
    assert_eq!(body["data"], json!([]));
    assert!(rig.control().subscribe_account(WABA, APP));
    let (_, body) = rig.get(&apps, &manager).await;
    assert_eq!(body["data"][0]["whatsapp_business_api_data"]["id"], APP.to_string());

    let sender = token(&rig, &["whatsapp_business_messaging"]);
    assert_eq!(rig.get(&number, &sender).await.0, 200);
    for path in [&numbers, &apps] {
        assert_eq!(code(&rig.get(path, &sender).await.1).0, 200, "Requires … permission");
    }
    let stranger = rig.token.clone();
    for path in [&number, &numbers, &apps] {
        assert_eq!(code(&rig.get(path, &stranger).await.1), (100, Some(33)), "{path}");
    }
    // A number is no account, and a field that no number has is refused.
    let wrong = rig.get(&format!("/v25.0/{NUMBER}/phone_numbers"), &manager).await.1;
    assert_eq!(code(&wrong), (100, Some(33)));
    let wrong = rig.get(&format!("/v25.0/{NUMBER}?fields=email"), &manager).await.1;
    assert_eq!(code(&wrong).0, 100);
}

#[tokio::test]
async fn what_an_app_is_subscribed_to_is_told_to_itself_alone() {
    let rig = rig().await;
    let path = format!("/v25.0/{APP}/subscriptions");
    let (status, body) = rig.get(&path, &rig.app_token()).await;
    assert_eq!((status, &body["data"]), (200, &json!([])));
    assert!(rig.control().subscribe(APP, "permissions", &["email"]));
    let (_, body) = rig.get(&path, &rig.app_token()).await;
    let row = &body["data"][0];
    assert_eq!((&row["object"], &row["active"]), (&json!("permissions"), &json!(true)));
    assert_eq!(row["fields"][0]["name"], "email");
    assert_eq!(code(&rig.get(&path, &rig.token).await.1).0, 15);
    let other = format!("/v25.0/{OTHER_APP}/subscriptions");
    assert_eq!(code(&rig.get(&other, &rig.app_token()).await.1).0, 15);
}
