//! What an erasure leaves on the disk: nothing. The files are searched for ciphertext as it was
//! before, because whoever has the files may have the key.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::credential::SignedWith;
use holdfast_model::id::{BatchId, CredentialId, ItemId, LaneId, Seq, VersionNo};
use holdfast_storage::{
    Commit, DeadLetterPage, DeliveredBatch, Erased, Erasure, ExpiryReason, LeaseAsk, Outbox as _,
    Settlement,
};
use holdfast_storage_embedded::backup::Backups;
use holdfast_storage_embedded::{EmbeddedOutbox, EmbeddedRegistry, OutboxSettings};

use crate::outbox::model::{START as NOW, fault, item};
use crate::plain_keys::PlainKeys;

const LANE: LaneId = LaneId(1);

/// Small, so that an item's bytes are in many files, and some of those have been segments before.
const SEGMENT_BYTES: u64 = 64 << 10;

/// Fragments are the low byte of the item's number, over and over.
fn is_of_the_person(byte: u8) -> bool {
    byte.is_multiple_of(7)
}

fn open(dir: &Path) -> EmbeddedOutbox {
    let settings = OutboxSettings {
        segment_bytes: SEGMENT_BYTES,
        max_bytes: 64 << 20,
        reserve_bytes: 1 << 20,
        ..OutboxSettings::in_dir(dir)
    };
    EmbeddedOutbox::open(settings, Arc::new(PlainKeys), NOW).unwrap()
}

async fn append(outbox: &EmbeddedOutbox, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let items = vec![item(number, LANE, 700)];
        outbox.append(Commit { items, idempotency: None, at: NOW }).await.unwrap();
    }
}

async fn lease(outbox: &EmbeddedOutbox, max_items: u32) -> Vec<Seq> {
    let ask = LeaseAsk { max_items, max_unsafe_items: max_items, max_bytes: 1 << 30, now: NOW };
    let lease = outbox.lease(LANE, ask).await.unwrap();
    lease.items.iter().map(|leased| leased.meta.seq).collect()
}

/// Everywhere something of the person: delivered, rejected, expired, unknown and waiting items,
/// in files that were used once and in files that were used again.
async fn fill(outbox: &EmbeddedOutbox) {
    for round in 0..3_u64 {
        append(outbox, round * 400..round * 400 + 400).await;
        while outbox.peek(LANE).ready > 100 {
            let items = lease(outbox, 50).await;
            outbox.settle(LANE, settlement(items, round)).await.unwrap();
        }
    }
}

fn settlement(items: Vec<Seq>, round: u64) -> Settlement {
    let at = NOW;
    match (items[0].0 / 50 + round) % 6 {
        0 => Settlement::Unknown { items, fault: fault(), at },
        1 => {
            let reason = ExpiryReason { hold: None, hint: String::new() };
            Settlement::Expired { items, reason, at }
        }
        2 => Settlement::Rejected { items: items.into_iter().map(|s| (s, fault())).collect(), at },
        _ => {
            let mut random = [0; 10];
            random[2..].copy_from_slice(&items[0].0.to_be_bytes());
            Settlement::Delivered(DeliveredBatch {
                batch: BatchId::from_parts(NOW, random),
                items,
                signed_with: SignedWith {
                    credential: CredentialId::new("shop").unwrap(),
                    version: VersionNo(1),
                    fingerprint: "0".repeat(16),
                },
                trace_id: None,
                at,
            })
        }
    }
}

async fn erase(outbox: &EmbeddedOutbox) -> Erased {
    let concerns = |_: LaneId, fragment: &[u8]| is_of_the_person(fragment[0]);
    let patience = Duration::ZERO;
    let erasure =
        Erasure { lanes: None, concerns: Arc::new(concerns), fault: fault(), at: NOW, patience };
    outbox.erase(erasure).await.unwrap()
}

/// The files of the log and of the ledger, whatever they are called.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in [dir.to_owned(), dir.join("outbox")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    files
}

/// Pieces of what items are encrypted to, wherever their records are: behind an item's id comes the
/// rest of its description, the group, and then the ciphertext.
fn ciphertexts(
    files: &[(String, Vec<u8>)],
    is_sought: impl Fn(u64) -> bool,
) -> BTreeSet<(String, [u8; 24])> {
    const DESCRIPTION: usize = 5 * 8 + 2 + 1 + 8 + 4;
    let mut found = BTreeSet::new();
    for (name, bytes) in files {
        // Ids have eight zeros in front; see `model::item`.
        for at in 0..bytes.len().saturating_sub(16) {
            if bytes[at..at + 8] != [0; 8] {
                continue;
            }
            let number = u64::from_be_bytes(bytes[at + 8..at + 16].try_into().unwrap());
            if !(1..1_200).contains(&number) || !is_sought(number) {
                continue;
            }
            let group_at = at + 16 + DESCRIPTION;
            let length = |at: usize| {
                let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
                Some(u32::from_le_bytes(bytes) as usize)
            };
            let Some(group) = length(group_at).filter(|length| *length < 16) else { continue };
            let content_at = group_at + 4 + group;
            if length(content_at).is_none_or(|length| !(700..800).contains(&length)) {
                continue;
            }
            if let Some(piece) = bytes.get(content_at + 4..content_at + 28) {
                let kind = name.rsplit('.').next().unwrap_or(name);
                found.insert((kind.to_owned(), piece.try_into().unwrap()));
            }
        }
    }
    found
}

