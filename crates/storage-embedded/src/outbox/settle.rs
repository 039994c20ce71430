//! Items that leave the queue: the terminal row first, then the queue forgets them.

use std::sync::Arc;

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::{HoldId, LaneId, Seq};
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{ExpiryReason, Settlement, StorageError};

use super::append::{blocking, detached};
use super::frame::read_item;
use super::frames::read_header;
use super::index::{LaneIndex, Lanes};
use super::lease::{Leased, read_leased};
use super::ledger::{Queue, TerminalStore};
use super::shared::Shared;
use super::terminal::{self, LeftItem, Purge, Terminal};

pub async fn settle(
    shared: &Arc<Shared>,
    lane: LaneId,
    settlement: Settlement,
) -> Result<(), StorageError> {
    match settlement {
        Settlement::Delivered(batch) => {
            shared.terminal.settle(shared.clone(), Terminal::Delivered { lane, batch }).await
        }
        Settlement::Rejected { items, at } => {
            leave(shared, lane, items, Why { state: LedgerState::Rejected, hold: None, at }).await
        }
        Settlement::Expired { items, reason, at } => {
            let fault = expiry_fault(&reason);
            let items = items.into_iter().map(|seq| (seq, fault.clone())).collect();
            let why = Why { state: LedgerState::Expired, hold: reason.hold, at };
            leave(shared, lane, items, why).await
        }
        Settlement::Unknown { items, fault, at } => {
            let items = items.into_iter().map(|seq| (seq, fault.clone())).collect();
            leave(shared, lane, items, Why { state: LedgerState::Unknown, hold: None, at }).await
        }
    }
}

pub async fn expire_due(
    shared: &Arc<Shared>,
    lane: LaneId,
    due: UnixSeconds,
    at: UnixMillis,
    reason: ExpiryReason,
    limit: u32,
) -> Result<u32, StorageError> {
    let shared = shared.clone();
    // Finished even if the caller goes away: in between the items are nobody's.
    detached(async move {
        let taken = match shared.lanes().get_mut(&lane) {
            Some(index) => index.take_due(due, limit),
            None => return Ok(0),
        };
        let fault = expiry_fault(&reason);
        let items = taken.iter().map(|(entry, _)| (entry.seq, fault.clone())).collect();
        let why = Why { state: LedgerState::Expired, hold: reason.hold, at };
        if let Err(error) = leave(&shared, lane, items, why).await {
            for (entry, not_before) in taken {
                shared.release(lane, &[entry.seq], not_before);
            }
            return Err(error);
        }
        Ok(taken.len() as u32)
    })
    .await
}

/// What is the same for all items that leave together.
#[derive(Clone, Copy)]
pub struct Why {
    pub state: LedgerState,
    /// The hold that they expired behind.
    pub hold: Option<HoldId>,
    pub at: UnixMillis,
}

pub async fn leave(
    shared: &Arc<Shared>,
    lane: LaneId,
    items: Vec<(Seq, Fault)>,
    why: Why,
) -> Result<(), StorageError> {
    let reader = shared.clone();
    let left = blocking(move || read_left(&reader, lane, items, why)).await?;
    let terminal = Terminal::Left { lane, state: why.state, items: left };
    shared.terminal.settle(shared.clone(), terminal).await
}

fn read_left(
    shared: &Shared,
    lane: LaneId,
    items: Vec<(Seq, Fault)>,
    why: Why,
) -> Result<Vec<LeftItem>, StorageError> {
    let mut left = Vec::with_capacity(items.len());
    for (seq, fault) in items {
        let Some(Leased { record, key_id }) = read_leased(shared, lane, seq)? else { continue };
        let (parsed, _) = read_item(&record).ok_or_else(damaged_record)?;
        let head = parsed.head;
        left.push(LeftItem {
            item_id: head.item_id,
            seq,
            lane,
            state: why.state,
            fault,
            hold: why.hold,
            at: why.at,
            admitted_at: head.admitted_at,
            event_time: head.event_time,
            expires_at: head.expires_at,
            replaced_by: None,
            erased_at: None,
            key_id,
            record,
        });
    }
    Ok(left)
}

/// An expired item's reason in the shape that all terminal rows have.
fn expiry_fault(reason: &ExpiryReason) -> Fault {
    Fault {
        name: "holdfast.expired".to_owned(),
        class: FaultClass::TooOld,
        action: FaultAction::Expire,
        selectors: Vec::new(),
        code: None,
        summary: match &reason.hold {
            Some(hold) => format!("Its deadline passed behind hold {hold}."),
            None => "Its deadline passed before it could be delivered.".to_owned(),
        },
        remedy: reason.hint.clone(),
        platform_message: String::new(),
        trace_id: None,
    }
}

