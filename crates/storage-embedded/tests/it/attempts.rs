//! What is known of attempts outlives the process and its machine: on a disk that loses what was
//! not synced, against a model of what must be known and what may not be.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_model::credential::SignedWith;
use holdfast_model::id::{BatchId, CredentialId, ItemId, LaneId, Seq, VersionNo};
use holdfast_model::time::{DAY_S, UnixMillis};
use holdfast_storage::{
    Appended, Commit, DeliveredBatch, LeaseAsk, Outbox, Settlement, StorageError,
};
use holdfast_storage_embedded::{EmbeddedOutbox, OutboxSettings};

use crate::outbox::model::{START as NOW, item};
use crate::plain_keys::PlainKeys;
use crate::sim_disk::SimDisk;

const LANE: LaneId = LaneId(1);
const BUSY: LaneId = LaneId(2);

/// What a lease may say of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Never,
    MayHaveArrived,
    /// It was taken back, but a crash may have come before that was durable.
    Perhaps,
}

struct Rig {
    seed: u64,
    random: u64,
    disk: SimDisk,
    dir: tempfile::TempDir,
    outbox: Option<EmbeddedOutbox>,
    now: UnixMillis,
    made: u64,
    waiting: BTreeMap<ItemId, Known>,
    leased: BTreeMap<Seq, ItemId>,
}

impl Rig {
    fn new(seed: u64) -> Self {
        let mut rig = Self {
            seed,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            disk: SimDisk::new(seed),
            dir: tempfile::tempdir().unwrap(),
            outbox: None,
            now: NOW,
            made: 0,
            waiting: BTreeMap::new(),
            leased: BTreeMap::new(),
        };
        rig.open();
        rig
    }

    fn open(&mut self) {
        let settings = OutboxSettings {
            max_bytes: 4 << 20,
            reserve_bytes: 1 << 20,
            segment_bytes: 64 << 10,
            ..OutboxSettings::in_dir(self.dir.path())
        };
        let disk = Arc::new(self.disk.clone());
        let opened = EmbeddedOutbox::open_on(settings, disk, Arc::new(PlainKeys), self.now);
        self.outbox = Some(opened.unwrap_or_else(|e| panic!("seed {}: open: {e}", self.seed)));
        self.leased.clear();
    }

    fn outbox(&self) -> &EmbeddedOutbox {
        self.outbox.as_ref().unwrap()
    }

