//! The outbox on a disk that loses what was not synced, against a small model.
//!
//! `HOLDFAST_SEEDS=10000 cargo test -p holdfast-storage-embedded model` runs as many seeds as you
//! like, `HOLDFAST_SEED=17` one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_model::credential::SignedWith;
use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::{BatchId, CredentialId, ItemId, LaneId, Seq, VersionNo};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{
    AppendError, Appended, Commit, DeliveredBatch, ExpiryReason, Idempotency, IdempotencyKey,
    LeaseAsk, NewItem, Outbox, Settlement, StorageError,
};
use holdfast_storage_embedded::{DataKeys, EmbeddedOutbox, OutboxSettings};
use zeroize::Zeroizing;

use crate::sim_disk::SimDisk;

pub const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const LANES: [LaneId; 2] = [LaneId(1), LaneId(2)];

/// "Wraps" a key by storing it. The outbox must only give back what it was given.
pub struct PlainKeys;

impl DataKeys for PlainKeys {
    fn new_key(&self) -> Result<(Zeroizing<[u8; 32]>, Vec<u8>), StorageError> {
        Ok((Zeroizing::new([7; 32]), vec![7; 32]))
    }

    fn unwrap_key(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StorageError> {
        let key: [u8; 32] = wrapped.try_into().map_err(|_| StorageError::Closed)?;
        Ok(Zeroizing::new(key))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Queued,
    Delivered,
    Rejected,
    Expired,
    Unknown,
}

struct Known {
    lane: LaneId,
    place: Place,
    fragment: Vec<u8>,
}

struct Model {
    seed: u64,
    random: u64,
    disk: SimDisk,
    dir: tempfile::TempDir,
    outbox: Option<EmbeddedOutbox>,
    /// Everything that was acknowledged.
    items: BTreeMap<ItemId, Known>,
    leased: BTreeMap<Seq, ItemId>,
    made: u64,
    receipts: BTreeMap<String, Vec<u8>>,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut model = Self {
            seed,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            disk: SimDisk::new(seed),
            dir: tempfile::tempdir().unwrap(),
            outbox: None,
            items: BTreeMap::new(),
            leased: BTreeMap::new(),
            made: 0,
            receipts: BTreeMap::new(),
        };
        model.open();
        model
    }

    fn open(&mut self) {
        let settings = OutboxSettings {
            max_bytes: 4 << 20,
            reserve_bytes: 1 << 20,
            segment_bytes: 64 << 10,
            ..OutboxSettings::in_dir(self.dir.path())
        };
        let disk = Arc::new(self.disk.clone());
        let opened = EmbeddedOutbox::open_on(settings, disk, Arc::new(PlainKeys), NOW);
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

    async fn append(&mut self) {
        let count = 1 + self.toss(6);
        let mut items = Vec::new();
        for _ in 0..count {
            self.made += 1;
            let lane = LANES[self.toss(2) as usize];
            let bytes = 20 + self.toss(900) as usize;
            items.push(item(self.made, lane, bytes));
        }
        let wanted: Vec<(ItemId, LaneId, Vec<u8>)> =
            items.iter().map(|i| (i.item_id, i.lane, i.admitted.fragment.clone())).collect();
        let key = (self.toss(3) == 0).then(|| format!("key-{}", self.made));
        let idempotency = key.clone().map(|key| Idempotency {
            receipt: format!("receipt of {key}").into_bytes(),
            key: IdempotencyKey(key),
            body_sha256: [1; 32],
        });
        match self.outbox().append(Commit { items, idempotency, at: NOW }).await {
            Ok(Appended::Stored { .. }) => {
                for (id, lane, fragment) in wanted {
                    self.items.insert(id, Known { lane, place: Place::Queued, fragment });
                }
                if let Some(key) = key {
                    self.receipts.insert(key.clone(), format!("receipt of {key}").into_bytes());
                }
            }
            Ok(Appended::Repeated(_)) => panic!("seed {}: a new key was known", self.seed),
            Err(AppendError::DiskFull) => {}
            Err(error) => panic!("seed {}: append: {error}", self.seed),
        }
    }

    async fn lease(&mut self) {
        let lane = LANES[self.toss(2) as usize];
        let ask = LeaseAsk {
            max_items: 1 + self.toss(12) as u32,
            max_unsafe_items: 3,
            max_bytes: 1 << 20,
            now: NOW,
        };
        let lease = self.outbox().lease(lane, ask).await.unwrap();
        for leased in lease.items {
            let known = self.items.get(&leased.item_id);
            let known = known.unwrap_or_else(|| panic!("seed {}: unacknowledged item", self.seed));
            assert_eq!(known.place, Place::Queued, "seed {}: handed out again", self.seed);
            assert_eq!(known.lane, lane, "seed {}", self.seed);
            assert_eq!(known.fragment, leased.fragment, "seed {}: another fragment", self.seed);
            let twice = self.leased.insert(leased.meta.seq, leased.item_id);
            assert!(twice.is_none(), "seed {}: leased twice", self.seed);
        }
    }

    async fn settle(&mut self) {
        let lane = LANES[self.toss(2) as usize];
        let mine: Vec<(Seq, ItemId)> = self
            .leased
            .iter()
            .filter(|(_, id)| self.items[*id].lane == lane)
            .map(|(seq, id)| (*seq, *id))
            .collect();
        if mine.is_empty() {
            return;
        }
        let seqs: Vec<Seq> = mine.iter().map(|(seq, _)| *seq).collect();
        let (settlement, place) = match self.toss(6) {
            0 => {
                self.outbox().release(lane, &seqs, None).await.unwrap();
                self.leased.retain(|seq, _| !seqs.contains(seq));
                return;
            }
            1 => {
                let items = seqs.iter().map(|seq| (*seq, fault())).collect();
                (Settlement::Rejected { items, at: NOW }, Place::Rejected)
            }
            2 => {
                let reason = ExpiryReason { hold: None, hint: String::new() };
                (Settlement::Expired { items: seqs.clone(), reason, at: NOW }, Place::Expired)
            }
            3 => {
                self.outbox().record_intent(lane, &seqs).await.unwrap();
                let fault = fault();
                (Settlement::Unknown { items: seqs.clone(), fault, at: NOW }, Place::Unknown)
            }
            _ => (Settlement::Delivered(self.batch(seqs.clone())), Place::Delivered),
        };
        self.outbox().settle(lane, settlement.clone()).await.unwrap();
        // Settling again changes nothing.
        self.outbox().settle(lane, settlement).await.unwrap();
        for (seq, id) in mine {
            self.leased.remove(&seq);
            self.items.get_mut(&id).unwrap().place = place;
        }
    }

    fn batch(&mut self, items: Vec<Seq>) -> DeliveredBatch {
        self.made += 1;
        DeliveredBatch {
            batch: BatchId::from_parts(
                NOW,
                self.made.to_be_bytes()[..].repeat(2)[..10].try_into().unwrap(),
            ),
            items,
            signed_with: SignedWith {
                credential: CredentialId::new("shop").unwrap(),
                version: VersionNo(1),
                fingerprint: "0".repeat(16),
            },
            trace_id: None,
            at: NOW,
        }
    }

    async fn replay(&mut self) {
        let left: Vec<ItemId> = self
            .items
            .iter()
            .filter(|(_, known)| matches!(known.place, Place::Rejected | Place::Expired))
            .map(|(id, _)| *id)
            .take(3)
            .collect();
        match self.outbox().replay(&left, NOW).await {
            Ok(replayed) => {
                assert_eq!(replayed.len(), left.len(), "seed {}", self.seed);
                for id in replayed {
                    self.items.get_mut(&id).unwrap().place = Place::Queued;
                }
            }
            Err(error) => panic!("seed {}: replay: {error}", self.seed),
        }
    }

    /// Power loss: what was not synced is partly lost, leases are gone.
    fn crash(&mut self) {
        self.disk.power_off();
        self.outbox = None;
        self.disk.power_on();
        self.open();
    }

    async fn check(&self) {
        for lane in LANES {
            let counts = self.outbox().counts(lane).await.unwrap().ledger;
            let of = |place| {
                let all = self.items.values();
                all.filter(|known| known.lane == lane && known.place == place).count() as u64
            };
            let of_accepted = self.items.values().filter(|known| known.lane == lane).count() as u64;
            assert_eq!(counts.accepted, of_accepted, "seed {}: accepted {counts:?}", self.seed);
            assert_eq!(counts.queued, of(Place::Queued), "seed {}: queued", self.seed);
            assert_eq!(counts.delivered, of(Place::Delivered), "seed {}: delivered", self.seed);
            assert_eq!(counts.rejected, of(Place::Rejected), "seed {}: rejected", self.seed);
            assert_eq!(counts.expired, of(Place::Expired), "seed {}: expired", self.seed);
            assert_eq!(counts.unknown, of(Place::Unknown), "seed {}: unknown", self.seed);
            assert!(counts.is_conserved(), "seed {}: {counts:?}", self.seed);
        }
        for (key, receipt) in &self.receipts {
            let key = IdempotencyKey(key.clone());
            let remembered = self.outbox().remembered(&key).await.unwrap();
            let remembered =
                remembered.unwrap_or_else(|| panic!("seed {}: forgot a key", self.seed));
            assert_eq!(remembered.receipt, *receipt, "seed {}", self.seed);
        }
    }
}

pub fn item(number: u64, lane: LaneId, bytes: usize) -> NewItem {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    NewItem {
        item_id: ItemId::from_bytes(id),
        lane,
        admitted: Admitted {
            fragment: vec![number as u8; bytes],
            event_id: format!("event-{number}"),
            event_name: "Purchase".to_owned(),
            event_time: UnixSeconds(NOW.to_seconds().0 - 60),
            expires_at: UnixSeconds(NOW.to_seconds().0 + 600_000),
            dedup_until: (!number.is_multiple_of(5))
                .then_some(UnixSeconds(NOW.to_seconds().0 + 100_000)),
            group: BatchGroup(if number.is_multiple_of(7) {
                "{\"a\":1}".to_owned()
            } else {
                String::new()
            }),
            profile: ProfileStamp::META_DOCS_1,
            warnings: Vec::new(),
        },
        not_before: None,
    }
}

fn fault() -> Fault {
    Fault {
        name: "meta.event_refused".to_owned(),
        class: FaultClass::Payload,
        action: FaultAction::DeadLetter,
        selectors: Vec::new(),
        code: None,
        summary: "refused".to_owned(),
        remedy: String::new(),
        platform_message: "words".to_owned(),
        trace_id: None,
    }
}

async fn run(seed: u64) {
    let mut model = Model::new(seed);
    for _ in 0..120 {
        let op = model.toss(12);
        match op {
            0..=4 => model.append().await,
            5..=7 => model.lease().await,
            8 | 9 => model.settle().await,
            10 => model.replay().await,
            _ => model.crash(),
        }
        model.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_agrees_for_many_seeds() {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = read("HOLDFAST_SEED") {
        return run(seed).await;
    }
    for seed in 0..read("HOLDFAST_SEEDS").unwrap_or(40) {
        run(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_lane_does_not_pin_the_disk_of_a_flowing_one() {
    let mut model = Model::new(1);
    let held: Vec<NewItem> = (0..20).map(|n| item(1_000_000 + n, LANES[1], 200)).collect();
    let mut last = BTreeSet::new();
    for one in held {
        last.insert(one.item_id);
        let commit = Commit { items: vec![one], idempotency: None, at: NOW };
        model.outbox().append(commit).await.unwrap();
        // Between two held items, more than a segment flows through the other lane.
        for n in 0..90 {
            model.made += 1;
            let flowing = item(model.made, LANES[0], 900 - n);
            let commit = Commit { items: vec![flowing], idempotency: None, at: NOW };
            loop {
                let commit = Commit {
                    items: commit.items.iter().map(copy).collect(),
                    ..commit_like(&commit)
                };
                match model.outbox().append(commit).await {
                    Ok(_) => break,
                    // Compaction is behind; it must catch up.
                    Err(AppendError::DiskFull) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
            let ask =
                LeaseAsk { max_items: 100, max_unsafe_items: 100, max_bytes: 1 << 20, now: NOW };
            let lease = model.outbox().lease(LANES[0], ask).await.unwrap();
            let seqs: Vec<Seq> = lease.items.iter().map(|leased| leased.meta.seq).collect();
            let batch = model.batch(seqs);
            model.outbox().settle(LANES[0], Settlement::Delivered(batch)).await.unwrap();
        }
    }
    // 20 segments' worth have flowed through a disk share of 48 segments' worth in all, and every
    // held item is still there.
    model.outbox = None;
    model.open();
    let ask = LeaseAsk { max_items: 100, max_unsafe_items: 100, max_bytes: 1 << 20, now: NOW };
    let mut found = BTreeSet::new();
    loop {
        let lease = model.outbox().lease(LANES[1], ask).await.unwrap();
        if lease.items.is_empty() {
            break;
        }
        found.extend(lease.items.iter().map(|leased| leased.item_id));
    }
    assert_eq!(found, last);
    assert!(model.disk.files() < 20, "{} files are left", model.disk.files());
}

fn copy(item: &NewItem) -> NewItem {
    NewItem {
        item_id: item.item_id,
        lane: item.lane,
        admitted: item.admitted.clone(),
        not_before: None,
    }
}

fn commit_like(commit: &Commit) -> Commit {
    Commit { items: Vec::new(), idempotency: None, at: commit.at }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_keeps_its_event_and_its_words() {
    let mut model = Model::new(3);
    model.append().await;
    model.lease().await;
    while model.leased.is_empty() {
        model.append().await;
        model.lease().await;
    }
    let (seq, id) = model.leased.first_key_value().map(|(seq, id)| (*seq, *id)).unwrap();
    let lane = model.items[&id].lane;
    let settlement = Settlement::Rejected { items: vec![(seq, fault())], at: NOW };
    model.outbox().settle(lane, settlement).await.unwrap();
    model.crash();
    let letter = model.outbox().dead_letter(id).await.unwrap().unwrap();
    assert_eq!(letter.state, LedgerState::Rejected);
    assert_eq!(letter.fault.platform_message, "words");
    assert_eq!(letter.fragment.unwrap(), model.items[&id].fragment);
    assert!(letter.event_id.starts_with("event-"));
}
