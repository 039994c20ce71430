//! A file is sent although the sender and the gateway are killed in the middle: each good row
//! arrives once, each bad one is in the file of refused ones.
//!
//! `HOLDFAST_SEND_ROWS=5000000 cargo test --release -p holdfast-cli --test it send -- --nocapture`
//! runs it at any size and prints rate and memory.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rig::{BINARY, DATASET, Rig};
use crate::traffic::counts;

/// One row in so many cannot be read, and one in so many is refused by the gateway.
const UNREADABLE_EVERY: u64 = 97;
const REFUSED_EVERY: u64 = 89;

fn is_bad(row: u64) -> bool {
    row.is_multiple_of(UNREADABLE_EVERY) || row.is_multiple_of(REFUSED_EVERY)
}

/// A CSV file of so many rows; returns how many of them are bad.
fn write_csv(path: &Path, rows: u64) -> u64 {
    let now = holdfast_gateway::Clock::default().wall().to_seconds().0;
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(file, "event_name,event_time,em,Total,currency,action_source,event_source_url,note")
        .unwrap();
    for row in 1..=rows {
        let time = match row.is_multiple_of(UNREADABLE_EVERY) {
            true => "yesterday".to_owned(),
            false => (now - 60).to_string(),
        };
        let email = match row.is_multiple_of(REFUSED_EVERY) {
            true => String::new(),
            false => format!("person-{row}@example.com"),
        };
        writeln!(file, "Purchase,{time},{email},12.50,EUR,website,https://shop.example/,\"a, b\"")
            .unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    (1..=rows).filter(|row| is_bad(*row)).count() as u64
}

struct Import<'a> {
    rig: &'a Rig,
    file: &'a Path,
    mapping: &'a Path,
}

