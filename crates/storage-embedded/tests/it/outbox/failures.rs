//! Single ways of failing, with all that follows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_storage::{
    AppendError, Commit, ExpiryReason, IdempotencyKey, LeaseAsk, Outbox as _, Settlement,
    StorageError,
};
use holdfast_storage_embedded::{EmbeddedOutbox, OutboxSettings};
use tempfile::TempDir;

use super::model::{LANES, START, fault, item};
use super::moves::abandon;
use crate::plain_keys::PlainKeys;
use crate::sim_disk::{Fault, Op, SimDisk, What};

const SEGMENT: u64 = 16 << 10;
const HELD: LaneId = LANES[0];
const FLOWING: LaneId = LANES[1];
const OTHER: LaneId = LANES[2];

/// A disk, a directory for the ledger, and an outbox on both.
struct Machine {
    disk: SimDisk,
    /// Of the ledger; removed with it.
    _dir: TempDir,
    settings: OutboxSettings,
    outbox: Option<EmbeddedOutbox>,
    made: u64,
}

impl Machine {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let settings = OutboxSettings {
            max_bytes: 24 * SEGMENT,
            reserve_bytes: 6 * SEGMENT,
            segment_bytes: SEGMENT,
            ..OutboxSettings::in_dir(dir.path())
        };
        let mut machine =
            Self { disk: SimDisk::new(7), _dir: dir, settings, outbox: None, made: 0 };
        machine.start().unwrap();
        machine
    }

    fn start(&mut self) -> Result<(), StorageError> {
        let disk = Arc::new(self.disk.clone());
        let keys = Arc::new(PlainKeys);
        let opened = EmbeddedOutbox::open_on(self.settings.clone(), disk, keys, START)?;
        self.outbox = Some(opened);
        Ok(())
    }

    /// Another machine in the same state; this one must be off.
    fn copy(&self) -> Self {
        assert!(self.outbox.is_none(), "a ledger in use cannot be copied");
        let dir = TempDir::new().unwrap();
        for file in std::fs::read_dir(self.settings.dir.as_path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
        }
        let settings = OutboxSettings { dir: dir.path().to_owned(), ..self.settings.clone() };
        let disk = self.disk.copy();
        Self { disk, _dir: dir, settings, outbox: None, made: self.made }
    }

    /// The process ends; what was written but not synced can still be read.
    fn kill(&mut self) {
        self.outbox = None;
    }

    fn lose_power(&mut self) {
        self.disk.power_off();
        self.outbox = None;
        self.disk.power_on();
    }

    fn outbox(&self) -> &EmbeddedOutbox {
        self.outbox.as_ref().unwrap()
    }

    fn fail_next(&self, op: Op, what: What) {
        self.disk.arm(Fault { at: Some(op), after: 0, what });
    }

    async fn append(&mut self, lane: LaneId, bytes: usize) -> Result<ItemId, AppendError> {
        self.made += 1;
        let made = item(self.made, lane, bytes);
        let id = made.item_id;
        self.outbox().append(Commit { items: vec![made], idempotency: None, at: START }).await?;
        Ok(id)
    }

    /// Appends until there is no room.
    async fn fill(&mut self, lane: LaneId) -> BTreeSet<ItemId> {
        let mut filled = BTreeSet::new();
        for _ in 0..1_000 {
            match self.append(lane, 1_000).await {
                Ok(id) => filled.insert(id),
                Err(AppendError::DiskFull) => return filled,
                Err(error) => panic!("{error}"),
            };
        }
        panic!("never full");
    }

    async fn lease(&self, lane: LaneId, items: u32) -> Vec<(Seq, ItemId)> {
        let ask =
            LeaseAsk { max_items: items, max_unsafe_items: items, max_bytes: 1 << 20, now: START };
        let lease = self.outbox().lease(lane, ask).await.unwrap();
        lease.items.iter().map(|leased| (leased.meta.seq, leased.item_id)).collect()
    }

    /// Leases everything that waits.
    async fn lease_all(&self, lane: LaneId) -> Vec<(Seq, ItemId)> {
        let mut all = Vec::new();
        loop {
            let leased = self.lease(lane, 1_000).await;
            if leased.is_empty() {
                return all;
            }
            all.extend(leased);
        }
    }

    async fn waiting(&self, lane: LaneId) -> BTreeSet<ItemId> {
        let leased = self.lease_all(lane).await;
        let seqs: Vec<Seq> = leased.iter().map(|(seq, _)| *seq).collect();
        self.outbox().release(lane, &seqs, None).await.unwrap();
        leased.into_iter().map(|(_, id)| id).collect()
    }

    async fn reject(&self, lane: LaneId, items: &[(Seq, ItemId)]) {
        let items = items.iter().map(|(seq, _)| (*seq, fault())).collect();
        let rejected = Settlement::Rejected { items, at: START };
        self.outbox().settle(lane, rejected).await.unwrap();
    }

    /// Appends as soon as there is room again, which compaction makes in the background, however busy
    /// the machine is with other tests.
    async fn append_when_there_is_room(&mut self, lane: LaneId, bytes: usize) -> ItemId {
        let appending = async {
            loop {
                match self.append(lane, bytes).await {
                    Ok(id) => return id,
                    Err(AppendError::DiskFull) => {
                        tokio::time::sleep(Duration::from_millis(1)).await
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let appended = tokio::time::timeout(Duration::from_secs(60), appending).await;
        appended.expect("there is room again")
    }
}

fn reason() -> ExpiryReason {
    ExpiryReason { hold: None, hint: String::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_write_or_sync_nothing_is_accepted_until_a_restart() {
    for op in [Op::Write, Op::Sync] {
        let mut machine = Machine::new();
        let before = machine.append(FLOWING, 100).await.unwrap();
        machine.fail_next(op, What::Error);
        machine.append(FLOWING, 100).await.unwrap_err();
        let failed = id_of(machine.made);
        let leased = machine.lease(FLOWING, 10).await;
        for _ in 0..5 {
            let refused = machine.append(OTHER, 100).await.unwrap_err().to_string();
            assert!(refused.contains("restart"), "{op:?}: {refused}");
            let seqs = [leased[0].0];
            let refused = machine.outbox().record_intent(FLOWING, &seqs).await.unwrap_err();
            assert!(refused.to_string().contains("restart"), "{op:?}: {refused}");
            let refused = machine.outbox().replay(&[before], START).await.unwrap_err();
            assert!(refused.to_string().contains("restart"), "{op:?}: {refused}");
        }
        // What was durable before can still leave.
        assert_eq!(leased.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [before]);
        machine.reject(FLOWING, &leased).await;
        machine.kill();
        machine.start().unwrap();
        let after = machine.append(FLOWING, 100).await.unwrap();
        let seen = machine.waiting(FLOWING).await;
        // Whatever the restart decided stays so when the power goes.
        machine.lose_power();
        machine.start().unwrap();
        assert_eq!(machine.waiting(FLOWING).await, seen, "{op:?}");
        assert!(seen.contains(&after) && !seen.contains(&before), "{op:?}");
        assert!(seen.is_subset(&[after, failed].into()), "{op:?}");
        assert_eq!(machine.waiting(OTHER).await, BTreeSet::new(), "{op:?}: refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_whose_writing_failed_unseen_is_not_taken_for_granted() {
    let mut machine = Machine::new();
    machine.append(FLOWING, 100).await.unwrap();
    let leased = machine.lease(FLOWING, 1).await;
    let seqs = [leased[0].0];
    machine.fail_next(Op::Sync, What::Error);
    abandon(machine.outbox().record_intent(FLOWING, &seqs)).await;
    for _ in 0..3 {
        let refused = machine.outbox().record_intent(FLOWING, &seqs).await;
        assert!(refused.is_err(), "a request would leave without a trace");
    }
}

fn id_of(number: u64) -> ItemId {
    item(number, OTHER, 0).item_id
}

/// The name of a new segment may or may not be durable, and its header says where the one before
/// it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_whose_beginning_failed_ends_the_log() {
    for op in [Op::Rename, Op::SyncDir] {
        for ends_with_a_power_loss in [false, true] {
            let mut machine = Machine::new();
            machine.outbox().set_quota(OTHER, 0);
            let mut kept = BTreeSet::new();
            machine.fail_next(op, What::Error);
            let failed = loop {
                match machine.append(FLOWING, 1_000).await {
                    Ok(id) => kept.insert(id),
                    Err(error) => break error,
                };
            };
            assert!(matches!(failed, AppendError::Storage(_)), "{op:?}: {failed}");
            // A smaller one would fit into the segment before.
            let refused = machine.append(FLOWING, 1).await.unwrap_err().to_string();
            assert!(refused.contains("restart"), "{op:?}: {refused}");
            if ends_with_a_power_loss {
                machine.lose_power()
            } else {
                machine.kill()
            }
            machine.start().unwrap();
            assert_eq!(machine.waiting(FLOWING).await, kept, "{op:?}");
            machine.append(FLOWING, 1).await.unwrap();
        }
    }
}

/// A file that cannot be made is no reason to stop: nothing is in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_cannot_be_prepared_is_tried_again() {
    let mut machine = Machine::new();
    let mut kept = BTreeSet::new();
    let mut failures = 0;
    for number in 0..100 {
        // Now and then whatever is done next to files fails.
        if number % 10 == 0 {
            machine.fail_next(if number % 20 == 0 { Op::Create } else { Op::Open }, What::Error);
        }
        match machine.append(FLOWING, 1_000).await {
            Ok(id) => drop(kept.insert(id)),
            Err(AppendError::Storage(StorageError::Io { .. })) => failures += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(failures <= 10, "{failures} failures of 10 faults");
    assert_eq!(machine.waiting(FLOWING).await, kept);
}

async fn everything_but_new_items_goes_on(machine: &mut Machine, filled: &BTreeSet<ItemId>) {
    let refused = machine.append(OTHER, 1_000).await;
    assert!(matches!(refused, Err(AppendError::DiskFull)), "{refused:?}");
    let leased = machine.lease(FLOWING, 3).await;
    let seqs: Vec<Seq> = leased.iter().map(|(seq, _)| *seq).collect();
    machine.outbox().record_intent(FLOWING, &seqs).await.unwrap();
    machine.reject(FLOWING, &leased[..1]).await;
    let unknown = Settlement::Unknown { items: vec![seqs[1]], fault: fault(), at: START };
    machine.outbox().settle(FLOWING, unknown).await.unwrap();
    let far = START.to_seconds().plus_seconds(1_000_000_000);
    let moved = machine.outbox().expire_due(FLOWING, far, START, reason(), 2).await.unwrap();
    assert_eq!(moved, 2);
    let letter = machine.outbox().dead_letter(leased[0].1).await.unwrap().unwrap();
    assert_eq!(letter.fragment.unwrap().len(), 1_000);
    let key = IdempotencyKey("none".to_owned());
    assert!(machine.outbox().remembered(&key).await.unwrap().is_none());
    // It can be opened however full it is, and as often.
    for _ in 0..12 {
        machine.lose_power();
        machine.start().unwrap();
        let refused = machine.append(OTHER, 1_000).await;
        assert!(matches!(refused, Err(AppendError::DiskFull) | Ok(_)), "{refused:?}");
    }
    let counts = machine.outbox().counts(FLOWING).await.unwrap().ledger;
    assert_eq!((counts.rejected, counts.unknown, counts.expired), (1, 1, 2));
    assert_eq!(counts.queued, filled.len() as u64 - 4);
    // A replay asks for room that only new items have.
    let leased = machine.lease_all(FLOWING).await;
    machine.reject(FLOWING, &leased).await;
    machine.append_when_there_is_room(OTHER, 1_000).await;
    assert!(machine.outbox().counts(FLOWING).await.unwrap().ledger.is_conserved());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_outbox_refuses_new_items_and_nothing_else() {
    let mut machine = Machine::new();
    let filled = machine.fill(FLOWING).await;
    assert!(filled.len() > 200, "only {} items of 1 KB in 18 segments of 16 KB", filled.len());
    everything_but_new_items_goes_on(&mut machine, &filled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_new_items_and_nothing_else() {
    let mut machine = Machine::new();
    for _ in 0..20 {
        machine.append(FLOWING, 1_000).await.unwrap();
    }
    // Others have taken the rest of the disk, but for less than is reserved.
    machine.disk.leave_room(4 * SEGMENT + 100);
    let mut filled = machine.fill(FLOWING).await;
    assert!(filled.len() < 100, "{} more items on a full disk", filled.len());
    filled.extend((1..=20).map(id_of));
    // And now all of it.
    machine.disk.leave_room(0);
    everything_but_new_items_goes_on(&mut machine, &filled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_leave_the_reserve_alone() {
    let mut machine = Machine::new();
    let mut dead = BTreeSet::new();
    for _ in 0..150 {
        dead.insert(machine.append(HELD, 1_000).await.unwrap());
    }
    let leased = machine.lease_all(HELD).await;
    machine.reject(HELD, &leased).await;
    let mut filled = BTreeSet::new();
    for _ in 0..300 {
        filled.extend(machine.fill(FLOWING).await);
        tokio::task::yield_now().await;
    }
    let ids: Vec<ItemId> = dead.iter().copied().collect();
    let replayed = machine.outbox().replay(&ids, START).await;
    let replayed: BTreeSet<ItemId> = match replayed {
        Ok(replayed) => replayed.items.into_iter().collect(),
        Err(error) => panic!("{error}"),
    };
    assert!(replayed.len() < 40, "{} of 150 items put back into a full outbox", replayed.len());
    let seqs: Vec<Seq> = machine.lease(FLOWING, 5).await.iter().map(|(seq, _)| *seq).collect();
    machine.outbox().record_intent(FLOWING, &seqs).await.unwrap();
    // Those that were not put back are what they were, and can be put back later.
    let leased = machine.lease_all(FLOWING).await;
    machine.reject(FLOWING, &leased).await;
    let mut left: Vec<ItemId> = dead.difference(&replayed).copied().collect();
    for _ in 0..200_000 {
        let now = machine.outbox().replay(&left, START).await.unwrap().items;
        left.retain(|id| !now.contains(id));
        if left.is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(machine.waiting(HELD).await, dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_over_and_over_does_not_fill_the_disk() {
    let mut machine = Machine::new();
    let held = machine.append(HELD, 100).await.unwrap();
    for number in 0..100 {
        if number % 2 == 0 {
            machine.kill()
        } else {
            machine.lose_power()
        }
        machine.start().unwrap();
        assert!(machine.disk.files() <= 10, "{} files", machine.disk.files());
    }
    assert_eq!(machine.waiting(HELD).await, [held].into());
}

/// Two lanes, many segments that are mostly dead, and all the items that wait in them. It is off.
async fn a_machine_with_much_to_compact() -> (Machine, BTreeSet<ItemId>) {
    let mut machine = Machine::new();
    let mut held = BTreeSet::new();
    for round in 0..6 {
        held.insert(machine.append(HELD, 300).await.unwrap());
        for _ in 0..16 {
            machine.append(FLOWING, 1_000).await.unwrap();
        }
        if round % 2 == 1 {
            let leased = machine.lease_all(FLOWING).await;
            machine.reject(FLOWING, &leased).await;
        }
    }
    machine.kill();
    (machine, held)
}

#[tokio::test(flavor = "multi_thread")]
async fn power_may_go_at_any_operation_of_recovery_and_of_compaction() {
    let (prepared, held) = a_machine_with_much_to_compact().await;
    for after in 0..120 {
        let mut machine = prepared.copy();
        machine.disk.arm(Fault { at: None, after, what: What::PowerLoss });
        if machine.start().is_ok() {
            // Compaction goes on meanwhile; these give it more to do.
            while machine.append(OTHER, 1_500).await.is_ok() && machine.made < 400 {
                expire_some(&machine).await;
            }
        }
        let fired = machine.disk.disarm();
        assert!(fired.is_some(), "the power stayed on for all {after} operations");
        machine.lose_power();
        machine.start().unwrap_or_else(|error| panic!("after {after} operations: {error}"));
        assert_eq!(machine.waiting(HELD).await, held, "after {after} operations");
        let counts = machine.outbox().counts(FLOWING).await.unwrap().ledger;
        assert_eq!((counts.accepted, counts.rejected), (96, 96), "after {after} operations");
    }
}

async fn expire_some(machine: &Machine) {
    let ask = LeaseAsk { max_items: 10, max_unsafe_items: 10, max_bytes: 1 << 20, now: START };
    let Ok(lease) = machine.outbox().lease(OTHER, ask).await else { return };
    let items = lease.items.iter().map(|leased| leased.meta.seq).collect();
    let expired = Settlement::Expired { items, reason: reason(), at: START };
    // The power may be off by now.
    let _ = machine.outbox().settle(OTHER, expired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_operation_of_recovery_may_fail_and_the_next_start_recovers() {
    let (prepared, held) = a_machine_with_much_to_compact().await;
    for after in 0..60 {
        let mut machine = prepared.copy();
        machine.disk.arm(Fault { at: None, after, what: What::Error });
        let started = machine.start();
        let fired = machine.disk.disarm();
        if started.is_err() {
            assert!(fired.is_some(), "after {after} operations: {started:?}");
        }
        machine.kill();
        machine.start().unwrap_or_else(|error| panic!("after {after} operations: {error}"));
        machine.lose_power();
        machine.start().unwrap_or_else(|error| panic!("after {after} operations: {error}"));
        assert_eq!(machine.waiting(HELD).await, held, "after {after} operations");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_lane_does_not_pin_the_disk_of_a_flowing_one() {
    let mut machine = Machine::new();
    let mut held = BTreeSet::new();
    for _ in 0..20 {
        held.insert(machine.append_when_there_is_room(HELD, 200).await);
        // Between two held items, more than a segment flows through the other lane.
        for _ in 0..20 {
            machine.append_when_there_is_room(FLOWING, 900).await;
            let leased = machine.lease(FLOWING, 100).await;
            machine.reject(FLOWING, &leased).await;
        }
    }
    // More has flowed through than there is room for, and every held item is still there.
    machine.kill();
    machine.start().unwrap();
    assert_eq!(machine.waiting(HELD).await, held);
    assert!(machine.disk.files() < 20, "{} files are left", machine.disk.files());
}

/// Each commit costs at most one sync, and concurrent ones share it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_was_synced() {
    let mut machine = Machine::new();
    for _ in 0..10 {
        let before = machine.disk.syncs();
        let kept = machine.append(FLOWING, 100).await.unwrap();
        assert!(machine.disk.syncs() > before, "acknowledged without a sync");
        machine.lose_power();
        machine.start().unwrap();
        assert!(machine.waiting(FLOWING).await.contains(&kept));
    }
}