    fn toss(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    async fn append(&mut self, lane: LaneId, count: u64, bytes: usize) -> Vec<ItemId> {
        let items: Vec<_> = (0..count)
            .map(|_| {
                self.made += 1;
                let mut new = item(self.made, lane, bytes);
                // One group and always deduplicated: leases are as large as they are asked for.
                new.admitted.group = Default::default();
                new.admitted.dedup_until = Some(NOW.to_seconds().plus_seconds(30 * DAY_S));
                new
            })
            .collect();
        let ids: Vec<ItemId> = items.iter().map(|item| item.item_id).collect();
        let appended =
            self.outbox().append(Commit { items, idempotency: None, at: self.now }).await.unwrap();
        assert!(matches!(appended, Appended::Stored { .. }));
        if lane == LANE {
            self.waiting.extend(ids.iter().map(|id| (*id, Known::Never)));
        }
        ids
    }

    /// Leases some items and holds what is said of them against the model.
    async fn lease(&mut self, most: u32) -> Vec<Seq> {
        let now = self.now;
        let ask = LeaseAsk { max_items: most, max_unsafe_items: most, max_bytes: 1 << 20, now };
        let lease = self.outbox().lease(LANE, ask).await.unwrap();
        for leased in &lease.items {
            let said = leased.meta.intent_recorded;
            match self.waiting[&leased.item_id] {
                Known::Never => assert!(!said, "seed {}: never attempted", self.seed),
                Known::MayHaveArrived => assert!(said, "seed {}: forgotten", self.seed),
                Known::Perhaps => {
                    let known = if said { Known::MayHaveArrived } else { Known::Never };
                    self.waiting.insert(leased.item_id, known);
                }
            }
            self.leased.insert(leased.meta.seq, leased.item_id);
        }
        lease.items.iter().map(|leased| leased.meta.seq).collect()
    }

    fn some_leased(&mut self) -> Vec<Seq> {
        let seqs: Vec<Seq> = self.leased.keys().copied().collect();
        seqs.into_iter().filter(|_| self.toss(3) > 0).collect()
    }

    fn now_known(&mut self, seqs: &[Seq], known: Known) {
        for seq in seqs {
            self.waiting.insert(self.leased[seq], known);
        }
    }

    async fn record(&mut self) {
        let seqs = self.some_leased();
        self.outbox().record_intent(LANE, &seqs).await.unwrap();
        self.now_known(&seqs, Known::MayHaveArrived);
    }

    fn withdraw(&mut self) {
        let seqs = self.some_leased();
        self.outbox().withdraw_intent(LANE, &seqs);
        self.now_known(&seqs, Known::Never);
    }

    async fn release(&mut self) {
        let seqs = self.some_leased();
        self.outbox().release(LANE, &seqs, None).await.unwrap();
        self.leased.retain(|seq, _| !seqs.contains(seq));
    }

    async fn deliver(&mut self, lane: LaneId, items: Vec<Seq>) {
        self.made += 1;
        let random = self.made.to_be_bytes().repeat(2)[..10].try_into().unwrap();
        let batch = DeliveredBatch {
            batch: BatchId::from_parts(self.now, random),
            items,
            signed_with: SignedWith {
                credential: CredentialId::new("shop").unwrap(),
                version: VersionNo(1),
                fingerprint: "0".repeat(16),
            },
            trace_id: None,
            at: self.now,
        };
        self.outbox().settle(lane, Settlement::Delivered(batch)).await.unwrap();
    }

    async fn settle(&mut self) {
        let seqs = self.some_leased();
        self.deliver(LANE, seqs.clone()).await;
        for seq in seqs {
            let id = self.leased.remove(&seq).unwrap();
            self.waiting.remove(&id);
        }
    }

    /// Another lane fills segments and delivers what is in them: the log moves on.
    async fn traffic(&mut self) {
        self.append(BUSY, 12, 2_000).await;
        let now = self.now;
        let ask = LeaseAsk { max_items: 100, max_unsafe_items: 100, max_bytes: 1 << 20, now };
        let lease = self.outbox().lease(BUSY, ask).await.unwrap();
        let seqs = lease.items.iter().map(|leased| leased.meta.seq).collect();
        self.deliver(BUSY, seqs).await;
    }

    /// The model says what was withdrawn is unmarked; after a power loss that is not certain.
    fn lose_power(&mut self, withdrawn_since_sync: &[ItemId]) {
        self.disk.power_off();
        self.outbox = None;
        self.disk.power_on();
        for id in withdrawn_since_sync {
            if let Some(known) = self.waiting.get_mut(id).filter(|known| **known == Known::Never) {
                *known = Known::Perhaps;
            }
        }
        self.open();
    }

    async fn restart(&mut self) {
        self.outbox().close().await.unwrap();
        self.outbox = None;
        self.open();
    }

    async fn lease_all(&mut self) -> Vec<Seq> {
        let mut all = Vec::new();
        loop {
            let seqs = self.lease(50).await;
            if seqs.is_empty() {
                return all;
            }
            all.extend(seqs);
        }
    }
}

async fn run(seed: u64) {
    let mut rig = Rig::new(seed);
    let mut withdrawn: Vec<ItemId> = Vec::new();
    for _ in 0..150 {
        match rig.toss(14) {
            0 | 1 => drop(rig.append(LANE, 5, 300).await),
            2..=4 => drop(rig.lease(7).await),
            5 | 6 => rig.record().await,
            7 => {
                let before = rig.waiting.clone();
                rig.withdraw();
                let changed = rig.waiting.iter().filter(|(id, known)| before[*id] != **known);
                withdrawn.extend(changed.map(|(id, _)| *id));
            }
            8 => rig.release().await,
            9 => rig.settle().await,
            10 | 11 => rig.traffic().await,
            12 => {
                rig.lose_power(&withdrawn);
                withdrawn.clear();
            }
            _ => {
                rig.restart().await;
                withdrawn.clear();
            }
        }
    }
    rig.restart().await;
    let left = rig.waiting.len();
    assert_eq!(rig.lease_all().await.len(), left, "seed {seed}: everything else still waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_arrived_is_known_after_any_crash() {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = read("HOLDFAST_SEED") {
        return run(seed).await;
    }
    for seed in 0..read("HOLDFAST_SEEDS").unwrap_or(40) {
        run(seed).await;
    }
}

/// A hold of a week: the items wait, the log moves on through many segments, the marks stay right.
#[tokio::test(flavor = "multi_thread")]
async fn marks_outlive_the_segments_they_were_written_in() {
    let mut rig = Rig::new(5);
    rig.append(LANE, 30, 300).await;
    let seqs = rig.lease(30).await;
    let (sent, refused) = (seqs[..20].to_vec(), seqs[5..15].to_vec());
    rig.outbox().record_intent(LANE, &sent).await.unwrap();
    rig.now_known(&sent, Known::MayHaveArrived);
    for _ in 0..8 {
        rig.traffic().await;
    }
    rig.outbox().withdraw_intent(LANE, &refused);
    rig.now_known(&refused, Known::Never);
    for round in 0..40 {
        rig.traffic().await;
        if round % 10 == 9 {
            rig.restart().await;
        }
    }
    rig.lose_power(&[]);
    assert_eq!(rig.lease_all().await.len(), 30);
    assert!(rig.disk.files() < 20, "{} files are left", rig.disk.files());
}

/// The promise: after a clear refusal, a restart and days of hold, nothing is in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn a_clear_refusal_outlives_a_restart_and_three_days() {
    let mut rig = Rig::new(6);
    rig.append(LANE, 100, 60).await;
    let seqs = rig.lease(100).await;
    rig.outbox().record_intent(LANE, &seqs).await.unwrap();
    rig.outbox().withdraw_intent(LANE, &seqs);
    rig.outbox().release(LANE, &seqs, None).await.unwrap();
    rig.restart().await;
    rig.now = NOW.plus_millis(3 * DAY_S * 1_000);
    // The model still has them as never attempted; the lease is held against it.
    assert_eq!(rig.lease_all().await.len(), 100);
}

/// A write that fails must not leave the impression that the intent is on the disk.
#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_could_not_be_written_is_no_intent() {
    let mut rig = Rig::new(7);
    rig.append(LANE, 3, 300).await;
    let seqs = rig.lease(3).await;
    rig.disk.power_off();
    for _ in 0..2 {
        let recorded = rig.outbox().record_intent(LANE, &seqs).await;
        assert!(matches!(recorded, Err(StorageError::Io { .. } | StorageError::Closed)));
    }
    rig.outbox = None;
    rig.disk.power_on();
    // Of a frame whose sync failed, anything may have survived.
    rig.now_known(&seqs, Known::Perhaps);
    rig.open();
    assert_eq!(rig.lease_all().await.len(), 3);
}
