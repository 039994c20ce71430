//! Crates use only what is below them on the map.

use xtask::rules::directions;
use xtask::workspace::Workspace;

#[test]
fn arrows_only_point_downward() {
    let workspace = Workspace::load().unwrap();
    assert!(workspace.members.len() > 5, "cargo metadata lists the members");
    let findings = directions::check(&workspace.members);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
