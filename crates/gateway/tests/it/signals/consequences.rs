//! What a push does to credentials and accounts.

use holdfast_model::access::Role;
use holdfast_model::credential::Origin;
use holdfast_model::id::CredentialId;
use holdfast_model::platform::PlatformId;
use holdfast_sandbox::{Endpoint, Misbehaviour, NewApp, NewRule, Step, TokenKind, TokenState};
use holdfast_testkit::{APP_ID, fake_app_secret};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::post::{OTHER_ASSET, Post, signature, until};
use crate::harness::ASSET;

const SECOND_MS: u64 = 1_000;

fn integration(business: &str) -> Origin {
    let parent = CredentialId::new("parent").unwrap();
    Origin::Integration { parent, business: business.to_owned() }
}

/// Of two clients' businesses, one each.
async fn two_clients() -> (Post, String, String) {
    let post = Post::open().await;
    let kind = TokenKind::BusinessIntegration;
    let one = post.credential("one", kind, integration("77"), ASSET).await;
    let two = post.credential("two", kind, integration("78"), OTHER_ASSET).await;
    (post, one, two)
}

async fn uninstall(post: &Post, business: &str) -> u16 {
    let value = json!({"business_manager_id": business});
    let app = APP_ID.to_string();
    post.push("application", &app, "business_integration_uninstall", value).await.status
}

#[tokio::test]
async fn an_uninstalled_integration_is_held_before_an_event_finds_out_and_nobody_elses() {
    let (post, one, _) = two_clients().await;
    assert!(post.sandbox.handle().set_token_state(&one, TokenState::NotAllowed));
    assert_eq!(uninstall(&post, "77").await, 200);
    post.held(&[("meta.integration_uninstalled", "one", "confirmed")]).await;
    assert_eq!(post.sandbox.handle().state().total.requests, 0, "and no event was sent for it");
    // What comes in is never gated, and what nobody here belongs to is written down.
    assert_eq!(uninstall(&post, "99").await, 200);
    post.recorded("signal.apply business:99", "no credential here is concerned").await;
    let everything = post.audit().await;
    assert!(everything[0].starts_with("signal.receive business:77: a business uninstalled"));
}

#[tokio::test]
async fn the_same_bytes_are_the_same_push() {
    let (post, one, _) = two_clients().await;
    assert!(post.sandbox.handle().set_token_state(&one, TokenState::NotAllowed));
    let body = json!({"object": "application", "entry": [{"id": "1", "changes": [
        {"field": "business_integration_uninstall", "value": {"business_manager_id": "77"}}]}]})
    .to_string();
    let signed = signature(&post.secret, body.as_bytes());
    let send = async |path: &str| {
        post.raw(path, Some(&signed), body.clone().into_bytes()).await.expect(200);
    };
    send("/webhooks/meta").await;
    post.held(&[("meta.integration_uninstalled", "one", "confirmed")]).await;
    // An operator knows better, and a repetition does not overrule them.
    let hold = post.holds().await[0]["id"].as_str().unwrap().to_owned();
    post.call("POST", &format!("/v1/holds/{hold}/lift"), &json!({"reason": "test"})).await;
    for path in ["/webhooks/meta", "/webhooks/whatsapp", "/webhooks/meta"] {
        send(path).await;
    }
    let post = post.restart().await;
    post.raw("/webhooks/meta", Some(&signed), body.into_bytes()).await.expect(200);
    post.recorded("signal.apply", "one is held").await;
    assert_eq!(post.audit().await.len(), 2, "{:#?}", post.audit().await);
    assert_eq!(post.holds().await.len(), 0);
}

#[tokio::test]
async fn a_token_that_still_answers_is_asked_again_and_then_held_as_a_conflict() {
    let (post, _, _) = two_clients().await;
    assert_eq!(uninstall(&post, "77").await, 200);
    post.recorded("signal.apply", "one still answers and is asked again").await;
    assert_eq!(post.holds().await.len(), 0);
    // It is on disk: whoever stops now loses nothing.
    let post = post.restart().await;
    post.pass(21 * SECOND_MS);
    post.held(&[("meta.integration_uninstalled", "one", "conflict")]).await;
}

