//! Where tokens come from, what is said of them, and how they end.

use holdfast_sandbox::{NewToken, TokenKind, TokenState};
use serde_json::{Value, json};

use crate::rig::{APP, DATASET, OTHER_APP, Rig, event};

async fn debug(rig: &Rig, input: &str) -> Value {
    let (status, body) = rig
        .ask("/v25.0/debug_token", &[("input_token", input), ("access_token", &rig.app_token())])
        .await;
    assert_eq!(status, 200, "debug_token answers 200 even for garbage: {body}");
    body["data"].clone()
}

#[tokio::test]
async fn every_kind_is_described_as_what_it_is() {
    let rig = Rig::start().await;
    for (kind, name, expires) in [
        (TokenKind::SystemUser, "SYSTEM_USER", false),
        (TokenKind::User, "USER", true),
        (TokenKind::ShortLivedUser, "USER", true),
    ] {
        let assets = vec![DATASET.to_owned()];
        let token = rig.issue(NewToken { kind, assets, ..NewToken::default() });
        let data = debug(&rig, &token).await;
        assert_eq!((&data["is_valid"], &data["type"]), (&json!(true), &json!(name)), "{data}");
        assert_eq!(data["app_id"], APP.to_string(), "{data}");
        assert_eq!(data["expires_at"] != 0, expires, "{name}: {data}");
        assert!(data["scopes"].as_array().is_some_and(|scopes| !scopes.is_empty()), "{data}");
    }
    let garbage = debug(&rig, "garbage").await;
    assert_eq!(garbage["is_valid"], false, "{garbage}");
}

#[tokio::test]
async fn a_dead_token_says_why_everywhere() {
    let rig = Rig::start().await;
    for (state, subcode) in [
        (TokenState::Expired, Some(463)),
        (TokenState::PasswordChanged, Some(460)),
        (TokenState::AppRemoved, Some(458)),
        (TokenState::Checkpointed, Some(459)),
        (TokenState::Revoked, Some(466)),
        (TokenState::LoggedOut, Some(467)),
        (TokenState::Unreadable, None),
    ] {
        rig.control().set_token_state(&rig.token, state);
        let (status, body) = rig.deliver(&[event("x")]).await;
        let error = &body["error"];
        assert_eq!(error["code"], 190, "{state:?}: {status} {body}");
        assert_eq!(error["error_subcode"].as_i64(), subcode, "{state:?}: {body}");
        let data = debug(&rig, &rig.token).await;
        assert_eq!(data["is_valid"], false, "{state:?}: {data}");
    }
    rig.control().set_token_state(&rig.token, TokenState::Valid);
    assert_eq!(rig.deliver(&[event("x")]).await.0, 200, "nothing was counted of it before");
    assert_eq!(rig.control().state().total.received, 1);
}

#[tokio::test]
async fn tokens_are_issued_extended_and_revoked() {
    let rig = Rig::start().await;
    let app = APP.to_string();
    let client = [("client_id", app.as_str()), ("client_secret", rig.secret.as_str())];
    let ask = |more: &'static [(&'static str, &'static str)], token: Option<String>| {
        let mut query: Vec<(&str, String)> =
            client.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        query.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
        query.extend(token.map(|token| ("fb_exchange_token", token)));
        let rig = &rig;
        async move {
            let pairs: Vec<(&str, &str)> =
                query.iter().map(|(key, value)| (*key, value.as_str())).collect();
            rig.ask("/v25.0/oauth/access_token", &pairs).await
        }
    };
    let (status, body) = ask(&[("grant_type", "client_credentials")], None).await;
    assert_eq!(status, 200, "{body}");
    let of_app = body["access_token"].as_str().unwrap();
    let query = [("input_token", rig.token.as_str()), ("access_token", of_app)];
    let (status, body) = rig.ask("/v25.0/debug_token", &query).await;
    assert_eq!((status, &body["data"]["is_valid"]), (200, &json!(true)), "it is an app's token");

    let short = rig.issue(NewToken { kind: TokenKind::ShortLivedUser, ..NewToken::default() });
    let (status, body) = ask(&[("grant_type", "fb_exchange_token")], Some(short)).await;
    let days = (body["expires_in"].as_i64().unwrap_or_default() + 43_200) / 86_400;
    assert_eq!((status, days), (200, 60), "{body}");
    let long = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(debug(&rig, &long).await["is_valid"], true);

    let exchange = &[("grant_type", "fb_exchange_token")];
    let (status, body) = ask(exchange, Some(rig.token.clone())).await;
    assert_eq!(status, 400, "only a flag makes a system user's token expire: {body}");
    let wanted = &[("grant_type", "fb_exchange_token"), ("set_token_expires_in_60_days", "true")];
    assert_eq!(ask(wanted, Some(rig.token.clone())).await.0, 200);
    assert_eq!(ask(&[("grant_type", "password")], None).await.0, 400);

    let app_token = rig.app_token();
    let revoke = [
        ("client_id", app.as_str()),
        ("client_secret", rig.secret.as_str()),
        ("revoke_token", long.as_str()),
        ("access_token", app_token.as_str()),
    ];
    assert_eq!(rig.ask("/v25.0/oauth/revoke", &revoke).await, (200, json!({"success": true})));
    assert_eq!(debug(&rig, &long).await["is_valid"], false);
    let wrong = [
        ("client_id", app.as_str()),
        ("client_secret", "wrong"),
        ("grant_type", "client_credentials"),
    ];
    assert_eq!(rig.ask("/v25.0/oauth/access_token", &wrong).await.0, 400);
    let other = OTHER_APP.to_string();
    let foreign = [
        ("client_id", other.as_str()),
        ("client_secret", rig.secret.as_str()),
        ("grant_type", "client_credentials"),
    ];
    assert_eq!(rig.ask("/v25.0/oauth/access_token", &foreign).await.0, 400);
}

#[tokio::test]
async fn reads_show_what_the_token_may_see() {
    let rig = Rig::start().await;
    let (status, body) = rig.get(&format!("/v25.0/{DATASET}?fields=id,name"), &rig.token).await;
    assert_eq!((status, &body["id"]), (200, &json!(DATASET)), "{body}");
    rig.control().assign(&rig.token, DATASET, false);
    let (status, body) = rig.get(&format!("/v25.0/{DATASET}"), &rig.token).await;
    let error = &body["error"];
    assert_eq!((status, &error["code"], &error["error_subcode"]), (400, &json!(100), &json!(33)));
    let (status, body) = rig.get("/v25.0/me", &rig.token).await;
    assert_eq!((status, body["id"].is_string()), (200, true), "{body}");
    let (status, body) = rig.get("/v25.0/me", "nonsense").await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!(190)), "{body}");
}
