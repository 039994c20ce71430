//! Starting, killing, restarting and ending small shell programs.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use holdfast_testkit::{ProcessError, ProcessHarness};

const SIGKILL: i32 = 9;
const SOON: Duration = Duration::from_secs(20);

/// A shell script that says `ready`, then waits for ever without using the processor.
fn script(text: &str) -> ProcessHarness {
    ProcessHarness::new("/bin/sh").args(["-c", text]).ready_when_it_says("ready")
}

/// Waits for ever; `exec` so that it is the child itself and not a grandchild that waits.
const WAIT: &str = "exec tail -f /dev/null";

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}/stat")).exists()
}

#[test]
fn a_ready_line_on_either_stream_is_found_and_handed_back() {
    for stream in ["1", "2"] {
        let mut harness =
            script(&format!("echo early; echo \"$NAME ready on 4711\" >&{stream}; {WAIT}"))
                .env("NAME", "holdfast");
        assert_eq!(harness.start().unwrap(), "holdfast ready on 4711");
        assert_eq!(harness.ready_line(), Some("holdfast ready on 4711"));
        let said = if stream == "1" { harness.stdout() } else { harness.stderr() };
        assert!(said.contains(&"holdfast ready on 4711".to_owned()));
    }
}

#[test]
fn killing_leaves_no_chance_to_a_handler() {
    let mut harness = script(&format!("trap 'echo handled' TERM INT EXIT; echo ready; {WAIT}"));
    harness.start().unwrap();
    let pid = harness.pid().unwrap();
    let status = harness.kill().unwrap().unwrap();
    assert_eq!(status.signal(), Some(SIGKILL));
    assert!(!is_alive(pid));
    assert!(harness.kill().unwrap().is_none(), "a second kill finds nothing");
    assert!(matches!(harness.wait_for("x", SOON), Err(ProcessError::NotRunning { .. })));
}

#[test]
fn restarting_gives_another_process_with_output_of_its_own() {
    let mut harness = script(&format!("echo \"ready $$\"; {WAIT}"));
    let first = harness.start().unwrap();
    let old = harness.pid().unwrap();
    let second = harness.restart().unwrap();
    assert_ne!(first, second);
    assert!(!is_alive(old));
    assert_eq!(harness.stdout(), [second]);
    assert_eq!(harness.starts(), 2);
}

#[test]
fn a_program_that_ends_early_is_reported_with_its_words() {
    let mut harness = script("echo 'no such file: holdfast.toml' >&2; exit 3");
    let error = harness.start().unwrap_err();
    assert!(matches!(error, ProcessError::EndedEarly { .. }));
    assert!(error.to_string().contains("no such file: holdfast.toml"), "{error}");
    assert_eq!(harness.pid(), None);
}

#[test]
fn a_silent_program_is_given_up_and_ended() {
    let mut harness = script(&format!("echo hm; {WAIT}")).ready_timeout(Duration::from_millis(300));
    let error = harness.start().unwrap_err();
    assert!(matches!(error, ProcessError::Silent { .. }), "{error}");
    assert_eq!(harness.pid(), None);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let error = ProcessHarness::new("/nowhere/at-all").start().unwrap_err().to_string();
    assert!(error.contains("at-all"), "{error}");
}

#[test]
fn terminating_waits_for_the_handler_and_keeps_what_it_says() {
    let mut harness =
        script("tail -f /dev/null & trap \"kill $!; echo drained; exit 5\" TERM; echo ready; wait");
    harness.start().unwrap();
    let ended = harness.terminate().unwrap();
    assert_eq!(ended.status.code(), Some(5));
    assert_eq!(ended.stdout, ["ready", "drained"]);
}

#[test]
fn waiting_collects_everything_that_was_said() {
    let mut harness =
        script("echo ready; for i in 1 2 3; do echo line $i; done; echo bye >&2; exit 0");
    harness.start().unwrap();
    let ended = harness.wait().unwrap();
    assert!(ended.status.success());
    assert_eq!(ended.stdout, ["ready", "line 1", "line 2", "line 3"]);
    assert_eq!(ended.stderr, ["bye"]);
}

#[test]
fn dropping_the_harness_ends_its_child() {
    let mut harness = script(&format!("echo ready; {WAIT}"));
    harness.start().unwrap();
    let pid = harness.pid().unwrap();
    drop(harness);
    assert!(!is_alive(pid));
}
