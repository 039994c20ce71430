//! A person wants to be forgotten.

use holdfast_model::access::Role;
use holdfast_model::credential::{CredentialVersion, Origin, VersionState};
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_sandbox::TokenKind;
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};

use super::post::{OTHER_ASSET, Post, signed_request, until};
use crate::harness::{ASSET, Answer};

async fn page(post: &Post, code: &str) -> Answer {
    post.harness.call("GET", &format!("/data-deletion/meta/{code}"), None, &Value::Null).await
}

/// The code that the callback is answered with.
async fn wish(post: &Post, user: &str) -> String {
    let pushed = post.callback("/data-deletion/meta", user).await;
    assert_eq!(pushed.status, 200, "{}", pushed.body);
    let body: Value = serde_json::from_str(&pushed.body).unwrap();
    let code = body["confirmation_code"].as_str().unwrap().to_owned();
    assert!(body["url"].as_str().unwrap().ends_with(&format!("/data-deletion/meta/{code}")));
    code
}

async fn done(post: &Post, code: &str) -> String {
    let is_done = async || {
        page(post, code).await.body.as_str().is_some_and(|page| page.contains("was deleted"))
    };
    assert!(until(is_done).await, "{:#?}\n{:#?}", page(post, code).await, post.audit().await);
    page(post, code).await.body.as_str().unwrap().to_owned()
}

/// A person's credential, and events about that person and about another who wait behind a pause.
async fn before(user: &str) -> Post {
    let post = Post::open().await;
    post.credential("person", TokenKind::User, Origin::Given, ASSET).await;
    post.credential("system", TokenKind::SystemUser, Origin::Given, OTHER_ASSET).await;
    post.call("POST", "/v1/destinations/to-system/pause", &json!({"reason": "test"})).await;
    let sender = post.harness.key("sender", Role::Ingest, &[]).await;
    let events: Vec<Value> = [user, user, "999999"]
        .iter()
        .enumerate()
        .map(|(n, user)| {
            let mut event = post.harness.event(n as u64);
            event["user_data"]["fb_login_id"] = json!(user);
            event
        })
        .collect();
    let sent =
        post.harness.send(&sender, "?destination=to-system", json!(events).to_string()).await;
    sent.expect(202);
    post
}

async fn subject(post: &Post) -> String {
    let shown = post.call("GET", "/v1/credentials/person", &Value::Null).await;
    shown["versions"][0]["subject"].as_str().expect("a probe told whose it is").to_owned()
}

/// The sandbox gives all tokens of this kind to the same person.
async fn users_id() -> String {
    let post = Post::open().await;
    post.credential("person", TokenKind::User, Origin::Given, ASSET).await;
    subject(&post).await
}

#[tokio::test]
async fn a_wish_to_be_forgotten_shreds_tokens_erases_events_and_says_so() {
    let user = users_id().await;
    let post = before(&user).await;
    assert_eq!(subject(&post).await, user);
    let code = wish(&post, &user).await;
    let shown = done(&post, &code).await;
    assert!(
        shown.contains("<html lang=\"en\">") && shown.contains("<h1>Your data was deleted</h1>")
    );
    assert!(shown.contains("<dt>Access tokens deleted</dt><dd>1</dd>"), "{shown}");
    assert!(shown.contains("<dt>Events deleted</dt><dd>2</dd>"), "{shown}");
    assert!(!shown.contains(&user) && !shown.contains("<script"), "{shown}");

    let registry = &post.harness.gateway().registry;
    let person = CredentialId::new("person").unwrap();
    assert!(registry.sealed_credential(&person, VersionNo(1)).await.is_err(), "it is shredded");
    let credential = post.call("GET", "/v1/credentials/person", &Value::Null).await;
    assert_eq!(credential["versions"][0]["state"], "retired");
    assert!(credential["versions"][0]["subject"].is_null(), "{credential:#}");
    assert!(credential["contact"].is_null(), "{credential:#}");
    let system = post.call("GET", "/v1/credentials/system", &Value::Null).await;
    assert_eq!(system["versions"][0]["state"], "active", "another's token is left alone");
    let pause = ("holdfast.operator_pause", "system", "unprobeable");
    post.held(&[("holdfast.no_active_credential", "person", "confirmed"), pause]).await;
    let status = post.call("GET", "/v1/status", &Value::Null).await;
    assert_eq!(status["ledger"]["rejected"], 2, "{status:#}");
    assert_eq!(status["ledger"]["accepted"], 3, "{status:#}");
    assert!(!format!("{:?}", post.audit().await).contains(&user));

    // Asked for again it is the same, and after a restart it is still known.
    let again = wish(&post, &user).await;
    let post = post.restart().await;
    let shown = done(&post, &code).await;
    assert!(shown.contains("<dt>Access tokens deleted</dt><dd>1</dd>"), "{shown}");
    done(&post, &again).await;
}

