//! Getting items into the log.

use std::collections::HashMap;
use std::sync::mpsc::{SyncSender, TrySendError};

use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::item::BatchGroup;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{AppendError, Appended, Commit, NewItem, StorageError};
use tokio::sync::oneshot;

use super::cipher::{Cipher, item_aad};
use super::committer::{Job, Purpose};
use super::frame::{FRAME_HEAD, ItemHead, Kind, read_item, write_item};
use super::shared::Shared;
use super::terminal::{self, LeftItem};
use super::{remember, settle};

pub async fn append(
    shared: &Shared,
    jobs: &SyncSender<Job>,
    commit: Commit,
) -> Result<Appended, AppendError> {
    let mut payload = Vec::with_capacity(payload_size(&commit));
    let key = remember::write_prefix(
        &mut payload,
        commit.idempotency.as_ref(),
        commit.at,
        &shared.cipher,
    )?;
    let mut bytes_by_lane: HashMap<LaneId, u64> = HashMap::new();
    for item in &commit.items {
        let start = payload.len();
        encode(&shared.cipher, item, commit.at, &mut payload)?;
        *bytes_by_lane.entry(item.lane).or_default() += (payload.len() - start) as u64;
    }
    // A frame must fit into a segment beside its header, which grows with the number of lanes.
    if (payload.len() + FRAME_HEAD) as u64 > shared.settings.segment_bytes / 2 {
        return Err(AppendError::Storage(StorageError::Refused {
            what: "commit",
            id: format!("of {} bytes", payload.len()),
            why: format!("at most {} bytes are one commit", shared.settings.segment_bytes / 2),
        }));
    }
    reserve(shared, &bytes_by_lane)?;
    let (done, wait) = oneshot::channel();
    let job = Job { kind: Kind::Items, payload, purpose: Purpose::New { key }, done };
    let outcome = match jobs.try_send(job) {
        Ok(()) => wait.await.unwrap_or(Err(StorageError::Closed.into())),
        Err(TrySendError::Full(_)) => Err(AppendError::Overloaded),
        Err(TrySendError::Disconnected(_)) => Err(StorageError::Closed.into()),
    };
    if !matches!(outcome, Ok(Appended::Stored { .. })) {
        unreserve(shared, &bytes_by_lane);
    }
    outcome
}

fn payload_size(commit: &Commit) -> usize {
    /// Description, tag and length fields of a record.
    const AROUND: usize = 160;
    let items: usize = commit
        .items
        .iter()
        .map(|i| i.admitted.fragment.len() + i.admitted.event_id.len() + AROUND)
        .sum();
    items + commit.idempotency.as_ref().map_or(8, |i| i.receipt.len() + 128)
}

/// The content that is encrypted: event id and fragment.
fn encode(
    cipher: &Cipher,
    item: &NewItem,
    at: UnixMillis,
    out: &mut Vec<u8>,
) -> Result<(), StorageError> {
    let admitted = &item.admitted;
    let event_id = admitted.event_id.as_bytes();
    let mut content = Vec::with_capacity(event_id.len() + admitted.fragment.len() + 24);
    content.extend_from_slice(&(event_id.len() as u32).to_le_bytes());
    content.extend_from_slice(event_id);
    content.extend_from_slice(&admitted.fragment);
    let nonce = cipher.seal(&item_aad(item.item_id, item.lane), &mut content)?;
    let head = ItemHead {
        seq: Seq(0),
        lane: item.lane,
        item_id: item.item_id,
        admitted_at: at,
        event_time: admitted.event_time,
        expires_at: admitted.expires_at,
        dedup_until: admitted.dedup_until,
        not_before: item.not_before,
        profile: admitted.profile,
        nonce,
        fragment_bytes: admitted.fragment.len() as u32,
    };
    write_item(out, &head, &admitted.group, &content);
    Ok(())
}

/// All lanes or none.
fn reserve(shared: &Shared, bytes_by_lane: &HashMap<LaneId, u64>) -> Result<(), AppendError> {
    let mut lanes = shared.lanes();
    let mut reserved: Vec<(LaneId, u64)> = Vec::new();
    for (lane, bytes) in bytes_by_lane {
        if let Err((used_bytes, quota_bytes)) = lanes.entry(*lane).or_default().reserve(*bytes) {
            for (lane, bytes) in reserved {
                lanes.entry(lane).or_default().unreserve(bytes);
            }
            return Err(AppendError::QuotaExceeded { lane: *lane, used_bytes, quota_bytes });
        }
        reserved.push((*lane, *bytes));
    }
    Ok(())
}

fn unreserve(shared: &Shared, bytes_by_lane: &HashMap<LaneId, u64>) {
    let mut lanes = shared.lanes();
    for (lane, bytes) in bytes_by_lane {
        lanes.entry(*lane).or_default().unreserve(*bytes);
    }
}

/// Marks the rows, writes the items into the log, erases the rows. A crash in between is finished
/// by recovery, which looks whether the log has the items.
pub async fn replay(
    shared: &Shared,
    jobs: &SyncSender<Job>,
    items: Vec<ItemId>,
    at: UnixMillis,
) -> Result<Vec<ItemId>, StorageError> {
    let marked = shared.terminal.run(move |db| terminal::begin_replay(db, &items)).await?;
    if marked.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<ItemId> = marked.iter().map(|item| item.item_id).collect();
    let written = match put_back(shared, &marked, at).await {
        Ok(payload) => submit(jobs, Kind::Moved, payload, Purpose::PutBack).await,
        Err(error) => Err(error),
    };
    let (is_queued, finished) = (written.is_ok(), ids.clone());
    shared.terminal.run(move |db| terminal::end_replay(db, &finished, is_queued)).await?;
    written?;
    let mut lanes = shared.lanes();
    for item in &marked {
        settle::count(lanes.entry(item.lane).or_default(), item.state, -1);
    }
    Ok(ids)
}

async fn put_back(
    shared: &Shared,
    items: &[LeftItem],
    at: UnixMillis,
) -> Result<Vec<u8>, StorageError> {
    let mut payload = Vec::new();
    for item in items {
        let (record, _) = read_item(&item.record).ok_or_else(settle::damaged_record)?;
        let mut content = settle::content_of(shared, item).await?;
        let nonce = shared.cipher.seal(&item_aad(item.item_id, item.lane), &mut content)?;
        let head = ItemHead { nonce, admitted_at: at, not_before: None, ..record.head };
        write_item(&mut payload, &head, &BatchGroup(record.group.to_owned()), &content);
    }
    Ok(payload)
}

pub async fn submit(
    jobs: &SyncSender<Job>,
    kind: Kind,
    payload: Vec<u8>,
    purpose: Purpose,
) -> Result<(), StorageError> {
    let (done, wait) = oneshot::channel();
    let full = StorageError::Io { doing: "write", cause: "too many writes are waiting".to_owned() };
    jobs.try_send(Job { kind, payload, purpose, done }).map_err(|_| full)?;
    match wait.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(AppendError::Storage(error))) => Err(error),
        Ok(Err(other)) => Err(StorageError::Io { doing: "write", cause: other.to_string() }),
        Err(_) => Err(StorageError::Closed),
    }
}

/// Disk reads do not belong on the executor's threads.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StorageError::Closed)?
}
