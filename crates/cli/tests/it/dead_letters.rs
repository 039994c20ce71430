//! Dead letters from the command line: looked at, counted, exported, corrected, put back.

use holdfast_sandbox::{Misbehaviour, Step};
use serde_json::{Value, json};

use crate::rig::{DATASET, Rig, client};
use crate::traffic::{counts, until};

const EVENTS: u64 = 40;
const REFUSED: u64 = 10;

async fn refused_events() -> (Rig, u64) {
    let rig = Rig::start().await;
    let step = rig.sandbox.handle().misbehave(Step {
        asset: Some(DATASET.to_owned()),
        misbehave: Some(Misbehaviour::Poison {
            event_name: "Refused".to_owned(),
            subcode: None,
            with_index: true,
        }),
        ..Step::default()
    });
    let body = crate::traffic::body("letter", EVENTS);
    let mut body: Value = serde_json::from_str(&body).unwrap();
    for event in &mut body["data"].as_array_mut().unwrap()[..REFUSED as usize] {
        event["event_name"] = "Refused".into();
    }
    crate::traffic::send(&rig, &client(), "shop", body.to_string()).await;
    until("all are done with", || rig.status()["ledger"]["queued"] == 0).await;
    (rig, step)
}

fn said(rig: &Rig, args: &[&str]) -> String {
    let output = rig.run(args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // An event is shown as it is, for copying.
    let mut lines = said.lines().take_while(|line| *line != "{");
    assert!(lines.all(|line| line.chars().count() <= 80), "more than 80 columns:\n{said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_looked_at_corrected_and_put_back() {
    let (rig, step) = refused_events().await;
    let ledger = |state: &str| rig.status()["ledger"][state].as_u64().unwrap();
    assert_eq!((ledger("delivered"), ledger("rejected")), (EVENTS - REFUSED, REFUSED));

    let counted = said(&rig, &["dead-letter", "count"]);
    assert!(counted.contains("10 ") && counted.contains("shop"), "{counted}");
    let listed = rig.holdfast(&["--json", "dead-letter", "list", "--since", "1h"]);
    let listed = listed.as_array().unwrap().clone();
    assert_eq!(listed.len() as u64, REFUSED);
    let fault = listed[0]["fault"]["name"].as_str().unwrap();
    for (filter, expected) in [
        (vec!["--fault", fault], REFUSED),
        (vec!["--fault", "meta.no_such_fault"], 0),
        (vec!["--until", "1h"], 0),
        (vec!["--event-since", "1d", "--destination", "shop"], REFUSED),
        (vec!["--state", "expired"], 0),
        (vec!["--newest", "--limit", "3"], 3),
    ] {
        let args = [&["--json", "dead-letter", "list"], filter.as_slice()].concat();
        let found = rig.holdfast(&args);
        assert_eq!(found.as_array().unwrap().len() as u64, expected, "{filter:?}");
    }
    let bad = rig.run(&["dead-letter", "list", "--since", "yesterday"]);
    assert_eq!(bad.status.code(), Some(2));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("letters.ndjson");
    let export = ["dead-letter", "export", "--events", "--to", file.to_str().unwrap()];
    said(&rig, &export);
    assert_eq!(rig.run(&export).status.code(), Some(2), "nothing is written over");
    let exported = std::fs::read_to_string(&file).unwrap();
    let exported: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(exported.len() as u64, REFUSED);

    let first = exported[0]["item_id"].as_str().unwrap();
    let shown = said(&rig, &["dead-letter", "show", first]);
    assert!(shown.contains(fault) && shown.contains("Refused"), "{shown}");
    let mut event = exported[0]["event"].clone();
    event["event_name"] = json!("Purchase");
    let corrected = dir.path().join("event.json");
    std::fs::write(&corrected, event.to_string()).unwrap();
    let edit = ["--json", "dead-letter", "edit", first, "--event", corrected.to_str().unwrap()];
    let item = rig.holdfast(&edit)["item_id"].as_str().unwrap().to_owned();
    assert_eq!(rig.run(&edit).status.code(), Some(4), "one letter has one correction");
    until("the correction is delivered", || ledger("delivered") == EVENTS - REFUSED + 1).await;
    assert_eq!((ledger("accepted"), ledger("rejected")), (EVENTS + 1, REFUSED));
    let shown = said(&rig, &["dead-letter", "show", first]);
    assert!(shown.contains(&item), "it names its correction: {shown}");

    assert!(rig.sandbox.handle().behave(step));
    let would = rig.holdfast(&["--json", "dead-letter", "replay", "--all", "--dry-run"]);
    assert_eq!(would, json!({ "would_replay": REFUSED - 1, "too_old": 0 }));
    assert_eq!(ledger("rejected"), REFUSED, "a dry run does nothing");
    let replayed = said(&rig, &["dead-letter", "replay", "--all", "--fault", fault]);
    assert!(replayed.starts_with("9 items are back in their lanes."), "{replayed}");
    until("they are delivered", || ledger("delivered") == EVENTS).await;
    assert_eq!((ledger("accepted"), ledger("rejected")), (EVENTS + 1, 1));
    assert_eq!(rig.status()["lost"], 0);
    assert_eq!(counts(&rig, DATASET).distinct, EVENTS, "each event counts once");
    assert!(said(&rig, &["dead-letter", "list"]).contains("No dead letters."));
}
