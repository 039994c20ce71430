//! Whether Meta would tell by itself that a token has died.

use holdfast_testkit::APP_ID;
use serde_json::{Value, json};

use crate::doctor::Clinic;
use crate::harness::ASSET;

async fn push(clinic: &Clinic, question: Value) -> (String, String) {
    let report = clinic.ask(question).await;
    assert_eq!(report["conclusion"], "works", "it is no matter of the token: {report:#}");
    let steps = report["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["step"] == "push").unwrap();
    (step["outcome"].as_str().unwrap().to_owned(), step["evidence"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn only_the_app_can_tell_what_it_is_subscribed_to() {
    let clinic = Clinic::open().await;
    let question = json!({"platform": "meta", "token": clinic.meta_token(), "assets": [ASSET],
        "app": APP_ID.to_string()});
    let (outcome, said) = push(&clinic, question.clone()).await;
    assert_eq!(outcome, "SKIP", "{said}");
    assert!(said.contains("its secret is not stored"), "{said}");

    let app = json!({"id": APP_ID.to_string(), "platform": "meta", "label": "ours",
        "secret": clinic.app_secret});
    clinic.call("/v1/apps", &app).await;
    for (object, fields, expected, missing) in [
        ("page", &["feed"][..], "WARN", "permissions and business_integration"),
        ("permissions", &["email"], "WARN", "business_integration"),
        ("application", &["business_integration_install"], "PASS", "is told"),
    ] {
        assert!(clinic.control().subscribe(APP_ID, object, fields));
        let (outcome, said) = push(&clinic, question.clone()).await;
        assert_eq!(outcome, expected, "{object}: {said}");
        assert!(said.contains(missing), "{object}: {said}");
    }
    let offline = json!({"platform": "meta", "token": clinic.meta_token(), "offline": true});
    let report = clinic.ask(offline).await;
    let last = report["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["step"], &last["outcome"]), (&json!("push"), &json!("SKIP")));
    assert_eq!(last["evidence"], "Offline, as asked.");
}
