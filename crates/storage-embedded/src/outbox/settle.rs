//! Items that leave the queue: the terminal row first, then the queue forgets them.

use std::sync::Arc;

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{
    DeadLetter, DeadLetterFilter, ExpiryReason, FoundItem, Settlement, StorageError,
};

use super::append::{blocking, detached};
use super::cipher::{Cipher, item_aad};
use super::committer::records;
use super::frame::{FRAME_HEAD, ItemHead, Kind, read_frame, read_item};
use super::frames::read_header;
use super::index::{Entry, LaneIndex, Lanes};
use super::lease::{Leased, read_leased, split_content};
use super::ledger::{Queue, TerminalStore};
use super::segments::io;
use super::shared::Shared;
use super::terminal::{self, LeftItem, Terminal};

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
            leave(shared, lane, items, LedgerState::Rejected, at).await
        }
        Settlement::Expired { items, reason, at } => {
            let fault = expiry_fault(&reason);
            let items = items.into_iter().map(|seq| (seq, fault.clone())).collect();
            leave(shared, lane, items, LedgerState::Expired, at).await
        }
        Settlement::Unknown { items, fault, at } => {
            let items = items.into_iter().map(|seq| (seq, fault.clone())).collect();
            leave(shared, lane, items, LedgerState::Unknown, at).await
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
        if let Err(error) = leave(&shared, lane, items, LedgerState::Expired, at).await {
            for (entry, not_before) in taken {
                shared.release(lane, &[entry.seq], not_before);
            }
            return Err(error);
        }
        Ok(taken.len() as u32)
    })
    .await
}

async fn leave(
    shared: &Arc<Shared>,
    lane: LaneId,
    items: Vec<(Seq, Fault)>,
    state: LedgerState,
    at: UnixMillis,
) -> Result<(), StorageError> {
    let reader = shared.clone();
    let left = blocking(move || read_left(&reader, lane, items, state, at)).await?;
    let terminal = Terminal::Left { lane, state, items: left };
    shared.terminal.settle(shared.clone(), terminal).await
}