#[tokio::test]
async fn a_wish_survives_a_stop_right_after_its_answer() {
    let user = users_id().await;
    let post = before(&user).await;
    let code = wish(&post, &user).await;
    let post = post.restart().await;
    let shown = done(&post, &code).await;
    assert!(shown.contains("<dt>Access tokens deleted</dt><dd>1</dd>"), "{shown}");
    assert!(shown.contains("<dt>Events deleted</dt><dd>2</dd>"), "{shown}");
}

#[tokio::test]
async fn whoever_nothing_is_known_of_gets_a_page_too_and_other_codes_have_none() {
    let post = Post::open().await;
    let code = wish(&post, "31415").await;
    let shown = done(&post, &code).await;
    assert!(shown.contains("<dt>Access tokens deleted</dt><dd>0</dd>"), "{shown}");
    let unknown = "0123456789abcdef0123456789abcdef";
    for other in [unknown, &code[1..], "..%2F..%2Fetc", "<script>"] {
        let answer = page(&post, other).await.expect(404);
        assert!(!answer.body.as_str().unwrap().contains("<script"), "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
    }
}

/// Another token of the same person for their credential.
async fn grant_anew(post: &Post) {
    let token = post.sandbox.handle().issue_token(APP_ID, TokenKind::User, &[ASSET]);
    post.add("person", PlatformId::Meta, &token, Origin::Given).await;
}

async fn versions(post: &Post) -> Vec<CredentialVersion> {
    let person = CredentialId::new("person").unwrap();
    post.harness.gateway().registry.credential_versions(&person).await.unwrap()
}

#[tokio::test]
async fn a_token_of_which_nobody_told_whose_it_is_is_left_and_told_of() {
    let post = Post::open().await;
    post.credential("person", TokenKind::User, Origin::Given, ASSET).await;
    let user = subject(&post).await;
    grant_anew(&post).await;
    let unknown = CredentialVersion { subject: None, ..versions(&post).await[1].clone() };
    post.harness.gateway().registry.describe_version(&unknown).await.unwrap();
    let code = wish(&post, &user).await;
    let shown = done(&post, &code).await;
    assert!(shown.contains("<dt>Access tokens deleted</dt><dd>1</dd>"), "{shown}");
    assert!(shown.contains("nobody told whose they are: 1."), "{shown}");
    let left = versions(&post).await;
    let states: Vec<_> = left.iter().map(|version| version.state).collect();
    assert_eq!(states, [VersionState::Retired, VersionState::Active]);
    post.recorded("signal.forget", "1 tokens shredded, 1 of unknown owner left").await;
    post.held(&[]).await;
}

#[tokio::test]
async fn what_was_granted_after_the_wish_is_not_meant() {
    const HOUR_MS: u64 = 3_600_000;
    let post = Post::open().await;
    post.credential("person", TokenKind::User, Origin::Given, ASSET).await;
    let user = subject(&post).await;
    let wished_at = post.harness.now().0 + 1_800;
    post.sandbox.handle().advance(HOUR_MS);
    post.harness.gateway().clock.turn_on(HOUR_MS);
    grant_anew(&post).await;
    let payload =
        json!({"algorithm": "HMAC-SHA256", "issued_at": wished_at, "user_id": user.clone()});
    let signed = signed_request(&post.secret, &payload);
    let body = format!("signed_request={signed}").into_bytes();
    let answer = post.raw("/data-deletion/meta", None, body).await.expect(200);
    let shown = done(&post, answer.body["confirmation_code"].as_str().unwrap()).await;
    assert!(shown.contains("<dt>Access tokens deleted</dt><dd>1</dd>"), "{shown}");
    let left = versions(&post).await;
    let found: Vec<_> = left.iter().map(|it| (it.state, it.subject.as_deref())).collect();
    assert_eq!(found, [(VersionState::Retired, None), (VersionState::Active, Some(user.as_str()))]);
}
