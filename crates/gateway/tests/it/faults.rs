//! What is explained over HTTP.

use holdfast_platforms::catalog;
use serde_json::{Value, json};

use crate::harness::Harness;

async fn get(harness: &Harness, path: &str, expected: u16) -> Value {
    harness.call("GET", path, None, &Value::Null).await.expect(expected).body
}

fn names(found: &Value) -> Vec<&str> {
    found.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn faults_are_listed_and_found_by_name_and_by_code() {
    let harness = Harness::start().await;
    let all = get(&harness, "/v1/faults", 200).await;
    let expected: Vec<&str> =
        catalog::all().flat_map(|(_, of)| of.entries()).map(|entry| entry.name).collect();
    assert_eq!(names(&all), expected);
    assert!(all[0].get("page").is_none(), "a list has no pages");

    for (path, expected) in [
        ("meta/190/463", &["meta.token_expired"][..]),
        ("meta/token_expired", &["meta.token_expired"]),
        ("meta/meta.token_expired", &["meta.token_expired"]),
        ("meta/190/999999", &[]),
        ("snap/401", &["snap.token_refused", "snap.oauth_expired"]),
        ("whatsapp/131047", &["whatsapp.window_closed"]),
        ("whatsapp/pair_rate", &["whatsapp.pair_rate"]),
        ("whatsapp/100/33", &["whatsapp.asset_missing"]),
        ("holdfast/sealed_unreadable", &["holdfast.sealed_unreadable"]),
    ] {
        let found = get(&harness, &format!("/v1/faults/{path}"), 200).await;
        assert!(!names(&found).is_empty(), "{path}");
        // An unknown subcode is explained by what its code may mean.
        assert!(expected.is_empty() || names(&found) == expected, "{path}: {found:#}");
        let page = found[0]["page"].as_str().unwrap();
        assert!(page.contains("## Questions"), "{path}");
    }
    let expired = get(&harness, "/v1/faults/meta/token_expired", 200).await;
    assert_eq!(expired[0]["codes"], json!(["190/463"]));
    assert_eq!(expired[0]["selectors"], json!(["credential"]));
    assert_eq!(
        (&expired[0]["class"], &expired[0]["action"]),
        (&json!("credential"), &json!("hold"))
    );
    for path in ["meta/424242", "meta/nonsense", "myspace/1", "meta/190/x", "snap/token_expired"] {
        let refused = get(&harness, &format!("/v1/faults/{path}"), 404).await;
        assert_eq!(refused["error"]["fault"], "holdfast.not_found", "{path}");
    }
}
