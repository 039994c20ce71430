//! System users, client businesses, and tokens of Instagram Login.

use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_sandbox::{NewToken, TokenKind};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::rig::{APP, Answer, DATASET, Rig, answer, encoded};

const BUSINESS: &str = "700000000000001";
const CLIENT: &str = "700000000000002";

fn proof(rig: &Rig) -> String {
    let mut mac = <Hmac<Sha256>>::new_from_slice(rig.secret.as_bytes()).unwrap();
    mac.update(rig.token.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

async fn post(rig: &Rig, path: &str, fields: &[(&str, &str)]) -> Answer {
    let request = rig.request(Method::POST, path).bearer_auth(&rig.token).body(encoded(fields));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    answer(request.send().await.unwrap()).await
}

async fn token_of(rig: &Rig, token: &str) -> Value {
    let query = [("input_token", token), ("access_token", &rig.app_token())];
    rig.ask("/v25.0/debug_token", &query).await.1["data"].clone()
}

#[tokio::test]
async fn an_app_is_installed_before_a_token_is_issued() {
    let rig = Rig::start().await;
    let (status, businesses) = rig.get("/v25.0/me/businesses", &rig.token).await;
    assert_eq!((status, &businesses["data"][0]["id"]), (200, &json!(BUSINESS)));
    let users = format!("/v25.0/{BUSINESS}/system_users");
    let (_, made) = post(&rig, &users, &[("name", "Sender"), ("role", "EMPLOYEE")]).await;
    let user = made["id"].as_str().unwrap().to_owned();
    let (_, listed) = rig.get(&users, &rig.token).await;
    let expected = json!([{"id": user, "name": "Sender", "role": "EMPLOYEE"}]);
    assert_eq!(listed["data"], expected);
    let (_, of_client) = rig.get(&format!("/v25.0/{CLIENT}/system_users"), &rig.token).await;
    assert_eq!(of_client["data"], json!([]));
    assert_eq!(post(&rig, &users, &[("name", "x"), ("role", "OWNER")]).await.0, 400);
    assert_eq!(post(&rig, "/v25.0/123/system_users", &[]).await.0, 400);

    let (app, proof) = (APP.to_string(), proof(&rig));
    let tokens = format!("/v25.0/{user}/access_tokens");
    let issue = [
        ("business_app", app.as_str()),
        ("scope", "ads_management"),
        ("appsecret_proof", &proof),
        ("set_token_expires_in_60_days", "true"),
    ];
    assert_eq!(post(&rig, &tokens, &issue).await.1["error"]["code"], 200);
    let install = format!("/v25.0/{user}/applications");
    let (_, installed) = post(&rig, &install, &[("business_app", &app)]).await;
    assert_eq!(installed, json!({"success": true}));
    let (status, issued) = post(&rig, &tokens, &issue).await;
    assert_eq!(status, 200, "{issued}");
    let data = token_of(&rig, issued["access_token"].as_str().unwrap()).await;
    assert_eq!((&data["type"], &data["user_id"]), (&json!("SYSTEM_USER"), &json!(user)));
    assert_ne!(data["expires_at"], 0);
}

#[tokio::test]
async fn a_clients_token_is_issued_once_and_fetched_again() {
    let rig = Rig::start().await;
    let path = format!("/v25.0/{CLIENT}/system_user_access_tokens");
    let proof = proof(&rig);
    let fetch = [("appsecret_proof", proof.as_str()), ("fetch_only", "true")];
    assert_eq!(post(&rig, &path, &fetch).await.1["error"]["code"], 452);
    assert_eq!(post(&rig, &path, &[]).await.1["error"]["code"], 100, "it wants a proof");
    let (_, issued) = post(&rig, &path, &fetch[..1]).await;
    let (_, fetched) = post(&rig, &path, &fetch).await;
    assert_eq!(issued["access_token"], fetched["access_token"]);
    let data = token_of(&rig, issued["access_token"].as_str().unwrap()).await;
    assert_eq!(data["expires_at"], 0, "unless something else is asked for");
    let scopes = [("appsecret_proof", proof.as_str()), ("scope", "instagram_business_basic")];
    assert_eq!(post(&rig, &path, &scopes).await.1["error"]["code"], 3962);
}

#[tokio::test]
async fn who_may_not_manage_a_business_sees_none() {
    let rig = Rig::start().await;
    let assets = vec![DATASET.to_owned()];
    let scopes = Some(vec!["ads_management".to_owned()]);
    let token = rig.issue(NewToken { assets, scopes, ..NewToken::default() });
    for path in ["/v25.0/me/businesses", "/v25.0/700000000000001/system_users"] {
        assert_eq!(rig.get(path, &token).await.1["error"]["code"], 200, "{path}");
    }
}

#[tokio::test]
async fn instagram_refreshes_what_is_a_day_old_and_alive() {
    let rig = Rig::start().await;
    let kind = TokenKind::Instagram;
    let token = rig.issue(NewToken { kind, ..NewToken::default() });
    let refresh = |token: String| {
        let rig = &rig;
        async move {
            let query = [("grant_type", "ig_refresh_token"), ("access_token", token.as_str())];
            rig.ask("/refresh_access_token", &query).await
        }
    };
    assert_eq!(refresh(token.clone()).await.1["error"]["code"], 100, "it is too young");
    rig.control().advance(86_401_000);
    let (status, refreshed) = refresh(token.clone()).await;
    assert_eq!((status, &refreshed["expires_in"]), (200, &json!(60 * 86_400)), "{refreshed}");
    assert_ne!(refreshed["access_token"], json!(token));
    rig.control().advance(60 * 86_400_000);
    assert_eq!(refresh(token).await.1["error"]["error_subcode"], 463);
    assert_eq!(refresh(rig.token.clone()).await.1["error"]["code"], 190, "it is another's");

    let young = rig.issue(NewToken { kind, lifetime_s: Some(3_600), ..NewToken::default() });
    let exchange = [("grant_type", "ig_exchange_token"), ("access_token", young.as_str())];
    assert_eq!(rig.ask("/access_token", &exchange).await.0, 400, "it wants the app's secret");
    let with_secret = [&exchange[..], &[("client_secret", rig.secret.as_str())]].concat();
    let (status, long) = rig.ask("/access_token", &with_secret).await;
    assert_eq!((status, &long["expires_in"]), (200, &json!(60 * 86_400)), "{long}");
}
