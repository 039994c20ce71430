//! Sealed rows that changed places on the disk: neither opens, nothing wrong is sent, and the rest goes
//! on.

use holdfast_sandbox::TokenKind;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::rig::{APP, Rig, client};
use crate::traffic::{body, counts, send, until};

/// Credential and destination have the same name.
const SHOPS: [(&str, &str); 3] =
    [("one", "2000000001"), ("two", "2000000002"), ("three", "2000000003")];
const EVENTS: u64 = 20;

fn open_shops(rig: &Rig) -> Vec<String> {
    let control = rig.sandbox.handle();
    let open = |(name, dataset): &(&str, &str)| {
        control.add_asset(dataset);
        let token = control.issue_token(APP, TokenKind::SystemUser, &[dataset]);
        rig.add_credential(name, &token);
        rig.holdfast(&["destination", "add", name, "--asset", dataset, "--credential", name]);
        token
    };
    SHOPS.iter().map(open).collect()
}

/// Exchanges what is sealed of two credentials, as somebody with the file could.
fn swap(registry: &std::path::Path, one: &str, other: &str) {
    let database = Connection::open(registry).unwrap();
    let sealed = |id: &str| -> Vec<u8> {
        let query = "SELECT sealed FROM credential_version \
                     WHERE credential_id = ?1 AND state = 'active'";
        database.query_row(query, [id], |row| row.get(0)).unwrap()
    };
    let (ones, others) = (sealed(one), sealed(other));
    assert_ne!(ones, others);
    for (id, sealed) in [(one, &others), (other, &ones)] {
        let update = "UPDATE credential_version SET sealed = ?2 \
                      WHERE credential_id = ?1 AND state = 'active'";
        assert_eq!(database.execute(update, params![id, sealed]).unwrap(), 1);
    }
}

fn holds(rig: &Rig) -> Vec<(String, String)> {
    let status = rig.status();
    let holds = status["holds"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = holds
        .map(|hold| (text(&hold["fault"]["name"]), text(&hold["scope"]["credential"])))
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn swapped_rows_do_not_open_and_a_third_goes_on() {
    let mut rig = Rig::start().await;
    let tokens = open_shops(&rig);
    rig.gateway.terminate().unwrap();
    swap(&rig.data_dir().join("registry.sqlite"), "one", "two");
    rig.restart();

    for (name, _) in SHOPS {
        let (accepted, _) = send(&rig, &client(), name, body(name, EVENTS)).await;
        assert_eq!(accepted, EVENTS, "{name} is taken, whatever becomes of its token");
    }
    let unreadable = "holdfast.sealed_unreadable".to_owned();
    let expected = [(unreadable.clone(), "one".to_owned()), (unreadable, "two".to_owned())];
    until("both are held", || holds(&rig) == expected).await;
    until("the third is delivered", || counts(&rig, SHOPS[2].1).distinct == EVENTS).await;
    for (name, dataset) in &SHOPS[..2] {
        assert_eq!(counts(&rig, dataset).distinct, 0, "{name}");
        let requests = rig.sandbox.handle().requests(Some(dataset), 100);
        assert!(
            requests.iter().all(|request| request.events == 0),
            "{name}: nothing is sent with another's token, or with none"
        );
    }
    assert_eq!(rig.status()["ledger"]["held"], 2 * EVENTS);

    // The same tokens, given again, are new rows of their own.
    for (position, (name, _)) in SHOPS.iter().enumerate().take(2) {
        rig.add_credential(name, &tokens[position]);
    }
    let drained = rig.drained().await;
    assert_eq!(drained["lost"], 0);
    assert_eq!(holds(&rig), []);
    for (name, dataset) in SHOPS {
        let counted = counts(&rig, dataset);
        assert_eq!((counted.distinct, counted.counted_twice), (EVENTS, 0), "{name}");
    }
    assert_eq!(drained["ledger"]["delivered"], json!(3 * EVENTS));
}
