//! The one thread that writes `ledger.sqlite`.
//!
//! It takes everything that waits and writes it in one transaction. What leaves the queue does so
//! here, on this thread: it looks whether the items are still leased, writes their rows, and has
//! the queue forget them, before anything else is written. So an item leaves once however often
//! and by however many callers it is settled, and a caller that goes away midway changes nothing.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use holdfast_model::id::{ItemId, LaneId, Seq};
use holdfast_model::ledger::LedgerState;
use holdfast_storage::StorageError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::append::blocking;
use super::letters;
use super::shared::lock;
use super::terminal::{self, MIGRATIONS, Terminal, failed};
use crate::sqlite::{self, Snapshot};

/// Most jobs that one transaction takes in.
const MAX_GROUP: usize = 256;

/// What the thread needs to know of the queue, and tells it.
pub trait Queue: Send + Sync {
    /// Which of the items are leased, so that they may leave.
    fn leased(&self, lane: LaneId, items: &[Seq]) -> Vec<bool>;
    /// Which of them are being erased, so that their rows have no content.
    fn erasing(&self, lane: LaneId, items: &[Seq]) -> Vec<bool>;
    /// Their rows are durable.
    fn left(&self, lane: LaneId, items: &[Seq], state: LedgerState);
}

type Work = Box<dyn FnOnce(&mut Connection) -> Result<(), StorageError> + Send>;

enum Job {
    Settle(Settle),
    EndReplay { items: Vec<ItemId>, are_queued: bool },
    Run(Work),
}

struct Settle {
    queue: Arc<dyn Queue>,
    terminal: Terminal,
    done: oneshot::Sender<Result<(), StorageError>>,
}

/// The handle; the connection lives on its own thread.
pub struct TerminalStore {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    reader: Arc<Reader>,
}

impl TerminalStore {
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let connection = sqlite::open(path, MIGRATIONS)?;
        let (jobs, todo) = mpsc::channel();
        let ledger = Ledger { connection, replays: Vec::new() };
        let thread =
            std::thread::Builder::new().name("ledger".to_owned()).spawn(move || ledger.run(&todo));
        let thread = thread.map_err(super::segments::io("start the ledger's thread"))?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            reader: Arc::new(Reader { path: path.to_owned(), connection: Mutex::new(None) }),
        })
    }

    /// Writes what waits; nothing is written after this returns, whoever still holds the handle.
    pub fn close(&self) {
        lock(&self.jobs).take();
        let Some(thread) = lock(&self.thread).take() else { return };
        // The last one who knows the queue may be a job of the thread itself, which then ends.
        if thread.thread().id() != std::thread::current().id() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }

    /// Writes the rows of those items that are leased, and has the queue forget them. Durable when
    /// this returns; done all the same if nobody waits for it.
    pub async fn settle(
        &self,
        queue: Arc<dyn Queue>,
        terminal: Terminal,
    ) -> Result<(), StorageError> {
        let (done, wait) = oneshot::channel();
        self.send(Job::Settle(Settle { queue, terminal, done }))?;
        wait.await.map_err(|_| StorageError::Closed)?
    }

    /// Finishes what [`letters::begin_replay`] began, at the latest before the next row of any
    /// item is written.
    pub fn end_replay(&self, items: Vec<ItemId>, are_queued: bool) -> Result<(), StorageError> {
        self.send(Job::EndReplay { items, are_queued })
    }

    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (done, wait) = oneshot::channel();
        self.send(Job::Run(Box::new(move |connection| {
            // Whoever asked may have gone away.
            let _ = done.send(work(connection));
            Ok(())
        })))?;
        wait.await.map_err(|_| StorageError::Closed)?
    }

    /// Reads beside the thread, for what may take long: what is settled meanwhile does not wait
    /// for it. Sees everything that was asked for before.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        self.run(|_| Ok(())).await?;
        let reader = self.reader.clone();
        blocking(move || reader.read(work)).await
    }

    /// The same as [`Self::run`] from a thread that may wait.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (done, wait) = mpsc::channel();
        self.send(Job::Run(Box::new(move |connection| {
            let _ = done.send(work(connection));
            Ok(())
        })))?;
        wait.recv().map_err(|_| StorageError::Closed)?
    }

    /// What was overwritten or deleted goes from the file's journal too. False if somebody reads the
    /// file at this moment, who may need it.
    pub async fn trim(&self) -> Result<bool, StorageError> {
        self.run(sqlite::truncate_journal).await
    }

    /// Does this between two transactions: no row is written until it is done.
    pub async fn between<T: Send + 'static>(
        &self,
        work: impl FnOnce(Snapshot) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let path = self.reader.path.clone();
        let (opened, path) = blocking(move || Ok((sqlite::open_to_read(&path)?, path))).await?;
        self.run(move |_| work(Snapshot::take(opened, &path)?)).await
    }

    fn send(&self, job: Job) -> Result<(), StorageError> {
        let jobs = lock(&self.jobs);
        let jobs = jobs.as_ref().ok_or(StorageError::Closed)?;
        jobs.send(job).map_err(|_| StorageError::Closed)
    }
}

