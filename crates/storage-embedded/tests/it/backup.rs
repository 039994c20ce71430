//! Backups under load, each restored and held against what was promised before and after it.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use holdfast_model::credential::SignedWith;
use holdfast_model::id::{BatchId, CredentialId, ItemId, LaneId, Seq, VersionNo};
use holdfast_model::item::LeasedItem;
use holdfast_model::ledger::LedgerCounts;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{
    AuditEntry, Commit, DeadLetterPage, DeliveredBatch, LeaseAsk, Outbox as _, Registry as _,
    Settlement,
};
use holdfast_storage_embedded::backup::{Backup, BackupError, Backups, Staged, verify};
use holdfast_storage_embedded::{DataDir, EmbeddedOutbox, EmbeddedRegistry, OutboxSettings};
use tokio::sync::Semaphore;

use crate::outbox::model::{START as NOW, fault, item};
use crate::plain_keys::PlainKeys;

const LANES: [LaneId; 3] = [LaneId(1), LaneId(2), LaneId(3)];
const MASTER_KEY: &str = "0011223344556677";
/// Small, so that many begin and die while backups are taken.
const SEGMENT_BYTES: u64 = 64 << 10;

struct Rig {
    dir: tempfile::TempDir,
    outbox: Arc<EmbeddedOutbox>,
    registry: Arc<EmbeddedRegistry>,
    backups: Backups,
}

impl Rig {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = OutboxSettings {
            segment_bytes: SEGMENT_BYTES,
            max_bytes: 64 << 20,
            reserve_bytes: 1 << 20,
            ..OutboxSettings::in_dir(dir.path())
        };
        let outbox = Arc::new(EmbeddedOutbox::open(settings, Arc::new(PlainKeys), NOW).unwrap());
        let registry = Arc::new(EmbeddedRegistry::open(dir.path()).unwrap());
        let backups = Backups::new(outbox.clone(), registry.clone(), MASTER_KEY.to_owned());
        Self { dir, outbox, registry, backups }
    }

    async fn append(&self, first: u64, count: u64, lane: LaneId) {
        append(&self.outbox, first, count, lane).await;
    }

    async fn archive(&self) -> Vec<u8> {
        write(self.backups.begin(NOW).await.unwrap()).await
    }

    /// Names of the log's segments on the disk.
    fn segments(&self) -> BTreeSet<String> {
        let names = std::fs::read_dir(self.dir.path().join("outbox")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".seg")).collect()
    }
}

async fn append(outbox: &EmbeddedOutbox, first: u64, count: u64, lane: LaneId) {
    let items = (first..first + count).map(|number| item(number, lane, 300)).collect();
    outbox.append(Commit { items, idempotency: None, at: NOW }).await.unwrap();
}

async fn write(backup: Backup) -> Vec<u8> {
    let bytes = backup.bytes();
    let write = move || {
        let mut archive = Vec::new();
        backup.write(&mut archive).unwrap();
        archive
    };
    let archive = tokio::task::spawn_blocking(write).await.unwrap();
    assert_eq!(archive.len() as u64, bytes, "as it was announced");
    archive
}

/// A restored outbox and registry, open.
async fn restored(archive: &[u8], target: &Path) -> (EmbeddedOutbox, EmbeddedRegistry, u64) {
    let staged = Staged::unpack(archive, target, MASTER_KEY).unwrap();
    let restored = staged.begin_epoch(Arc::new(PlainKeys), "somebody", NOW).await.unwrap();
    staged.publish().unwrap();
    let outbox = EmbeddedOutbox::open(OutboxSettings::in_dir(target), Arc::new(PlainKeys), NOW);
    (outbox.unwrap(), EmbeddedRegistry::open(target).unwrap(), restored.waiting)
}

async fn lease_all(outbox: &EmbeddedOutbox, lane: LaneId) -> Vec<LeasedItem> {
    let mut all = Vec::new();
    loop {
        let ask =
            LeaseAsk { max_items: 1_000, max_unsafe_items: 1_000, max_bytes: u32::MAX, now: NOW };
        let lease = outbox.lease(lane, ask).await.unwrap();
        if lease.items.is_empty() {
            return all;
        }
        all.extend(lease.items);
    }
}

/// What a client of the outbox has been promised: read before and after a backup began.
#[derive(Default, Clone)]
struct Books {
    begun: BTreeSet<ItemId>,
    accepted: BTreeSet<ItemId>,
    leaving: BTreeSet<ItemId>,
    left: BTreeSet<ItemId>,
}

