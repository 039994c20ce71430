//! Damage to the log is reported; what a crash leaves is not taken for damage.

use std::sync::Arc;

use holdfast_model::id::{ItemId, LaneId};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{Commit, NewItem, Outbox, StorageError};
use holdfast_storage_embedded::disk::Disk;
use holdfast_storage_embedded::{EmbeddedOutbox, Inspected, OutboxSettings, inspect};

use crate::plain_keys::PlainKeys;
use crate::sim_disk::SimDisk;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const FRAME_HEAD: u64 = 13;

/// A log of so many starts with four commits of one item each, synced one by one.
async fn log(starts: u64) -> SimDisk {
    let disk = SimDisk::new(1);
    let dir = tempfile::tempdir().unwrap();
    for start in 0..starts {
        let settings = OutboxSettings {
            max_bytes: 4 << 20,
            reserve_bytes: 1 << 20,
            segment_bytes: 64 << 10,
            ..OutboxSettings::in_dir(dir.path())
        };
        let keys = Arc::new(PlainKeys);
        let outbox = EmbeddedOutbox::open_on(settings, Arc::new(disk.clone()), keys, NOW).unwrap();
        for commit in 0..4 {
            outbox.append(commit_of(start * 4 + commit)).await.unwrap();
        }
    }
    disk
}

fn commit_of(number: u64) -> Commit {
    let admitted = Admitted {
        fragment: vec![b'x'; 100],
        event_id: "e".to_owned(),
        event_name: "Lead".to_owned(),
        event_time: NOW.to_seconds(),
        expires_at: UnixSeconds(NOW.to_seconds().0 + 600_000),
        dedup_until: None,
        group: BatchGroup::default(),
        profile: ProfileStamp::META_DOCS_1,
        warnings: Vec::new(),
    };
    let item_id = ItemId::from_bytes(u128::from(number).to_be_bytes());
    let items = vec![NewItem { item_id, lane: LaneId(1), admitted, not_before: None }];
    Commit { items, idempotency: None, at: NOW }
}

fn name(segment: u32) -> String {
    format!("{segment:010}.seg")
}

/// Where the frames of a segment begin, its end last.
fn frames(disk: &SimDisk, segment: u32) -> Vec<u64> {
    let file = disk.open(&name(segment)).unwrap();
    let mut begins = vec![0];
    loop {
        let at = begins[begins.len() - 1];
        let mut length = [0; 4];
        file.read_exact_at(&mut length, at).unwrap();
        match u32::from_le_bytes(length) {
            0 => return begins,
            length => begins.push(at + FRAME_HEAD + u64::from(length)),
        }
    }
}

fn flip(disk: &SimDisk, segment: u32, at: u64) {
    let file = disk.open(&name(segment)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    file.sync().unwrap();
}

fn read(disk: &SimDisk) -> Result<Inspected, StorageError> {
    inspect(disk, &PlainKeys)
}

#[track_caller]
fn check_damaged(disk: &SimDisk, expected: &str) {
    let said = read(disk).unwrap_err().to_string();
    assert!(said.contains("is damaged") && said.contains(expected), "{said}");
}

#[tokio::test]
async fn damage_before_a_later_commit_is_reported_in_the_segment_that_was_being_written() {
    for frame in 1..4 {
        for part in [0, 4, 8, 12, 40] {
            let disk = log(1).await;
            let begins = frames(&disk, 1);
            flip(&disk, 1, begins[frame] + part);
            check_damaged(&disk, &format!("segment 1 cannot be read at byte {}", begins[frame]));
        }
    }
}

#[tokio::test]
async fn the_end_of_the_segment_that_was_being_written_may_be_torn() {
    let disk = log(1).await;
    let begins = frames(&disk, 1);
    flip(&disk, 1, begins[4] + 20);
    let found = read(&disk).unwrap();
    assert_eq!(found.waiting.len(), 3);
    assert_eq!(found.ends, [(1, begins[4])]);
}

#[tokio::test]
async fn a_segment_must_end_where_the_last_header_says_even_if_its_neighbor_is_gone() {
    let disk = log(3).await;
    // As if the second had been used again.
    disk.remove(&name(2)).unwrap();
    assert_eq!(read(&disk).unwrap().waiting.len(), 8);
    let begins = frames(&disk, 1);
    flip(&disk, 1, begins[4] + 20);
    check_damaged(&disk, &format!("segment 1 ends at byte {}", begins[4]));
}

#[tokio::test]
async fn no_segment_is_passed_over_because_its_header_is_damaged() {
    for segment in [1, 2] {
        let disk = log(2).await;
        flip(&disk, segment, 20);
        check_damaged(&disk, &format!("segment {segment} has no header"));
    }
}

#[tokio::test]
async fn files_of_others_are_not_taken_for_segments() {
    let disk = log(1).await;
    for name in ["1.seg", "+000000001.seg", "00000000001.seg", "lock"] {
        disk.create_zeroed(name, 100).unwrap();
    }
    assert_eq!(read(&disk).unwrap().waiting.len(), 4);
}

/// A frame whose checksum is right but whose records are not: no crash leaves that.
#[tokio::test]
async fn records_that_cannot_be_read_are_reported() {
    let huge_seq = {
        let mut record = vec![0; 4];
        record.extend_from_slice(&103_u32.to_le_bytes());
        record.extend_from_slice(&u64::MAX.to_le_bytes());
        record.resize(4 + 4 + 103, 0);
        record
    };
    for (kind, payload) in
        [(2, vec![0, 0, 0, 0, 9]), (2, vec![5]), (3, vec![1]), (4, vec![1]), (2, huge_seq)]
    {
        let disk = log(1).await;
        let end = frames(&disk, 1)[5];
        let mut covered = 1_u32.to_le_bytes().to_vec();
        covered.extend_from_slice(&(end as u32).to_le_bytes());
        covered.push(kind);
        covered.extend_from_slice(&payload);
        let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
        frame.extend_from_slice(&crc32c::crc32c(&covered).to_le_bytes());
        frame.extend_from_slice(&covered[4..]);
        let file = disk.open(&name(1)).unwrap();
        file.write_all_at(&frame, end).unwrap();
        check_damaged(&disk, "that cannot be read");
    }
}
