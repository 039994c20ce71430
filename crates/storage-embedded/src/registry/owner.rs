//! The thread that owns the connection.

use std::thread::JoinHandle;

use holdfast_storage::StorageError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::row::sql_failed;

/// Most calls that wait for the thread. A call takes about a millisecond, so a full queue is a
/// quarter of a second of work; whoever comes then waits in line instead of growing it.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Sends closures to the thread. Dropping it lets the thread finish what is queued and waits for
/// that, so that the file is closed when the owner is gone.
pub(super) struct Owner {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Owner {
    pub(super) fn start(mut connection: Connection) -> Result<Self, StorageError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let run = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut connection);
            }
        };
        let thread = std::thread::Builder::new()
            .name("holdfast-registry".to_owned())
            .spawn(run)
            .map_err(|cause| StorageError::Io {
                doing: "start the registry's thread",
                cause: cause.to_string(),
            })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` in one transaction: committed if it answers `Ok`, rolled back otherwise. Once
    /// handed over the work is done even if the caller stops waiting.
    pub(super) async fn transact<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, StorageError> + Send + 'static,
    {
        self.run(move |connection| in_transaction(connection, work)).await
    }

    /// Runs `work` with the connection itself, for statements that allow no transaction.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StorageError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // The caller may have gone away; the work is done all the same.
            let _ = answer.send(work(connection));
        });
        let jobs = self.jobs.as_ref().ok_or(StorageError::Closed)?;
        jobs.send(job).await.map_err(|_| StorageError::Closed)?;
        answered.await.map_err(|_| StorageError::Closed)?
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // An error means the thread panicked, which its callers saw as `Closed`.
            let _ = thread.join();
        }
    }
}

pub(super) fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    // Immediate: take the write lock now rather than find in the middle that it cannot be had.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(sql_failed("begin a transaction"))?;
    let answer = work(&transaction)?;
    transaction.commit().map_err(sql_failed("commit"))?;
    Ok(answer)
}
