//! What should be in the outbox, and the comparison with what is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{
    Commit, DeadLetterFilter, DeadLetterPage, Idempotency, IdempotencyKey, NewItem, Outbox as _,
};
use holdfast_storage_embedded::{EmbeddedOutbox, OutboxSettings};

use crate::sim_disk::SimDisk;

pub const START: UnixMillis = UnixMillis(1_790_000_000_000);
pub const LANES: [LaneId; 3] = [LaneId(1), LaneId(2), LaneId(3)];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Queued,
    Delivered,
    Rejected,
    Expired,
    Unknown,
}

impl Place {
    pub fn is_dead_letter(self) -> bool {
        matches!(self, Self::Rejected | Self::Expired)
    }
}

#[derive(Debug, Clone)]
pub struct Known {
    pub lane: LaneId,
    pub place: Place,
    pub fragment: Vec<u8>,
    pub group: BatchGroup,
    pub is_safe: bool,
    pub expires_at: UnixSeconds,
    /// In the item's record: in force again after a restart.
    pub not_before: Option<UnixMillis>,
    /// In force now.
    pub deferred_until: Option<UnixMillis>,
    /// `None` if only the next lease can tell.
    pub has_intent: Option<bool>,
    /// The disk may say otherwise: it was taken back, or recording it failed or was given up.
    pub intent_is_unsettled: bool,
    /// Its row was purged.
    pub is_gone: bool,
    /// Its content was erased.
    pub is_erased: bool,
    pub replaced_by: Option<ItemId>,
}

/// A commit as the model remembers it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub items: Vec<(ItemId, Known)>,
    pub key: Option<String>,
    pub receipt: Vec<u8>,
}

pub struct Model {
    pub seed: u64,
    pub step: u64,
    random: u64,
    pub now: UnixMillis,
    pub disk: SimDisk,
    pub dir: tempfile::TempDir,
    pub settings: OutboxSettings,
    pub outbox: Option<Arc<EmbeddedOutbox>>,
    /// Everything that was acknowledged.
    pub items: BTreeMap<ItemId, Known>,
    pub leased: BTreeMap<Seq, ItemId>,
    pub made: u64,
    pub receipts: BTreeMap<String, Vec<u8>>,
    pub quotas: BTreeMap<LaneId, u64>,
    /// Commits and replays that failed in a way that leaves open whether they are on the disk. A
    /// restart decides.
    pub perhaps: Vec<Asked>,
    pub perhaps_replayed: BTreeSet<ItemId>,
    pub perhaps_replaced: BTreeMap<ItemId, (ItemId, Known)>,
    pub perhaps_expired: BTreeSet<ItemId>,
    pub perhaps_erased: BTreeSet<ItemId>,
    /// Errors of this step: allowed only if there was a fault.
    pub complaints: Vec<String>,
    /// The log may have failed for good.
    pub is_shaky: bool,
    /// So it cannot be opened.
    pub ledger_fails: bool,
}

