//! Secrets do not travel: not even when everything is logged and the platform repeats them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use holdfast_model::time::UnixSeconds;
use holdfast_sandbox::{Endpoint, Misbehaviour, NewRule, Step, TokenKind};
use holdfast_testkit::fake_event_at;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{APP, DATASET, Rig, client};
use crate::traffic::{body, send, until};

/// The shortest piece that counts as leaked.
const PIECE: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn no_piece_of_a_token_or_key_leaves_the_vault() {
    let mut rig = Rig::start_logging("trace").await;
    // A piece from the middle has no shape that could be recognized.
    let piece = rig.token[40..75].to_owned();
    for message in [format!("{piece} is odd"), format!("Malformed access token {}", rig.token)] {
        rig.sandbox.handle().misbehave(NewRule {
            asset: Some(DATASET.to_owned()),
            times: Some(2),
            percent: 100,
            what: Misbehaviour::Error {
                status: 400,
                error: json!({ "message": message, "error_user_msg": message, "code": 2,
                               "is_transient": true }),
            },
        });
    }
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    let answer = client()
        .post(format!("{}/v1/events?destination=shop", rig.url))
        .bearer_auth(&rig.key)
        .header("content-type", "application/json")
        .body(fake_event_at(1, UnixSeconds(now.0 - 60)).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    rig.drained().await;

    let mut said = String::new();
    for args in [
        &["--json", "status"][..],
        &["--json", "credential", "show", "shop"],
        &["--json", "hold", "list", "--all"],
        &["--json", "dead-letter", "list"],
        &["--json", "key", "list"],
    ] {
        let output = rig.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        said.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    said.push_str(
        &client().get(format!("{}/metrics", rig.url)).send().await.unwrap().text().await.unwrap(),
    );
    // Once the process has ended, all it said is here.
    let log = rig.gateway.terminate().unwrap().stderr.join("\n");
    assert!(log.contains("[redacted] is odd"), "what the platform said is in the log, masked");
    said.push_str(&log);
    for secret in [&rig.token, &rig.key] {
        for start in 0..=secret.len() - PIECE {
            let piece = &secret[start..start + PIECE];
            let line = said.lines().find(|line| line.contains(piece));
            assert!(line.is_none(), "a secret is in: {}", line.unwrap_or_default());
        }
    }
}

/// Every piece of some secrets, to be looked for in a lot of bytes.
struct Pieces<'a> {
    pieces: HashSet<&'a [u8]>,
    /// Which two bytes a piece begins with: nearly all others are passed over.
    begins: Vec<bool>,
}

impl<'a> Pieces<'a> {
    fn of(secrets: &'a [String]) -> Self {
        let pieces: HashSet<&[u8]> =
            secrets.iter().flat_map(|secret| secret.as_bytes().windows(PIECE)).collect();
        let mut begins = vec![false; 1 << 16];
        for piece in &pieces {
            begins[usize::from(piece[0]) << 8 | usize::from(piece[1])] = true;
        }
        Self { pieces, begins }
    }

    /// Where one of them begins.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let may_begin =
            |at: &usize| self.begins[usize::from(bytes[*at]) << 8 | usize::from(bytes[at + 1])];
        let starts = 0..(bytes.len() + 1).saturating_sub(PIECE);
        starts
            .into_iter()
            .filter(may_begin)
            .find(|at| self.pieces.contains(&bytes[*at..at + PIECE]))
    }

    #[track_caller]
    fn must_not_be_in(&self, what: &str, bytes: &[u8]) {
        if let Some(at) = self.find(bytes) {
            let start = at.saturating_sub(80);
            let around = String::from_utf8_lossy(&bytes[start..at]).into_owned();
            panic!("a secret is in {what}, after {around:?}");
        }
    }

    fn must_not_be_below(&self, dir: &Path) -> usize {
        let mut files = 0;
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files += self.must_not_be_below(&path);
            } else if path.is_file() {
                self.must_not_be_in(&path.display().to_string(), &std::fs::read(&path).unwrap());
                files += 1;
            }
        }
        files
    }
}