impl Shared {
    pub fn release(&self, lane: LaneId, items: &[Seq], not_before: Option<UnixMillis>) {
        let mut lanes = self.lanes();
        let Some(index) = lanes.get_mut(&lane) else { return };
        for seq in items {
            index.release(*seq, not_before);
        }
        if !index.erasing.is_empty() {
            self.erasing_moved.notify_waiters();
        }
        if let Some(wake) = &index.wake {
            wake();
        }
    }

    pub fn forget_old(&self, now: UnixMillis) {
        let forgotten = self.memory().forget(now);
        let mut segments = self.segments();
        for at in forgotten {
            if let Some(segment) = segments.all.get_mut(&at.segment) {
                segment.remembered = segment.remembered.saturating_sub(1);
            }
        }
    }

    pub async fn purge(
        &self,
        delivered_before: UnixMillis,
        dead_before: UnixMillis,
    ) -> Result<u64, StorageError> {
        // Anything before the oldest segment's first new item may only be there as a copy of a
        // waiting item; a row of a waiting item does not exist.
        let oldest_in_log = self.oldest_in_log()?;
        let keys: Vec<u32> = {
            let segments = self.segments();
            segments.all.values().map(|segment| segment.key_id).chain([self.key_id]).collect()
        };
        let purge =
            Arc::new(Purge { delivered_before, dead_before, oldest_in_log, keys_in_log: keys });
        let mut erased = 0;
        loop {
            let part = purge.clone();
            // What leaves the queue comes in between.
            match self.terminal.run(move |db| part.slice(db)).await? {
                0 => return Ok(erased),
                more => erased += more,
            }
        }
    }

    /// The first sequence number that any segment has a record of.
    fn oldest_in_log(&self) -> Result<Seq, StorageError> {
        let first = self.segments().all.first_key_value().map(|(n, s)| (*n, s.file.clone()));
        let Some((number, file)) = first else { return Ok(Seq(0)) };
        let header = read_header(&*file, number)?;
        Ok(Seq(header.oldest_waiting.min(header.next_seq)))
    }
}

impl Queue for Shared {
    fn leased(&self, lane: LaneId, items: &[Seq]) -> Vec<bool> {
        let lanes = self.lanes();
        let index = lanes.get(&lane);
        let is_leased = |seq: &Seq| index.is_some_and(|index| index.in_flight(*seq).is_some());
        items.iter().map(is_leased).collect()
    }

    fn erasing(&self, lane: LaneId, items: &[Seq]) -> Vec<bool> {
        let lanes = self.lanes();
        let index = lanes.get(&lane);
        let is = |seq: &Seq| index.is_some_and(|index| index.erasing.contains(*seq));
        items.iter().map(is).collect()
    }

    /// The items leave memory, and perhaps their segments die.
    fn left(&self, lane: LaneId, items: &[Seq], state: LedgerState) {
        let mut lanes = self.lanes();
        let Some(index) = lanes.get_mut(&lane) else { return };
        let mut segments = self.segments();
        for seq in items {
            if let Some(entry) = index.settle(*seq) {
                segments.lost(entry.at);
                count(index, state, 1);
            }
        }
        index.attempted.subtract(&items.iter().copied().collect());
        drop(segments);
        drop(lanes);
        // Costs nothing where nobody waits.
        self.erasing_moved.notify_waiters();
        self.housekeeping.notify();
    }
}

pub fn count(index: &mut LaneIndex, state: LedgerState, items: i64) {
    let total = match state {
        LedgerState::Delivered => &mut index.totals.delivered,
        LedgerState::Rejected => &mut index.totals.rejected,
        LedgerState::Expired => &mut index.totals.expired,
        LedgerState::Unknown => &mut index.totals.unknown,
        LedgerState::Queued | LedgerState::Held => return,
    };
    *total = total.saturating_add_signed(items);
}

/// After recovery finished interrupted replays, the totals are read once more.
pub fn refresh_totals(terminal: &TerminalStore, lanes: &mut Lanes) -> Result<(), StorageError> {
    let rows = terminal.run_blocking(|db| terminal::recover(db, Seq(u64::MAX >> 1)))?;
    for (lane, totals) in rows.totals {
        let kept = &mut lanes.entry(lane).or_default().totals;
        *kept = holdfast_model::ledger::LedgerCounts { accepted: kept.accepted, ..totals };
    }
    Ok(())
}

pub fn damaged_record() -> StorageError {
    StorageError::Damaged {
        what: "an item in the outbox log",
        detail: "its record is not what was written".to_owned(),
    }
}
