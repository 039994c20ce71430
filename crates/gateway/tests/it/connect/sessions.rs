//! Sessions: how they begin, what they open, and how they end.

use holdfast_model::access::Role;
use serde_json::{Value, json};

use super::browser::{Browser, location, text};
use super::rig::Rig;
use crate::harness::{Harness, read};

#[tokio::test]
async fn a_session_begins_with_a_key_and_ends_with_it() {
    let harness = Harness::start().await;
    let key = harness.key("boss", Role::Admin, &[]).await;
    let mut browser = Browser::new(&harness);
    let signed_in = browser.post_as_is("/sign-in", &[("key", key.expose())]).await.expect(303);
    let set = signed_in.header("set-cookie").unwrap().to_owned();
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    assert_eq!(location(&signed_in), "/connect");
    browser.keep(&signed_in);
    let page = browser.get("/connect").await.expect(200);
    for (name, value) in [
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), Some(value));
    }
    let policy = page.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    harness.revoke("boss").await;
    assert!(location(&browser.get("/connect").await.expect(303)).starts_with("/sign-in?"));
}

#[tokio::test]
async fn only_operators_and_admins_sign_in() {
    let harness = Harness::start().await;
    let ingest = harness.key("sender", Role::Ingest, &[]).await;
    let browser = Browser::new(&harness);
    for key in ["", "hfk_x", ingest.expose()] {
        let refused = browser.post_as_is("/sign-in", &[("key", key)]).await.expect(401);
        assert!(refused.header("set-cookie").is_none());
    }
}

#[tokio::test]
async fn who_fails_too_often_waits_and_keeps_nobody_with_a_right_key_out() {
    let harness = Harness::start().await;
    let key = harness.key("boss", Role::Admin, &[]).await;
    let browser = Browser::new(&harness);
    for _ in 0..10 {
        browser.post_as_is("/sign-in", &[("key", "hfk_wrong")]).await.expect(401);
    }
    for attempt in [("key", "hfk_wrong"), ("link", "x")] {
        let waits = browser.post_as_is("/sign-in", &[attempt]).await.expect(429);
        let seconds: u64 = waits.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    browser.post_as_is("/sign-in", &[("key", key.expose())]).await.expect(303);
    harness.gateway().clock.turn_on(60_000);
    browser.post_as_is("/sign-in", &[("key", "hfk_wrong")]).await.expect(401);
}

#[tokio::test]
async fn a_session_from_a_link_ends_with_the_key_that_asked_for_the_link() {
    let harness = Harness::start().await;
    let key = harness.key("deputy", Role::Admin, &[]).await;
    let nothing = json!({});
    let ask = || harness.call("POST", "/v1/sign-in-links", Some(key.expose()), &nothing);
    let text =
        |link: &Value| link["url"].as_str().unwrap().split("link=").nth(1).unwrap().to_owned();
    let (used, unused) = (ask().await.expect(201).body, ask().await.expect(201).body);
    let mut browser = Browser::new(&harness);
    let signed_in = browser.post_as_is("/sign-in", &[("link", &text(&used))]).await.expect(303);
    browser.keep(&signed_in);
    browser.get("/connect").await.expect(200);
    harness.revoke("deputy").await;
    assert!(location(&browser.get("/connect").await.expect(303)).starts_with("/sign-in?"));
    browser.post_as_is("/sign-in", &[("link", &text(&unused))]).await.expect(401);
}

#[tokio::test]
async fn no_key_takes_the_name_of_who_needs_none() {
    let rig = Rig::start().await;
    for name in ["admin-socket", "holdfast", "nobody"] {
        let key = json!({"id": name, "role": "admin"});
        rig.call("POST", "/v1/keys", &key).await.expect(422);
    }
}

#[tokio::test]
async fn a_link_signs_one_browser_in_once() {
    let rig = Rig::start().await;
    let link = rig.call("POST", "/v1/sign-in-links", &json!({})).await.expect(201).body;
    let url = link["url"].as_str().unwrap();
    let path = &url[url.find("/sign-in").unwrap()..];
    let secret = path.split("link=").nth(1).unwrap().to_owned();
    let mut browser = Browser::new(&rig.harness);
    // Looking does not use it up: mail scanners and previews look.
    for _ in 0..2 {
        let shown = browser.get(path).await.expect(200);
        assert_eq!(shown.header("referrer-policy"), Some("no-referrer"));
    }
    let signed_in = browser.post_as_is("/sign-in", &[("link", &secret)]).await.expect(303);
    browser.keep(&signed_in);
    let page = text(browser.get("/connect").await.expect(200));
    assert!(page.contains("Connect Meta"), "it is an admin's");
    browser.post_as_is("/sign-in", &[("link", &secret)]).await.expect(401);

    // What a link is known by is no session, and the other way round.
    let link = rig.call("POST", "/v1/sign-in-links", &json!({})).await.expect(201).body;
    let secret = link["url"].as_str().unwrap().split("link=").nth(1).unwrap().to_owned();
    let forged =
        Browser { cookie: format!("holdfast-session={secret}"), ..Browser::new(&rig.harness) };
    forged.get("/connect").await.expect(303);
    let session = browser.cookie.split('=').nth(1).unwrap().to_owned();
    browser.post_as_is("/sign-in", &[("link", &session)]).await.expect(401);
    rig.pass(6);
    browser.post_as_is("/sign-in", &[("link", &secret)]).await.expect(401);
}

#[tokio::test]
async fn a_session_ends_when_it_is_left_alone_when_the_day_is_over_and_when_it_is_ended() {
    let rig = Rig::start().await;
    let idle = rig.sign_in().await;
    rig.pass(29);
    idle.get("/connect").await.expect(200);
    rig.pass(29);
    idle.get("/connect").await.expect(200);
    rig.pass(31);
    idle.get("/connect").await.expect(303);

    let busy = rig.sign_in().await;
    for _ in 0..28 {
        rig.pass(25);
        busy.get("/connect").await.expect(200);
    }
    rig.pass(25);
    busy.get("/connect").await.expect(303);

    let ended = rig.sign_in().await;
    let out = ended.post("/sign-out", &[]).await.expect(303);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    ended.get("/connect").await.expect(303);
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let form = format!("csrf={}&credential=shop&app=1", browser.csrf);
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example.com"),
        ("origin", "null"),
    ] {
        for path in ["/connect/meta", "/sign-in", "/sign-out"] {
            let request = rig.harness.request("POST", path).header(name, value);
            let request = request.header("cookie", &browser.cookie).body(form.clone());
            let refused = text(read(request).await.expect(403));
            assert!(refused.contains("another site"), "{name} {value}: {refused}");
        }
    }
    // Another session's text is not this one's.
    let other = rig.sign_in().await;
    let mixed = Browser { csrf: other.csrf.clone(), cookie: browser.cookie.clone(), ..other };
    mixed.post("/connect/meta", &[]).await.expect(403);
    browser.get("/connect").await.expect(200);
}

#[tokio::test]
async fn an_operator_looks_and_does_not_connect() {
    let rig = Rig::start().await;
    let key = rig.harness.key("olga", Role::Operator, &[]).await;
    let mut browser = Browser::new(&rig.harness);
    browser.sign_in(key.expose()).await;
    let page = text(browser.get("/connect").await.expect(200));
    assert!(!page.contains("Connect Meta"), "{page}");
    browser.post("/connect/meta", &[]).await.expect(403);
}
