//! A gateway, the platforms it goes to, and what people do with both.

use holdfast_model::access::Role;
use holdfast_sandbox::{
    AssetKind, Endpoint, IssuedOrganization, Misbehaviour, NewAsset, NewCode, Proof,
    RunningSandbox, Sandbox, SandboxHandle, SandboxSettings, Step,
};
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};

use super::browser::Browser;
use crate::harness::{ASSET, Answer, Harness};

pub const PAGE: &str = "2000000001";
pub const UNTICKED_PAGE: &str = "2000000002";
pub const PIXEL: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
pub const ORGANIZATION: &str = "3a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

pub struct Rig {
    pub sandbox: RunningSandbox,
    pub harness: Harness,
    pub admin: String,
    pub snap: IssuedOrganization,
    http: reqwest::Client,
}

impl Rig {
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more lines of configuration.
    pub async fn start_with(lines: &str) -> Self {
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let control = sandbox.handle();
        let secret = control.add_app(APP_ID, Proof::Optional);
        control.add_asset(ASSET);
        for (id, ticked) in [(PAGE, true), (UNTICKED_PAGE, false)] {
            let (id, kind) = (id.to_owned(), AssetKind::Page);
            control.add(NewAsset { id, kind, ticked, ..NewAsset::default() });
        }
        let snap = control.add_organization(ORGANIZATION);
        control.add_pixel(PIXEL, ORGANIZATION);
        let harness = Harness::toward_with(&sandbox.base_url(), lines).await;
        let admin = harness.key("boss", Role::Admin, &[]).await.expose().to_owned();
        let rig = Self { sandbox, harness, admin, snap, http: client() };
        rig.add_app("meta", &APP_ID.to_string(), &secret).await;
        rig.add_app("snap", &rig.snap.client_id, &rig.snap.client_secret).await;
        rig
    }

    pub async fn add_app(&self, platform: &str, id: &str, secret: &str) {
        let app = json!({"id": id, "platform": platform, "label": "ours", "secret": secret});
        let added = self.call("POST", "/v1/apps", &app).await;
        assert!(matches!(added.status, 200 | 201), "{:#}", added.body);
    }

    pub fn control(&self) -> &SandboxHandle {
        self.sandbox.handle()
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.harness.call(method, path, Some(&self.admin), body).await
    }

    /// A destination that the credential, which must be there, signs for.
    pub async fn bind(&self, platform: &str, credential: &str, asset: &str) {
        let body = json!({"id": format!("to-{credential}"), "platform": platform, "asset": asset,
            "credential": credential});
        self.call("POST", "/v1/destinations", &body).await.expect(201);
    }

    pub async fn credential(&self, name: &str) -> Value {
        self.call("GET", &format!("/v1/credentials/{name}"), &Value::Null).await.expect(200).body
    }

    pub async fn sign_in(&self) -> Browser<'_> {
        let mut browser = Browser::new(&self.harness);
        browser.sign_in(&self.admin).await;
        browser
    }

    /// The person agrees to everything at once. The address they are sent back to, at our gateway.
    pub async fn agree(&self, dialog: &str) -> String {
        self.sent_back(self.http.get(dialog)).await
    }

    /// The person sends the dialog's form.
    pub async fn decide(&self, dialog: &str, form: &str) -> String {
        self.sent_back(self.http.post(dialog).body(form.to_owned())).await
    }

    async fn sent_back(&self, request: reqwest::RequestBuilder) -> String {
        let content_type = "application/x-www-form-urlencoded";
        let answer = request.header("content-type", content_type).send().await.unwrap();
        let location = answer.headers().get("location").cloned();
        let location = location.unwrap_or_else(|| panic!("{}", answer.status()));
        let location = location.to_str().unwrap();
        let at = location.find("/connect/").unwrap_or_else(|| panic!("{location}"));
        location[at..].to_owned()
    }

    /// The next request for a token, or read of one, goes wrong.
    pub fn once(&self, on: Endpoint, what: Misbehaviour) {
        let step = Step { on, times: Some(1), misbehave: Some(what), ..Step::default() };
        assert_ne!(self.control().misbehave(step), 0);
    }

    /// A code as the dialog hands it out, though with what the test says.
    pub async fn code(&self, code: &NewCode) -> String {
        let url = format!("{}/_sandbox/codes", self.sandbox.base_url());
        let made = self.http.post(url).body(serde_json::to_string(code).unwrap());
        let made = made.send().await.unwrap().bytes().await.unwrap();
        let made: Value = serde_json::from_slice(&made).unwrap();
        made["code"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// How often a token was asked for.
    pub fn exchanges(&self) -> usize {
        let all = self.control().requests(None, 1_000);
        all.iter().filter(|request| request.path.ends_with("/access_token")).count()
    }

    /// Time passes for everybody.
    pub fn pass(&self, minutes: u64) {
        self.control().advance(minutes * 60_000);
        self.harness.gateway().clock.turn_on(minutes * 60_000);
    }

    /// Nothing that we show or keep in the clear has a token in it.
    pub async fn nothing_leaked(&self, shown: &[&str]) {
        let mut texts: Vec<String> = shown.iter().map(|text| (*text).to_owned()).collect();
        for path in ["/v1/audit?limit=1000", "/v1/alerts", "/v1/credentials", "/v1/apps"] {
            texts.push(self.call("GET", path, &Value::Null).await.expect(200).body.to_string());
        }
        for text in texts {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words {
                let looks_like_one = word.starts_with("EA") && word.len() > 40;
                assert!(!looks_like_one, "a token in {text}");
            }
            assert!(!text.contains(&self.snap.client_secret), "a secret in {text}");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "the browser of a person at the stand-in")]
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
