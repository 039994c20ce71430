//! Backups of a gateway at work, and what becomes of a world that went on without it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use holdfast_sandbox::{Misbehaviour, NewRule};
use serde_json::{Value, json};

use crate::rig::{DATASET, Rig, client};
use crate::traffic::{body, counts, send, until};

const CHATS: &str = "1000000002";

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Sends small requests until it is told to stop; counts what was promised.
fn traffic(rig: &Rig) -> (Arc<AtomicBool>, Arc<AtomicU64>, tokio::task::JoinHandle<()>) {
    let (stop, promised) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (url, key) = (format!("{}/v1/events?destination=shop", rig.url), rig.key.clone());
    let sending = {
        let (stop, promised) = (stop.clone(), promised.clone());
        async move {
            let http = client();
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let events = body(&format!("load-{round}"), 5);
                let request = http.post(&url).bearer_auth(&key);
                let request = request.header("content-type", "application/json").body(events);
                assert_eq!(request.send().await.unwrap().status(), 202);
                promised.fetch_add(5, Ordering::Relaxed);
            }
        }
    };
    (stop, promised, tokio::spawn(sending))
}

/// Conversations: Meta counts each repetition of one.
fn conversations(count: u64) -> String {
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    let event = |n| {
        json!({
            "event_name": "LeadSubmitted", "event_time": now.0, "event_id": format!("c-{n}"),
            "action_source": "business_messaging", "messaging_channel": "whatsapp",
            "user_data": {"ctwa_clid": format!("ARAk{n}"), "whatsapp_business_account_id": "123"},
        })
    };
    json!({ "data": (0..count).map(event).collect::<Vec<Value>>() }).to_string()
}