fn has(files: &[(String, Vec<u8>)], piece: &[u8; 24]) -> Option<String> {
    let has = |bytes: &[u8]| bytes.windows(piece.len()).any(|window| window == piece);
    files.iter().find(|(_, bytes)| has(bytes)).map(|(name, _)| name.clone())
}

fn number_of(id: ItemId) -> u64 {
    u64::from_be_bytes(id.as_bytes()[8..].try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_person_is_left_in_any_file() {
    for is_reopened in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut outbox = open(dir.path());
        fill(&outbox).await;
        if is_reopened {
            // Of spares and rests that another process left, nothing is known. Each start begins a
            // segment, in a file that was one before, and leaves half of it as it was; too little
            // to be copied onward for the room alone.
            for round in 0..3 {
                outbox.close().await.unwrap();
                drop(outbox);
                outbox = open(dir.path());
                for number in (1_201..1_250).filter(|number| !is_of_the_person(*number as u8)) {
                    append(&outbox, number + 256 * round..number + 256 * round + 1).await;
                }
            }
        }
        let before = files(dir.path());
        let of_person = ciphertexts(&before, |number| is_of_the_person(number as u8));
        let kinds: BTreeSet<&str> = of_person.iter().map(|(kind, _)| kind.as_str()).collect();
        assert!(of_person.len() > 60 && kinds.len() > 1, "{} in {kinds:?}", of_person.len());
        let waiting = outbox.peek(LANE).ready;

        let erased = erase(&outbox).await;
        assert!(erased.is_off_disk && erased.waiting > 5 && erased.letters > 20, "{erased:?}");
        let after = files(dir.path());
        for (kind, piece) in &of_person {
            let left = has(&after, piece);
            assert_eq!(left, None, "a piece that was in a file of {kind}, reopened {is_reopened}");
        }

        // The others lost nothing.
        drop(outbox);
        let outbox = open(dir.path());
        let ask =
            LeaseAsk { max_items: 1_000, max_unsafe_items: 1_000, max_bytes: 1 << 30, now: NOW };
        let mut left = 0;
        loop {
            let lease = outbox.lease(LANE, ask).await.unwrap();
            if lease.items.is_empty() {
                break;
            }
            for leased in lease.items {
                let expected = vec![number_of(leased.item_id) as u8; 700];
                assert!(leased.fragment == expected && !is_of_the_person(expected[0]));
                left += 1;
            }
        }
        assert_eq!(left + erased.waiting, waiting);
        let page = DeadLetterPage { limit: 2_000, with_fragments: true, ..Default::default() };
        for letter in outbox.dead_letters(&page).await.unwrap() {
            let is_erased = is_of_the_person(number_of(letter.item_id) as u8);
            assert_eq!(letter.fragment.is_none(), is_erased, "{}", letter.item_id);
        }
        assert!(outbox.counts(LANE).await.unwrap().ledger.is_conserved());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backup_needs_goes_when_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Arc::new(open(dir.path()));
    let registry = Arc::new(EmbeddedRegistry::open(dir.path()).unwrap());
    let backups = Backups::new(outbox.clone(), registry, "00".repeat(8));
    append(&outbox, 1..200).await;
    let of_person = ciphertexts(&files(dir.path()), |number| is_of_the_person(number as u8));
    let backup = backups.begin(NOW).await.unwrap();
    let erased = erase(&outbox).await;
    assert!(!erased.is_off_disk && erased.waiting > 5, "{erased:?}");
    assert_eq!(outbox.peek(LANE).ready, 199 - erased.waiting, "that did not have to wait");
    let is_left = || {
        let files = files(dir.path());
        of_person.iter().any(|(_, piece)| has(&files, piece).is_some())
    };
    assert!(is_left(), "the backup would lack something");
    drop(backup);
    // It goes in the background; a look at the files takes longer than that.
    const MANY_LOOKS: u32 = 1_000;
    for _ in 0..MANY_LOOKS {
        if !is_left() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it is there still");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_does_not_fill_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path());
    append(&outbox, 1..400).await;
    let count = || std::fs::read_dir(dir.path().join("outbox")).unwrap().count();
    erase(&outbox).await;
    let before = count();
    for _ in 0..10 {
        let again = erase(&outbox).await;
        assert!(again.is_off_disk && again.waiting == 0, "{again:?}");
    }
    assert!(count() <= before, "{} files after {before}", count());
}
