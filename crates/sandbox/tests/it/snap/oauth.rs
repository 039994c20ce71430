//! OAuth: where its tokens come from, how they are refreshed, and whose they are.

use holdfast_sandbox::{
    Change, Habits, Misbehaviour, NewSnapCode, SnapTokenKind, Step, TokenState,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::rig::{ORGANIZATION, PIXEL, SnapRig, event};
use crate::rig::{Answer, answer, encoded};

const CALLBACK: &str = "https://example.com/connected";

impl SnapRig {
    /// Asks for a token, as the OAuth app of the organization.
    async fn exchange(&self, fields: &[(&str, &str)]) -> Answer {
        let known = [
            ("client_id", self.organization.client_id.as_str()),
            ("client_secret", self.organization.client_secret.as_str()),
        ];
        let given = |key: &str| fields.iter().any(|(name, _)| *name == key);
        let mut form: Vec<(&str, &str)> =
            known.into_iter().filter(|(key, _)| !given(key)).collect();
        form.extend(fields);
        let request = self.rig.request(Method::POST, "/login/oauth2/access_token");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        answer(request.body(encoded(&form)).send().await.unwrap()).await
    }

    fn code(&self) -> String {
        let entry = NewSnapCode {
            organization: Some(ORGANIZATION.to_owned()),
            redirect_uri: Some(CALLBACK.to_owned()),
            ..NewSnapCode::default()
        };
        self.control().issue_snap_code(entry).unwrap()
    }
}

fn text(body: &Value, key: &str) -> String {
    body[key].as_str().unwrap_or_else(|| panic!("no {key} in {body}")).to_owned()
}

#[tokio::test]
async fn a_code_becomes_tokens_once() {
    let snap = SnapRig::start().await;
    let code = snap.code();
    let grant = [("grant_type", "authorization_code"), ("code", code.as_str())];
    let redeem = |redirect| [grant[0], grant[1], ("redirect_uri", redirect)];
    let (status, body) = snap.exchange(&redeem("https://example.com/other")).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    let (status, body) = snap.exchange(&redeem(CALLBACK)).await;
    assert_eq!((status, &body["expires_in"]), (200, &json!(3600)), "{body}");
    assert_eq!(
        (&body["token_type"], &body["scope"]),
        (&json!("Bearer"), &json!("snapchat-offline-conversions-api"))
    );
    assert!(text(&body, "refresh_token").starts_with("hCgwKCj"));
    let token = text(&body, "access_token");
    assert_eq!(snap.send_with(&token, PIXEL, &[event("x")]).await.0, 200);
    let (status, body) = snap.exchange(&redeem(CALLBACK)).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "a code is good once");
    let late = snap.code();
    snap.control().advance(601_000);
    let late = [grant[0], ("code", late.as_str()), ("redirect_uri", CALLBACK)];
    assert_eq!(snap.exchange(&late).await.1["error"], "invalid_grant");
}

#[tokio::test]
async fn a_refresh_gives_another_hour_and_may_rotate() {
    let snap = SnapRig::start().await;
    let old = snap.control().issue_snap_token(ORGANIZATION, SnapTokenKind::Oauth);
    let refresh_token = snap.control().refresh_token(&old).unwrap();
    let refresh = |text: &str| {
        [("grant_type", "refresh_token"), ("refresh_token", text)]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
    };
    let ask = async |text: &str| {
        let fields = refresh(text);
        let fields: Vec<_> = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        snap.exchange(&fields).await
    };
    snap.control().advance(3_601_000);
    assert_eq!(snap.send_with(&old, PIXEL, &[event("1")]).await.0, 401);
    let (status, body) = ask(&refresh_token).await;
    assert_eq!((status, text(&body, "refresh_token")), (200, refresh_token.clone()), "{body}");
    let new = text(&body, "access_token");
    assert_eq!(snap.send_with(&new, PIXEL, &[event("1")]).await.0, 200);
    assert_eq!(snap.send_with(&old, PIXEL, &[event("1")]).await.0, 401);

    snap.habits(Habits { rotates_refresh_tokens: true, ..Habits::default() });
    let (_, body) = ask(&refresh_token).await;
    let rotated = text(&body, "refresh_token");
    assert_ne!(rotated, refresh_token);
    assert_eq!(ask(&refresh_token).await.1["error"], "invalid_grant");
    let (status, body) = ask(&rotated).await;
    assert_eq!(status, 200, "{body}");

    let last = text(&body, "access_token");
    let change = Change::TokenState { token: last.clone(), state: TokenState::Revoked };
    assert!(snap.control().change(&change));
    let (status, body) = ask(&text(&body, "refresh_token")).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")), "taken back for good");
}

