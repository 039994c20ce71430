//! The durable queue of items and the ledger over it.

use async_trait::async_trait;
use holdfast_model::credential::SignedWith;
use holdfast_model::fault::Fault;
use holdfast_model::id::{BatchId, HoldId, ItemId, LaneId, Seq};
use holdfast_model::item::{Admitted, BatchGroup, LeasedItem};
use holdfast_model::ledger::{LedgerCounts, LedgerState};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::{DeadLetter, DeadLetterFilter, DeadLetterPage, Erased, Erasure, LetterCount, PutBack};

/// Every call may be given up while it is under way: what was begun is then finished or undone, and
/// items that were handed out but not taken come back.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Makes all items of the commit durable together and returns when they are. Concurrent
    /// commits share an fsync. If an idempotency key is given and known, nothing is written; that is
    /// answered even where new items are refused.
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError>;

    /// What was answered to an earlier request with this key, if it is still remembered.
    async fn remembered(&self, key: &IdempotencyKey) -> Result<Option<Remembered>, StorageError>;

    /// Hands out waiting items of a lane, nearest deadline first, and marks them in flight. Deadlines
    /// within an hour may count as equal; items of equal deadlines leave in the order they came, one
    /// group after the other. An item above `max_bytes` is handed out alone. Leases live in memory:
    /// a restart returns them.
    async fn lease(&self, lane: LaneId, ask: LeaseAsk) -> Result<Lease, StorageError>;

    /// Puts leased items back, uncounted. With `not_before` they are deferred until then, or until a
    /// restart. What is not leased is passed over.
    async fn release(
        &self,
        lane: LaneId,
        items: &[Seq],
        not_before: Option<UnixMillis>,
    ) -> Result<(), StorageError>;

    /// Makes durable, before a request leaves, that these leased items are about to be sent. From
    /// then on each of them may have arrived, whatever happens to this process or its machine:
    /// every lease says so ([`ItemMeta::intent_recorded`]) until the item leaves the queue or the
    /// intent is withdrawn. Items of which it is known already cost nothing.
    ///
    /// Answers with those of them that are being erased: they must not be sent, and nothing was
    /// recorded of any.
    ///
    /// [`ItemMeta::intent_recorded`]: holdfast_model::item::ItemMeta::intent_recorded
    async fn record_intent(&self, lane: LaneId, items: &[Seq]) -> Result<Vec<Seq>, StorageError>;

    /// Takes the intents of these items back: the platform said for certain that it did nothing
    /// with them, or no request was made. Leases of this process say so at once; it becomes
    /// durable soon after. Returns without waiting for that and cannot fail, because a withdrawal
    /// that is lost is the safe side: the item then counts as perhaps arrived.
    fn withdraw_intent(&self, lane: LaneId, items: &[Seq]);

    /// Moves leased items to their terminal state, or to `unknown`. The registry row comes first,
    /// then the acknowledgement in the outbox; both are idempotent by item. Items that are not leased
    /// (any more) are passed over.
    async fn settle(&self, lane: LaneId, settlement: Settlement) -> Result<(), StorageError>;

    /// Moves waiting items whose deadline is at or before `due` to `expired`; leased ones are left
    /// alone. At most `limit` at a time. Returns how many moved.
    async fn expire_due(
        &self,
        lane: LaneId,
        due: UnixSeconds,
        at: UnixMillis,
        reason: ExpiryReason,
        limit: u32,
    ) -> Result<u32, StorageError>;

    /// Counts by state. Held items are counted as queued: the outbox knows no holds.
    async fn counts(&self, lane: LaneId) -> Result<LaneCounts, StorageError>;

    /// Cheap look at what a lane could lease right now.
    fn peek(&self, lane: LaneId) -> LanePeek;

    /// Calls `wake` whenever items of the lane become leasable, except by the passing of time. Must be
    /// quick and must not call the outbox. Replaces an earlier one.
    fn on_available(&self, lane: LaneId, wake: WakeFn);

    /// Sets the most bytes that waiting items of the lane may take on disk.
    fn set_quota(&self, lane: LaneId, bytes: u64);

    /// Where an item is, as far as the outbox and its terminal rows know.
    async fn find(&self, item: ItemId) -> Result<Option<FoundItem>, StorageError>;

    /// A page of dead letters and expired items, or of unknown ones. Those that were replaced by a
    /// correction are not among them.
    async fn dead_letters(&self, page: &DeadLetterPage) -> Result<Vec<DeadLetter>, StorageError>;

    /// The letters that the filter names, counted by lane, state and fault; `now` tells which of
    /// them are too old.
    async fn count_dead_letters(
        &self,
        filter: &DeadLetterFilter,
        now: UnixSeconds,
    ) -> Result<Vec<LetterCount>, StorageError>;

    /// One dead letter, expired or unknown item with its fragment.
    async fn dead_letter(&self, item: ItemId) -> Result<Option<DeadLetter>, StorageError>;

    /// Puts dead letters and expired items back into their lanes, once each: the terminal row and
    /// the new queue entry change together. They take room as new items do. Unknown items are left
    /// alone: they may have arrived. So are those that were replaced. `expires_at` stays what it
    /// was; what is past it at `at` stays where it is.
    async fn replay(&self, items: &[ItemId], at: UnixMillis) -> Result<PutBack, StorageError>;

    /// Somebody decided that these unknown items did not arrive: puts them back like a replay.
    /// Others are left alone.
    async fn resend_unknown(
        &self,
        items: &[ItemId],
        at: UnixMillis,
    ) -> Result<PutBack, StorageError>;

    /// Somebody decided that these unknown items did arrive: they are delivered from now on.
    /// Others are left alone. Returns those that were moved.
    async fn confirm_delivered(&self, items: &[ItemId]) -> Result<Vec<ItemId>, StorageError>;

    /// Accepts an item that is the correction of a dead letter or an expired item. The letter stays
    /// in its state and names the new item, which names it as its origin; both happen or neither.
    /// A letter is replaced once.
    async fn replace(&self, letter: ItemId, by: NewItem, at: UnixMillis)
    -> Result<(), AppendError>;

    /// The letter that this item is a correction of, as long as that is kept.
    async fn origin(&self, item: ItemId) -> Result<Option<ItemId>, StorageError>;

    /// Erases the content of every item that the erasure is about and that was accepted before it
    /// began.
    ///
    /// * What waits leaves the queue as `rejected`, with the erasure's fault.
    /// * What is in flight is waited for: an item that comes back is rejected like those that wait,
    ///   one that is refused, expires or becomes unknown does so without its content, and one that
    ///   arrives is delivered. None of them is handed out or may be sent again from the moment that
    ///   it is found ([`Outbox::record_intent`] says so). When the patience ends, the answer says
    ///   how many are out; they are erased all the same when they come back.
    /// * Letters stay in their states, and say when they were erased. They can be listed and
    ///   confirmed, but not put back, sent again or replaced.
    ///
    /// The bytes are gone from the disk when [`Erased::is_off_disk`] says so, those of items that
    /// were delivered long ago included. Replays and corrections wait while it looks; lanes do not.
    ///
    /// If it fails, or the process ends before the answer, part of it may be done: asked again, it
    /// does the rest.
    async fn erase(&self, erasure: Erasure) -> Result<Erased, StorageError>;

    /// Flushes what is buffered (acknowledgements, checkpoint) and stops background work.
    async fn close(&self) -> Result<(), StorageError>;
}

