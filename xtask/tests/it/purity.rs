//! The pure crates stay pure.

use xtask::rules::purity;
use xtask::workspace::Workspace;

#[test]
fn pure_crates_reach_no_runtime_no_http_and_no_sql() {
    let findings = purity::check(&Workspace::load().unwrap()).unwrap();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn the_tree_that_is_judged_is_really_read() {
    let workspace = Workspace::load().unwrap();
    let reached = workspace.normal_dependencies("holdfast-storage-embedded").unwrap();
    for expected in ["rusqlite", "holdfast-model", "serde"] {
        assert!(reached.iter().any(|name| name == expected), "{expected}");
    }
}
