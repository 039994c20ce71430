//! Every way in which a token is refused, and what tells them apart: nothing, mostly.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdfast_sandbox::{
    Change, Damage, Environment, NewSnapToken, SnapTokenKind, SnapTokenState, TokenPlace,
    TokenState,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::rig::{FOREIGN_PIXEL, ORGANIZATION, OTHERS, PIXEL, SnapRig, event};
use crate::rig::{answer, json_post, now};

#[tokio::test]
async fn tokens_have_the_recorded_shapes() {
    let snap = SnapRig::start().await;
    let parts: Vec<&str> = snap.token.split('.').collect();
    assert_eq!((parts.len(), parts[2].len()), (3, 43));
    let decode = |part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let claims: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    assert_eq!(claims["aud"], "canvas-canvasapi");
    assert!(claims["sub"].as_str().unwrap().contains("~PRODUCTION~"), "{claims}");
    assert!((now() - claims["nbf"].as_i64().unwrap()).abs() < 60, "{claims}");
    let oauth = snap.control().issue_snap_token(ORGANIZATION, SnapTokenKind::Oauth);
    let refresh = snap.control().refresh_token(&oauth).unwrap();
    assert!(oauth.starts_with("hCgwKCj") && refresh.starts_with("hCgwKCj") && oauth != refresh);
}

#[tokio::test]
async fn a_token_is_taken_in_the_query_of_version_three_alone() {
    let snap = SnapRig::start().await;
    assert_eq!(snap.send(&[event("1")]).await.0, 200);
    let seen = snap.control().requests(Some(PIXEL), 1)[0].token.clone().unwrap();
    assert_eq!(seen.place, TokenPlace::Query);
    let body = json!({ "data": [event("2")], "access_token": snap.token });
    for (what, path, with_header) in [
        ("in the header", "events", true),
        ("in the body", "events", false),
        ("nowhere, for a test", "events/validate", false),
    ] {
        let request = snap.rig.request(Method::POST, &format!("/v3/{PIXEL}/{path}"));
        let request = if with_header { request.bearer_auth(&snap.token) } else { request };
        let (status, answer) = answer(json_post(request, &body).send().await.unwrap()).await;
        let expected = json!({ "status": "INVALID", "reason": "Invalid access token" });
        assert_eq!((status, answer), (401, expected), "{what}");
    }
}

#[tokio::test]
async fn dead_and_foreign_tokens_sound_the_same_on_every_path() {
    let snap = SnapRig::start().await;
    let oauth = || NewSnapToken { kind: SnapTokenKind::Oauth, ..NewSnapToken::default() };
    let damaged = |damage| NewSnapToken { damage: Some(damage), ..NewSnapToken::default() };
    let refresh = snap.control().refresh_token(&snap.issue(oauth())).unwrap();
    let expired = snap.issue(NewSnapToken { age_s: 3_601, ..oauth() });
    let unscoped = NewSnapToken { scopes: Some(vec!["snapchat-marketing-api".into()]), ..oauth() };
    let with = |entry: NewSnapToken| snap.issue(entry);
    for (what, token, status) in [
        ("unknown", "nobody".to_owned(), 401),
        (
            "revoked",
            with(NewSnapToken { state: SnapTokenState::Revoked, ..Default::default() }),
            401,
        ),
        ("not active yet", with(NewSnapToken { active_after_s: 60, ..Default::default() }), 401),
        ("cut", with(damaged(Damage::CutTail)), 401),
        ("quoted", with(damaged(Damage::Quoted)), 401),
        ("with Bearer", with(damaged(Damage::WithBearer)), 401),
        (
            "of another product",
            with(NewSnapToken { environment: Environment::Staging, ..Default::default() }),
            401,
        ),
        ("expired", expired, 401),
        ("a refresh token", refresh, 401),
        (
            "of others",
            with(NewSnapToken { organization: Some(OTHERS.into()), ..Default::default() }),
            401,
        ),
        ("without the scope", with(unscoped), 403),
        ("of OAuth", with(oauth()), 200),
        ("static", snap.token.clone(), 200),
    ] {
        let sent = snap.send_with(&token, PIXEL, &[event(what)]).await;
        let tested =
            snap.post_v3(&token, PIXEL, "/events/validate", &json!({ "data": [event("t")] })).await;
        let (logs, stats) = (snap.read("logs", &token).await, snap.read("stats", &token).await);
        for (path, (found, body)) in
            [("send", &sent), ("validate", &tested), ("logs", &logs), ("stats", &stats)]
        {
            assert_eq!(*found, status, "{what}, {path}: {body}");
            assert!(!body.to_string().contains(&token), "{what}, {path}");
        }
        if status == 401 {
            let expected = json!({ "status": "INVALID", "reason": "Invalid access token" });
            assert_eq!((&sent.1, &stats.1), (&expected, &expected), "{what}");
        }
    }
    assert_eq!(snap.received(), 2);
    let (status, body) = snap.send_with(&snap.token, "not-an-asset", &[event("x")]).await;
    assert_eq!((status, &body["reason"]), (404, &json!("Asset not found")));
}

