//! Which waiting items may have arrived at the platform already.
//!
//! Before a request leaves, one small frame says which items are in it; after a certain refusal
//! another takes that back. Both name runs of sequence numbers, so a batch of a thousand costs
//! about twenty bytes.
//!
//! **What the sender waits for.** Every request waits until its frame is durable, also where the
//! platform would deduplicate a repetition today. An item stays in the queue for up to a week (a
//! hold may open after the answer was lost), and the platform forgets after two days: an attempt
//! that is forgotten here before it is forgotten there may be counted twice. Writing without
//! waiting for the sync would do for `kill -9`, because the page cache outlives the process, but
//! not for power loss: the request may have left while its frame is lost, and nothing on the disk
//! would tell the item from one that was never sent. Making up for that at recovery would mean to
//! distrust everything that might have been leased since the last sync, and to report items as
//! `unknown` that never left. Waiting costs little, because
//! * the wait runs beside reading the token, building and signing the request;
//! * it is one sync for the requests of all lanes and for the appends that come at the same time;
//! * a lane has several requests under way, so it adds latency and no work: with four of a thousand
//!   items in flight, 200,000 items a second leave 20 ms to each request. A sync takes 0.1 ms on a
//!   quiet machine and a few on a busy one.
//!
//! Taking back waits for nothing. If it is lost the item counts as perhaps arrived, which is the
//! safe side, and it is on its way to the disk by the time the answer was read.
//!
//! **Where the marks live.** In memory, in each lane's index; that is always up to date. In the log
//! they are no part of the item's record, so that neither marking nor unmarking copies anything,
//! and a segment must be able to die although a mark in it is still needed. So every segment begins
//! with the marks of all items that wait at that time, and what older segments said counts no more.
//! The frames of one item are in the order of its attempts, because each is handed to the committer
//! before the next attempt begins.

use std::sync::mpsc::SyncSender;

use holdfast_model::id::{LaneId, Seq};
use holdfast_storage::StorageError;
use tokio::sync::oneshot;

use super::append::submit;
use super::committer::{Job, Purpose};
use super::frame::{Frame, Kind, Reader, write_frame};
use super::index::Lanes;
use super::runs::SeqRuns;
use super::shared::Shared;

/// The marks at the beginning of a segment take at most one part in so many of it. Beyond that the
/// numbers between the marked ones are marked too: the safe side, in a few bytes for each lane.
/// Marks are few: what is in flight, and what is waiting to be sent again after a lost answer.
const SHARE_OF_A_SEGMENT: u64 = 4;

/// Returns when it is durable that requests with these items may leave. Those that are being erased
/// may not, and then nothing is recorded.
pub async fn record(
    shared: &Shared,
    jobs: &SyncSender<Job>,
    lane: LaneId,
    items: &[Seq],
) -> Result<Vec<Seq>, StorageError> {
    let items = match shared.lanes().get(&lane) {
        None => return Ok(Vec::new()),
        Some(index) => {
            let erasing = index.erasing.among(items);
            if !erasing.is_empty() {
                return Ok(erasing);
            }
            index.not_attempted(items)
        }
    };
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let payload = Marks { lane, attempted: true, items: items.clone() }.write();
    // Marked in memory only when it is on the disk, and by the thread that writes: nobody who asks
    // in between, or after a caller that went away, takes it for granted, and no segment begins
    // without it.
    submit(jobs, Kind::Attempts, payload, Purpose::Mark { lane, items }).await?;
    Ok(Vec::new())
}

/// Marks everything that waits, before anything is leased, and says how much that is: this log was
/// somewhere else, and what became of its items since is not known here.
pub async fn distrust(shared: &Shared, jobs: &SyncSender<Job>) -> Result<u64, StorageError> {
    let lanes: Vec<(LaneId, SeqRuns)> = {
        let all = shared.lanes();
        all.iter().map(|(lane, index)| (*lane, in_order(index.seqs()))).collect()
    };
    let most = (shared.settings.segment_bytes / SHARE_OF_A_SEGMENT) as usize;
    let mut waiting = 0;
    for (lane, items) in lanes.into_iter().filter(|(_, items)| !items.is_empty()) {
        waiting += items.seqs().count() as u64;
        let mut payload = Marks { lane, attempted: true, items: items.clone() }.write();
        if payload.len() > most {
            payload = Marks { lane, attempted: true, items: items.hull() }.write();
        }
        submit(jobs, Kind::Attempts, payload, Purpose::Distrust { lane, items }).await?;
    }
    Ok(waiting)
}

fn in_order(seqs: impl Iterator<Item = Seq>) -> SeqRuns {
    let mut seqs: Vec<Seq> = seqs.collect();
    seqs.sort_unstable();
    seqs.into_iter().collect()
}

/// Takes marks back, in leases at once and on the disk as soon as it is convenient.
pub fn withdraw(shared: &Shared, jobs: &SyncSender<Job>, lane: LaneId, items: &[Seq]) {
    let items: SeqRuns = items.iter().copied().collect();
    match shared.lanes().get_mut(&lane) {
        Some(index) if !index.attempted.is_empty() => index.attempted.subtract(&items),
        _ => return,
    }
    let payload = Marks { lane, attempted: false, items }.write();
    let purpose = Purpose::Mark { lane, items: SeqRuns::default() };
    let (done, _) = oneshot::channel();
    // If too much waits for the disk already, the next segment will not repeat the marks.
    let _ = jobs.try_send(Job { kind: Kind::Attempts, payload, purpose, done });
}

/// The frames with which a segment begins, so that older ones are not needed for their marks.
pub fn repeat(lanes: &Lanes, segment: u32, segment_bytes: u64, out: &mut Vec<u8>) {
    let frames = repeated(lanes, segment, SeqRuns::clone);
    if frames.len() as u64 <= segment_bytes / SHARE_OF_A_SEGMENT {
        return out.extend(frames);
    }
    tracing::warn!(
        "more items may have arrived already than can be told apart; some neighbors now count as such too"
    );
    out.extend(repeated(lanes, segment, SeqRuns::hull));
}

fn repeated(lanes: &Lanes, segment: u32, items: impl Fn(&SeqRuns) -> SeqRuns) -> Vec<u8> {
    let mut frames = Vec::new();
    for (lane, index) in lanes.iter().filter(|(_, index)| !index.attempted.is_empty()) {
        let marks = Marks { lane: *lane, attempted: true, items: items(&index.attempted) };
        // Durable together with the header.
        let frame = Frame { kind: Kind::Attempts, synced: 0, payload: &marks.write() };
        write_frame(&mut frames, segment, frame);
    }
    frames
}

/// The payload of a [`Kind::Attempts`] frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    pub lane: LaneId,
    /// Requests with these items are about to leave, or have; or it was taken back.
    pub attempted: bool,
    pub items: SeqRuns,
}

impl Marks {
    fn write(&self) -> Vec<u8> {
        let mut out = self.lane.0.to_le_bytes().to_vec();
        out.push(u8::from(self.attempted));
        self.items.write(&mut out);
        out
    }

    pub fn read(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader(payload);
        let (lane, attempted) = (LaneId(reader.u32()?), reader.u8()? != 0);
        Some(Self { lane, attempted, items: SeqRuns::read(reader.0)? })
    }
}
