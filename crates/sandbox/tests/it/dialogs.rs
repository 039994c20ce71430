//! What a person with a browser is shown, and what comes of what they click.

use holdfast_sandbox::{AssetKind, NewAsset};
use reqwest::Method;
use serde_json::json;

use crate::rig::{APP, DATASET, OTHER_DATASET, Rig, answer, encoded};

const BACK: &str = "http://127.0.0.1:1/back";

fn dialog(more: &[(&str, &str)]) -> String {
    let app = APP.to_string();
    let usual = [
        ("client_id", app.as_str()),
        ("redirect_uri", BACK),
        ("state", "s&1"),
        ("scope", "ads_management,pages_show_list"),
    ];
    format!("/v25.0/dialog/oauth?{}", encoded(&[&usual, more].concat()))
}

/// The page, as a browser asks for it.
async fn shown(rig: &Rig, path: &str) -> String {
    let request = rig.request(Method::GET, path).header("accept", "text/html,*/*");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

async fn sent(rig: &Rig, path: &str, form: &str) -> Vec<(String, String)> {
    let request = rig.request(Method::POST, path).body(form.to_owned());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let query = location.strip_prefix(&format!("{BACK}?")).unwrap();
    let decode = |text: &str| text.replace('+', " ").replace("%26", "&");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (decode(key), decode(value))).collect()
}

fn value<'a>(pairs: &'a [(String, String)], key: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == key).map_or("", |(_, value)| value)
}

/// What the code becomes: granted and declined permissions, and the assets that can be read.
async fn becomes(rig: &Rig, code: &str) -> (Vec<String>, Vec<String>, Vec<&'static str>) {
    let app = APP.to_string();
    let query = [
        ("client_id", app.as_str()),
        ("client_secret", &rig.secret),
        ("code", code),
        ("redirect_uri", BACK),
    ];
    let (status, body) = rig.ask("/v25.0/oauth/access_token", &query).await;
    assert_eq!(status, 200, "{body}");
    let token = body["access_token"].as_str().unwrap().to_owned();
    let (_, listed) = rig.get("/v25.0/me/permissions", &token).await;
    let of = |status: &str| -> Vec<String> {
        let rows = listed["data"].as_array().unwrap().iter();
        let rows = rows.filter(|row| row["status"] == status);
        rows.map(|row| row["permission"].as_str().unwrap().to_owned()).collect()
    };
    let mut assets = Vec::new();
    for asset in [DATASET, OTHER_DATASET] {
        if rig.get(&format!("/v25.0/{asset}"), &token).await.0 == 200 {
            assets.push(asset);
        }
    }
    (of("granted"), of("declined"), assets)
}

#[tokio::test]
async fn what_is_ticked_is_granted_and_the_rest_is_declined() {
    let rig = Rig::start().await;
    let path = dialog(&[]);
    let page = shown(&rig, &path).await;
    for part in ["name=\"permission.ads_management\" checked", "name=\"asset.1000000002\""] {
        assert!(page.contains(part), "{page}");
    }
    let form = format!("decision=allow&permission.ads_management=on&asset.{DATASET}=on");
    let back = sent(&rig, &path, &form).await;
    assert_eq!(value(&back, "state"), "s&1");
    let (granted, declined, assets) = becomes(&rig, value(&back, "code")).await;
    assert_eq!(
        (granted, declined),
        (vec!["ads_management".into()], vec!["pages_show_list".into()])
    );
    assert_eq!(assets, [DATASET]);

    // What was declined is not asked for again, unless the app says so.
    assert!(!shown(&rig, &path).await.contains("permission.pages_show_list"));
    let again = dialog(&[("auth_type", "rerequest")]);
    assert!(shown(&rig, &again).await.contains("permission.pages_show_list"));
    let both = format!("{form}&permission.pages_show_list=on");
    let (granted, declined, _) =
        becomes(&rig, value(&sent(&rig, &path, &both).await, "code")).await;
    assert_eq!(
        (granted.len(), declined.len()),
        (1, 1),
        "a box that was not shown counts as nothing"
    );
    let (granted, declined, _) =
        becomes(&rig, value(&sent(&rig, &again, &both).await, "code")).await;
    assert_eq!((granted.len(), declined.len()), (2, 0));
    assert!(shown(&rig, &path).await.contains("permission.pages_show_list"));
}

#[tokio::test]
async fn who_cancels_is_sent_back_without_a_code() {
    let rig = Rig::start().await;
    let back = sent(&rig, &dialog(&[]), "decision=cancel").await;
    assert_eq!(value(&back, "error"), "access_denied");
    assert_eq!((value(&back, "code"), value(&back, "state")), ("", "s&1"));
    assert_eq!(value(&back, "error_reason"), "user_denied");
}

#[tokio::test]
async fn programs_are_agreed_to_at_once_and_so_are_browsers_that_say_so() {
    let rig = Rig::start().await;
    for (path, accept) in [(dialog(&[]), "*/*"), (dialog(&[("auto", "1")]), "text/html")] {
        let request = rig.request(Method::GET, &path).header("accept", accept);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 302, "{accept}");
    }
    let unknown =
        format!("/v25.0/dialog/oauth?{}", encoded(&[("client_id", "1"), ("redirect_uri", BACK)]));
    let request = rig.request(Method::GET, &unknown).header("accept", "text/html");
    let (status, body) = answer(request.send().await.unwrap()).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!(101)));
}

#[tokio::test]
async fn a_configuration_is_granted_whole() {
    let rig = Rig::start().await;
    let app = APP.to_string();
    let query = [("client_id", app.as_str()), ("redirect_uri", BACK), ("config_id", "5")];
    let path = format!("/v25.0/dialog/oauth?{}", encoded(&query));
    let page = shown(&rig, &path).await;
    assert!(page.contains("business_management") && !page.contains("permission."), "{page}");
    let back = sent(&rig, &path, &format!("decision=allow&asset.{DATASET}=on")).await;
    let (granted, declined, assets) = becomes(&rig, value(&back, "code")).await;
    assert_eq!((granted.len(), declined.len(), assets.len()), (2, 0, 1));
}

#[tokio::test]
async fn names_are_text_and_pages_that_are_not_ticked_start_so() {
    let rig = Rig::start().await;
    rig.control().add(NewAsset {
        id: "2000000001".to_owned(),
        name: Some("<script>".to_owned()),
        kind: AssetKind::Page,
        ticked: false,
        account: None,
    });
    let page = shown(&rig, &dialog(&[])).await;
    assert!(page.contains("name=\"asset.2000000001\"> &lt;script&gt; (2000000001)"), "{page}");
}

#[tokio::test]
async fn snap_asks_too() {
    let rig = Rig::start().await;
    let organization = rig.control().add_organization("shop");
    let query = [
        ("client_id", organization.client_id.as_str()),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "snapchat-marketing-api"),
        ("state", "x"),
    ];
    let path = format!("/login/oauth2/authorize?{}", encoded(&query));
    let page = shown(&rig, &path).await;
    assert!(page.contains("snapchat-marketing-api"), "{page}");
    let back = sent(&rig, &path, "decision=cancel").await;
    assert_eq!((value(&back, "error"), value(&back, "state")), ("access_denied", "x"));
    let back = sent(&rig, &path, "decision=allow").await;
    assert!(!value(&back, "code").is_empty());
}
