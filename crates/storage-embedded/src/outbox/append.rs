//! Getting items into the log.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use holdfast_model::id::{LaneId, Seq};
use holdfast_model::time::UnixMillis;
use holdfast_storage::{AppendError, Appended, Commit, NewItem, Remembered, StorageError};
use tokio::sync::oneshot;

use super::cipher::{Cipher, item_aad};
use super::committer::{Job, Jobs, Purpose, most_of_a_commit};
use super::frame::{FRAME_HEAD, ItemHead, Kind, write_item};
use super::index::Lanes;
use super::remember;
use super::shared::Shared;

pub async fn append(
    shared: &Arc<Shared>,
    jobs: &Jobs,
    commit: Commit,
) -> Result<Appended, AppendError> {
    // The sender is not kept while this waits: the committer ends when all senders are gone.
    let begun = begin(shared, &jobs.sender()?, commit)?;
    match begun {
        Begun::Repeated(remembered) => Ok(Appended::Repeated(remembered)),
        Begun::Waits(answer) => answer.await.unwrap_or(Err(StorageError::Closed.into())),
    }
}

pub type Answer = oneshot::Receiver<Result<Appended, AppendError>>;

enum Begun {
    Waits(Answer),
    Repeated(Remembered),
}

fn begin(
    shared: &Arc<Shared>,
    jobs: &SyncSender<Job>,
    commit: Commit,
) -> Result<Begun, AppendError> {
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
    let most = most_of_a_commit(shared.settings.segment_bytes);
    if (payload.len() + FRAME_HEAD) as u64 > most {
        return Err(AppendError::Storage(StorageError::Refused {
            what: "commit",
            id: format!("of {} bytes", payload.len()),
            why: format!("at most {most} bytes are one commit"),
        }));
    }
    let room = match Reservation::take(shared, bytes_by_lane) {
        Ok(room) => room,
        // A repetition needs no room.
        Err(full) => return repetition(shared, key)?.map(Begun::Repeated).ok_or(full),
    };
    let (done, wait) = oneshot::channel();
    let job = Job { kind: Kind::Items, payload, purpose: Purpose::New { key, room }, done };
    match jobs.try_send(job) {
        Ok(()) => Ok(Begun::Waits(wait)),
        Err(TrySendError::Full(_)) => Err(AppendError::Overloaded),
        Err(TrySendError::Disconnected(_)) => Err(StorageError::Closed.into()),
    }
}

fn repetition(
    shared: &Shared,
    key: Option<remember::KeyHash>,
) -> Result<Option<Remembered>, StorageError> {
    key.and_then(|key| shared.remembered_now(&key)).transpose()
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

/// Room in the quotas of lanes for a commit on its way to the disk. It travels with the commit,
/// because whoever asked for it may go away; what becomes of the commit decides what becomes of it.
pub struct Reservation {
    shared: Arc<Shared>,
    bytes_by_lane: HashMap<LaneId, u64>,
}

impl Reservation {
    /// All lanes or none.
    pub fn take(
        shared: &Arc<Shared>,
        bytes_by_lane: HashMap<LaneId, u64>,
    ) -> Result<Self, AppendError> {
        let mut lanes = shared.lanes();
        let mut reserved: Vec<(LaneId, u64)> = Vec::new();
        for (lane, bytes) in &bytes_by_lane {
            if let Err((used_bytes, quota_bytes)) = lanes.entry(*lane).or_default().reserve(*bytes)
            {
                for (lane, bytes) in reserved {
                    lanes.entry(lane).or_default().unreserve(bytes);
                }
                return Err(AppendError::QuotaExceeded { lane: *lane, used_bytes, quota_bytes });
            }
            reserved.push((*lane, *bytes));
        }
        Ok(Self { shared: shared.clone(), bytes_by_lane })
    }

    /// The items are in the queue, where they count themselves.
    pub fn give_way(&mut self, lanes: &mut Lanes) {
        for (lane, bytes) in self.bytes_by_lane.drain() {
            lanes.entry(lane).or_default().unreserve(bytes);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.bytes_by_lane.is_empty() {
            let shared = self.shared.clone();
            self.give_way(&mut shared.lanes());
        }
    }
}

pub async fn submit(
    jobs: &SyncSender<Job>,
    kind: Kind,
    payload: Vec<u8>,
    purpose: Purpose,
) -> Result<(), StorageError> {
    written(hand_over(jobs, kind, payload, purpose)?).await
}

pub fn hand_over(
    jobs: &SyncSender<Job>,
    kind: Kind,
    payload: Vec<u8>,
    purpose: Purpose,
) -> Result<Answer, StorageError> {
    let (done, wait) = oneshot::channel();
    let full = StorageError::Io { doing: "write", cause: "too many writes are waiting".to_owned() };
    jobs.try_send(Job { kind, payload, purpose, done }).map_err(|_| full)?;
    Ok(wait)
}

async fn written(answer: Answer) -> Result<(), StorageError> {
    match answer.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(AppendError::Storage(error))) => Err(error),
        Ok(Err(other)) => Err(StorageError::Io { doing: "write", cause: other.to_string() }),
        Err(_) => Err(StorageError::Closed),
    }
}

/// Runs to its end even if nobody waits for it.
pub async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, StorageError>> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::spawn(work).await.map_err(|_| StorageError::Closed)?
}

/// Disk reads do not belong on the executor's threads.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StorageError::Closed)?
}
