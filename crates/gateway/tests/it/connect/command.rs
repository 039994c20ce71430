//! The same without a browser on this machine: `holdfast connect` over `/v1/connect`.

use holdfast_model::access::Role;
use holdfast_sandbox::{NewCode, TokenKind};
use holdfast_testkit::APP_ID;
use serde_json::{Value, json};

use super::browser::{Browser, text};
use super::rig::{PAGE, Rig, UNTICKED_PAGE};
use crate::harness::ASSET;

fn ask() -> Value {
    json!({"credential": "shop", "app": APP_ID.to_string(),
        "way": {"scopes": ["ads_management", "business_management", "pages_show_list"]}})
}

#[tokio::test]
async fn what_one_key_started_it_finishes_with_a_pasted_address() {
    let rig = Rig::start().await;
    let started = rig.call("POST", "/v1/connect/meta/start", &ask()).await.expect(201).body;
    let back = rig.agree(started["url"].as_str().unwrap()).await;
    // The browser that comes back is told to paste the address, and uses nothing up.
    let nobody = Browser::new(&rig.harness);
    let page = text(nobody.get(&back).await.expect(200));
    assert!(page.contains("Go on at the command line"), "{page}");
    let pasted = json!({"redirected_url": format!("https://holdfast.example.com{back}#_=_")});
    let other = rig.harness.key("other", Role::Admin, &[]).await;
    let path = "/v1/connect/meta/finish";
    let finished = rig.call("POST", path, &pasted).await.expect(201).body;
    assert_eq!((&finished["activated"], &finished["proved"]), (&json!(true), &json!(false)));
    assert_eq!(finished["missing"], json!([]));
    rig.call("POST", path, &pasted).await.expect(404);

    let started = rig.call("POST", "/v1/connect/meta/start", &ask()).await.expect(201).body;
    let back = rig.agree(started["url"].as_str().unwrap()).await;
    let pasted = json!({ "redirected_url": back });
    let refused = rig.harness.call("POST", path, Some(other.expose()), &pasted).await.expect(404);
    assert_eq!(refused.fault(), "holdfast.not_found");
    rig.call("POST", path, &pasted).await.expect(404);

    let again = json!({"again": "shop"});
    let started = rig.call("POST", "/v1/connect/meta/start", &again).await.expect(201).body;
    assert!(started["url"].as_str().unwrap().contains("rerequest"));
}

#[tokio::test]
async fn a_code_of_an_embedded_sign_up_has_no_redirect_address() {
    let rig = Rig::start().await;
    let mut embedded = ask();
    embedded["is_embedded"] = true.into();
    embedded["way"] = json!({"configuration": "77"});
    let started = rig.call("POST", "/v1/connect/meta/start", &embedded).await.expect(201).body;
    let code = NewCode {
        app: Some(APP_ID),
        kind: Some(TokenKind::BusinessIntegration),
        assets: vec![ASSET.to_owned()],
        ..NewCode::default()
    };
    let finish = json!({"code": rig.code(&code).await, "state": started["state"]});
    let finished = rig.call("POST", "/v1/connect/meta/finish", &finish).await.expect(201).body;
    assert_eq!(finished["expires_at"], json!({"kind": "never"}), "{finished:#}");
}

#[tokio::test]
async fn a_cancelled_sign_in_is_told_from_a_broken_one() {
    let rig = Rig::start().await;
    for (query, expected) in [
        ("error=access_denied&error_description=no", "the person did not agree: no"),
        ("error_code=1349048&error_message=broken", "sent the person back with an error: broken"),
        ("x=1", "without a code"),
    ] {
        let started = rig.call("POST", "/v1/connect/meta/start", &ask()).await.expect(201).body;
        let state = started["state"].as_str().unwrap();
        let address = format!("http://x/connect/meta/callback?{query}&state={state}");
        let pasted = json!({ "redirected_url": address });
        let refused = rig.call("POST", "/v1/connect/meta/finish", &pasted).await.expect(409);
        let message = refused.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
    rig.call("POST", "/v1/connect/meta/finish", &json!({})).await.expect(422);
    rig.call("POST", "/v1/connect/whatsapp/start", &ask()).await.expect(422);
}

#[tokio::test]
async fn a_pages_token_is_derived_from_one_we_have() {
    let rig = Rig::start().await;
    let started = rig.call("POST", "/v1/connect/meta/start", &ask()).await.expect(201).body;
    let back = rig.agree(started["url"].as_str().unwrap()).await;
    let pasted = json!({ "redirected_url": back });
    rig.call("POST", "/v1/connect/meta/finish", &pasted).await.expect(201);
    let derive = |page: &str| {
        let body = json!({"page": page, "credential": "the-page"});
        let rig = &rig;
        async move { rig.call("POST", "/v1/credentials/shop/pages", &body).await }
    };
    let refused = derive(UNTICKED_PAGE).await.expect(409);
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("none was stored"));
    derive("1/2").await.expect(422);
    let derived = derive(PAGE).await.expect(201).body;
    assert_eq!((&derived["stored"], &derived["credential"]), (&json!(true), &json!("the-page")));
    let page = rig.credential("the-page").await;
    assert_eq!(page["origin"]["parent"], "shop");
    rig.nothing_leaked(&[&derived.to_string()]).await;
}