impl Model {
    pub async fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        // Some have so little room that they are full most of the time.
        let segments = [12, 24, 200][next(&mut random, 3) as usize];
        const SEGMENT: u64 = 16 << 10;
        let settings = OutboxSettings {
            max_bytes: segments * SEGMENT,
            reserve_bytes: segments / 4 * SEGMENT,
            segment_bytes: SEGMENT,
            ..OutboxSettings::in_dir(dir.path())
        };
        let mut model = Self {
            seed,
            step: 0,
            random,
            now: START,
            disk: SimDisk::new(seed),
            dir,
            settings,
            outbox: None,
            items: BTreeMap::new(),
            leased: BTreeMap::new(),
            made: 0,
            receipts: BTreeMap::new(),
            quotas: BTreeMap::new(),
            perhaps: Vec::new(),
            perhaps_replayed: BTreeSet::new(),
            perhaps_replaced: BTreeMap::new(),
            perhaps_expired: BTreeSet::new(),
            perhaps_erased: BTreeSet::new(),
            complaints: Vec::new(),
            is_shaky: false,
            ledger_fails: false,
        };
        model.open(false).await;
        model
    }

    pub fn outbox(&self) -> &EmbeddedOutbox {
        self.outbox.as_ref().unwrap()
    }

    pub fn toss(&mut self, bound: u64) -> u64 {
        next(&mut self.random, bound)
    }

    pub fn toss_lane(&mut self) -> LaneId {
        LANES[self.toss(LANES.len() as u64) as usize]
    }

    pub fn advance(&mut self) {
        self.now = self.now.plus_millis(self.toss(20_000) as i64);
    }

    /// For messages.
    pub fn at(&self) -> String {
        format!("seed {} step {}", self.seed, self.step)
    }

    pub fn complain(&mut self, doing: &str, error: impl std::fmt::Display) {
        self.complaints.push(format!("{doing}: {error}"));
    }

    pub fn nothing_to_complain(&mut self) {
        let complaints = std::mem::take(&mut self.complaints);
        let excused = complaints.is_empty() || self.is_shaky;
        assert!(excused, "{}: without a fault: {complaints:?}", self.at());
    }

    pub fn leased_of(&self, lane: LaneId) -> Vec<(Seq, ItemId)> {
        let leased = self.leased.iter().filter(|(_, id)| self.items[*id].lane == lane);
        leased.map(|(seq, id)| (*seq, *id)).collect()
    }

    pub fn is_leased(&self, id: ItemId) -> bool {
        self.leased.values().any(|leased| *leased == id)
    }

    /// Only a restart can tell where it is.
    pub fn is_uncertain(&self, id: ItemId) -> bool {
        self.perhaps_replayed.contains(&id) || self.perhaps_replaced.contains_key(&id)
    }

    pub fn count(&self, lane: LaneId, is: impl Fn(&Known) -> bool) -> u64 {
        self.items.values().filter(|known| known.lane == lane && is(known)).count() as u64
    }

    /// Everything that is cheap to compare.
    pub async fn check(&self) {
        for lane in LANES {
            let at = format!("{}: lane {lane}", self.at());
            let counts = self.outbox().counts(lane).await.unwrap();
            let of = |place| self.count(lane, |known| known.place == place);
            let ledger = counts.ledger;
            assert_eq!(ledger.accepted, self.count(lane, |_| true), "{at}: accepted {ledger:?}");
            assert_eq!(ledger.queued, of(Place::Queued), "{at}: queued {ledger:?}");
            assert_eq!(ledger.delivered, of(Place::Delivered), "{at}: delivered {ledger:?}");
            assert_eq!(ledger.rejected, of(Place::Rejected), "{at}: rejected {ledger:?}");
            assert_eq!(ledger.expired, of(Place::Expired), "{at}: expired {ledger:?}");
            assert_eq!(ledger.unknown, of(Place::Unknown), "{at}: unknown {ledger:?}");
            assert!(ledger.is_conserved(), "{at}: {counts:?}");
            let in_flight = self.leased_of(lane).len() as u64;
            assert_eq!(counts.in_flight, in_flight, "{at}: in flight");
            let deferred =
                |known: &Known| known.place == Place::Queued && known.deferred_until.is_some();
            let deferred = self.items.iter().filter(|(id, known)| {
                known.lane == lane && deferred(known) && !self.is_leased(**id)
            });
            assert_eq!(counts.deferred, deferred.count() as u64, "{at}: deferred");
            assert_eq!(counts.queued_bytes > 0, ledger.queued > 0, "{at}: bytes");
            let peek = self.outbox().peek(lane);
            assert_eq!(peek.ready, ledger.queued - in_flight - counts.deferred, "{at}: ready");
        }
        if self.step.is_multiple_of(8) {
            self.check_deeply().await;
        }
    }

    /// What needs a read of the database or the log.
    pub async fn check_deeply(&self) {
        for (key, receipt) in &self.receipts {
            let key = IdempotencyKey(key.clone());
            let remembered = self.outbox().remembered(&key).await.unwrap();
            let remembered = remembered.unwrap_or_else(|| panic!("{}: forgot {key:?}", self.at()));
            assert_eq!(remembered.receipt, *receipt, "{}: {key:?}", self.at());
        }
        for lane in LANES {
            for (place, state) in [
                (Place::Rejected, LedgerState::Rejected),
                (Place::Expired, LedgerState::Expired),
                (Place::Unknown, LedgerState::Unknown),
            ] {
                let expected: BTreeSet<ItemId> = self
                    .items
                    .iter()
                    .filter(|(id, known)| {
                        (known.lane, known.place) == (lane, place)
                            && !known.is_gone
                            && known.replaced_by.is_none()
                            && !self.is_uncertain(**id)
                    })
                    .map(|(id, _)| *id)
                    .collect();
                let listed = self.letters_of(lane, state).await;
                assert_eq!(listed, expected, "{}: {state:?} in lane {lane}", self.at());
            }
        }
        // A few, because each costs a read of the whole log.
        let some = self.items.len() / 4 + 1;
        for (id, known) in self.items.iter().skip(self.step as usize % some).step_by(some) {
            self.check_item(*id, known).await;
        }
    }

    async fn letters_of(&self, lane: LaneId, state: LedgerState) -> BTreeSet<ItemId> {
        let (lane, state) = (Some(lane), Some(state));
        let filter = DeadLetterFilter { lane, state, ..DeadLetterFilter::default() };
        let page = DeadLetterPage { filter, limit: 10_000, ..DeadLetterPage::default() };
        let listed = self.outbox().dead_letters(&page).await.unwrap();
        listed.iter().map(|letter| letter.item_id).collect()
    }

    pub async fn check_item(&self, id: ItemId, known: &Known) {
        if self.is_uncertain(id) || known.is_gone {
            return;
        }
        let found = self.outbox().find(id).await.unwrap().map(|found| found.state);
        let expected = match known.place {
            Place::Queued => LedgerState::Queued,
            Place::Rejected => LedgerState::Rejected,
            Place::Expired => LedgerState::Expired,
            Place::Unknown => LedgerState::Unknown,
            // Its segment may be gone by now.
            Place::Delivered if found.is_none() => return,
            Place::Delivered => LedgerState::Delivered,
        };
        assert_eq!(found, Some(expected), "{}: item {id}", self.at());
        if known.place.is_dead_letter() {
            let letter = self.outbox().dead_letter(id).await.unwrap().unwrap();
            let fragment = Some(&known.fragment).filter(|_| !known.is_erased);
            assert_eq!(letter.fragment.as_ref(), fragment, "{}", self.at());
            assert_eq!(letter.erased_at.is_some(), known.is_erased, "{}", self.at());
            assert_eq!(letter.expires_at, known.expires_at, "{}", self.at());
            assert_eq!(letter.replaced_by, known.replaced_by, "{}", self.at());
        }
    }

    /// A commit of a few random items and what the model will know of them.
    pub fn new_commit(&mut self, key: Option<String>) -> (Commit, Asked) {
        let mut items = Vec::new();
        for _ in 0..1 + self.toss(6) {
            items.push(self.new_item());
        }
        let receipt = format!("receipt {}", self.made).into_bytes();
        let asked = Asked {
            items: items.iter().map(|item| (item.item_id, known(item))).collect(),
            key: key.clone(),
            receipt: receipt.clone(),
        };
        let idempotency =
            key.map(|key| Idempotency { key: IdempotencyKey(key), body_sha256: [1; 32], receipt });
        (Commit { items, idempotency, at: self.now }, asked)
    }

    pub fn new_item(&mut self) -> NewItem {
        self.made += 1;
        let lane = self.toss_lane();
        let mut made = item(self.made, lane, 20 + self.toss(900) as usize);
        let seconds = [30, 300, 3_000, 300_000][self.toss(4) as usize];
        let expires_in = self.toss(seconds) as i64;
        made.admitted.expires_at = self.now.to_seconds().plus_seconds(expires_in);
        let is_deferred = self.toss(5) == 0;
        let defer_by = self.toss(60_000) as i64;
        made.not_before = is_deferred.then(|| self.now.plus_millis(defer_by));
        made
    }

    pub fn acknowledged(&mut self, asked: Asked) {
        self.items.extend(asked.items);
        if let Some(key) = asked.key {
            self.receipts.insert(key, asked.receipt);
        }
    }
}