/// How much work there is between two backups.
const ROUNDS: usize = 60;

/// Appends, delivers, rejects and puts back, a round for each permit.
async fn work(
    outbox: Arc<EmbeddedOutbox>,
    books: Arc<Mutex<Books>>,
    permits: Arc<Semaphore>,
    worker: u64,
) {
    let lane = LANES[worker as usize];
    let mut round = 0;
    while let Ok(permit) = permits.acquire().await {
        permit.forget();
        round += 1;
        let first = worker * 100_000_000 + round * 100;
        let ids: Vec<ItemId> = (first..first + 20).map(|n| item(n, lane, 1).item_id).collect();
        books.lock().unwrap().begun.extend(&ids);
        append(&outbox, first, 20, lane).await;
        books.lock().unwrap().accepted.extend(&ids);
        let ask = LeaseAsk { max_items: 25, max_unsafe_items: 25, max_bytes: u32::MAX, now: NOW };
        let leased = outbox.lease(lane, ask).await.unwrap().items;
        let seqs: Vec<Seq> = leased.iter().map(|item| item.meta.seq).collect();
        let leaving: Vec<ItemId> = leased.iter().map(|item| item.item_id).collect();
        outbox.record_intent(lane, &seqs).await.unwrap();
        books.lock().unwrap().leaving.extend(&leaving);
        if round % 3 != 0 {
            outbox.settle(lane, delivered(seqs, first)).await.unwrap();
            books.lock().unwrap().left.extend(&leaving);
            continue;
        }
        let items = seqs.into_iter().map(|seq| (seq, fault())).collect();
        outbox.settle(lane, Settlement::Rejected { items, at: NOW }).await.unwrap();
        // Half of them wait again, and leave again later.
        let (put_back, left) = leaving.split_at(leaving.len() / 2);
        outbox.replay(put_back, NOW).await.unwrap();
        books.lock().unwrap().left.extend(left);
    }
}

