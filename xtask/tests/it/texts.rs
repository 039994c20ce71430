//! No file says what must not be said.

use xtask::rules::texts;
use xtask::workspace::Workspace;

#[test]
fn no_file_names_a_machine_or_contains_a_token() {
    let findings = texts::check(&Workspace::load().unwrap().root).unwrap();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
