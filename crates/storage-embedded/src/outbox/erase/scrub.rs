//! Getting erased content off the disk.
//!
//! One step at a time on the thread that keeps house, so that a segment is copied onward only after
//! the one before it made room.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use holdfast_storage::StorageError;
use tokio::sync::oneshot;

use super::super::chores::ask;
use super::super::committer::{Job, Purpose};
use super::super::frame::Kind;
use super::super::housekeeping::{copy_onward, make_spare, recycle_dead};
use super::super::segments::{blank, io};
use super::super::shared::Shared;

/// True if nothing is left. Not so while a backup needs a segment, or reads the database: what is
/// left goes when it ends.
pub async fn scrub(shared: &Arc<Shared>) -> Result<bool, StorageError> {
    let _turn = shared.erasure.lock().await;
    ask(shared, renew_files).await?;
    let tainted: BTreeSet<u32> = {
        let segments = shared.segments();
        let sealed = segments.all.iter().filter(|(n, _)| Some(**n) != segments.current());
        sealed.filter(|(_, s)| s.is_tainted).map(|(number, _)| *number).collect()
    };
    for number in &tainted {
        let number = *number;
        let copy = move |shared: &Shared, jobs: &_| {
            copy_onward(shared, jobs, number)?;
            recycle_dead(shared)
        };
        ask(shared, copy).await?;
    }
    while ask(shared, |shared, _| blank_a_rest(shared)).await? {}
    let is_left = {
        let segments = shared.segments();
        tainted.iter().any(|number| segments.all.contains_key(number))
    };
    Ok(shared.terminal.trim().await? && !is_left)
}

/// No spare was a segment before, and the segment that is written has nothing to hide.
fn renew_files(shared: &Shared, jobs: &SyncSender<Job>) -> Result<(), StorageError> {
    let mut is_changed = false;
    while let Some(name) = { shared.spares().take_used() } {
        shared.disk.remove(&name).map_err(io("remove a used spare"))?;
        is_changed = true;
    }
    if is_changed {
        shared.disk.sync_dir().map_err(io("sync the outbox directory"))?;
        make_spare(shared)?;
    }
    let must_end = {
        let segments = shared.segments();
        segments.all.last_key_value().is_some_and(|(_, s)| s.is_tainted || !s.is_blank)
    };
    if must_end { new_segment(jobs) } else { Ok(()) }
}

fn new_segment(jobs: &SyncSender<Job>) -> Result<(), StorageError> {
    let (done, wait) = oneshot::channel();
    let purpose = Purpose::NewSegment;
    let job = Job { kind: Kind::Moved, payload: Vec::new(), purpose, done };
    jobs.send(job).map_err(|_| StorageError::Closed)?;
    match wait.blocking_recv() {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => {
            Err(StorageError::Io { doing: "begin a segment", cause: error.to_string() })
        }
        Err(_) => Err(StorageError::Closed),
    }
}

/// Overwrites what is behind the end of one sealed segment; false if there is none left.
fn blank_a_rest(shared: &Shared) -> Result<bool, StorageError> {
    let next = {
        let segments = shared.segments();
        let sealed = segments.all.iter().filter(|(n, _)| Some(**n) != segments.current());
        let mut used = sealed.filter(|(_, segment)| !segment.is_blank);
        used.next().map(|(number, segment)| (*number, segment.file.clone(), segment.end))
    };
    let Some((number, file, end)) = next else { return Ok(false) };
    blank(&*file, end).map_err(io("overwrite the rest of a segment"))?;
    if let Some(segment) = shared.segments().all.get_mut(&number) {
        segment.is_blank = true;
    }
    Ok(true)
}
