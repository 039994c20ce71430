//! For every cause that evidence can settle the doctor names it first; for those that it cannot,
//! it says so.

use holdfast_model::access::Role;
use holdfast_sandbox::{
    AppState, Change, Environment, Misbehaviour, NewRule, NewSnapToken, NewToken, Proof,
    RunningSandbox, Sandbox, SandboxHandle, SandboxSettings, SnapTokenKind, TokenKind, TokenState,
};
use holdfast_testkit::{APP_ID, Damage, SNAP_PRODUCTION, fake_app_secret, fake_snap_token};
use serde_json::{Value, json};

use crate::harness::{ASSET, Harness};

const OTHER_ASSET: &str = "1234567891";
const PIXEL: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const OTHER_PIXEL: &str = "1a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const OURS: &str = "3a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const THEIRS: &str = "4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const NEVER: &str = "9a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

pub struct Clinic {
    sandbox: RunningSandbox,
    harness: Harness,
    admin: String,
    pub app_secret: String,
}

impl Clinic {
    pub async fn open() -> Self {
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let control = sandbox.handle();
        let app_secret = control.add_app(APP_ID, Proof::Optional);
        control.add_asset(ASSET);
        control.add_asset(OTHER_ASSET);
        for (organization, pixel) in [(OURS, PIXEL), (THEIRS, OTHER_PIXEL)] {
            control.add_organization(organization);
            control.add_pixel(pixel, organization);
        }
        let harness = Harness::toward(&sandbox.base_url()).await;
        let admin = harness.key("boss", Role::Admin, &[]).await.expose().to_owned();
        Self { sandbox, harness, admin, app_secret }
    }

    pub fn control(&self) -> &SandboxHandle {
        self.sandbox.handle()
    }

    pub fn meta_token(&self) -> String {
        self.control().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET, OTHER_ASSET])
    }

    fn snap_token(&self, change: impl FnOnce(&mut NewSnapToken)) -> String {
        let mut entry = NewSnapToken {
            organization: Some(OURS.to_owned()),
            age_s: 30 * 86_400,
            ..NewSnapToken::default()
        };
        change(&mut entry);
        self.control().issue_snap(entry).unwrap().text
    }

    pub async fn call(&self, path: &str, body: &Value) -> Value {
        self.harness.call("POST", path, Some(&self.admin), body).await.body
    }

    /// Stores a token as the next version, and has a destination use it.
    async fn store(&self, platform: &str, token: &str, asset: &str) {
        let credential = json!({"id": "it", "platform": platform, "token": token});
        self.call("/v1/credentials", &credential).await;
        let destination =
            json!({"id": "shop", "platform": platform, "asset": asset, "credential": "it"});
        self.call("/v1/destinations", &destination).await;
    }

    async fn stored(&self, platform: &str) -> Value {
        self.ask(json!({"platform": platform, "credential": "it"})).await
    }

    async fn given(&self, platform: &str, token: &str, assets: &[&str]) -> Value {
        self.ask(json!({"platform": platform, "token": token, "assets": assets})).await
    }

    pub async fn ask(&self, question: Value) -> Value {
        let answer = self.harness.call("POST", "/v1/doctor", Some(&self.admin), &question).await;
        answer.expect(200).body
    }
}

/// What the doctor should make of something: the first cause, and whether it is alone.
struct Case {
    what: &'static str,
    expected: &'static str,
    /// It cannot be told from another cause.
    is_undecided: bool,
    report: Value,
}

#[derive(Default)]
pub struct Table(Vec<Case>);

impl Table {
    pub fn settled(&mut self, what: &'static str, expected: &'static str, report: Value) {
        self.0.push(Case { what, expected, is_undecided: false, report });
    }

    fn undecided(&mut self, what: &'static str, expected: &'static str, report: Value) {
        self.0.push(Case { what, expected, is_undecided: true, report });
    }