fn next(random: &mut u64, bound: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random % bound
}

pub fn known(item: &NewItem) -> Known {
    Known {
        lane: item.lane,
        place: Place::Queued,
        fragment: item.admitted.fragment.clone(),
        group: item.admitted.group.clone(),
        is_safe: item.admitted.dedup_until.is_some(),
        expires_at: item.admitted.expires_at,
        not_before: item.not_before,
        deferred_until: item.not_before,
        has_intent: Some(false),
        intent_is_unsettled: false,
        is_gone: false,
        is_erased: false,
        replaced_by: None,
    }
}

pub fn item(number: u64, lane: LaneId, bytes: usize) -> NewItem {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    let group = if number.is_multiple_of(7) { "{\"a\":1}" } else { "" };
    let far = START.to_seconds().plus_seconds(10_000_000);
    NewItem {
        item_id: ItemId::from_bytes(id),
        lane,
        admitted: Admitted {
            fragment: vec![number as u8; bytes],
            event_id: format!("event-{number}"),
            event_name: "Purchase".to_owned(),
            event_time: START.to_seconds().plus_seconds(-60),
            expires_at: far,
            dedup_until: (!number.is_multiple_of(5)).then_some(far),
            group: BatchGroup(group.to_owned()),
            profile: ProfileStamp::META_DOCS_1,
            warnings: Vec::new(),
        },
        not_before: None,
    }
}

pub fn fault() -> Fault {
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
