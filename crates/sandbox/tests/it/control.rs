//! The control API and the scenario file: one vocabulary, every mistake at once.

use std::path::Path;

use holdfast_sandbox::Scenario;
use reqwest::Method;
use serde_json::json;

use crate::rig::{APP, DATASET, Rig, event};

#[tokio::test]
async fn a_world_is_furnished_and_looked_at() {
    let rig = Rig::start().await;
    let (status, body) =
        rig.control_post("/_sandbox/apps", json!({"id": 200_000_000_000_001_u64})).await;
    assert_eq!((status, body["secret"].is_string()), (200, true), "{body}");
    assert_eq!(rig.control_post("/_sandbox/assets", json!({"id": "77"})).await.0, 201);
    let entry = json!({"name": "mine", "app": APP, "kind": "system_user", "assets": ["77"]});
    let (status, body) = rig.control_post("/_sandbox/tokens", entry).await;
    assert_eq!(status, 200, "{body}");
    let token = body["token"].as_str().unwrap().to_owned();
    let sent = rig.delivery_with(&token, "77", &[event("x")]).send().await.unwrap();
    assert_eq!(sent.status().as_u16(), 200);
    let listed = rig.get("/_sandbox/tokens", "").await.1.to_string();
    assert!(
        listed.contains("\"mine\"") && !listed.contains(&token),
        "names, never a token: {listed}"
    );
    let (_, events) = rig.get("/_sandbox/events?asset=77", "").await;
    assert_eq!(events[0]["event_id"], "x", "{events}");
    let requests = rig.get("/_sandbox/requests", "").await.1.to_string();
    assert!(requests.contains("/v25.0/77/events") && !requests.contains(&token), "{requests}");
    assert_eq!(rig.control_post("/_sandbox/reset", json!({})).await.0, 200);
    assert_eq!(rig.control().state().total.received, 0);
}

#[tokio::test]
async fn every_mistake_of_a_body_is_told_at_once() {
    let rig = Rig::start().await;
    for (path, body, mistakes) in [
        (
            "/_sandbox/timeline",
            json!({"misbehave": {"html": {"status": 99}}, "percent": 101, "times": 0}),
            3,
        ),
        ("/_sandbox/timeline", json!({}), 1),
        ("/_sandbox/timeline", json!({"misbehave": "dance"}), 1),
        ("/_sandbox/tokens", json!({"app": APP, "assets": ["nope"]}), 1),
        ("/_sandbox/assets", json!({"id": DATASET, "colour": "red"}), 1),
    ] {
        let (status, answer) = rig.control_post(path, body.clone()).await;
        let found = answer["error"]["mistakes"].as_array().map_or(0, Vec::len);
        assert_eq!((status, found), (422, mistakes), "{body}: {answer}");
    }
    let gone = rig.request(Method::DELETE, "/_sandbox/timeline/99").send().await.unwrap();
    assert_eq!(gone.status().as_u16(), 404);
}

/// The page and what is read must not drift apart.
#[test]
fn the_example_of_the_documentation_is_a_scenario() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sandbox.md");
    let page = std::fs::read_to_string(page).unwrap();
    let examples: Vec<&str> = page.split("```toml\n").skip(1).collect();
    assert_eq!(examples.len(), 1);
    let example = examples[0].split("```").next().unwrap();
    Scenario::parse(example).unwrap_or_else(|error| panic!("{error}"));
    for route in [
        "state",
        "apps",
        "assets",
        "tokens",
        "tokens/damaged",
        "codes",
        "timeline",
        "timeline/{id}",
        "clock",
        "events",
        "requests",
        "reset",
        "snap/organizations",
        "snap/assets",
        "snap/tokens",
        "snap/codes",
        "snap/habits",
    ] {
        let written = format!("/_sandbox/{route}");
        let is_there = page.split(['`', ' ', '?']).any(|word| word == written);
        assert!(is_there, "{route} is not in the page");
    }
}

/// The words are asked of the sandbox itself: whoever adds one describes it.
#[tokio::test]
async fn every_word_of_a_step_and_every_habit_is_in_the_documentation() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sandbox.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rig = Rig::start().await;
    for (path, body, least) in [
        ("/_sandbox/timeline", json!({ "misbehave": "dance" }), 20),
        ("/_sandbox/timeline", json!({ "change": { "dance": {} } }), 10),
        ("/_sandbox/snap/habits", json!({ "dance": true }), 7),
    ] {
        let (_, answer) = rig.control_post(path, body.clone()).await;
        let told = answer["error"]["mistakes"][0]["what"].as_str().unwrap().to_owned();
        let words: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        assert!(words.len() >= least, "{told}");
        for word in words {
            assert!(page.contains(&format!("`{word}`")), "{word} of {body} is not in the page");
        }
    }
}
