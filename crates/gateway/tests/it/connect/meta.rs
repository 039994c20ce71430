//! `/connect/meta`, from the form to a proved version, and everything that may come in between.

use holdfast_sandbox::{Endpoint, Misbehaviour, NewCode};
use holdfast_testkit::{APP_ID, fake_app_secret};
use serde_json::{Value, json};

use super::browser::text;
use super::rig::{PAGE, Rig, UNTICKED_PAGE};
use crate::harness::ASSET;

const DAY_S: i64 = 86_400;

#[tokio::test]
async fn a_person_connects_and_it_is_proved_on_what_it_is_for() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let dialog = browser.begin(&[("contact", "ana@example.com")]).await;
    assert!(dialog.contains("/dialog/oauth?"), "{dialog}");
    let back = rig.agree(&dialog).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("Stored, not yet proved"), "{result}");
    assert!(result.contains("holdfast destination add"), "{result}");

    rig.bind("meta", "shop", ASSET).await;
    let back = rig.agree(&browser.begin(&[]).await).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("<h1>Connected</h1>"), "{result}");
    assert!(result.contains("version 2"), "{result}");
    let shop = rig.credential("shop").await;
    assert_eq!(shop["contact"], "ana@example.com", "what a form leaves out is kept");
    assert_eq!(
        shop["origin"],
        json!({"how": "granted", "scopes": ["ads_management", "business_management",
            "pages_show_list"]})
    );
    let version = &shop["versions"][1];
    assert_eq!(
        (&version["state"], &version["verification"], &version["kind"]),
        (&json!("active"), &json!("proved"), &json!("user"))
    );
    let lives = version["expires_at"]["at"].as_i64().unwrap() - rig.harness.now().0;
    assert!((59 * DAY_S..=60 * DAY_S).contains(&lives), "it was extended: {lives} s");
    assert!(version["scopes"].as_array().unwrap().contains(&json!("ads_management")));
    rig.nothing_leaked(&[&result]).await;
}

#[tokio::test]
async fn a_state_is_good_once_for_the_session_that_began_and_for_ten_minutes() {
    let rig = Rig::start().await;
    let (browser, other) = (rig.sign_in().await, rig.sign_in().await);
    let back = rig.agree(&browser.begin(&[]).await).await;
    browser.come_back(&back).await;
    let exchanges = rig.exchanges();
    let again = text(browser.get(&back).await.expect(410));
    assert!(again.contains("This sign-in is over"), "{again}");
    assert_eq!(rig.exchanges(), exchanges, "no code is sent for a state that is not known");

    let back = rig.agree(&browser.begin(&[]).await).await;
    let refused = text(other.get(&back).await.expect(403));
    assert!(refused.contains("another session"), "{refused}");
    browser.get(&back).await.expect(410);

    let back = rig.agree(&browser.begin(&[]).await).await;
    let nobody = super::browser::Browser::new(&rig.harness);
    nobody.get(&back).await.expect(403);
    browser.get(&back).await.expect(410);

    let back = rig.agree(&browser.begin(&[]).await).await;
    rig.pass(11);
    browser.get(&back).await.expect(410);
    assert_eq!(rig.exchanges(), exchanges);
    browser.get("/connect/meta/callback?code=x").await.expect(400);
    browser.get("/connect/meta/callback?code=x&state=made-up").await.expect(410);
    assert_eq!(rig.credential("shop").await["versions"].as_array().unwrap().len(), 1);
    // Snap's callback does not finish what began at Meta.
    let back = rig.agree(&browser.begin(&[]).await).await;
    browser.get(&back.replace("/meta/", "/snap/")).await.expect(410);
}

#[tokio::test]
async fn a_result_belongs_to_the_session_that_got_it() {
    let rig = Rig::start().await;
    let (browser, other) = (rig.sign_in().await, rig.sign_in().await);
    let back = rig.agree(&browser.begin(&[]).await).await;
    let result = super::browser::location(&browser.get(&back).await.expect(303));
    browser.get(&result).await.expect(200);
    browser.get(&result).await.expect(200);
    other.get(&result).await.expect(404);
}