#[tokio::test]
async fn what_somebody_withdrew_stays_held_until_it_is_given_back_or_replaced() {
    let (post, _, _) = two_clients().await;
    let conflict = [("meta.integration_uninstalled", "one", "conflict")];
    let withdrawn = async || {
        assert_eq!(uninstall(&post, "77").await, 200);
        let again = async || {
            post.pass(21 * SECOND_MS);
            !post.holds().await.is_empty()
        };
        assert!(until(again).await, "{:#?}", post.audit().await);
        post.held(&conflict).await;
    };
    let verified = async || {
        post.call("POST", "/v1/credentials/one/verify", &json!({})).await["probes"].to_string()
    };
    withdrawn().await;
    // The token still works, which is no news.
    assert!(verified().await.contains("proved"));
    post.held(&conflict).await;
    let app = APP_ID.to_string();
    let changed = json!({"business_manager_id": "77"});
    post.push("application", &app, "business_integration_update", changed.clone()).await;
    post.recorded("signal.apply business:77: a business changed", "one was verified").await;
    post.held(&conflict).await;
    // Its business installs the app again.
    post.push("application", &app, "business_integration_install", changed).await;
    post.held(&[]).await;
    // Or a token comes that is younger than that.
    withdrawn().await;
    post.pass(SECOND_MS);
    let new = post.sandbox.handle().issue_token(APP_ID, TokenKind::BusinessIntegration, &[ASSET]);
    post.add("one", PlatformId::Meta, &new, integration("77")).await;
    post.held(&[]).await;
}

#[tokio::test]
async fn a_token_without_anything_to_try_it_on_ends_no_hold() {
    let post = Post::open().await;
    let kind = TokenKind::BusinessIntegration;
    let token = post.sandbox.handle().issue_token(APP_ID, kind, &[ASSET]);
    post.add("one", PlatformId::Meta, &token, integration("77")).await;
    assert_eq!(uninstall(&post, "77").await, 200);
    let held = [("meta.integration_uninstalled", "one", "unprobeable")];
    post.held(&held).await;
    post.pass(SECOND_MS);
    let new = post.sandbox.handle().issue_token(APP_ID, kind, &[ASSET]);
    post.add("one", PlatformId::Meta, &new, integration("77")).await;
    let shown = post.call("GET", "/v1/credentials/one", &Value::Null).await;
    assert_eq!(shown["versions"][1]["state"], "active", "{shown:#}");
    post.held(&held).await;
}

#[tokio::test]
async fn a_platform_that_keeps_one_look_waiting_keeps_no_later_push_waiting() {
    let (post, _, two) = two_clients().await;
    let app = APP_ID.to_string();
    assert!(post.sandbox.handle().set_token_state(&two, TokenState::NotAllowed));
    let rule = NewRule {
        asset: Some(ASSET.to_owned()),
        times: None,
        percent: 100,
        what: Misbehaviour::Slow { ms: 3_000_000 },
    };
    post.sandbox.handle().misbehave(Step { on: Endpoint::Any, ..rule.into() });
    let value = json!({"business_manager_id": "77"});
    post.push("application", &app, "business_integration_update", value).await;
    assert_eq!(uninstall(&post, "78").await, 200);
    // Each request alone may be kept waiting longer than the whole look.
    let patience = std::time::Duration::from_secs(25);
    let held = [("meta.integration_uninstalled", "two", "confirmed")];
    let waited = tokio::time::timeout(patience, post.held(&held)).await;
    assert!(waited.is_ok(), "{:#?}", post.audit().await);
}