fn delivered(seqs: Vec<Seq>, number: u64) -> Settlement {
    let mut id = [0; 10];
    id[..8].copy_from_slice(&number.to_le_bytes());
    Settlement::Delivered(DeliveredBatch {
        batch: BatchId::from_parts(NOW, id),
        items: seqs,
        signed_with: SignedWith {
            credential: CredentialId::new("shop").unwrap(),
            version: VersionNo(1),
            fingerprint: "0".repeat(16),
        },
        trace_id: None,
        at: NOW,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_holds_what_was_promised_and_nothing_twice() {
    let rig = Rig::open();
    let (books, permits) = (Arc::<Mutex<Books>>::default(), Arc::new(Semaphore::new(0)));
    let workers: Vec<_> = (0..LANES.len() as u64)
        .map(|n| tokio::spawn(work(rig.outbox.clone(), books.clone(), permits.clone(), n)))
        .collect();
    let mut numbers = BTreeSet::new();
    for round in 0..8 {
        permits.add_permits(ROUNDS);
        while permits.available_permits() > ROUNDS / 2 {
            tokio::task::yield_now().await;
        }
        let before = books.lock().unwrap().clone();
        let backup = rig.backups.begin(NOW).await.unwrap();
        let after = books.lock().unwrap().clone();
        numbers.extend(backup.head().parts.iter().map(|part| part.name.clone()));
        let archive = write(backup).await;
        verify(archive.as_slice()).unwrap();
        check(&archive, &rig.dir.path().join(format!("restored-{round}")), &before, &after).await;
    }
    permits.close();
    for worker in workers {
        worker.await.unwrap();
    }
    assert!(numbers.len() > 20, "segments began and died meanwhile: {numbers:?}");
}

async fn check(archive: &[u8], target: &Path, before: &Books, after: &Books) {
    let (outbox, _, told) = restored(archive, target).await;
    let mut waiting = BTreeSet::new();
    let mut sum = LedgerCounts::default();
    for lane in LANES {
        let counts = outbox.counts(lane).await.unwrap().ledger;
        assert!(counts.is_conserved(), "{counts:?}");
        let leased = lease_all(&outbox, lane).await;
        assert_eq!(leased.len() as u64, counts.queued);
        for item in leased {
            assert!(item.meta.intent_recorded, "each may have arrived since");
            assert!(waiting.insert(item.item_id), "twice");
        }
        sum += counts;
    }
    assert_eq!(waiting.len() as u64, told);
    let accepted = sum.accepted as usize;
    assert!((before.accepted.len()..=after.begun.len()).contains(&accepted), "{accepted}");
    assert!(waiting.is_subset(&after.begun));
    assert!(waiting.is_disjoint(&before.left), "what had left does not come back");
    let gone: BTreeSet<ItemId> = before.accepted.difference(&waiting).copied().collect();
    assert!(gone.is_subset(&after.leaving), "nothing is lost");
    let page = DeadLetterPage { limit: u32::MAX, ..DeadLetterPage::default() };
    let letters = outbox.dead_letters(&page).await.unwrap();
    assert_eq!(letters.len() as u64, sum.rejected);
    assert!(letters.iter().all(|letter| !waiting.contains(&letter.item_id)), "in two places");
}

#[tokio::test]
async fn what_is_restored_works_on_and_knows_that_it_was() {
    let rig = Rig::open();
    rig.append(1, 50, LANES[0]).await;
    let entry = |action: &str| AuditEntry {
        at: NOW,
        actor: "somebody".to_owned(),
        action: action.to_owned(),
        subject: "all".to_owned(),
        detail: String::new(),
    };
    rig.registry.append_audit(&entry("before")).await.unwrap();
    let archive = rig.archive().await;
    rig.registry.append_audit(&entry("after")).await.unwrap();
    rig.append(100, 7, LANES[0]).await;

    let target = rig.dir.path().join("restored");
    let (outbox, registry, waiting) = restored(&archive, &target).await;
    assert_eq!((waiting, registry.epoch().await.unwrap()), (50, 1));
    let audit = registry.audit(10).await.unwrap();
    let actions: Vec<&str> = audit.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["restore", "before"]);
    assert!(audit[0].detail.contains("50 waiting items"), "{}", audit[0].detail);
    registry.verify_audit().await.unwrap();
    append(&outbox, 200, 5, LANES[0]).await;
    let leased = lease_all(&outbox, LANES[0]).await;
    let in_doubt = leased.iter().filter(|item| item.meta.intent_recorded).count();
    assert_eq!((leased.len(), in_doubt), (55, 50), "what is new is not in doubt");
    outbox.close().await.unwrap();
    drop((outbox, registry));

    // A backup of it, restored, is another epoch. The doubt survives restarts.
    let settings = OutboxSettings::in_dir(&target);
    let outbox = Arc::new(EmbeddedOutbox::open(settings, Arc::new(PlainKeys), NOW).unwrap());
    let registry = Arc::new(EmbeddedRegistry::open(&target).unwrap());
    let again = Backups::new(outbox.clone(), registry, MASTER_KEY.to_owned());
    let archive = write(again.begin(NOW).await.unwrap()).await;
    assert_eq!(verify(archive.as_slice()).unwrap().epoch, 1);
    let (outbox, registry, waiting) = restored(&archive, &rig.dir.path().join("again")).await;
    assert_eq!((waiting, registry.epoch().await.unwrap()), (55, 2));
    let leased = lease_all(&outbox, LANES[0]).await;
    assert!(leased.len() == 55 && leased.iter().all(|item| item.meta.intent_recorded));
}

#[tokio::test]
async fn segments_that_die_meanwhile_keep_their_files_until_they_are_copied() {
    let rig = Rig::open();
    for round in 0..20 {
        rig.append(round * 100 + 1, 50, LANES[0]).await;
    }
    let backup = rig.backups.begin(NOW).await.unwrap();
    let needed = rig.segments();
    assert!(needed.len() > 3, "{needed:?}");
    let settle_all = async {
        let leased = lease_all(&rig.outbox, LANES[0]).await;
        let seqs = leased.iter().map(|item| item.meta.seq).collect();
        rig.outbox.settle(LANES[0], delivered(seqs, 1)).await.unwrap();
    };
    settle_all.await;
    rig.append(5_000, 50, LANES[0]).await;
    assert!(rig.segments().is_superset(&needed));
    let archive = write(backup).await;
    let (outbox, ..) = restored(&archive, &rig.dir.path().join("restored")).await;
    assert_eq!(lease_all(&outbox, LANES[0]).await.len(), 1_000);
    // Then they go.
    for _ in 0..500 {
        if rig.segments().is_disjoint(&needed) || rig.segments().len() <= 2 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("still there: {:?}", rig.segments());
}

#[tokio::test]
async fn a_backup_that_is_given_up_holds_nothing_back() {
    let rig = Rig::open();
    rig.append(1, 50, LANES[0]).await;
    let first = rig.backups.begin(NOW).await.unwrap();
    assert!(matches!(rig.backups.begin(NOW).await.err(), Some(BackupError::AnotherBackup)));
    drop(first);
    let second = rig.backups.begin(NOW).await.unwrap();

    struct Refuses(usize);
    impl Write for Refuses {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let refused = tokio::task::spawn_blocking(move || second.write(Refuses(5_000))).await.unwrap();
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    assert!(!rig.dir.path().join("backup.tmp").exists());
    verify(rig.archive().await.as_slice()).unwrap();
}

#[tokio::test]
async fn a_restore_that_fails_leaves_nothing() {
    let rig = Rig::open();
    rig.append(1, 50, LANES[0]).await;
    let archive = rig.archive().await;
    let beside = tempfile::tempdir().unwrap();
    let target = beside.path().join("data");
    let is_untouched = || std::fs::read_dir(beside.path()).unwrap().next().is_none();

    let other = Staged::unpack(archive.as_slice(), &target, "ffeeddccbbaa9988").err().unwrap();
    assert!(matches!(other, BackupError::OtherKey { .. }), "{other}");
    assert!(is_untouched());
    for end in [archive.len() / 3, archive.len() - 1] {
        let cut = Staged::unpack(&archive[..end], &target, MASTER_KEY).err().unwrap();
        assert!(matches!(cut, BackupError::CutShort { .. }), "{cut}");
        assert!(is_untouched());
    }
    let mut damaged = archive.clone();
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    let damaged = Staged::unpack(damaged.as_slice(), &target, MASTER_KEY).err().unwrap();
    assert!(matches!(damaged, BackupError::Damaged { .. }), "{damaged}");
    assert!(is_untouched());
    drop(Staged::unpack(archive.as_slice(), &target, MASTER_KEY).unwrap());
    assert!(is_untouched(), "given up before it was published");

    std::fs::create_dir(&target).unwrap();
    std::fs::write(target.join("something"), b"of somebody").unwrap();
    let taken = Staged::unpack(archive.as_slice(), &target, MASTER_KEY).err().unwrap();
    assert!(matches!(taken, BackupError::NotEmpty(_)), "{taken}");
    assert_eq!(std::fs::read(target.join("something")).unwrap(), b"of somebody");
}

/// As if the process had been killed: nothing is cleaned up.
#[tokio::test]
async fn what_an_interrupted_restore_left_is_no_data_directory_and_in_nobodys_way() {
    let rig = Rig::open();
    rig.append(1, 50, LANES[0]).await;
    let archive = rig.archive().await;
    let beside = tempfile::tempdir().unwrap();
    let target = beside.path().join("data");
    let staged = Staged::unpack(archive.as_slice(), &target, MASTER_KEY).unwrap();
    let left = staged.dir().to_owned();
    let copy = beside.path().join("copy");
    copy_dir(&left, &copy);
    let again = Staged::unpack(archive.as_slice(), &target, MASTER_KEY).err().unwrap();
    assert!(matches!(again, BackupError::UnderWay(_)), "{again}");
    drop(staged);
    std::fs::rename(&copy, &left).unwrap();
    assert!(DataDir::lock(&left).unwrap_err().to_string().contains("not finished"));

    let (outbox, ..) = restored(&archive, &target).await;
    assert_eq!(lease_all(&outbox, LANES[0]).await.len(), 50);
    DataDir::lock(&target).unwrap();
    assert!(!left.exists());
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy_dir(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

#[tokio::test]
async fn damage_anywhere_in_a_real_one_is_found() {
    let rig = Rig::open();
    rig.append(1, 20, LANES[0]).await;
    let archive = rig.archive().await;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..200 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut damaged = archive.clone();
        let at = random as usize % damaged.len();
        damaged[at] ^= 1 << (random >> 61);
        assert!(verify(damaged.as_slice()).is_err(), "byte {at}");
        assert!(verify(archive.as_slice().take(at as u64)).is_err(), "cut at {at}");
    }
    let _: UnixMillis = verify(archive.as_slice()).unwrap().taken_at;
}