/// The one other connection to the file. It only reads; who comes second waits.
struct Reader {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Reader {
    fn read<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut slot = lock(&self.connection);
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => sqlite::open_to_read(&self.path)?,
        };
        let found = work(&mut connection)?;
        *slot = Some(connection);
        Ok(found)
    }
}

impl Drop for TerminalStore {
    fn drop(&mut self) {
        self.close();
    }
}

struct Ledger {
    connection: Connection,
    /// Replays that are decided but whose rows could not be changed yet. Bounded by what was put
    /// back since the database failed, and beginning a replay needs the database.
    replays: Vec<(Vec<ItemId>, bool)>,
}

impl Ledger {
    fn run(mut self, todo: &mpsc::Receiver<Job>) {
        let mut next = todo.recv().ok();
        while let Some(job) = next.take() {
            match job {
                Job::Run(work) => {
                    let _ = self.finish_replays();
                    let _ = work(&mut self.connection);
                }
                Job::EndReplay { items, are_queued } => {
                    self.replays.push((items, are_queued));
                    if let Err(error) = self.finish_replays() {
                        tracing::error!(%error, "failed to end a replay; it is tried again");
                    }
                }
                Job::Settle(first) => {
                    let mut group = vec![first];
                    while group.len() < MAX_GROUP {
                        match todo.try_recv() {
                            Ok(Job::Settle(settle)) => group.push(settle),
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.settle(group);
                }
            }
            if next.is_none() {
                next = todo.recv().ok();
            }
        }
    }

    /// A row of an item that is in the queue again would stand in the way of its next row.
    fn finish_replays(&mut self) -> Result<(), StorageError> {
        while let Some((items, are_queued)) = self.replays.last() {
            letters::end_replay(&mut self.connection, items, *are_queued)?;
            self.replays.pop();
        }
        Ok(())
    }

    fn settle(&mut self, mut group: Vec<Settle>) {
        let mut leaving = HashSet::new();
        for settle in &mut group {
            let (lane, seqs) = settle.terminal.seqs();
            let leased = settle.queue.leased(lane, &seqs).into_iter().zip(seqs.iter());
            let leaves: Vec<bool> = leased.map(|(is, seq)| is && leaving.insert(*seq)).collect();
            let mut leaves = leaves.into_iter();
            settle.terminal.retain(|| leaves.next().unwrap_or(false));
            if matches!(settle.terminal, Terminal::Left { .. }) {
                let (lane, seqs) = settle.terminal.seqs();
                let mut erasing = settle.queue.erasing(lane, &seqs).into_iter();
                settle.terminal.erase(|| erasing.next().unwrap_or(false));
            }
        }
        let written = self.finish_replays().and_then(|()| self.write(&group));
        for Settle { queue, terminal, done } in group {
            if written.is_ok() {
                let (lane, seqs) = terminal.seqs();
                queue.left(lane, &seqs, terminal.state());
            }
            // Whoever waited may have gone away; the items have left all the same.
            let _ = done.send(written.clone());
        }
    }

    fn write(&mut self, group: &[Settle]) -> Result<(), StorageError> {
        if group.iter().all(|settle| settle.terminal.seqs().1.is_empty()) {
            return Ok(());
        }
        let transaction = self.connection.transaction().map_err(failed("write terminal rows"))?;
        group
            .iter()
            .try_for_each(|settle| terminal::write(&transaction, &settle.terminal))
            .and_then(|()| transaction.commit())
            .map_err(failed("write terminal rows"))
    }
}
