//! A token dies and people are told: once for each thing that happens, in every channel, however
//! often the channel or the gateway fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_gateway::config::Settings;
use holdfast_gateway::start;
use holdfast_model::access::Role;
use holdfast_model::secret::Secret;
use holdfast_sandbox::{Proof, RunningSandbox, Sandbox, SandboxSettings, TokenKind, TokenState};
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use crate::harness::{ASSET, Harness};

const HOUR_MS: u64 = 3_600_000;
const SIGNING: [u8; 32] = [7; 32];

/// A listener that takes what is posted, or refuses it.
#[derive(Clone, Default)]
struct PostOffice {
    taken: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    refused: Arc<Mutex<Vec<String>>>,
    is_closed: Arc<Mutex<bool>>,
}

impl PostOffice {
    async fn open() -> (Self, String) {
        let office = Self::default();
        let router = Router::new().fallback(take).with_state(office.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/alerts?who=ops", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (office, url)
    }

    fn close(&self, is_closed: bool) {
        *self.is_closed.lock().unwrap() = is_closed;
    }

    fn types(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let name = |(_, body): &(HeaderMap, String)| {
            let body: Value = serde_json::from_str(body).unwrap();
            body["type"].as_str().unwrap_or("text").to_owned()
        };
        taken.iter().map(name).collect()
    }

    fn last(&self) -> Value {
        serde_json::from_str(&self.taken.lock().unwrap().last().unwrap().1).unwrap()
    }
}

async fn take(State(office): State<PostOffice>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let body = String::from_utf8(body.to_vec()).unwrap();
    if *office.is_closed.lock().unwrap() {
        let id = headers.get("webhook-id").map_or("", |id| id.to_str().unwrap());
        office.refused.lock().unwrap().push(id.to_owned());
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    office.taken.lock().unwrap().push((headers, body));
    StatusCode::OK
}

/// A mail server that believes everything and keeps the mails.
async fn mail_server() -> (Arc<Mutex<Vec<String>>>, String) {
    let mails = Arc::<Mutex<Vec<String>>>::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let kept = mails.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(converse(stream, kept.clone()));
        }
    });
    (mails, url)
}

