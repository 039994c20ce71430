//! That the description of the log in `format` is the one that the outbox follows.

use std::sync::{Arc, Once};

use holdfast_model::id::{ItemId, LaneId};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{Appended, Commit, Idempotency, IdempotencyKey, NewItem, Outbox};
use holdfast_storage_embedded::{EmbeddedOutbox, OutboxSettings};

use super::format;
use super::frozen::{Frozen, PlainKeys};
use super::read;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const STARTS: u64 = 3;
const COMMITS: u64 = 5;

/// Once in a run: a log written by the outbox itself is read frame by frame.
pub fn checked_once() {
    static CHECKED: Once = Once::new();
    CHECKED.call_once(checked);
}

fn checked() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(written(dir.path()));
    let mut disk = Frozen::default();
    let mut ends = Vec::new();
    for entry in std::fs::read_dir(dir.path().join("outbox")).expect("the log is there") {
        let entry = entry.expect("a file of the log");
        let name = entry.file_name().into_string().expect("ASCII");
        let bytes = std::fs::read(entry.path()).expect("readable");
        if let Some(number) = name.strip_suffix(".seg") {
            let end = format::frames(&bytes).last().map_or(0, |frame| frame.end);
            ends.push((number.parse::<u32>().expect("a number"), end as u64));
        }
        disk.put(name, bytes);
    }
    ends.sort_unstable();
    let found = read(&disk).expect("what the outbox wrote is read");
    assert_eq!(found.ends, ends, "the format is described as it is written");
    assert_eq!(found.waiting.len() as u64, STARTS * COMMITS);
    assert_eq!(found.next_seq, STARTS * COMMITS + 1);
}

async fn written(dir: &std::path::Path) {
    for start in 0..STARTS {
        let settings = OutboxSettings {
            max_bytes: 8 << 20,
            reserve_bytes: 1 << 20,
            segment_bytes: 16 << 10,
            ..OutboxSettings::in_dir(dir)
        };
        let outbox = EmbeddedOutbox::open(settings, Arc::new(PlainKeys), NOW).expect("it opens");
        for commit in 0..COMMITS {
            let appended = outbox.append(commit_of(start * COMMITS + commit)).await;
            assert!(matches!(appended, Ok(Appended::Stored { .. })));
        }
    }
}

fn commit_of(number: u64) -> Commit {
    let admitted = Admitted {
        fragment: vec![b'x'; 20 + number as usize],
        event_id: format!("event-{number}"),
        event_name: "Lead".to_owned(),
        event_time: UnixSeconds(1_790_000_000),
        expires_at: UnixSeconds(1_790_600_000),
        dedup_until: None,
        group: BatchGroup::default(),
        profile: ProfileStamp::META_DOCS_1,
        warnings: Vec::new(),
    };
    let item_id = ItemId::from_bytes(u128::from(number).to_be_bytes());
    let idempotency = number.is_multiple_of(2).then(|| Idempotency {
        key: IdempotencyKey(format!("key-{number}")),
        body_sha256: [1; 32],
        receipt: b"receipt".to_vec(),
    });
    let items = vec![NewItem { item_id, lane: LaneId(1), admitted, not_before: None }];
    Commit { items, idempotency, at: NOW }
}
