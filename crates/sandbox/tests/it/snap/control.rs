//! The control API and the scenario file, as far as Snap goes.

use holdfast_sandbox::{Sandbox, SandboxSettings, Scenario, ScenarioError};
use serde_json::{Value, json};

use super::rig::{PIXEL, SnapRig, event};
use crate::rig::Rig;

const NEW: &str = "55555555-5555-4555-8555-555555555555";

#[tokio::test]
async fn a_world_is_furnished_over_http() {
    let snap = SnapRig::start().await;
    let post = async |path: &str, body: Value| {
        snap.rig.control_post(&format!("/_sandbox/snap/{path}"), body).await
    };
    let (status, body) = post("organizations", json!({ "id": "new" })).await;
    assert_eq!((status, body["client_secret"].is_string()), (200, true), "{body}");
    assert_eq!(post("assets", json!({ "id": NEW, "organization": "new" })).await.0, 201);
    let entry = json!({ "name": "fresh", "organization": "new", "kind": "oauth" });
    let (status, body) = post("tokens", entry).await;
    assert_eq!((status, body["refresh_token"].is_string()), (200, true), "{body}");
    let token = body["token"].as_str().unwrap().to_owned();
    assert_eq!(snap.send_with(&token, NEW, &[event("x")]).await.0, 200);
    let (status, body) = post("codes", json!({ "organization": "new" })).await;
    assert_eq!((status, body["code"].is_string()), (200, true), "{body}");
    let (_, body) = post("habits", json!({ "dead_token": "forbidden" })).await;
    assert_eq!(
        (&body["dead_token"], &body["refusal"]),
        (&json!("forbidden"), &json!("bad_request"))
    );
    assert_eq!(snap.rig.get("/_sandbox/snap/habits", "").await.1, body);
    let listed = snap.rig.get("/_sandbox/snap/tokens", "").await.1.to_string();
    assert!(listed.contains("\"fresh\"") && !listed.contains(&token), "{listed}");
    let entry = json!({ "token": "fresh", "damage": "quoted" });
    let (_, body) = snap.rig.control_post("/_sandbox/tokens/damaged", entry).await;
    assert_eq!(body["token"], format!("\"{token}\""));
    let requests = snap.rig.get("/_sandbox/requests", "").await.1.to_string();
    assert!(requests.contains(NEW) && !requests.contains(&token), "{requests}");
}

#[tokio::test]
async fn every_mistake_of_a_body_is_told_at_once() {
    let snap = SnapRig::start().await;
    let step = |change: Value| json!({ "change": change });
    for (path, body, keys) in [
        ("snap/organizations", json!({ "id": "mine" }), vec!["id"]),
        ("snap/organizations", json!({ "id": "a b" }), vec!["id"]),
        (
            "snap/assets",
            json!({ "id": "12", "organization": "nobody" }),
            vec!["id", "organization"],
        ),
        ("snap/assets", json!({ "id": PIXEL, "organization": "mine" }), vec!["id"]),
        ("snap/assets", json!({ "id": NEW }), vec!["organization"]),
        (
            "snap/tokens",
            json!({ "organization": "mine", "lifetime_s": 5, "scopes": [], "name": "a/b" }),
            vec!["name", "lifetime_s", "scopes"],
        ),
        (
            "snap/tokens",
            json!({ "organization": "mine", "kind": "oauth", "environment": "staging" }),
            vec!["environment"],
        ),
        ("snap/tokens", json!({ "kind": "magic", "colour": 1 }), vec!["kind", "colour"]),
        ("snap/habits", json!({ "refusal": "never" }), vec!["refusal"]),
        (
            "timeline",
            step(json!({ "inactive_for": { "token": "nobody", "seconds": 5 } })),
            vec!["change.inactive_for.token"],
        ),
        (
            "timeline",
            step(json!({ "move_asset": { "asset": PIXEL, "organization": "nobody" } })),
            vec!["change.move_asset.organization"],
        ),
        (
            "timeline",
            step(json!({ "token_state": { "token": "snap-token-1", "state": "logged_out" } })),
            vec!["change.token_state.state"],
        ),
        (
            "timeline",
            step(json!({ "assign": { "token": "snap-token-1", "asset": "1000000001" } })),
            vec!["change.assign.asset"],
        ),
    ] {
        let (status, answer) =
            snap.rig.control_post(&format!("/_sandbox/{path}"), body.clone()).await;
        let mistakes = answer["error"]["mistakes"].as_array().cloned().unwrap_or_default();
        let mut found: Vec<&str> = mistakes.iter().filter_map(|m| m["key"].as_str()).collect();
        let mut keys = keys;
        found.sort_unstable();
        keys.sort_unstable();
        assert_eq!((status, found), (422, keys), "{body}: {answer}");
    }
    let taken = json!({ "app": crate::rig::APP, "name": "snap-token-1" });
    assert_eq!(
        snap.rig.control_post("/_sandbox/tokens", taken).await.0,
        422,
        "one name, one token"
    );
}

