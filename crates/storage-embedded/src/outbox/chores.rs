//! Work that is asked of the background thread, because it must not run beside what that does to
//! the segments. Each is short; the thread keeps house between them.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};

use holdfast_storage::StorageError;
use tokio::sync::oneshot;

use super::committer::Job;
use super::shared::{Shared, lock};

pub type Chore = Box<dyn FnOnce(&Shared, &SyncSender<Job>) + Send>;

/// Chores that wait. Few: whoever asks for one waits for it before asking for another.
#[derive(Default)]
pub struct Chores(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    todo: VecDeque<Chore>,
    is_closed: bool,
}

impl Chores {
    pub fn next(&self) -> Option<Chore> {
        lock(&self.0).todo.pop_front()
    }

    /// Whoever waits hears of it.
    pub fn close(&self) {
        let mut waiting = lock(&self.0);
        waiting.is_closed = true;
        waiting.todo.clear();
    }

    fn push(&self, chore: Chore) -> Result<(), StorageError> {
        let mut waiting = lock(&self.0);
        if waiting.is_closed {
            return Err(StorageError::Closed);
        }
        waiting.todo.push_back(chore);
        Ok(())
    }
}

/// Has the background thread do this.
pub async fn ask<T: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared, &SyncSender<Job>) -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let (done, wait) = oneshot::channel();
    shared.chores.push(Box::new(move |shared, jobs| {
        // Whoever asked may have gone away.
        let _ = done.send(work(shared, jobs));
    }))?;
    shared.housekeeping.notify();
    wait.await.map_err(|_| StorageError::Closed)?
}