#[tokio::test]
async fn the_answer_waits_for_nobody_and_a_stop_before_the_consequence_loses_nothing() {
    let (post, one, _) = two_clients().await;
    assert!(post.sandbox.handle().set_token_state(&one, TokenState::NotAllowed));
    let rule = NewRule {
        asset: None,
        times: None,
        percent: 100,
        what: Misbehaviour::Slow { ms: 3_000_000 },
    };
    let step = post.sandbox.handle().misbehave(Step { on: Endpoint::Any, ..rule.into() });
    // The platform would keep the probe waiting for ever; the push is answered all the same.
    assert_eq!(uninstall(&post, "77").await, 200);
    assert_eq!(post.holds().await.len(), 0, "nothing has followed from it yet");
    let post = post.restart().await;
    assert!(post.sandbox.handle().behave(step));
    post.pass(0);
    post.held(&[("meta.integration_uninstalled", "one", "confirmed")]).await;
}

#[tokio::test]
async fn a_person_who_removes_the_app_is_obeyed_and_others_are_not_touched() {
    let post = Post::open().await;
    let url = post.url("/deauthorize/meta");
    let handle = post.sandbox.handle();
    let secret = {
        let app = NewApp { id: APP_ID, deauthorize_url: Some(url), ..NewApp::default() };
        handle.replace_app(app)
    };
    post.store_secret(&secret).await;
    let theirs = post.credential("person", TokenKind::User, Origin::Given, ASSET).await;
    post.credential("system", TokenKind::SystemUser, Origin::Given, OTHER_ASSET).await;
    let shown = post.call("GET", "/v1/credentials/person", &Value::Null).await;
    let subject = shown["versions"][0]["subject"].as_str().expect("a probe told whose it is");
    // In the sandbox they do it at Meta, which tells us.
    let removed = post
        .harness
        .client()
        .delete(format!("{}/v25.0/me/permissions", post.sandbox.base_url()))
        .bearer_auth(&theirs)
        .send()
        .await
        .unwrap();
    assert_eq!(removed.status(), 200);
    post.held(&[("meta.deauthorized", "person", "confirmed")]).await;
    let everything = format!("{:?}", post.audit().await);
    assert!(!everything.contains(subject), "{everything}");
    // A new grant is a new token: the callback that comes late is about the one before.
    post.sandbox.handle().advance(SECOND_MS);
    let late = post.callback("/deauthorize/meta", subject).await;
    assert_eq!(late.status, 200);
    post.sandbox.handle().advance(SECOND_MS);
    post.harness.gateway().clock.turn_on(3_600 * SECOND_MS);
    let new = post.sandbox.handle().issue_token(APP_ID, TokenKind::User, &[ASSET]);
    post.add("person", PlatformId::Meta, &new, Origin::Given).await;
    post.held(&[]).await;
    assert_eq!(post.callback("/deauthorize/meta", subject).await.status, 200);
    post.recorded("signal.apply", "person has a newer token and was verified").await;
    post.held(&[]).await;
}

#[tokio::test]
async fn changed_permissions_are_looked_at_and_a_refusal_is_held() {
    let post = Post::open().await;
    let token = post.credential("person", TokenKind::User, Origin::Given, ASSET).await;
    let shown = post.call("GET", "/v1/credentials/person", &Value::Null).await;
    let subject = shown["versions"][0]["subject"].as_str().unwrap().to_owned();
    let changed = async || {
        post.push("permissions", &subject, "ads_management", json!({"verb": "revoked"})).await
    };
    assert_eq!(changed().await.status, 200);
    post.recorded("signal.apply", "person was verified").await;
    post.held(&[]).await;
    assert!(post.sandbox.handle().set_token_state(&token, TokenState::LoggedOut));
    post.pass(SECOND_MS);
    assert_eq!(changed().await.status, 200);
    post.held(&[("meta.logged_out", "person", "confirmed")]).await;
}