fn read_left(
    shared: &Shared,
    lane: LaneId,
    items: Vec<(Seq, Fault)>,
    state: LedgerState,
    at: UnixMillis,
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
            state,
            fault,
            at,
            admitted_at: head.admitted_at,
            expires_at: head.expires_at,
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
        self.terminal
            .run(move |db| terminal::purge(db, delivered_before, dead_before, oldest_in_log, &keys))
            .await
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

pub async fn dead_letters(
    shared: &Shared,
    filter: DeadLetterFilter,
) -> Result<Vec<DeadLetter>, StorageError> {
    let items = shared.terminal.run(move |db| terminal::list(db, &filter)).await?;
    let mut letters = Vec::with_capacity(items.len());
    for item in items {
        let (event_id, _) = split_content(content_of(shared, &item).await?)?;
        letters.push(DeadLetter { event_id, ..item.into_dead_letter() });
    }
    Ok(letters)
}

pub async fn dead_letter(shared: &Shared, id: ItemId) -> Result<Option<DeadLetter>, StorageError> {
    let found = shared.terminal.run(move |db| terminal::left_item(db, id)).await?;
    let Some((item, false)) = found else { return Ok(None) };
    let (event_id, fragment) = split_content(content_of(shared, &item).await?)?;
    Ok(Some(DeadLetter { event_id, fragment: Some(fragment), ..item.into_dead_letter() }))
}

/// Decrypts the content of an item that has left the queue.
pub async fn content_of(shared: &Shared, item: &LeftItem) -> Result<Vec<u8>, StorageError> {
    let (record, _) = read_item(&item.record).ok_or_else(damaged_record)?;
    let mut content = record.ciphertext.to_vec();
    let aad = item_aad(item.item_id, item.lane);
    if item.key_id == shared.key_id {
        shared.cipher.open(&aad, record.head.nonce, &mut content)?;
        return Ok(content);
    }
    let id = item.key_id;
    let wrapped = shared.terminal.run(move |db| terminal::wrapped_key(db, id)).await?;
    let wrapped = wrapped.ok_or(StorageError::NotFound { what: "data key", id: id.to_string() })?;
    let cipher = Cipher::new(&*shared.keys.unwrap_key(&wrapped)?)?;
    cipher.open(&aad, record.head.nonce, &mut content)?;
    Ok(content)
}

pub async fn unknown_items(
    shared: &Shared,
    lane: LaneId,
    limit: u32,
) -> Result<Vec<Seq>, StorageError> {
    let filter = DeadLetterFilter {
        lane: Some(lane),
        state: Some(LedgerState::Unknown),
        limit,
        ..DeadLetterFilter::default()
    };
    let items = shared.terminal.run(move |db| terminal::list(db, &filter)).await?;
    Ok(items.into_iter().map(|item| item.seq).collect())
}

/// Looks among what left the queue, then reads the log: ids of waiting items are not kept in
/// memory. Costs a read of the whole log, so it is for a person who asks about one item.
pub async fn find(shared: Arc<Shared>, id: ItemId) -> Result<Option<FoundItem>, StorageError> {
    let left = shared.terminal.run(move |db| terminal::left_item(db, id)).await?;
    let row = left.as_ref().map(|(item, _)| FoundItem {
        item_id: id,
        lane: item.lane,
        state: item.state,
    });
    if left.is_some_and(|(_, is_replaying)| !is_replaying) {
        return Ok(row);
    }
    // An item that is being put back is where its row says until the log has it.
    let found = blocking(move || find_in_log(&shared, id)).await?;
    Ok(found.filter(|found| row.is_none() || found.state == LedgerState::Queued).or(row))
}

fn find_in_log(shared: &Shared, id: ItemId) -> Result<Option<FoundItem>, StorageError> {
    /// A segment that is copied onward while the log is read may hide an item. Compaction is slower
    /// than reading, so it does so at most now and then.
    const ATTEMPTS: u32 = 8;
    let mut head = None;
    for _ in 0..ATTEMPTS {
        let before: Vec<u32> = shared.segments().all.keys().copied().collect();
        let read = head_in_log(shared, id);
        let is_undisturbed = shared.segments().all.keys().copied().eq(before);
        head = match read {
            Ok(head) => head,
            Err(error) if is_undisturbed => return Err(error),
            Err(_) => None,
        };
        if is_undisturbed {
            break;
        }
    }
    let Some(head) = head else { return Ok(None) };
    let mut lanes = shared.lanes();
    let waits = lanes.get_mut(&head.lane).is_some_and(|index| {
        let place = super::index::Place { segment: 0, offset: 0, length: 0 };
        let like = Entry::new(head.seq, place, head.expires_at, head.dedup_until, 0);
        index.find_anywhere(head.seq, &like)
    });
    let state = if waits { LedgerState::Queued } else { LedgerState::Delivered };
    Ok(Some(FoundItem { item_id: id, lane: head.lane, state }))
}

/// The last record of the item in the log.
fn head_in_log(shared: &Shared, id: ItemId) -> Result<Option<ItemHead>, StorageError> {
    let numbers: Vec<u32> = shared.segments().all.keys().copied().collect();
    let mut found = None;
    for number in numbers {
        // Looked up only now: what was copied onward meanwhile is in a later one.
        let Some((file, end)) = shared.segments().all.get(&number).map(|s| (s.file.clone(), s.end))
        else {
            continue;
        };
        let mut bytes = vec![0; usize::try_from(end).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0).map_err(io("read a segment"))?;
        let mut at = 0;
        while let Some(frame) = bytes.get(at..).and_then(|b| read_frame(b, number)) {
            if matches!(frame.kind, Kind::Items | Kind::Moved) {
                let records = records(frame.kind, frame.payload);
                let same = records.filter(|(record, _)| record.head.item_id == id);
                found = same.last().map(|(record, _)| record.head).or(found);
            }
            at += FRAME_HEAD + frame.payload.len();
        }
    }
    Ok(found)
}

pub fn damaged_record() -> StorageError {
    StorageError::Damaged {
        what: "an item in the outbox log",
        detail: "its record is not what was written".to_owned(),
    }
}