pub type WakeFn = Box<dyn Fn() + Send + Sync>;

/// One durable unit: all of it or nothing.
#[derive(Debug)]
pub struct Commit {
    pub items: Vec<NewItem>,
    pub idempotency: Option<Idempotency>,
    pub at: UnixMillis,
}

#[derive(Debug)]
pub struct NewItem {
    pub item_id: ItemId,
    pub lane: LaneId,
    pub admitted: Admitted,
    /// Not leased before this time.
    pub not_before: Option<UnixMillis>,
}

/// Identifies a request: which key of ours sent it and what it called the request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(pub String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    pub key: IdempotencyKey,
    /// SHA-256 of the request body: the same key with another body is a caller's mistake.
    pub body_sha256: [u8; 32],
    /// The answer to give again. Travels in the item's own frame.
    pub receipt: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub body_sha256: [u8; 32],
    pub receipt: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The first item has this position; the others follow it without gaps.
    Stored { first: Seq },
    /// The idempotency key was known (perhaps since a moment ago); nothing was written.
    Repeated(Remembered),
}

#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// One destination's quota is used up; nobody else is affected. Nothing of the commit was
    /// written.
    #[error("lane {lane} holds {used_bytes} of {quota_bytes} bytes")]
    QuotaExceeded { lane: LaneId, used_bytes: u64, quota_bytes: u64 },
    /// The disk share for new items is used up. Acknowledgements still have theirs.
    #[error("the disk has no room left for new items")]
    DiskFull,
    /// More waits for the disk than the bound allows.
    #[error("too many writes are waiting for the disk")]
    Overloaded,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A backend failed. The text is for operators and carries no secret and no personal data.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    #[error("{doing}: {cause}")]
    Io { doing: &'static str, cause: String },
    /// Something on disk is not what was written. Never repaired silently.
    #[error("{what} is damaged: {detail}")]
    Damaged { what: &'static str, detail: String },
    #[error("{what} {id} does not exist")]
    NotFound { what: &'static str, id: String },
    #[error("{what} {id} exists already")]
    Exists { what: &'static str, id: String },
    /// The row changed since it was read.
    #[error("{what} {id} was changed by somebody else meanwhile")]
    Conflict { what: &'static str, id: String },
    /// A rule of the store forbids it, whoever asks and however often.
    #[error("{what} {id}: {why}")]
    Refused { what: &'static str, id: String, why: String },
    #[error("storage is closed")]
    Closed,
}

#[derive(Debug, Clone, Copy)]
pub struct LeaseAsk {
    pub max_items: u32,
    /// The bound where a repeated send of the first item would not be deduplicated at `now`.
    pub max_unsafe_items: u32,
    pub max_bytes: u32,
    pub now: UnixMillis,
}

/// Leased items share a group and are all of one kind of resend safety.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lease {
    pub group: BatchGroup,
    pub items: Vec<LeasedItem>,
}

#[derive(Debug, Clone)]
pub enum Settlement {
    Delivered(DeliveredBatch),
    /// Dead letters, each with its fault.
    Rejected {
        items: Vec<(Seq, Fault)>,
        at: UnixMillis,
    },
    Expired {
        items: Vec<Seq>,
        reason: ExpiryReason,
        at: UnixMillis,
    },
    /// Sent, answer lost.
    Unknown {
        items: Vec<Seq>,
        fault: Fault,
        at: UnixMillis,
    },
}

/// Kept for some days as the record of what was delivered with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredBatch {
    pub batch: BatchId,
    pub items: Vec<Seq>,
    pub signed_with: SignedWith,
    pub trace_id: Option<String>,
    pub at: UnixMillis,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiryReason {
    /// The hold that was open when the deadline passed, if one was.
    pub hold: Option<HoldId>,
    /// What would save the item, in words.
    pub hint: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// `held` is always zero here.
    pub ledger: LedgerCounts,
    /// Part of `queued`.
    pub in_flight: u64,
    /// Part of `queued`.
    pub deferred: u64,
    pub queued_bytes: u64,
    pub first_deadline: Option<UnixSeconds>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LanePeek {
    pub ready: u64,
    pub in_flight: u64,
    /// When the first deferred item becomes ready.
    pub next_not_before: Option<UnixMillis>,
    pub first_deadline: Option<UnixSeconds>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundItem {
    pub item_id: ItemId,
    pub lane: LaneId,
    pub state: LedgerState,
}