#[test]
fn a_piece_is_found_wherever_it_is() {
    let secrets = ["abcdefghijklmnopqrstuvwxyz".to_owned()];
    let pieces = Pieces::of(&secrets);
    assert_eq!(pieces.find(b"xx defghijklmnopqrstuvwxyz"), Some(3));
    assert_eq!(pieces.find(&secrets[0].as_bytes()[6..]), Some(0));
    assert_eq!(pieces.find(&secrets[0].as_bytes()[7..]), None, "19 characters");
    assert_eq!(pieces.find(b""), None);
}

/// Takes every alert and keeps it, head and body.
async fn office() -> (Arc<Mutex<Vec<u8>>>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/alerts", listener.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let received = kept.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let taken = take(stream).await;
            received.lock().unwrap().extend(taken);
        }
    });
    (kept, url)
}

/// One request that tells its length, and an answer that ends the connection.
async fn take(mut stream: TcpStream) -> Vec<u8> {
    let (mut taken, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        taken.extend_from_slice(&buffer[..read]);
        if read == 0 || is_whole(&taken) {
            break;
        }
    }
    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    let _ = stream.write_all(answer).await;
    taken
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse::<usize>().ok()).unwrap_or(0);
    body.len() >= length
}

/// The platform repeats the token in whatever it answers, while events are refused, a token dies,
/// people are told, and everything that can be asked for is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn no_piece_of_a_secret_is_in_anything_that_a_gateway_leaves() {
    let (alerts, url) = office().await;
    let keys = tempfile::tempdir().unwrap();
    let signing = BASE64_STANDARD.encode([7_u8; 32]);
    let signing_file = keys.path().join("signing");
    std::fs::write(&signing_file, format!("whsec_{signing}\n")).unwrap();
    let configuration =
        format!("[alerts]\nwebhook_url = {url:?}\nwebhook_secret_file = {signing_file:?}\n");
    let mut rig = Rig::start_with("trace", &configuration).await;
    let spare = rig.sandbox.handle().issue_token(APP, TokenKind::SystemUser, &[DATASET]);
    let secret_file = keys.path().join("app");
    std::fs::write(&secret_file, &rig.app_secret).unwrap();
    let app = APP.to_string();
    rig.holdfast(&["app", "add", &app, "--secret-file", secret_file.to_str().unwrap()]);

    // A refused event, in whose words the token stands; another way for each attempt.
    let app_token = format!("{APP}%7C{}", rig.app_secret);
    let escaped = format!("\\\"{}\\\"", rig.token);
    let pieces = [&rig.token[..], &rig.token[30..90], &app_token, &escaped];
    for said in pieces {
        rig.sandbox.handle().misbehave(Step {
            on: Endpoint::Events,
            times: Some(1),
            misbehave: Some(Misbehaviour::Error {
                status: 400,
                error: json!({ "message": format!("Invalid parameter $['data'][0] {said}"),
                    "error_user_title": said, "error_user_msg": said, "code": 100,
                    "fbtrace_id": said, "error_data": { "blame_field_specs": [[said]] } }),
            }),
            ..Step::default()
        });
        send(&rig, &client(), "shop", body(&format!("bad-{}", said.len()), 1)).await;
        rig.drained().await;
    }
    assert_eq!(rig.status()["ledger"]["rejected"], pieces.len());

    // From now on every answer repeats the token that came with the question.
    rig.sandbox.handle().misbehave(Step {
        on: Endpoint::Any,
        misbehave: Some(Misbehaviour::EchoToken),
        ..Step::default()
    });
    send(&rig, &client(), "shop", body("waits", 30)).await;
    until("it is held", || rig.status()["ledger"]["held"] == 30).await;
    until("people are told", || {
        String::from_utf8_lossy(&alerts.lock().unwrap()).contains("meta.not_a_token")
    })
    .await;

    let export = keys.path().join("letters.ndjson");
    let export = export.to_str().unwrap();
    let hold = rig.holdfast(&["--json", "hold", "list"])[0]["id"].as_str().unwrap().to_owned();
    let letters = rig.holdfast(&["--json", "dead-letter", "list"]);
    let letter = letters[0]["item_id"].as_str().unwrap().to_owned();
    let mut said = Vec::new();
    for args in [
        &["status"][..],
        &["--json", "status"],
        &["--json", "credential", "list"],
        &["credential", "show", "shop"],
        &["--json", "credential", "show", "shop"],
        &["--json", "credential", "verify", "shop"],
        &["hold", "show", &hold],
        &["--json", "hold", "show", &hold],
        &["--json", "dead-letter", "list"],
        &["dead-letter", "show", &letter],
        &["--json", "dead-letter", "show", &letter],
        &["dead-letter", "export", "--events", "--to", export],
        &["doctor", "meta", "--credential", "shop"],
        &["--json", "doctor", "meta", "--credential", "shop"],
        &["--json", "doctor", "meta", "--credential", "shop", "--offline"],
        &["--json", "alert", "list"],
        &["--json", "audit", "list"],
        &["--json", "app", "list"],
        &["--json", "key", "list"],
        &["--json", "destination", "list"],
    ] {
        // Some of them say by their exit code that something is wrong.
        let output = rig.run(args);
        assert!(output.status.code().is_some_and(|code| code != 2), "{args:?}");
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{args:?} says nothing");
        said.push((args.join(" "), [output.stdout, output.stderr].concat()));
    }
    // Another token, from the environment, that the platform repeats too.
    let doctor = ["--json", "doctor", "meta", "--token-env", "SPARE", "--asset", DATASET];
    let output = rig.command(&doctor).env("SPARE", &spare).output().unwrap();
    said.push(("doctor with a token".to_owned(), [output.stdout, output.stderr].concat()));
    let add = ["credential", "add", "spare", "--platform", "meta", "--token-env", "SPARE"];
    let output = rig.command(&add).env("SPARE", &spare).output().unwrap();
    said.push(("credential add".to_owned(), [output.stdout, output.stderr].concat()));
    let metrics = client().get(format!("{}/metrics", rig.url)).send().await.unwrap();
    said.push(("metrics".to_owned(), metrics.bytes().await.unwrap().to_vec()));
    said.push(("the export".to_owned(), std::fs::read(export).unwrap()));
    said.push(("the alerts".to_owned(), alerts.lock().unwrap().clone()));
    let ended = rig.gateway.terminate().unwrap();
    said.push(("standard output".to_owned(), ended.stdout.join("\n").into_bytes()));
    said.push(("the log".to_owned(), ended.stderr.join("\n").into_bytes()));

    let of = |what: &str| {
        let found = said.iter().find(|(name, _)| name == what).unwrap();
        String::from_utf8_lossy(&found.1).into_owned()
    };
    // What was repeated is there, masked: else there was nothing to look for.
    for what in ["the log", "the export", "the alerts", "--json audit list"] {
        assert!(!of(what).is_empty(), "{what}");
    }
    assert!(of("the export").contains("[redacted]"), "{}", of("the export"));
    assert!(of("the log").contains("[redacted]"));
    assert!(of("--json doctor meta --credential shop").contains("[redacted]"));

    let mut secrets = vec![rig.token.clone(), rig.key.clone(), rig.app_secret.clone()];
    secrets.extend([spare, signing]);
    let pieces = Pieces::of(&secrets);
    for (what, bytes) in &said {
        pieces.must_not_be_in(what, bytes);
    }
    let files = pieces.must_not_be_below(&rig.data_dir());
    assert!(files >= 4, "databases, log and key: {files} files");
}