/// The gateway is gone with everything it had; the backup takes its place.
fn restore(rig: &mut Rig, backup: &Path) -> Value {
    rig.gateway.kill().unwrap();
    let lost = rig.data_dir().with_file_name(format!("lost-{}", rig.gateway.starts()));
    std::fs::rename(rig.data_dir(), &lost).unwrap();
    let key = lost.join("master.key");
    let restored =
        rig.holdfast(&["--json", "restore", shown(backup), "--master-key-file", shown(&key)]);
    rig.restart();
    restored
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_loses_nothing_and_makes_nothing_count_twice() {
    let mut rig = Rig::start().await;
    let control = rig.sandbox.handle();
    control.add_asset(CHATS);
    let token =
        control.issue_token(crate::rig::APP, holdfast_sandbox::TokenKind::SystemUser, &[CHATS]);
    rig.add_credential("chats", &token);
    rig.holdfast(&["destination", "add", "chats", "--asset", CHATS, "--credential", "chats"]);
    // Answers that come late leave requests under way at every moment.
    let late = Misbehaviour::Slow { ms: 30 };
    control.misbehave(NewRule { asset: None, times: None, percent: 50, what: late });
    rig.holdfast(&["hold", "pause", "chats", "--reason", "waits"]);
    send(&rig, &client(), "chats", conversations(30)).await;

    let (stop, promised, sending) = traffic(&rig);
    let dir = tempfile::tempdir().unwrap();
    let mut backups: Vec<(PathBuf, u64)> = Vec::new();
    for round in 0..3 {
        let before = promised.load(Ordering::Relaxed);
        until("there is more", || promised.load(Ordering::Relaxed) > before + 50).await;
        let before = promised.load(Ordering::Relaxed);
        let file = dir.path().join(format!("{round}.tar"));
        rig.holdfast(&["backup", shown(&file)]);
        rig.holdfast(&["backup", "verify", shown(&file)]);
        backups.push((file, before));
    }
    stop.store(true, Ordering::Relaxed);
    sending.await.unwrap();
    let holds = rig.holdfast(&["--json", "hold", "list"]);
    rig.holdfast(&["hold", "lift", holds[0]["id"].as_str().unwrap(), "--reason", "now"]);
    let status = rig.drained().await;
    let sent = promised.load(Ordering::Relaxed);
    assert_eq!(status["ledger"]["delivered"], sent + 30);
    assert_eq!(counts(&rig, CHATS).distinct, 30);

    for (epoch, (file, promised_before)) in backups.into_iter().enumerate() {
        let restored = restore(&mut rig, &file);
        assert_eq!(restored["epoch"], 1, "each was taken before any restore");
        let status = rig.status();
        assert_eq!((&status["epoch"], &status["lost"]), (&json!(1), &json!(0)), "{status:#}");
        let shop = &rig.destination("shop")["ledger"];
        let accepted = shop["accepted"].as_u64().unwrap();
        assert!((promised_before..=sent).contains(&accepted), "{epoch}: {accepted}");
        let chats = &rig.destination("chats")["ledger"];
        assert_eq!(chats["held"], 30, "its hold came back too");
        let holds = rig.holdfast(&["--json", "hold", "list"]);
        rig.holdfast(&["hold", "lift", holds[0]["id"].as_str().unwrap(), "--reason", "now"]);
        let status = rig.drained().await;
        assert_eq!(status["lost"], 0);
        assert_eq!(rig.destination("shop")["ledger"]["delivered"], accepted, "repeated and known");
        assert_eq!(rig.destination("chats")["ledger"]["unknown"], 30, "nobody can know");
        for asset in [DATASET, CHATS] {
            assert_eq!(counts(&rig, asset).counted_twice, 0, "{asset}");
        }
        assert_eq!(counts(&rig, DATASET).distinct, sent);
    }
    let said = rig.run(&["status"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("this is epoch 1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_at_the_moment_of_the_backup_is_delivered_after_the_restore() {
    let mut rig = Rig::start().await;
    rig.holdfast(&["hold", "pause", "shop", "--reason", "waits"]);
    send(&rig, &client(), "shop", body("waiting", 500)).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.tar");
    // A gateway that is stopped is backed up from its directory.
    rig.gateway.terminate().unwrap();
    let taken = rig.holdfast(&["--json", "backup", shown(&file)]);
    assert_eq!(taken["bytes"], std::fs::metadata(&file).unwrap().len());
    let restored = restore(&mut rig, &file);
    assert_eq!(restored["waiting"], 500);
    let holds = rig.holdfast(&["--json", "hold", "list"]);
    rig.holdfast(&["hold", "lift", holds[0]["id"].as_str().unwrap(), "--reason", "now"]);
    rig.drained().await;
    assert_eq!((counts(&rig, DATASET).distinct, counts(&rig, DATASET).counted_twice), (500, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_in_the_middle_leaves_no_backup_and_nothing_in_the_way() {
    let mut rig = Rig::start().await;
    rig.holdfast(&["hold", "pause", "shop", "--reason", "waits"]);
    // More than fits into what is on its way between the two.
    for round in 0..30 {
        send(&rig, &client(), "shop", body(&format!("much-{round}"), 1_000)).await;
    }
    // Nobody reads what it writes, so it cannot end.
    let mut stuck = rig.command(&["backup", "-"]);
    let mut stuck = stuck.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let scratch = rig.data_dir().join("backup.tmp");
    until("it has begun", || scratch.exists()).await;
    let refused = rig.run(&["backup", shown(&rig.data_dir().with_file_name("second.tar"))]);
    assert_eq!(refused.status.code(), Some(4), "one at a time");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("another backup is being taken"), "{said}");
    rig.gateway.kill().unwrap();
    drop(stuck.stdout.take());
    assert!(!stuck.wait().unwrap().success());

    rig.restart();
    assert_eq!(rig.status()["ledger"]["held"], 30_000);
    let file = rig.data_dir().with_file_name("whole.tar");
    rig.holdfast(&["backup", shown(&file)]);
    rig.holdfast(&["backup", "verify", shown(&file)]);
    assert!(!scratch.exists());
    let beside = file.parent().unwrap();
    let left = std::fs::read_dir(beside).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<String> = left.map(|name| name.into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.contains("part") || name == "second.tar"), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_and_changes_nothing() {
    let rig = Rig::start().await;
    send(&rig, &client(), "shop", body("few", 20)).await;
    rig.drained().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("whole.tar");
    rig.holdfast(&["backup", shown(&file)]);
    let fails = |args: &[&str], code: i32, expected: &str| {
        let output = rig.run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    };
    fails(&["backup", shown(&file)], 2, "exists already");

    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = dir.path().join("damaged.tar");
    std::fs::write(&damaged, &bytes).unwrap();
    fails(&["backup", "verify", shown(&damaged)], 6, "the backup is damaged in");
    let cut = dir.path().join("cut.tar");
    std::fs::write(&cut, &bytes[..middle]).unwrap();
    fails(&["backup", "verify", shown(&cut)], 6, "the backup is cut short in");
    fails(&["backup", "verify", shown(&rig.data_dir().join("master.key"))], 6, "no backup");

    let key = rig.data_dir().join("master.key");
    let key = shown(&key);
    fails(&["restore", shown(&file)], 2, "--master-key-file");
    fails(&["restore", shown(&file), "--master-key-file", key], 1, "is not empty");
    let into_new = |file: &Path, key: &str, new: &Path| {
        let mut command = std::process::Command::new(crate::rig::BINARY);
        command.args(["restore", shown(file), "--master-key-file", key, "--data-dir", shown(new)]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let new = dir.path().join("new");
    let (code, said) = into_new(&damaged, key, &new);
    assert!(code == Some(6) && said.contains("damaged in"), "{said}");
    let other = dir.path().join("other.key");
    std::fs::write(&other, "00".repeat(32)).unwrap();
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let (code, said) = into_new(&file, shown(&other), &new);
    assert!(code == Some(1) && said.contains("belongs to the master key"), "{said}");
    assert!(!new.exists() && std::fs::read_dir(dir.path()).unwrap().count() == 4, "untouched");
    let (code, said) = into_new(&file, key, &new);
    assert_eq!(code, Some(0), "{said}");
    assert!(new.join("registry.sqlite").exists());
}