#[tokio::test]
async fn what_was_given_back_ends_the_hold_without_a_timer() {
    let (post, one, _) = two_clients().await;
    assert!(post.sandbox.handle().assign(&one, ASSET, false));
    let sender = post.harness.key("sender", Role::Ingest, &[]).await;
    let event = post.harness.event(1).to_string();
    post.harness.send(&sender, "?destination=to-one", event).await.expect(202);
    post.held(&[("meta.asset_missing", "one", "unprobeable")]).await;
    assert!(post.sandbox.handle().assign(&one, ASSET, true));
    let value = json!({"business_manager_id": "77"});
    let app = APP_ID.to_string();
    let pushed = post.push("application", &app, "business_integration_update", value).await;
    assert_eq!(pushed.status, 200);
    post.held(&[]).await;
    let arrived =
        async || post.sandbox.handle().state().assets.get(ASSET).is_some_and(|it| it.distinct == 1);
    assert!(until(arrived).await, "what waited is delivered");
}

/// A destination for messages of this account. This release does not send them; they wait.
async fn whatsapp(post: &Post) {
    let token = post.sandbox.handle().issue_token(APP_ID, TokenKind::BusinessIntegration, &[ASSET]);
    post.add("chat", PlatformId::Whatsapp, &token, integration("77")).await;
    let destination = json!({"id": "to-chat", "platform": "whatsapp", "asset": "106540352242922",
        "credential": "chat", "settings": {"account": "102"}});
    post.call("POST", "/v1/destinations", &destination).await;
}

async fn account_update(post: &Post, value: Value) {
    let pushed = post.push("whatsapp_business_account", "102", "account_update", value).await;
    assert_eq!(pushed.status, 200, "{}", pushed.body);
}

#[tokio::test]
async fn a_whatsapp_account_that_was_taken_away_holds_its_credential() {
    let post = Post::open().await;
    whatsapp(&post).await;
    account_update(&post, json!({"event": "PARTNER_APP_UNINSTALLED"})).await;
    post.held(&[("whatsapp.access_withdrawn", "chat", "unprobeable")]).await;
}

#[tokio::test]
async fn a_restriction_holds_the_kind_of_message_until_the_platforms_own_date() {
    let post = Post::open().await;
    whatsapp(&post).await;
    let until = post.harness.now().0 + 86_400;
    account_update(
        &post,
        json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [
            {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": until},
            {"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "expiration": until}]}),
    )
    .await;
    post.held(&[("whatsapp.account_restricted", "102", "unprobeable")]).await;
    assert_eq!(post.holds().await[0]["scope"]["message_class"], "business_initiated");
    let post = post.restart().await;
    post.pass(86_000 * SECOND_MS);
    post.recorded("signal.apply", "is held until").await;
    assert_eq!(post.holds().await.len(), 1);
    post.pass(500 * SECOND_MS);
    post.held(&[]).await;
}

#[tokio::test]
async fn a_ban_holds_the_account_until_it_is_taken_back() {
    let post = Post::open().await;
    whatsapp(&post).await;
    account_update(
        &post,
        json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}),
    )
    .await;
    post.held(&[("whatsapp.account_locked", "102", "unprobeable")]).await;
    account_update(
        &post,
        json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}),
    )
    .await;
    post.held(&[]).await;
    // Another account's is none of ours.
    let deleted = json!({"event": "ACCOUNT_DELETED"});
    post.push("whatsapp_business_account", "103", "account_update", deleted).await;
    post.recorded("signal.receive whatsapp-account:103", "was deleted").await;
    // They are dealt with in turn: when the next one is, that one was.
    assert_eq!(uninstall(&post, "99").await, 200);
    post.recorded("signal.apply business:99", "no credential here is concerned").await;
    let is_applied = |line: &String| line.starts_with("signal.apply whatsapp-account:103");
    assert!(!post.audit().await.iter().any(is_applied), "nothing came of it");
    post.held(&[]).await;
}