impl Import<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["--json", "send", "--destination", "shop", "--chunk", "200", "--mapping"]);
        command.arg(self.mapping).arg(self.file).arg("--data-dir").arg(self.rig.data_dir());
        command
    }

    fn start(&self) -> Child {
        self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// To its end; the exit code says whether rows were refused.
    fn finish(&self) -> (i32, Value) {
        let output = self.command().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
        (output.status.code().unwrap(), answer)
    }

    /// Rows of which the journal knows.
    fn known(&self) -> u64 {
        let journal = format!("{}.holdfast", self.file.display());
        let text = std::fs::read_to_string(journal).unwrap_or_default();
        let known = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        known.filter_map(|line| line["rows"].as_u64()).max().unwrap_or(0)
    }

    fn wait_for(&self, rows: u64, child: &mut Child) {
        for _ in 0..120_000 {
            if self.known() >= rows || child.try_wait().unwrap().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the journal does not get to row {rows}");
    }
}

/// Most memory that a process had, in MB.
fn peak_mb(child: &Child) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

#[allow(clippy::disallowed_methods, reason = "a rate is printed, never asserted")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_arrives_once_whoever_is_killed() {
    let asked = std::env::var("HOLDFAST_SEND_ROWS").ok().and_then(|rows| rows.parse().ok());
    let rows: u64 = asked.unwrap_or(12_000);
    let mut rig = Rig::start().await;
    let dir = tempfile::tempdir().unwrap();
    let (file, mapping) = (dir.path().join("orders.csv"), dir.path().join("mapping.toml"));
    let bad = write_csv(&file, rows);
    std::fs::write(&mapping, "ignore = [\"note\"]\n[columns]\nTotal = \"custom_data.value\"\n")
        .unwrap();
    let started = now();

    // The sender is killed twice, and in between the gateway while the sender waits for it.
    let import = Import { rig: &rig, file: &file, mapping: &mapping };
    for part in [5, 3] {
        let mut child = import.start();
        import.wait_for(rows / part, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = import.start();
    import.wait_for(rows / 2, &mut child);
    rig.gateway.kill().unwrap();
    rig.restart();
    let import = Import { rig: &rig, file: &file, mapping: &mapping };
    import.wait_for(rows * 9 / 10, &mut child);
    let memory = peak_mb(&child);
    child.wait().unwrap();
    let (code, said) = import.finish();
    assert_eq!((code, &said["rows"]), (6, &json!(rows)), "{said}");
    assert_eq!((&said["accepted"], &said["rejected"]), (&json!(rows - bad), &json!(bad)));
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{rows} rows in {seconds:.0} s, {:.0} rows/s, peak {memory} MB",
        rows as f64 / seconds
    );

    let status = rig.drained().await;
    assert_eq!(status["ledger"]["accepted"], rows - bad, "nothing was stored twice: {status}");
    assert_eq!(counts(&rig, DATASET).distinct, rows - bad);
    assert_eq!(counts(&rig, DATASET).counted_twice, 0);

    // What was refused is corrected as it is and sent again.
    let refused = dir.path().join("orders.csv.rejected.csv");
    let text = std::fs::read_to_string(&refused).unwrap();
    assert_eq!(text.lines().count() as u64, bad + 1, "a header and each row once");
    assert!(
        text.lines().nth(1).unwrap().contains("meta.missing_field"),
        "{}",
        text.lines().nth(1).unwrap()
    );
    let then = (holdfast_gateway::Clock::default().wall().to_seconds().0 - 60).to_string();
    let mended = text.replace("yesterday", &then).replace(",,12.50", ",someone@example.com,12.50");
    let mended_file = dir.path().join("mended.csv");
    std::fs::write(&mended_file, mended).unwrap();
    let import = Import { rig: &rig, file: &mended_file, mapping: &mapping };
    let (code, said) = import.finish();
    assert_eq!((code, &said["accepted"], &said["rejected"]), (0, &json!(bad), &json!(0)), "{said}");
    let again = import.finish().1;
    assert_eq!(again, said, "it knows that it was sent");
    rig.drained().await;
    assert_eq!(counts(&rig, DATASET).distinct, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn ndjson_and_mistakes() {
    let rig = Rig::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut good =
        holdfast_testkit::fake_event_at(1, holdfast_gateway::Clock::default().wall().to_seconds());
    good.as_object_mut().unwrap().remove("event_id");
    let text = format!("{good}\n\nnot json\n[1]\n{{\"event_name\":\"Lead\"}}\n");
    std::fs::write(path("events.ndjson"), text).unwrap();
    let send = ["--json", "send", "--destination", "shop"];
    let output = rig.run(&[&send[..], &[&path("events.ndjson")]].concat());
    assert_eq!(output.status.code(), Some(6));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&said["rows"], &said["accepted"], &said["rejected"]),
        (&json!(4), &json!(1), &json!(3))
    );
    let refused = std::fs::read_to_string(path("events.ndjson.rejected.ndjson")).unwrap();
    let refused: Vec<Value> =
        refused.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<&Value> = refused.iter().map(|row| &row["_holdfast"]["line"]).collect();
    assert_eq!(lines, [&json!(3), &json!(4), &json!(5)], "as an editor counts them");
    assert_eq!(refused[0]["text"], "not json");
    rig.drained().await;
    let arrived = rig.sandbox.handle().events(DATASET, 1);
    assert!(
        arrived[0]["event_id"].as_str().unwrap().ends_with("-1"),
        "an id that a repetition has too"
    );

    std::fs::write(path("odd.csv"), "event_name,colour,colour2\nLead,red,blue\n").unwrap();
    for (args, code, words) in [
        (
            vec!["send", "--destination", "shop", &path("odd.csv")],
            2,
            "the columns have 2 mistake(s)",
        ),
        (
            vec![
                "send",
                "--destination",
                "nowhere",
                "--journal",
                &path("j"),
                &path("events.ndjson"),
            ],
            5,
            "does not exist",
        ),
        (vec!["send", "--destination", "shop", &path("gone.csv")], 1, "failed to open"),
        (vec!["send", "--destination", "shop", &path("odd")], 2, "say what the file is"),
        (vec!["send", &path("events.ndjson")], 2, "--destination"),
        (
            vec!["send", "--destination", "other", &path("events.ndjson")],
            2,
            "belongs to another file",
        ),
    ] {
        let output = rig.run(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}