#[tokio::test]
async fn a_fresh_token_becomes_active_by_itself() {
    let snap = SnapRig::start().await;
    let token = snap.issue(NewSnapToken { active_after_s: 2_700, ..Default::default() });
    for (advance_ms, status) in [(0, 401), (2_600_000, 401), (101_000, 200)] {
        snap.control().advance(advance_ms);
        assert_eq!(snap.send_with(&token, PIXEL, &[event("x")]).await.0, status, "{advance_ms}");
    }
    let change = Change::InactiveFor { token: token.clone(), seconds: 10 };
    assert!(snap.control().change(&change));
    assert_eq!(snap.send_with(&token, PIXEL, &[event("x")]).await.0, 401);
    snap.control().advance(11_000);
    assert_eq!(snap.send_with(&token, PIXEL, &[event("x")]).await.0, 200);
}

#[tokio::test]
async fn a_refusal_on_one_asset_leaves_the_others() {
    let snap = SnapRig::start().await;
    let control = snap.control();
    control.add_pixel("44444444-4444-4444-8444-444444444444", ORGANIZATION);
    let own = "44444444-4444-4444-8444-444444444444";
    let send = async |asset| snap.send_with(&snap.token, asset, &[event("x")]).await.0;
    let moved = |organization: &str| Change::MoveAsset {
        asset: PIXEL.to_owned(),
        organization: organization.to_owned(),
    };
    assert_eq!((send(PIXEL).await, send(own).await, send(FOREIGN_PIXEL).await), (200, 200, 401));
    assert!(control.change(&moved(OTHERS)));
    assert_eq!((send(PIXEL).await, send(own).await), (401, 200));
    assert!(control.change(&moved(ORGANIZATION)));
    assert!(control.assign(&snap.token, PIXEL, false));
    assert_eq!((send(PIXEL).await, send(own).await), (401, 200));
    assert!(control.assign(&snap.token, PIXEL, true));
    for (state, status) in [
        (TokenState::Revoked, 401),
        (TokenState::Valid, 200),
        (TokenState::Expired, 401),
        (TokenState::Valid, 200),
    ] {
        assert!(control.set_token_state(&snap.token, state));
        assert_eq!((send(PIXEL).await, send(own).await), (status, status), "{state:?}");
    }
    assert!(!control.set_token_state(&snap.token, TokenState::Checkpointed), "Meta's alone");
    assert!(!control.change(&moved("nobody")));
    assert!(control.change(&Change::DeleteAsset { asset: PIXEL.to_owned() }));
    assert_eq!((send(PIXEL).await, send(own).await), (404, 200));
}

#[tokio::test]
async fn paths_of_both_platforms_are_told_apart_and_unknown_ones_are_unknown() {
    let snap = SnapRig::start().await;
    for (path, status) in [
        ("/v3/conversion", 404),
        ("/v3/x/stats", 404),
        ("/v2/other", 404),
        ("/v1/campaigns", 404),
        ("/v3.0/1000000001/events", 400),
        ("/v25.0/1000000001/events", 401),
    ] {
        let request = json_post(snap.rig.request(Method::POST, path), &json!({ "data": [] }));
        let (found, body) = answer(request.send().await.unwrap()).await;
        assert_eq!(found, status, "{path}: {body}");
        assert_eq!(body["error"].is_object(), path.contains(".0"), "{path}: {body}");
    }
}