#[tokio::test]
async fn who_cancels_changes_nothing() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.decide(&browser.begin(&[]).await, "decision=cancel").await;
    let page = text(browser.get(&back).await.expect(409));
    assert!(page.contains("Nothing was granted") && page.contains("Permissions error"), "{page}");
    rig.call("GET", "/v1/credentials/shop", &Value::Null).await.expect(404);
    assert_eq!(rig.exchanges(), 0);
}

#[tokio::test]
async fn what_was_declined_is_named_and_asked_for_again() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.agree(&browser.begin(&[]).await).await;
    browser.come_back(&back).await;
    rig.bind("meta", "shop", ASSET).await;
    let before = rig.credential("shop").await;

    let less = format!("decision=allow&permission.pages_show_list=on&asset.{ASSET}=on");
    let back = rig.decide(&browser.begin(&[]).await, &less).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("<h1>Not active</h1>"), "{result}");
    for scope in ["ads_management", "business_management"] {
        assert!(result.contains(&format!("<li><code>{scope}</code></li>")), "{result}");
    }
    let shop = rig.credential("shop").await;
    assert_eq!(shop["versions"][0], before["versions"][0], "what works stays in use");
    assert_eq!(shop["versions"][1]["state"], "retired", "nobody tries it again by and by");

    // Without saying so, what was declined is not asked for again.
    let everything = format!(
        "decision=allow&permission.pages_show_list=on&permission.ads_management=on\
         &permission.business_management=on&asset.{ASSET}=on"
    );
    let back = rig.decide(&browser.begin(&[]).await, &everything).await;
    assert!(browser.come_back(&back).await.contains("Not active"));

    let page = text(browser.get("/connect/regrant/shop").await.expect(200));
    assert!(page.contains("ads_management"), "{page}");
    let again = browser.post("/connect/regrant/shop", &[]).await.expect(303);
    let dialog = super::browser::location(&again);
    assert!(dialog.contains("auth_type=rerequest"), "{dialog}");
    let back = rig.decide(&dialog, &everything).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("<h1>Connected</h1>"), "{result}");
}

#[tokio::test]
async fn a_declined_permission_that_nothing_needs_is_only_a_remark() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.agree(&browser.begin(&[]).await).await;
    browser.come_back(&back).await;
    rig.bind("meta", "shop", ASSET).await;
    let less = format!(
        "decision=allow&permission.ads_management=on&permission.business_management=on\
         &asset.{ASSET}=on"
    );
    let back = rig.decide(&browser.begin(&[]).await, &less).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("Connected, with less than was asked for"), "{result}");
    assert!(result.contains("<li><code>pages_show_list</code></li>"), "{result}");
}

#[tokio::test]
async fn a_page_has_a_credential_of_its_own_if_it_was_ticked() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.agree(&browser.begin(&[("page", UNTICKED_PAGE)]).await).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("none was stored"), "{result}");
    rig.call("GET", "/v1/credentials/shop-page", &Value::Null).await.expect(404);

    let back = rig.agree(&browser.begin(&[("page", PAGE)]).await).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("stored as <strong>shop-page</strong>"), "{result}");
    let page = rig.credential("shop-page").await;
    assert_eq!(page["origin"], json!({"how": "page", "parent": "shop", "page": PAGE}));
    rig.nothing_leaked(&[&result]).await;
}

#[tokio::test]
async fn a_business_grants_by_configuration() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let app = APP_ID.to_string();
    let fields = [
        ("credential", "client"),
        ("app", app.as_str()),
        ("way", "configuration"),
        ("config_id", "4455"),
    ];
    let answer = browser.post("/connect/meta", &fields).await.expect(303);
    let dialog = super::browser::location(&answer);
    assert!(dialog.contains("config_id=4455") && !dialog.contains("scope="), "{dialog}");
    let back = rig.agree(&dialog).await;
    browser.come_back(&back).await;
    let client = rig.credential("client").await;
    assert_eq!(client["origin"], json!({"how": "granted", "config_id": "4455"}));
    let version = &client["versions"][0];
    assert_eq!(version["kind"], "system_user");
    assert_eq!(version["expires_at"], json!({"kind": "never"}));
}