async fn converse(stream: tokio::net::TcpStream, mails: Arc<Mutex<Vec<String>>>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 stub\r\n").await.unwrap();
    let (mut mail, mut is_data) = (String::new(), false);
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match line.as_str() {
            "." if is_data => {
                is_data = false;
                mails.lock().unwrap().push(std::mem::take(&mut mail));
                "250 taken"
            }
            _ if is_data => {
                mail.push_str(&line);
                mail.push('\n');
                continue;
            }
            "DATA" => {
                is_data = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

struct Story {
    sandbox: RunningSandbox,
    harness: Harness,
    admin: Secret,
    dir: tempfile::TempDir,
    app_secret: String,
}

impl Story {
    async fn begin(lines: impl FnOnce(&std::path::Path) -> String) -> (Self, String) {
        let dir = tempfile::tempdir().unwrap();
        let secret = format!("whsec_{}\n", BASE64_STANDARD.encode(SIGNING));
        std::fs::write(dir.path().join("signing"), secret).unwrap();
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let app_secret = sandbox.handle().add_app(APP_ID, Proof::Optional);
        sandbox.handle().add_asset(ASSET);
        let lines = lines(dir.path());
        let harness = Harness::toward_with(&sandbox.base_url(), &lines).await;
        let admin = harness.key("boss", Role::Admin, &[]).await;
        let story = Self { sandbox, harness, admin, dir, app_secret };
        let token = story.add_token().await;
        let destination =
            json!({"id": "shop", "platform": "meta", "asset": ASSET, "credential": "it"});
        story.call("/v1/destinations", &destination).await;
        (story, token)
    }

    async fn add_token(&self) -> String {
        let token = self.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
        let credential = json!({"id": "it", "platform": "meta", "token": token});
        self.call("/v1/credentials", &credential).await;
        token
    }

    async fn call(&self, path: &str, body: &Value) -> Value {
        let answer = self.harness.call("POST", path, Some(self.admin.expose()), body).await;
        assert!(answer.status < 300, "{path}: {:#}", answer.body);
        answer.body
    }

    async fn send(&self, numbers: std::ops::Range<u64>) {
        let events = json!(self.harness.event_list(numbers));
        self.call("/v1/events?destination=shop", &events).await;
    }

    /// Time passes for everybody.
    fn pass(&self, ms: u64) {
        self.sandbox.handle().advance(ms);
        self.harness.gateway().clock.turn_on(ms);
        self.harness.gateway().look_around();
    }

    async fn alerts(&self) -> Vec<Value> {
        let key = Some(self.admin.expose());
        let alerts = self.harness.call("GET", "/v1/alerts", key, &Value::Null).await;
        alerts.expect(200).body.as_array().unwrap().clone()
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), looking).await.is_ok(), "{what}");
}

fn webhook(dir: &std::path::Path, url: &str) -> String {
    let secret = dir.join("signing");
    format!("\n[alerts]\nwebhook_url = \"{url}\"\nwebhook_secret_file = {secret:?}\n")
}

#[tokio::test]
async fn each_thing_that_happens_to_a_hold_is_told_once() {
    let (office, url) = PostOffice::open().await;
    let (story, token) = Story::begin(|dir| webhook(dir, &url)).await;
    story.send(0..5).await;
    let arrived = || story.sandbox.handle().state().assets.get(ASSET).map_or(0, |it| it.distinct);
    until("delivered", || arrived() == 5).await;
    while story
        .harness
        .call("GET", "/v1/status", Some(story.admin.expose()), &Value::Null)
        .await
        .body["ledger"]["delivered"]
        != 5
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(story.sandbox.handle().set_token_state(&token, TokenState::Expired));
    // Nobody takes the first attempt; the alert waits.
    office.close(true);
    story.send(10..40).await;
    until("it was tried", || !office.refused.lock().unwrap().is_empty()).await;
    office.close(false);
    story.pass(10_000);
    until("opened", || office.types() == ["hold.opened"]).await;
    let (headers, body) = office.taken.lock().unwrap()[0].clone();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(office.refused.lock().unwrap()[0], header("webhook-id"), "the same id again");
    let mut mac = <Hmac<sha2::Sha256>>::new_from_slice(&SIGNING).unwrap();
    let signed = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
    mac.update(signed.as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(header("webhook-signature"), format!("v1,{signature}"));
    let data = office.last()["data"].clone();
    assert_eq!((&data["fault"], &data["waiting"]), (&json!("meta.token_expired"), &json!(30)));
    assert_eq!(data["destinations"], json!(["shop"]));
    assert!(data["what"].as_str().unwrap().contains("Session has expired"), "{data:#}");
    assert!(data["remedy"].as_str().unwrap().contains("holdfast credential add"), "{data:#}");
    assert!(data["first_deadline"].is_i64());

    story.pass(HOUR_MS);
    until("an hour", || office.types().len() == 2).await;
    // Nothing is told again after a restart, and what came due meanwhile is told once.
    let Story { sandbox, harness, admin, dir, app_secret } = story;
    let harness = harness.restart().await;
    let story = Story { sandbox, harness, admin, dir, app_secret };
    story.pass(30 * HOUR_MS);
    until("a day", || office.types().len() == 3).await;
    story.pass(120 * HOUR_MS);
    until("the deadline", || office.types().len() == 4).await;
    let expected =
        ["hold.opened", "hold.still_open_1h", "hold.still_open_24h", "hold.deadline_24h"];
    assert_eq!(office.types(), expected);

    let new = story.add_token().await;
    until("resolved", || office.types().len() == 5).await;
    let resolved = office.last();
    assert_eq!(resolved["type"], "hold.resolved");
    assert_eq!(
        (&resolved["data"]["delivered"], &resolved["data"]["expired"]),
        (&json!(30), &json!(0))
    );
    let everything = format!("{:?}", office.taken.lock().unwrap());
    for token in [token, new] {
        for window in token.as_bytes().windows(20) {
            assert!(!everything.contains(std::str::from_utf8(window).unwrap()));
        }
    }
    let kept = story.alerts().await;
    assert_eq!(kept.len(), 5);
    assert!(kept.iter().all(|alert| alert["channels"][0]["delivered_at"].is_i64()), "{kept:#?}");
    drop(story.dir);
}

#[tokio::test]
async fn a_test_goes_through_every_channel_and_an_operators_pause_through_none() {
    let (office, url) = PostOffice::open().await;
    let (slack, slack_url) = PostOffice::open().await;
    let (mails, smtp) = mail_server().await;
    let (story, _) = Story::begin(|dir| {
        std::fs::write(dir.join("slack"), slack_url).unwrap();
        std::fs::write(dir.join("smtp"), smtp).unwrap();
        let (slack, smtp) = (dir.join("slack"), dir.join("smtp"));
        format!(
            "{}slack_url_file = {slack:?}\nsmtp_url_file = {smtp:?}\n\
             mail_from = \"holdfast@example.com\"\n\
             mail_to = \"ops@example.com, boss@example.com\"\n",
            webhook(dir, &url)
        )
    })
    .await;
    story.call("/v1/destinations/shop/pause", &json!({"reason": "a test"})).await;
    let sent = story.call("/v1/alerts/test", &json!({})).await;
    assert_eq!(sent["channels"], json!(["webhook", "slack", "mail"]));
    let office_has = || office.types() == ["test"] && slack.types() == ["text"];
    until("all have it", || office_has() && mails.lock().unwrap().len() == 1).await;
    assert!(slack.last()["text"].as_str().unwrap().contains("Alerts arrive here"));
    let mail = mails.lock().unwrap()[0].clone();
    assert!(mail.contains("Subject: Holdfast: a test"), "{mail}");
    assert!(mail.contains("ops@example.com") && mail.contains("boss@example.com"), "{mail}");
    assert_eq!(story.alerts().await.len(), 1, "who pauses knows");
}

/// A listener that answers nobody. True as soon as somebody had enough of waiting.
async fn silent_office() -> (Arc<Mutex<bool>>, String) {
    struct Left(Arc<Mutex<bool>>);
    impl Drop for Left {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = true;
        }
    }
    let is_left = Arc::<Mutex<bool>>::default();
    let seen = is_left.clone();
    let wait = async move || {
        let _left = Left(seen);
        std::future::pending::<StatusCode>().await
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let router = Router::new().fallback(wait);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (is_left, url)
}

#[tokio::test]
async fn a_channel_that_hangs_keeps_neither_the_others_nor_the_next_alerts_waiting() {
    let (is_left, url) = silent_office().await;
    let (slack, slack_url) = PostOffice::open().await;
    let (story, token) = Story::begin(|dir| {
        let slack = dir.join("slack");
        std::fs::write(&slack, slack_url).unwrap();
        format!("{}slack_url_file = {slack:?}\n", webhook(dir, &url))
    })
    .await;
    assert!(story.sandbox.handle().set_token_state(&token, TokenState::Expired));
    story.send(0..3).await;
    until("slack has it", || slack.types().len() == 1).await;
    story.pass(HOUR_MS);
    until("slack has the next", || slack.types().len() == 2).await;
    assert!(!*is_left.lock().unwrap(), "the first is still waited for at the other channel");
}

#[tokio::test]
async fn what_could_be_forged_or_not_be_sent_is_refused_before_anything_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (short, text) = (file("short", "whsec_c2hvcnQ="), file("text", "not an address"));
    let data = dir.path().join("data");
    for (lines, expected) in [
        ("webhook_url = \"https://example.com/x\"".to_owned(), "alerts.webhook_secret_file"),
        (
            format!("webhook_url = \"https://example.com/x\"\nwebhook_secret_file = {short:?}"),
            "at least 24 bytes",
        ),
        (format!("slack_url_file = {text:?}"), "alerts.slack_url_file"),
        (format!("smtp_url_file = {text:?}"), "alerts.mail_from"),
        (
            format!("smtp_url_file = {text:?}\nmail_from = \"a@b\"\nmail_to = \"c@d\""),
            "alerts.smtp_url_file",
        ),
    ] {
        let toml = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[storage]\ndata_dir = {data:?}\n[alerts]\n{lines}\n"
        );
        let settings = Settings::parse(&toml, &BTreeMap::new()).unwrap();
        let refused = start(settings).await.err().expect(expected).to_string();
        assert!(refused.contains(expected), "{refused}");
        assert!(!refused.contains("not an address") && !data.exists(), "{refused}");
    }
    for (lines, expected) in [
        ("webhook_url = \"http://example.com\"", "alerts.webhook_url"),
        ("mail_to = \"nobody\"", "alerts.mail_to"),
    ] {
        let refused = Settings::parse(&format!("[alerts]\n{lines}\n"), &BTreeMap::new());
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn a_token_that_will_die_is_told_of_beforehand_at_fewer_and_fewer_days() {
    let (office, url) = PostOffice::open().await;
    let (story, _) = Story::begin(|dir| webhook(dir, &url)).await;
    let handle = story.sandbox.handle();
    let token = handle.issue_token(APP_ID, TokenKind::ExpiringSystemUser, &[ASSET]);
    // Its own developer may ask when it ends. The app is not ours, so nothing can extend it.
    let credential = json!({"id": "sixty", "platform": "meta", "token": token});
    story.call("/v1/credentials", &credential).await;
    let destination =
        json!({"id": "later", "platform": "meta", "asset": ASSET, "credential": "sixty"});
    story.call("/v1/destinations", &destination).await;
    let mut expected = Vec::new();
    let mut day = 0;
    for stage in [21, 14, 7, 3, 1] {
        story.pass((60 - stage - day) * 24 * HOUR_MS + HOUR_MS / 60);
        day = 60 - stage;
        expected.push(format!("credential.expires_{stage}d"));
        until(&format!("{stage} days"), || office.types() == expected).await;
    }
    let data = office.last()["data"].clone();
    assert!(data["title"].as_str().unwrap().contains("the token of credential sixty expires"));
    assert_eq!(data["destinations"], json!(["later"]));
    assert!(data["remedy"].as_str().unwrap().contains("holdfast credential add sixty"), "{data:#}");
}

fn mail(dir: &std::path::Path, smtp: &str) -> String {
    std::fs::write(dir.join("smtp"), smtp).unwrap();
    let smtp = dir.join("smtp");
    format!(
        "smtp_url_file = {smtp:?}\nmail_from = \"holdfast@example.com\"\n\
         mail_to = \"ops@example.com\"\n"
    )
}

/// The mails to this address, each as one line.
fn mails_to(mails: &Mutex<Vec<String>>, address: &str) -> Vec<String> {
    let mails = mails.lock().unwrap();
    let to = format!("To: {address}");
    let one_line = |mail: &String| mail.replace("=\n", "").replace('\n', " ");
    mails.iter().filter(|mail| mail.contains(&to)).map(one_line).collect()
}

#[tokio::test]
async fn the_person_who_has_to_grant_anew_gets_a_mail_with_the_link_and_nobody_elses() {
    let (office, url) = PostOffice::open().await;
    let (mails, smtp) = mail_server().await;
    let (story, _) =
        Story::begin(|dir| format!("{}{}", webhook(dir, &url), mail(dir, &smtp))).await;
    let app = json!({"id": APP_ID.to_string(), "platform": "meta", "label": "ours",
        "secret": story.app_secret});
    story.call("/v1/apps", &app).await;
    let theirs = story.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let credential = json!({"id": "granted", "platform": "meta", "token": theirs,
        "app": APP_ID.to_string(), "contact": "person@example.com"});
    story.call("/v1/credentials", &credential).await;
    let destination =
        json!({"id": "theirs", "platform": "meta", "asset": ASSET, "credential": "granted"});
    story.call("/v1/destinations", &destination).await;

    let tested = story.call("/v1/alerts/test", &json!({"contact": "granted"})).await;
    assert_eq!(tested["channels"], json!(["contact:granted"]));
    until("a test", || mails_to(&mails, "person@example.com").len() == 1).await;
    assert_eq!(mails_to(&mails, "ops@example.com"), Vec::<String>::new());
    let key = Some(story.admin.expose());
    for (contact, status) in [("it", 422), ("nobody", 404)] {
        let body = json!({ "contact": contact });
        story.harness.call("POST", "/v1/alerts/test", key, &body).await.expect(status);
    }

    assert!(story.sandbox.handle().set_token_state(&theirs, TokenState::LoggedOut));
    let events = json!(story.harness.event_list(0..5));
    story.call("/v1/events?destination=theirs", &events).await;
    until("the person", || mails_to(&mails, "person@example.com").len() == 2).await;
    let told = mails_to(&mails, "person@example.com")[1].clone();
    assert!(told.contains("Subject: The access \"granted\" to Meta has ended."), "{told}");
    assert!(told.contains("/connect/regrant/granted"), "{told}");
    assert!(told.contains("Waiting: 5 items"), "{told}");
    assert!(!told.contains("ops@example.com") && !told.contains("holdfast hold"), "{told}");
    until("operators", || office.types() == ["hold.opened"]).await;
    let link = office.last()["data"]["regrant_url"].as_str().unwrap().to_owned();
    assert!(link.ends_with("/connect/regrant/granted"), "{link}");
    // Nothing is told twice, and what nobody is named for goes to the operators alone.
    story.pass(10_000);
    let new = story.sandbox.handle().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let credential = json!({"id": "granted", "platform": "meta", "token": new});
    story.call("/v1/credentials", &credential).await;
    until("it works again", || mails_to(&mails, "person@example.com").len() == 3).await;
    assert!(mails_to(&mails, "person@example.com")[2].contains("works again"));
    let everything = format!("{:?}", mails.lock().unwrap());
    for window in theirs.as_bytes().windows(20) {
        assert!(!everything.contains(std::str::from_utf8(window).unwrap()));
    }
    drop(story.dir);
}

#[tokio::test]
async fn what_one_look_finds_of_the_same_fault_is_one_message() {
    let (office, url) = PostOffice::open().await;
    let (story, _) = Story::begin(|dir| webhook(dir, &url)).await;
    let mut tokens = Vec::new();
    for name in ["a", "b", "c"] {
        let token =
            story.sandbox.handle().issue_token(APP_ID, TokenKind::ExpiringSystemUser, &[ASSET]);
        let credential = json!({"id": name, "platform": "meta", "token": token});
        story.call("/v1/credentials", &credential).await;
        let destination = json!({"id": format!("to-{name}"), "platform": "meta", "asset": ASSET,
            "credential": name});
        story.call("/v1/destinations", &destination).await;
        tokens.push(token);
    }
    story.pass(40 * 24 * HOUR_MS);
    until("all three expire soon", || !office.types().is_empty()).await;
    assert_eq!(office.types(), ["credential.expires_21d"]);
    let data = office.last()["data"].clone();
    assert_eq!(data["destinations"], json!(["to-a", "to-b", "to-c"]), "{data:#}");
    assert_eq!(data["together_with"].as_array().unwrap().len(), 2);
    for name in ["a", "b", "c"] {
        assert!(
            data["what"].as_str().unwrap().contains(&format!("credential {name} ")),
            "{data:#}"
        );
    }
    // A tick later nothing of it is told again.
    story.pass(10_000);
    let test = story.call("/v1/alerts/test", &json!({})).await;
    until("a test", || office.types().len() == 2).await;
    assert_eq!(office.last()["data"]["key"], test["key"]);
    drop(story.dir);
}

#[tokio::test]
async fn a_hold_is_told_of_however_many_came_after_it() {
    /// More than the lifted ones that are looked at.
    const LATER: usize = 120;
    let (office, url) = PostOffice::open().await;
    let (story, token) = Story::begin(|dir| webhook(dir, &url)).await;
    assert!(story.sandbox.handle().set_token_state(&token, TokenState::Expired));
    story.send(0..3).await;
    until("opened", || office.types() == ["hold.opened"]).await;
    let other = json!({"id": "other", "platform": "meta", "asset": "1234567891",
        "credential": "it"});
    story.call("/v1/destinations", &other).await;
    for _ in 0..LATER {
        let path = "/v1/destinations/other/pause";
        let hold = story.call(path, &json!({"reason": "a test"})).await;
        let lift = format!("/v1/holds/{}/lift", hold["id"].as_str().unwrap());
        story.call(&lift, &json!({"reason": "a test"})).await;
    }
    story.pass(HOUR_MS);
    until("an hour", || office.types().len() == 2).await;
    assert_eq!(office.types()[1], "hold.still_open_1h");
    story.add_token().await;
    until("resolved", || office.types().len() == 3).await;
    assert_eq!(office.types()[2], "hold.resolved");
}
