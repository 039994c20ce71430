//! System users, and the businesses of clients.

use holdfast_sandbox::{Endpoint, Misbehaviour, ProofSeen, TokenKind};
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};

use super::rig::Rig;
use crate::harness::ASSET;

const BUSINESS: &str = "700000000000001";
const CLIENT: &str = "700000000000002";

async fn with_admin() -> Rig {
    let rig = Rig::start().await;
    let token = rig.control().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let given =
        json!({"id": "root", "platform": "meta", "app": APP_ID.to_string(), "token": token});
    rig.call("POST", "/v1/credentials", &given).await.expect(201);
    rig
}

fn issue(scopes: &[&str]) -> Value {
    json!({"parent": "root", "credential": "shop", "scopes": scopes})
}

#[tokio::test]
async fn from_a_business_to_a_token_that_is_proved() {
    let rig = with_admin().await;
    let create = json!({"business": BUSINESS, "parent": "root", "name": "Shop sender"});
    let made = rig.call("POST", "/v1/system-users", &create).await.expect(201).body;
    let user = made["id"].as_str().unwrap().to_owned();
    let list = format!("/v1/system-users?business={BUSINESS}&parent=root");
    let listed = rig.call("GET", &list, &Value::Null).await.expect(200).body;
    assert_eq!(listed, json!([{"id": user, "name": "Shop sender", "role": "EMPLOYEE"}]));

    let tokens = format!("/v1/system-users/{user}/tokens");
    let wanted = issue(&["ads_management", "business_management"]);
    let refused = rig.call("POST", &tokens, &wanted).await.expect(409);
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("not installed"));
    let install = format!("/v1/system-users/{user}/apps");
    let installed = rig.call("POST", &install, &json!({"parent": "root"})).await.expect(200);
    assert_eq!(installed.body, json!({"installed": true}));
    rig.call("POST", &tokens, &wanted).await.expect(201);
    rig.bind("meta", "shop", ASSET).await;
    let issued = rig.call("POST", &tokens, &wanted).await.expect(201).body;
    assert_eq!(issued["version"]["verification"], "proved", "{issued:#}");
    let shop = rig.credential("shop").await;
    assert_eq!(shop["origin"], json!({"how": "system_user", "parent": "root", "user": user}));
    let lives = shop["versions"][1]["expires_at"]["at"].as_i64().unwrap() - rig.harness.now().0;
    assert!((59 * 86_400..=60 * 86_400).contains(&lives), "sixty days unless said otherwise");
    let first = &shop["versions"][0]["expires_at"];
    assert!(first["at"].is_i64(), "even where nothing could be probed: {first}");
    let asked = rig.control().requests(None, 100);
    let asked = asked
        .iter()
        .filter(|r| r.path.contains("access_tokens") || r.path.contains("system_users"));
    assert!(asked.clone().count() >= 5);
    assert!(asked.clone().all(|request| request.proof == ProofSeen::Classic));
    rig.nothing_leaked(&[&issued.to_string()]).await;
}

#[tokio::test]
async fn dark_refusals_are_explained() {
    let rig = with_admin().await;
    let tokens = "/v1/system-users/122100000000001/tokens";
    let refused = rig.call("POST", tokens, &issue(&["instagram_business_basic"])).await.expect(409);
    let hint = refused.body["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("cannot be given to a system user"), "{hint}");
    let error = json!({"code": 100, "message": "must expire", "type": "OAuthException"});
    rig.once(Endpoint::Tokens, Misbehaviour::Error { status: 400, error });
    let mut forever = issue(&["ads_management"]);
    forever["never_expires"] = true.into();
    let refused = rig.call("POST", tokens, &forever).await.expect(409);
    let hint = refused.body["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("without `--never-expires`"), "{hint}");
    let issued = rig.call("POST", tokens, &forever).await.expect(201).body;
    assert_eq!(issued["activated"], true);
    for path in ["/v1/system-users/1%2F2/tokens", "/v1/system-users/x/tokens"] {
        rig.call("POST", path, &issue(&["ads_management"])).await.expect(422);
    }
}

#[tokio::test]
async fn a_clients_token_is_fetched_or_issued() {
    let rig = with_admin().await;
    let path = format!("/v1/integrations/{CLIENT}/tokens");
    let fetch = json!({"parent": "root", "credential": "client", "fetch_only": true});
    rig.call("POST", &path, &fetch).await.expect(409);
    let create = json!({"parent": "root", "credential": "client"});
    let issued = rig.call("POST", &path, &create).await.expect(201).body;
    let fetched = rig.call("POST", &path, &fetch).await.expect(201).body;
    let fingerprint = |outcome: &Value| outcome["version"]["fingerprint"].clone();
    assert_eq!(fingerprint(&issued), fingerprint(&fetched), "the one that exists");
    let client = rig.credential("client").await;
    assert_eq!(
        client["origin"],
        json!({"how": "integration", "parent": "root", "business": CLIENT})
    );
}

#[tokio::test]
async fn without_the_apps_secret_nothing_is_asked() {
    let rig = Rig::start().await;
    let token = rig.control().issue_token(APP_ID, TokenKind::SystemUser, &[ASSET]);
    let given = json!({"id": "root", "platform": "meta", "token": token});
    rig.call("POST", "/v1/credentials", &given).await.expect(201);
    let before = rig.control().requests(None, 1_000).len();
    let list = format!("/v1/system-users?business={BUSINESS}&parent=root");
    rig.call("GET", &list, &Value::Null).await.expect(409);
    assert_eq!(rig.control().requests(None, 1_000).len(), before);
}
