//! `holdfast demo --json` keeps its contract.

use std::process::Command;

use serde_json::Value;

use crate::rig::BINARY;

#[test]
fn the_demo_ends_with_a_conserved_ledger() {
    let output = Command::new(BINARY)
        .args(["demo", "--json", "--events", "8000", "--seconds", "4"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let number =
        |key: &str| report[key].as_i64().unwrap_or_else(|| panic!("{key} is missing in {report}"));
    assert_eq!(number("lost"), 0);
    assert_eq!(number("duplicates"), 0);
    assert_eq!(number("queued") + number("held") + number("unknown") + number("expired"), 0);
    assert_eq!(number("accepted"), number("delivered") + number("rejected"));
    assert_eq!((number("holds_opened"), number("holds_lifted")), (1, 1));
    assert!(number("accepted_while_held") > 0, "traffic went on while the token was dead");
    assert!(number("poison_found") > 0);
    assert_eq!(number("poison_found"), number("rejected"));
    let bound = number("poison_found") * (2 * 10 + 2);
    assert!(number("poison_extra_requests") <= bound);
    assert!(number("first_delivery_after_lift_ms") <= 1_000);
}