/// Both platforms in one file, with a step that begins by what arrives.
#[tokio::test]
async fn a_scenario_has_snap_beside_meta() {
    let text = format!(
        r#"
        [snap.habits]
        names_event = false
        [[snap.organizations]]
        id = "shop"
        [[snap.assets]]
        id = "{PIXEL}"
        [[snap.tokens]]
        name = "snap-shop"
        [[snap.tokens]]
        name = "snap-oauth"
        kind = "oauth"
        [[timeline]]
        after_events = 2
        asset = "{PIXEL}"
        change.token_state = {{ token = "snap-shop", state = "revoked" }}
        [[timeline]]
        after_events = 2
        change.snap_habits = {{ dead_token = "bad_request" }}
        "#
    );
    let scenario = Scenario::parse(&text).unwrap();
    let (sandbox, made) = Sandbox::start_with(SandboxSettings::default(), &scenario).await.unwrap();
    assert_eq!(made.snap.assets, [PIXEL]);
    assert!(made.snap.tokens[1].refresh_token.is_some() && made.snap.organizations.len() == 1);
    let rig = Rig { sandbox, ..Rig::start().await };
    let organization = made.snap.organizations[0].clone();
    let snap = SnapRig { rig, organization, token: made.snap.tokens[0].text.clone() };
    assert!(!snap.control().snap_habits().names_event);
    assert_eq!(snap.send(&[event("1"), event("2")]).await.0, 200);
    let (status, body) = snap.send(&[event("3")]).await;
    assert_eq!((status, &body["reason"]), (400, &json!("Invalid access token")));
    let oauth = &made.snap.tokens[1].text;
    assert_eq!(snap.send_with(oauth, PIXEL, &[event("3")]).await.0, 200);
}

#[test]
fn mistakes_of_a_file_have_their_paths() {
    for (text, expected) in [
        ("snap = 1", vec!["snap: expected a table"]),
        ("[snap]\ncolour = 1", vec!["snap.colour: unknown field"]),
        ("[snap.habits]\nrefusal = 1", vec!["snap.habits.refusal"]),
        ("[[snap.tokens]]\nkind = \"static\"", vec!["snap.tokens[0].name: missing"]),
        (
            "[[snap.tokens]]\nname = \"a\"",
            vec!["snap.tokens[0].organization: missing: there are 0 organizations"],
        ),
        (
            "[[snap.organizations]]\nid = 5\n[[snap.tokens]]\nname = \"a\"\n[[timeline]]\nchange.inactive_for = { token = \"a\", seconds = 1 }",
            vec!["snap.organizations[0].id"],
        ),
        (
            "[[apps]]\nid = 1\n[[tokens]]\nname = \"a\"\n[[snap.organizations]]\nid = \"o\"\n[[snap.tokens]]\nname = \"a\"",
            vec!["snap.tokens[0].name: \"a\" is taken"],
        ),
        (
            "[[timeline]]\nchange.move_asset = { asset = \"x\", organization = \"y\" }",
            vec!["timeline[0].change.move_asset.asset: there is no asset \"x\" of Snap"],
        ),
    ] {
        let Err(ScenarioError::Keys(found)) = Scenario::parse(text) else {
            panic!("{text} has mistakes");
        };
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{text}: {found}");
        }
    }
}
