//! Erasing a person from the command line, with the gateway killed in the middle.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::rig::{Rig, client};

/// More than a moment's work.
const EVENTS: u64 = 3_000;

/// Every third event is of the person.
const PERSON: &str = "Jane.Doe@shop.example";

async fn waiting_events() -> Rig {
    let rig = Rig::start().await;
    rig.holdfast(&["hold", "pause", "shop", "--reason", "test"]);
    for round in 0..3 {
        let body = crate::traffic::body(&format!("e{round}"), EVENTS / 3);
        let mut body: Value = serde_json::from_str(&body).unwrap();
        for event in body["data"].as_array_mut().unwrap().iter_mut().step_by(3) {
            event["user_data"]["em"] = json!([" JANE.DOE@shop.example "]);
        }
        let (accepted, _) = crate::traffic::send(&rig, &client(), "shop", body.to_string()).await;
        assert_eq!(accepted, EVENTS / 3);
    }
    rig
}

fn erase(rig: &Rig, args: &[&str], input: &str) -> Output {
    let args = [&["--json", "erase"], args].concat();
    let mut command = rig.command(&args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end before it reads: then the exit code tells.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn answer(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!said.contains("jane"), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_although_the_gateway_is_killed() {
    let mut rig = waiting_events().await;
    let mut first = rig.command(&["erase", "--email-file", "-"]);
    first.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    first.stdin.take().unwrap().write_all(PERSON.as_bytes()).unwrap();
    let begun = || rig.status()["ledger"]["rejected"].as_u64() != Some(0);
    crate::traffic::until("some are erased", begun).await;
    rig.gateway.kill().unwrap();
    let _ = first.wait().unwrap();
    rig.restart();

    let again = answer(&erase(&rig, &["--email-file", "-"], PERSON));
    assert_eq!(again["complete"], true, "{again:#}");
    // Each request begins with one.
    let person = 3 * (EVENTS / 3).div_ceil(3);
    let status = rig.status();
    let ledger = |state: &str| status["ledger"][state].as_u64().unwrap();
    assert_eq!(ledger("rejected"), person);
    assert_eq!((ledger("accepted"), status["lost"].as_i64()), (EVENTS, Some(0)));
    let letters = rig.holdfast(&["--json", "dead-letter", "list", "--limit", "2000"]);
    for letter in letters.as_array().unwrap() {
        assert!(letter["erased_at"].is_i64(), "{letter:#}");
    }
    let shown = rig.run(&["dead-letter", "show", letters[0]["item_id"].as_str().unwrap()]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("erased at") && !shown.contains("null"), "{shown}");
    let replayed = rig.holdfast(&["--json", "dead-letter", "replay", "--all"]);
    assert_eq!((&replayed["moved"], &replayed["erased"]), (&json!(0), &json!(ledger("rejected"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn identifiers_come_from_files() {
    let rig = waiting_events().await;
    for (args, code) in [
        (vec![], 2),
        (vec!["--email-file", "-", "--phone-file", "-"], 2),
        (vec!["--email-file", "no-such-file"], 1),
        (vec!["--email-file", "-", "--app", "123"], 5),
    ] {
        let refused = erase(&rig, &args, "jane.doe@shop.example\n");
        assert_eq!(refused.status.code(), Some(code), "{args:?}");
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ids");
    std::fs::write(&file, "\nnobody@shop.example\n  jane.doe@shop.example\n\n").unwrap();
    let erased = rig.run(&["erase", "--email-file", file.to_str().unwrap(), "--platform", "meta"]);
    assert!(erased.status.success());
    let said = String::from_utf8_lossy(&erased.stdout).into_owned();
    assert!(said.contains("3,000 items were looked at") && said.contains("waiting"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let trail = rig.holdfast(&["--json", "audit", "list"]);
    assert!(!trail.to_string().to_lowercase().contains("jane"), "{trail}");
}