#[tokio::test]
async fn an_answer_without_a_lifetime_is_looked_up() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.agree(&browser.begin(&[]).await).await;
    for _ in 0..2 {
        rig.once(Endpoint::Tokens, Misbehaviour::OmitExpiresIn);
    }
    browser.come_back(&back).await;
    let version = rig.credential("shop").await["versions"][0].clone();
    let lives = version["expires_at"]["at"].as_i64().unwrap() - rig.harness.now().0;
    assert!(lives > 59 * DAY_S, "{lives}");
}

#[tokio::test]
async fn another_person_than_last_time_is_remarked_even_if_that_token_is_dead() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.agree(&browser.begin(&[]).await).await;
    let first = browser.come_back(&back).await;
    assert!(!first.contains("Another person"), "{first}");
    let back = rig.agree(&browser.begin(&[]).await).await;
    let second = browser.come_back(&back).await;
    assert!(!second.contains("Another person"), "the same one: {second}");
    rig.pass(61 * 24 * 60);
    let browser = rig.sign_in().await;
    let dialog = browser.begin(&[]).await;
    let value = |name: &str| {
        let query = dialog.split_once('?').unwrap().1;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
    };
    let code = NewCode {
        app: Some(APP_ID),
        redirect_uri: Some(value("redirect_uri")),
        assets: vec![ASSET.to_owned()],
        user: Some("400000000000009".to_owned()),
        ..NewCode::default()
    };
    let (code, state) = (rig.code(&code).await, value("state"));
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("code", &code)
        .append_pair("state", &state)
        .finish();
    let third = browser.come_back(&format!("/connect/meta/callback?{query}")).await;
    assert!(third.contains("Another person"), "{third}");
}

#[tokio::test]
async fn a_code_that_is_answered_too_late_is_not_sent_again() {
    let rig = Rig::start_with("\n[delivery]\nrequest_timeout_ms = 300\n").await;
    let browser = rig.sign_in().await;
    let back = rig.agree(&browser.begin(&[]).await).await;
    rig.once(Endpoint::Tokens, Misbehaviour::Slow { ms: 900 });
    let page = text(browser.get(&back).await.expect(502));
    assert!(page.contains("no answer in time"), "{page}");
    browser.get(&back).await.expect(410);
    assert!(rig.exchanges() <= 1, "the sandbox may still be thinking about it");
}

#[tokio::test]
async fn a_code_without_an_answer_is_not_sent_again() {
    for what in [
        Misbehaviour::CutAfter,
        Misbehaviour::HalfAnswer,
        Misbehaviour::Html { status: 502 },
        Misbehaviour::Empty { status: 429 },
    ] {
        let rig = Rig::start().await;
        let browser = rig.sign_in().await;
        let back = rig.agree(&browser.begin(&[]).await).await;
        rig.once(Endpoint::Tokens, what.clone());
        let page = text(browser.get(&back).await.expect(502));
        assert!(page.contains("The platform did not answer"), "{what:?}: {page}");
        assert_eq!(rig.exchanges(), 1, "{what:?}");
        browser.get(&back).await.expect(410);
        assert_eq!(rig.exchanges(), 1, "{what:?}");
        rig.call("GET", "/v1/credentials/shop", &Value::Null).await.expect(404);
    }
}