    /// Prints what was made of each, and fails for all that are wrong together.
    #[allow(clippy::print_stdout, reason = "the table is what one wants to see")]
    pub fn check(self) {
        let mut wrong = Vec::new();
        for Case { what, expected, is_undecided, report } in self.0 {
            let hypotheses = report["hypotheses"].as_array().unwrap();
            let first = hypotheses.first().map_or("works", |one| one["cause"].as_str().unwrap());
            let between = report["cannot_tell_between"].as_array().map_or(0, Vec::len);
            let confidence = report["hypotheses"][0]["confidence"].as_str().unwrap_or("-");
            println!("{what:44} {confidence:9} {first}");
            if first != expected || (between > 1) != is_undecided {
                wrong.push(format!("{what}: expected {expected}, {report:#}"));
            }
            let action = report["next_action"].as_str().unwrap();
            assert!(!action.is_empty() && !report.to_string().contains("{credential}"), "{action}");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }
}

#[tokio::test]
async fn the_form_of_a_text_needs_nobodys_answer() {
    let clinic = Clinic::open().await;
    let token = clinic.meta_token();
    let snap = clinic.snap_token(|_| ());
    let mut table = Table::default();
    let masked = format!("{}…{}", &token[..20], &token[token.len() - 4..]);
    let broken = format!("{} {}", &token[..50], &token[50..]);
    let app_token = format!("{APP_ID}|{}", clinic.app_secret);
    let code = format!("AQ{}#_", &token[20..120]);
    let instagram = format!("IGAA{}", &token[20..150]);
    for (what, platform, text, expected) in [
        ("nothing", "meta", "${META_TOKEN}", "token.is_something_else"),
        ("masked by a display", "meta", masked.as_str(), "token.cut_or_altered"),
        ("a space inside", "meta", broken.as_str(), "token.cut_or_altered"),
        ("an app token", "meta", app_token.as_str(), "token.is_something_else"),
        ("an app secret", "meta", clinic.app_secret.as_str(), "token.is_something_else"),
        ("an id", "meta", "123456789012345", "token.is_something_else"),
        ("a JWT for Meta", "meta", snap.as_str(), "token.is_something_else"),
        ("an OAuth code", "meta", code.as_str(), "token.is_something_else"),
        ("a token of Instagram Login", "meta", instagram.as_str(), "token.is_something_else"),
        ("Meta's token for Snap", "snap", token.as_str(), "token.is_something_else"),
        ("Snap's token, cut", "snap", &snap[..snap.len() - 12], "token.cut_or_altered"),
    ] {
        let question = json!({"platform": platform, "token": text, "offline": true});
        table.settled(what, expected, clinic.ask(question).await);
    }
    let staging = clinic.snap_token(|entry| entry.environment = Environment::Staging);
    let report = clinic.given("snap", &staging, &[PIXEL]).await;
    table.settled("Snap's token of STAGING", "token.of_another_product", report);
    let ahead = fake_snap_token(SNAP_PRODUCTION, clinic.harness.now().0 + 7_200, 5);
    let report = clinic.given("snap", &ahead, &[PIXEL]).await;
    table.settled("Snap's token of the future", "token.starts_in_the_future", report);
    table.check();
}

#[tokio::test]
async fn metas_words_are_read_with_what_is_known_of_before() {
    let mut table = Table::default();
    let clinic = Clinic::open().await;
    let token = clinic.meta_token();
    clinic.store("meta", &token, ASSET).await;
    table.settled("a good one", "works", clinic.stored("meta").await);

    let cut = (1..40).map(|cut| &token[..token.len() - cut]).find(|cut| {
        let lint = holdfast_credentials_lint(cut);
        lint.contains("looks cut")
    });
    let report = clinic.given("meta", cut.unwrap(), &[ASSET]).await;
    table.settled("cut, and its form shows it", "token.cut_or_altered", report);
    let flipped = Damage::ALL
        .iter()
        .map(|damage| damage.apply(&token, 11))
        .find(|text| text.len() == token.len() && *text != token && text.is_ascii());
    let report = clinic.given("meta", &flipped.clone().unwrap(), &[ASSET]).await;
    table.settled("one letter changed", "token.altered_inside", report);
    clinic.store("meta", &flipped.unwrap(), ASSET).await;
    table.settled(
        "one letter changed, another worked",
        "token.cut_or_altered",
        clinic.stored("meta").await,
    );

    let clinic = Clinic::open().await;
    let token = clinic.meta_token();
    clinic.store("meta", &token, ASSET).await;
    for (what, state, expected) in [
        (
            "unreadable, though it worked",
            TokenState::Unreadable,
            "token.invalidated_by_the_platform",
        ),
        ("452", TokenState::SessionMismatch, "meta.session_replaced"),
        ("457", TokenState::InvalidOrigin, "meta.session_origin"),
        ("458", TokenState::AppRemoved, "meta.app_removed"),
        ("459", TokenState::Checkpointed, "meta.user_checkpoint"),
        ("460", TokenState::PasswordChanged, "meta.password_changed"),
        ("463", TokenState::Expired, "meta.token_expired"),
        ("464", TokenState::Unconfirmed, "meta.user_unconfirmed"),
        ("465", TokenState::NotAllowed, "meta.system_user_removed"),
        ("466", TokenState::Revoked, "meta.token_revoked"),
        ("467", TokenState::LoggedOut, "meta.logged_out"),
        ("492", TokenState::RoleLost, "meta.page_role_lost"),
        ("493", TokenState::DataAccessLapsed, "meta.data_access_lapsed"),
        ("190 about a page", TokenState::PagePermission, "meta.page_permission"),
    ] {
        assert!(clinic.control().set_token_state(&token, state));
        table.settled(what, expected, clinic.stored("meta").await);
    }
    assert!(clinic.control().set_token_state(&token, TokenState::Valid));
    table.settled("as it was", "works", clinic.stored("meta").await);
    table.check();
}

/// What the form of a text looks like, through the same door as everything else.
fn holdfast_credentials_lint(text: &str) -> String {
    let now = holdfast_model::time::UnixSeconds(0);
    let meta = holdfast_model::platform::PlatformId::Meta;
    holdfast_credentials::lint(text, meta, None, now).describe().join(" ")
}

#[tokio::test]
async fn a_living_token_that_is_refused_is_told_from_a_dead_one() {
    let mut table = Table::default();
    let clinic = Clinic::open().await;
    let token = clinic.meta_token();
    assert!(clinic.control().assign(&token, ASSET, false));
    let report = clinic.given("meta", &token, &[ASSET]).await;
    table.settled("not assigned", "asset.not_assigned_or_wrong_id", report);
    let report = clinic.given("meta", &token, &[ASSET, OTHER_ASSET]).await;
    table.settled("not assigned, another is", "asset.not_assigned_or_wrong_id", report);

    let poor = NewToken {
        kind: TokenKind::SystemUser,
        assets: vec![ASSET.to_owned()],
        scopes: Some(vec!["public_profile".to_owned()]),
        ..NewToken::default()
    };
    let poor = clinic.control().issue(poor).unwrap();
    let report = clinic.given("meta", &poor, &[ASSET]).await;
    table.settled("a permission is missing", "permission.scope_missing", report);

    let token = clinic.meta_token();
    clinic.control().require_proof(APP_ID, Proof::Required);
    let report = clinic.given("meta", &token, &[ASSET]).await;
    table.settled("a proof is required", "app.proof_missing", report);
    let app = json!({"id": APP_ID.to_string(), "platform": "meta", "label": "ours",
        "secret": fake_app_secret(99)});
    clinic.call("/v1/apps", &app).await;
    let question = json!({"platform": "meta", "token": token, "app": APP_ID.to_string(),
        "assets": [ASSET]});
    let report = clinic.ask(question.clone()).await;
    table.settled("a secret of another app", "app.proof_of_another_secret", report);
    let app = json!({"id": APP_ID.to_string(), "platform": "meta", "label": "ours",
        "secret": clinic.app_secret});
    clinic.call("/v1/apps", &app).await;
    table.settled("the right secret", "works", clinic.ask(question).await);
    table.check();
}

#[tokio::test]
async fn what_ails_the_app_or_the_asset_is_told_from_what_ails_the_token() {
    let mut table = Table::default();
    for (what, state, expected) in [
        ("the app is blocked", AppState::Blocked, "meta.api_blocked"),
        ("the app was deleted", AppState::Deleted, "meta.app_invalid"),
    ] {
        let clinic = Clinic::open().await;
        let token = clinic.meta_token();
        clinic.store("meta", &token, ASSET).await;
        assert!(clinic.control().change(&Change::AppState { app: APP_ID, state }));
        table.settled(what, expected, clinic.stored("meta").await);
    }
    let clinic = Clinic::open().await;
    let token = clinic.meta_token();
    assert!(clinic.control().change(&Change::DeleteAsset { asset: ASSET.to_owned() }));
    let report = clinic.given("meta", &token, &[ASSET]).await;
    table.settled("the dataset was deleted", "asset.not_assigned_or_wrong_id", report);

    let clinic = Clinic::open().await;
    let entry = |kind| NewToken { kind, assets: vec![ASSET.to_owned()], ..NewToken::default() };
    let shown = clinic.control().issue(entry(TokenKind::DebugOnly)).unwrap();
    let report = clinic.given("meta", &shown, &[ASSET]).await;
    table.settled("a token for support alone", "meta.debug_only_token", report);
    table.check();
}

#[tokio::test]
async fn what_is_not_the_credentials_fault_is_not_blamed_on_it() {
    let mut table = Table::default();
    let clinic = Clinic::open().await;
    let token = clinic.meta_token();
    clinic.store("meta", &token, ASSET).await;
    let pause = json!({"reason": "a test"});
    clinic.call("/v1/destinations/shop/pause", &pause).await;
    table.settled(
        "it works, and a hold is open",
        "not_the_credential",
        clinic.stored("meta").await,
    );

    for (what, misbehaviour, expected) in [
        (
            "a policy block",
            Misbehaviour::Refuse { code: 368, subcode: None, status: None },
            "meta.policy_block",
        ),
        (
            "190 without a subcode",
            Misbehaviour::Refuse { code: 190, subcode: None, status: None },
            "token.expired_or_revoked",
        ),
        ("a page of a proxy's", Misbehaviour::Html { status: 502 }, "platform.no_answer"),
        ("cut connections", Misbehaviour::CutBefore, "platform.no_answer"),
    ] {
        let clinic = Clinic::open().await;
        let token = clinic.meta_token();
        let rule = NewRule { asset: None, times: None, percent: 100, what: misbehaviour };
        let step = holdfast_sandbox::Step { on: holdfast_sandbox::Endpoint::Any, ..rule.into() };
        clinic.control().misbehave(step);
        let report = clinic.given("meta", &token, &[ASSET]).await;
        let is_silent = expected == "platform.no_answer";
        assert_eq!(report["conclusion"] == "undetermined", is_silent, "{what}: {report:#}");
        table.settled(what, expected, report);
    }
    let harness = Harness::start().await;
    let admin = harness.key("boss", Role::Admin, &[]).await;
    let question = json!({"platform": "meta", "token": token, "assets": [ASSET]});
    let report = harness.call("POST", "/v1/doctor", Some(admin.expose()), &question).await;
    table.settled("nobody is there", "platform.no_answer", report.expect(200).body);
    table.check();
}

#[tokio::test]
async fn snaps_401_is_told_apart_as_far_as_evidence_goes() {
    let mut table = Table::default();
    let clinic = Clinic::open().await;
    let token = clinic.snap_token(|_| ());
    clinic.store("snap", &token, PIXEL).await;
    table.settled("a good one", "works", clinic.stored("snap").await);
    let report = clinic.given("snap", &token, &[OTHER_PIXEL, PIXEL]).await;
    table.settled("theirs is refused, ours is not", "asset.of_another_organization", report);
    let report = clinic.given("snap", &token, &[NEVER]).await;
    table.settled("no such pixel", "asset.unknown", report);
    let report = clinic.given("snap", &token, &[OTHER_PIXEL]).await;
    table.undecided("theirs is refused", "asset.of_another_organization", report);
    let change = Change::TokenState { token: token.clone(), state: TokenState::Revoked };
    assert!(clinic.control().change(&change));
    table.settled("it worked, and is refused", "token.deleted", clinic.stored("snap").await);

    let young = clinic.snap_token(|entry| {
        entry.age_s = 600;
        entry.active_after_s = 3_600;
    });
    let report = clinic.given("snap", &young, &[PIXEL]).await;
    table.settled("made ten minutes ago", "token.not_active_yet", report);

    let narrow = clinic.snap_token(|entry| {
        entry.kind = SnapTokenKind::Oauth;
        entry.age_s = 0;
        entry.scopes = Some(vec!["snapchat-marketing-api".to_owned()]);
    });
    let report = clinic.given("snap", &narrow, &[PIXEL]).await;
    table.undecided("OAuth without the scope", "permission.scope_or_membership_missing", report);
    let late = clinic.snap_token(|entry| {
        entry.kind = SnapTokenKind::Oauth;
        entry.age_s = 7_200;
    });
    let report = clinic.given("snap", &late, &[PIXEL]).await;
    table.undecided("OAuth, an hour too old", "token.oauth_expired", report);
    table.check();
}

#[tokio::test]
async fn a_report_shows_what_waits_every_way_of_asking_and_no_token() {
    let clinic = Clinic::open().await;
    let token = clinic.snap_token(|_| ());
    clinic.store("snap", &token, PIXEL).await;
    clinic.call("/v1/destinations/shop/pause", &json!({"reason": "a test"})).await;
    let event = json!({
        "event_name": "PURCHASE", "event_time": clinic.harness.now().0 - 5, "event_id": "e",
        "action_source": "WEB", "event_source_url": "https://shop.example/thanks",
        "user_data": {"em": "person@example.com"}, "custom_data": {"value": 1, "currency": "EUR"},
    });
    clinic.call("/v1/events?destination=shop", &event).await;
    let question = json!({"platform": "snap", "credential": "it", "matrix": true, "dry_run": true});
    let report = clinic.ask(question).await;
    assert_eq!(report["waiting"]["items"], 1, "{report:#}");
    assert_eq!(report["waiting"]["holds"], json!(["holdfast.operator_pause"]));
    assert!(report["waiting"]["first_deadline"].is_i64());
    let dry_run = report["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&dry_run["step"], &dry_run["outcome"]), (&json!("dry run"), &json!("PASS")));
    let matrix = report["matrix"].as_array().unwrap();
    assert_eq!(matrix.len(), 4, "{report:#}");
    assert!(matrix.iter().any(|cell| cell["accepted"] == true && cell["api_version"] == "v3"));
    let text = report.to_string();
    for window in token.as_bytes().windows(20) {
        assert!(!text.contains(std::str::from_utf8(window).unwrap()), "a piece of the token");
    }

    let operator = clinic.harness.key("op", Role::Operator, &[]).await;
    let ask = |question: Value| {
        let (harness, key) = (&clinic.harness, operator.expose().to_owned());
        async move { harness.call("POST", "/v1/doctor", Some(&key), &question).await.status }
    };
    assert_eq!(ask(json!({"platform": "snap", "credential": "it"})).await, 200);
    assert_eq!(ask(json!({"platform": "snap", "token": token})).await, 403, "a secret goes in");
    assert_eq!(ask(json!({"platform": "snap", "credential": "none"})).await, 404);
    assert_eq!(ask(json!({"platform": "meta", "credential": "it"})).await, 422);
    assert_eq!(ask(json!({"platform": "snap"})).await, 422);
}