#[tokio::test]
async fn another_app_of_ours_neither_stops_an_account_nor_lets_it_go_on() {
    const OTHER_APP: &str = "200000000000002";
    let post = Post::open().await;
    whatsapp(&post).await;
    let others = fake_app_secret(7);
    let app = json!({"id": OTHER_APP, "platform": "meta", "label": "other", "secret": others});
    post.call("POST", "/v1/apps", &app).await;
    let send = async |state: &str, secret: &str| {
        let change = json!({"field": "account_update",
            "value": {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": state}}});
        let entry = json!({"id": "102", "changes": [change]});
        let push = json!({"object": "whatsapp_business_account", "entry": [entry]});
        let body = push.to_string().into_bytes();
        post.raw("/webhooks/whatsapp", Some(&signature(secret, &body)), body).await.expect(200);
    };
    send("DISABLE", &others).await;
    assert_eq!(uninstall(&post, "98").await, 200);
    post.recorded("signal.apply business:98", "no credential here is concerned").await;
    post.held(&[]).await;
    account_update(
        &post,
        json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}),
    )
    .await;
    let held = [("whatsapp.account_locked", "102", "unprobeable")];
    post.held(&held).await;
    send("REINSTATE", &others).await;
    assert_eq!(uninstall(&post, "99").await, 200);
    post.recorded("signal.apply business:99", "no credential here is concerned").await;
    post.held(&held).await;
}

#[tokio::test]
async fn a_push_without_consequence_leaves_no_record_however_often_it_comes() {
    let post = Post::open().await;
    // What is forbidden here is nothing that Holdfast does.
    let value = json!({"event": "ACCOUNT_RESTRICTION",
        "restriction_info": [{"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION"}]});
    let change = json!({"field": "account_update", "value": value});
    let entry = json!([{"id": "102", "changes": [change]}]);
    let body = json!({"object": "whatsapp_business_account", "entry": entry}).to_string();
    let signed = signature(&post.secret, body.as_bytes());
    for _ in 0..3 {
        let sent = post.raw("/webhooks/whatsapp", Some(&signed), body.clone().into_bytes()).await;
        sent.expect(200);
    }
    assert_eq!(post.audit().await, Vec::<String>::new());
}

#[tokio::test]
async fn being_put_off_before_anybody_was_asked_does_not_count_as_asking() {
    let (post, _, _) = two_clients().await;
    let rule = NewRule {
        asset: None,
        times: None,
        percent: 100,
        what: Misbehaviour::Slow { ms: 3_000_000 },
    };
    let step = post.sandbox.handle().misbehave(Step { on: Endpoint::Any, ..rule.into() });
    let body = json!({"object": "application", "entry": [{"id": "1", "changes": [
        {"field": "business_integration_uninstall", "value": {"business_manager_id": "77"}}]}]})
    .to_string()
    .into_bytes();
    let signed = signature(&post.secret, &body);
    post.raw("/webhooks/meta", Some(&signed), body.clone()).await.expect(200);
    // As after an error of the storage: it is due again, and was looked at once.
    let sha256 = Sha256::new().chain_update(0u64.to_be_bytes()).chain_update(&body).finalize();
    let gateway = post.harness.gateway();
    let now = gateway.clock.wall();
    gateway.registry.postpone_inbound(&sha256.into(), now, None).await.unwrap();
    let due = gateway.registry.due_inbound(now, 10).await.unwrap();
    assert_eq!(due.iter().map(|inbound| inbound.attempts).collect::<Vec<_>>(), [1]);
    let post = post.restart().await;
    assert!(post.sandbox.handle().behave(step));
    post.pass(0);
    post.recorded("signal.apply", "one still answers and is asked again").await;
    post.held(&[]).await;
    post.pass(21 * SECOND_MS);
    post.held(&[("meta.integration_uninstalled", "one", "conflict")]).await;
}

#[tokio::test]
async fn messages_and_what_nobody_knows_are_answered_and_leave_nothing() {
    let post = Post::open().await;
    whatsapp(&post).await;
    for (field, value) in [
        ("messages", json!({"messages": [{"id": "wamid.x", "text": {"body": "secret words"}}]})),
        ("account_update", json!({"event": "SOMETHING_NEW"})),
        ("something_new", json!(1)),
    ] {
        let pushed = post.push("whatsapp_business_account", "102", field, value).await;
        assert_eq!(pushed.status, 200, "{field}");
    }
    assert_eq!(post.audit().await, Vec::<String>::new());
    post.held(&[]).await;
}