#[tokio::test]
async fn a_bad_request_for_a_token_says_what_is_wrong() {
    let snap = SnapRig::start().await;
    let code = snap.code();
    for (what, fields, status, error) in [
        ("no grant type", vec![], 400, "invalid_request"),
        ("an odd one", vec![("grant_type", "password")], 400, "unsupported_grant_type"),
        ("no code", vec![("grant_type", "authorization_code")], 400, "invalid_request"),
        ("no refresh token", vec![("grant_type", "refresh_token")], 400, "invalid_request"),
        (
            "an unknown one",
            vec![("grant_type", "refresh_token"), ("refresh_token", "x")],
            400,
            "invalid_grant",
        ),
        ("a wrong secret", vec![("client_secret", "x")], 401, "invalid_client"),
        ("an unknown client", vec![("client_id", "x")], 401, "invalid_client"),
    ] {
        let (found, body) = snap.exchange(&fields).await;
        assert_eq!((found, &body["error"]), (status, &json!(error)), "{what}: {body}");
        assert!(body["error_description"].is_string(), "{what}: {body}");
    }
    let request = snap.rig.request(Method::POST, "/login/oauth2/access_token");
    let json = json!({ "grant_type": "authorization_code", "code": code });
    let (status, body) = answer(crate::rig::json_post(request, &json).send().await.unwrap()).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")), "form-encoded only");
}

/// A refresh must survive these: only a refused grant is a dead one.
#[tokio::test]
async fn the_token_endpoint_misbehaves_too() {
    let snap = SnapRig::start().await;
    let token = snap.control().issue_snap_token(ORGANIZATION, SnapTokenKind::Oauth);
    let refresh_token = snap.control().refresh_token(&token).unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    for (what, status) in [
        (Misbehaviour::Empty { status: 429 }, 429),
        (Misbehaviour::Html { status: 502 }, 502),
        (Misbehaviour::Empty { status: 503 }, 503),
        (Misbehaviour::Error { status: 400, error: json!({ "error": "invalid_grant" }) }, 400),
        (Misbehaviour::OmitExpiresIn, 200),
    ] {
        let step = Step {
            on: holdfast_sandbox::Endpoint::Tokens,
            times: Some(1),
            misbehave: Some(what.clone()),
            ..Step::default()
        };
        assert_ne!(snap.control().misbehave(step), 0);
        let (found, body) = snap.exchange(&fields).await;
        assert_eq!(found, status, "{what:?}: {body}");
        assert!(body["expires_in"].is_null(), "{what:?}: {body}");
        assert_eq!(snap.exchange(&fields).await.1["expires_in"], 3600, "{what:?} was for once");
    }
}

#[tokio::test]
async fn the_person_agrees_at_once() {
    let snap = SnapRig::start().await;
    let id = snap.organization.client_id.clone();
    let query = [
        ("client_id", id.as_str()),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "snapchat-marketing-api snapchat-offline-conversions-api"),
        ("state", "a b"),
    ];
    let path = |query: &[(&str, &str)]| format!("/login/oauth2/authorize?{}", encoded(query));
    let sent = snap.rig.request(Method::GET, &path(&query)).send().await.unwrap();
    let location = sent.headers()["location"].to_str().unwrap().to_owned();
    let code = location.strip_prefix(&format!("{CALLBACK}?code=")).unwrap();
    let (code, state) = code.split_once("&state=").unwrap();
    assert_eq!((sent.status().as_u16(), state), (302, "a+b"));
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    let (status, body) = snap.exchange(&fields).await;
    assert_eq!(status, 200, "{body}");
    assert!(text(&body, "scope").contains("snapchat-marketing-api"));
    for missing in 0..3 {
        let mut query = query.to_vec();
        query.remove(missing);
        let sent = snap.rig.request(Method::GET, &path(&query)).send().await.unwrap();
        assert!(sent.status().is_client_error(), "{missing}");
    }
}

#[tokio::test]
async fn the_ads_api_tells_whose_a_token_is_in_its_own_dialect() {
    let snap = SnapRig::start().await;
    let token = snap.control().issue_snap_token(ORGANIZATION, SnapTokenKind::Oauth);
    let (status, body) = snap.rig.get("/v1/me", &token).await;
    assert_eq!((status, &body["request_status"]), (200, &json!("SUCCESS")), "{body}");
    assert_eq!(body["me"]["organization_id"], ORGANIZATION);
    let (_, body) = snap.rig.get("/v1/me/organizations?with_ad_accounts=true", &token).await;
    let row = &body["organizations"][0];
    assert_eq!(row["sub_request_status"], "SUCCESS", "{body}");
    let account = text(&row["organization"]["ad_accounts"][0], "id");
    let (_, body) = snap.rig.get(&format!("/v1/adaccounts/{account}/pixels"), &token).await;
    let pixels = body["pixels"].as_array().unwrap();
    assert_eq!(pixels.len(), 1, "neither the app nor the pixel of others: {body}");
    assert_eq!(pixels[0]["pixel"]["id"], PIXEL);
    assert_eq!(snap.rig.get("/v1/adaccounts/x/pixels", &token).await.0, 404);

    let refused = async |token: &str, description: &str| {
        let request = snap.rig.request(Method::GET, "/v1/me").bearer_auth(token);
        let response = request.send().await.unwrap();
        let told = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        let expected =
            format!("Bearer error=\"invalid_token\", error_description=\"{description}\"");
        let (status, body) = answer(response).await;
        assert_eq!((status, told), (401, expected), "{body}");
        assert_eq!(body["request_status"], "ERROR", "{body}");
    };
    refused(&snap.token, "The access token is invalid").await;
    refused("nobody", "The access token is invalid").await;
    snap.control().advance(3_601_000);
    refused(&token, "The access token expired").await;
}