#[tokio::test]
async fn a_token_that_could_not_be_extended_is_kept_and_said_to_be_short() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.agree(&browser.begin(&[]).await).await;
    let step = holdfast_sandbox::Step {
        on: Endpoint::Tokens,
        after_requests: Some(1),
        misbehave: Some(Misbehaviour::Html { status: 502 }),
        ..Default::default()
    };
    assert_ne!(rig.control().misbehave(step), 0);
    let result = browser.come_back(&back).await;
    assert!(result.contains("could not be extended"), "{result}");
    assert_eq!(rig.exchanges(), 3, "the code once, the extension twice");
    let version = rig.credential("shop").await["versions"][0].clone();
    let lives = version["expires_at"]["at"].as_i64().unwrap() - rig.harness.now().0;
    assert!((1..=2 * 3_600).contains(&lives), "{lives}");
}

#[tokio::test]
async fn refusals_say_whether_it_is_the_app_or_the_code() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    // Issued for another address.
    let dialog = browser.begin(&[]).await.replace("callback", "callback%2F");
    let back = rig.agree(&dialog).await.replace("callback/", "callback");
    let page = text(browser.get(&back).await.expect(409));
    assert!(page.contains("The platform refuses the code"), "{page}");

    // Spent by somebody else before.
    let back = rig.agree(&browser.begin(&[]).await).await;
    let first = rig.agree(&browser.begin(&[]).await).await;
    let code = |address: &str| {
        let query = address.split_once('?').unwrap().1.to_owned();
        form_urlencoded::parse(query.as_bytes()).find(|(k, _)| k == "code").unwrap().1.into_owned()
    };
    browser.come_back(&first).await;
    let replayed = back.replace(&code(&back), &code(&first));
    let page = text(browser.get(&replayed).await.expect(409));
    assert!(page.contains("The platform refuses the code"), "{page}");

    rig.add_app("meta", &APP_ID.to_string(), &fake_app_secret(9)).await;
    let back = rig.agree(&browser.begin(&[]).await).await;
    let page = text(browser.get(&back).await.expect(409));
    assert!(page.contains("The platform refuses the app"), "{page}");
    assert_eq!(rig.credential("shop").await["versions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_that_the_platform_repeats_is_masked() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    for on in [Endpoint::Reads, Endpoint::Debug, Endpoint::Tokens] {
        let back = rig.agree(&browser.begin(&[]).await).await;
        let step = holdfast_sandbox::Step {
            on,
            // The code becomes a token first.
            after_requests: (on == Endpoint::Tokens).then_some(1),
            misbehave: Some(Misbehaviour::EchoToken),
            ..Default::default()
        };
        let step = rig.control().misbehave(step);
        let result = browser.come_back(&back).await;
        assert!(rig.control().behave(step));
        rig.nothing_leaked(&[&result]).await;
    }
}

#[tokio::test]
async fn nobody_is_sent_away_in_vain() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let token =
        rig.control().issue_token(APP_ID, holdfast_sandbox::TokenKind::SystemUser, &[ASSET]);
    let given = json!({"id": "given", "platform": "meta", "token": token});
    rig.call("POST", "/v1/credentials", &given).await;
    let app = APP_ID.to_string();
    let scopes = ("scopes", "ads_management");
    for (fields, status, expected) in [
        (
            vec![("credential", "shop"), ("app", "12"), scopes],
            404,
            "App &#34;12&#34; does not exist",
        ),
        (vec![("credential", "Shop!"), ("app", &app), scopes], 422, "Credential: expected"),
        (vec![("credential", "shop"), ("app", &app), ("scopes", "")], 422, "Scopes: expected"),
        (vec![("credential", "shop"), ("app", &app), ("scopes", "<b>")], 422, "Scopes: expected"),
        (
            vec![("credential", "shop"), ("app", &app), scopes, ("page", "x/y")],
            422,
            "Page: expected",
        ),
        (
            vec![("credential", "shop"), ("app", &app), scopes, ("contact", "x")],
            422,
            "Contact: expected",
        ),
        (vec![("credential", "given"), ("app", &app), scopes], 422, "was added without an app"),
    ] {
        let page = text(browser.post("/connect/meta", &fields).await.expect(status));
        assert!(page.contains(expected), "{expected}: {page}");
    }
    browser.get("/connect/regrant/given").await.expect(409);
    browser.get("/connect/regrant/nothing").await.expect(404);
}
