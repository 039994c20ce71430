//! `POST /v1/events` with NDJSON.

use serde_json::{Value, json};

use crate::harness::{Answer, Harness, read};

const NDJSON: &str = "application/x-ndjson";

async fn send_lines(
    harness: &Harness,
    key: &holdfast_model::secret::Secret,
    query: &str,
    body: impl Into<reqwest::Body>,
) -> Answer {
    read(harness.events(key, query).header("content-type", NDJSON).body(body)).await
}

#[tokio::test]
async fn each_line_stands_for_itself() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let (one, two) = (harness.event(1), harness.event(2));
    let body = format!("{one}\n\n{{\"event_name\":\n[1]\r\n{two}");
    let answer = send_lines(&harness, &key, "?destination=shop", body).await.expect(202);
    let seen: Vec<_> = answer.body["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|receipt| (receipt["index"].as_u64(), receipt["status"].as_str()))
        .collect();
    let expected = [(0, "accepted"), (2, "refused"), (3, "refused"), (4, "accepted")];
    assert_eq!(seen, expected.map(|(index, status)| (Some(index), Some(status))));
    assert_eq!(answer.body["receipts"][1]["fault"], "meta.malformed_json");
    assert_eq!(harness.accepted(&shop).await, 2);

    let broken = send_lines(&harness, &key, "?destination=shop", "{\n{\n").await.expect(422);
    assert_eq!((&broken.body["accepted"], &broken.body["refused"]), (&json!(0), &json!(2)));
    let empty = send_lines(&harness, &key, "?destination=shop", "\n \n").await.expect(422);
    assert_eq!(empty.fault(), "holdfast.no_events");
}

#[tokio::test]
async fn lines_are_recognized_without_being_announced() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let answer = harness.send(&key, "?destination=shop", harness.lines(0..3)).await.expect(202);
    assert_eq!(answer.body["accepted"], 3);
    assert_eq!(harness.accepted(&shop).await, 3);
}

#[tokio::test]
async fn a_stream_is_longer_than_any_body_may_be() {
    let harness = Harness::with("max_body_bytes = 300000\nmax_event_bytes = 100000").await;
    let (shop, key) = harness.with_shop().await;
    let lines = 12_345;
    let body = format!("{}{}\n", harness.lines(0..lines), "x".repeat(400_000));
    assert!(body.len() > 10_000_000);
    let answer = send_lines(&harness, &key, "?destination=shop", body).await.expect(202);
    assert_eq!(answer.body["accepted"], lines);
    assert_eq!(answer.body["refused"], 1);
    assert_eq!(answer.body["receipts_truncated"], true);
    assert_eq!(answer.body.get("stopped"), None);
    let receipts = answer.body["receipts"].as_array().unwrap();
    assert_eq!(receipts.len(), 10_001, "10,000 accepted ones and every refused one");
    let last = receipts.last().unwrap();
    assert_eq!(
        (&last["index"], &last["fault"]),
        (&json!(lines), &json!("holdfast.event_too_large"))
    );
    assert_eq!(harness.accepted(&shop).await, lines);
}

#[tokio::test]
async fn a_stream_that_has_to_stop_says_where() {
    let harness = Harness::start().await;
    let (_, key) = harness.with_shop().await;
    let tiny = harness.destination("tiny", "556", json!({"quota_bytes": 4 << 20})).await;
    let body = harness.lines(0..10_000);
    let answer = send_lines(&harness, &key, "?destination=tiny", body.clone()).await.expect(202);
    let accepted = harness.accepted(&tiny).await;
    assert!((1_000..10_000).contains(&accepted) && accepted.is_multiple_of(1_000), "{accepted}");
    assert_eq!(answer.body["accepted"], accepted);
    let stopped = &answer.body["stopped"];
    assert_eq!(stopped["fault"], "holdfast.quota_exceeded");
    assert_eq!(stopped["first_unprocessed_index"], accepted);
    assert_eq!(stopped["retry_after_seconds"], 30);
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(answer.body["receipts"].as_array().unwrap().len() as u64, accepted);

    // The rest again from there, while it is still full: nothing at all is accepted.
    let rest: String = body.lines().skip(accepted as usize).flat_map(|l| [l, "\n"]).collect();
    let answer = send_lines(&harness, &key, "?destination=tiny", rest).await.expect(429);
    assert_eq!(answer.fault(), "holdfast.quota_exceeded");
    assert_eq!(harness.accepted(&tiny).await, accepted);
}

#[tokio::test]
async fn with_an_idempotency_key_lines_are_one_unit() {
    let harness = Harness::with("max_body_bytes = 3000000").await;
    let (shop, key) = harness.with_shop().await;
    let send = |body: String| {
        let request = harness.events(&key, "?destination=shop").header("content-type", NDJSON);
        read(request.header("idempotency-key", "import-1").body(body))
    };
    let body = harness.lines(0..2_000);
    let first = send(body.clone()).await.expect(202);
    assert_eq!(first.body["accepted"], 2_000);
    let again = send(body).await.expect(202);
    assert_eq!((again.header("idempotency-replayed"), &again.body), (Some("true"), &first.body));
    assert_eq!(harness.accepted(&shop).await, 2_000);
    let long = send(harness.lines(0..5_000)).await.expect(413);
    assert_eq!(long.fault(), "holdfast.body_too_large");
}

#[tokio::test]
async fn a_stream_may_be_compressed_and_may_come_in_pieces() {
    use std::io::Write as _;

    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(harness.lines(0..2_500).as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let send = |packed: Vec<u8>| {
        let request = harness.events(&key, "?destination=shop").header("content-type", NDJSON);
        read(request.header("content-encoding", "gzip").body(packed))
    };
    let answer = send(packed.clone()).await.expect(202);
    assert_eq!(answer.body["accepted"], 2_500);
    // Cut in the middle: what was committed until then is acknowledged, and where to go on is said.
    let cut = send(packed[..packed.len() * 3 / 4].to_vec()).await.expect(202);
    assert_eq!(cut.body["stopped"]["fault"], "holdfast.damaged_gzip");
    let accepted = cut.body["accepted"].as_u64().unwrap();
    assert_eq!(cut.body["stopped"]["first_unprocessed_index"], accepted);
    assert_eq!(harness.accepted(&shop).await, 2_500 + accepted);
    let receipts: &Vec<Value> = cut.body["receipts"].as_array().unwrap();
    assert_eq!(receipts.len() as u64, accepted);
}
