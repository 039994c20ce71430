//! The outbox by itself, in groups of 128: in, and in and out again, beside a raw log and SQLite.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_model::credential::SignedWith;
use holdfast_model::id::{BatchId, CredentialId, VersionNo};
use holdfast_storage::{DeliveredBatch, Outbox, Settlement};
use holdfast_storage_embedded::EmbeddedOutbox;
use rusqlite::Connection;

use crate::Options;
use crate::outbox::{self, LANE, NOW, fragment};
use crate::table::Table;

const GROUP: usize = 128;
const RAW: &str = "raw log, append 128";
const SQLITE: &str = "SQLite FULL, append 128";
const RAW_QUEUE: &str = "raw log, 128 in and out";
const SQLITE_QUEUE: &str = "SQLite FULL, 128 in and out";

pub async fn measure(options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let length = Duration::from_secs(options.seconds);
    for _ in 0..options.rounds {
        let dir = tempfile::tempdir_in(&options.dir)?;
        table.load(RAW, GROUP as f64, raw(dir.path(), length, false)?);
        table.load(SQLITE, GROUP as f64, sqlite(dir.path(), length, false)?);
        let outbox = Subject::open(dir.path())?;
        let measured = outbox.by_all_callers(length, Work::Append).await?;
        let row = table.load("outbox, append 128", GROUP as f64, measured);
        row.beside(RAW, 0.5).beside(SQLITE, 2.0);
        outbox.outbox.close().await?;

        let dir = tempfile::tempdir_in(&options.dir)?;
        table.load(RAW_QUEUE, GROUP as f64, raw(dir.path(), length, true)?);
        table.load(SQLITE_QUEUE, GROUP as f64, sqlite(dir.path(), length, true)?);
        let outbox = Subject::open(dir.path())?;
        let measured = outbox.by_all_callers(length, Work::Queue).await?;
        let row = table.load("outbox, 128 in and out", GROUP as f64, measured);
        row.beside(RAW_QUEUE, 0.5).beside(SQLITE_QUEUE, 2.0);
        outbox.outbox.close().await?;
    }
    Ok(())
}

/// One write and one sync a group, into zeros that are there already. As a queue the group is read
/// back and its acknowledgement is written and synced.
fn raw(dir: &Path, length: Duration, out_again: bool) -> anyhow::Result<crate::load::Measured> {
    const FILE: u64 = 256 << 20;
    let mut file = File::options().create_new(true).read(true).write(true).open(dir.join("raw"))?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..FILE / (1 << 20) {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    let group: Vec<u8> = (0..GROUP as u64).flat_map(fragment).collect();
    let mut back = vec![0; group.len()];
    let mut at = 0;
    timed(length, || {
        if at + group.len() as u64 + 4_096 > FILE {
            at = 0;
        }
        file.write_all_at(&group, at)?;
        file.sync_data()?;
        if out_again {
            file.read_exact_at(&mut back, at)?;
            file.write_all_at(&[1; 1_024], at + group.len() as u64)?;
            file.sync_data()?;
        }
        at += group.len() as u64 + 1_024;
        Ok(())
    })
}

fn sqlite(dir: &Path, length: Duration, out_again: bool) -> anyhow::Result<crate::load::Measured> {
    let mut db = Connection::open(dir.join("queue.sqlite"))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute("CREATE TABLE queue (seq INTEGER PRIMARY KEY, fragment BLOB NOT NULL)", [])?;
    let group: Vec<Vec<u8>> = (0..GROUP as u64).map(fragment).collect();
    timed(length, || {
        let write = db.transaction()?;
        for fragment in &group {
            write
                .prepare_cached("INSERT INTO queue (fragment) VALUES (?1)")?
                .execute([fragment])?;
        }
        write.commit()?;
        if out_again {
            let read: Vec<(i64, Vec<u8>)> = db
                .prepare_cached("SELECT seq, fragment FROM queue ORDER BY seq LIMIT 128")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let write = db.transaction()?;
            for (seq, _) in read {
                write.prepare_cached("DELETE FROM queue WHERE seq = ?1")?.execute([seq])?;
            }
            write.commit()?;
        }
        Ok(())
    })
}

struct Subject {
    outbox: Arc<EmbeddedOutbox>,
    fragments: Vec<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Work {
    Append,
    /// In, and out again as delivered.
    Queue,
}

/// Two, so that one prepares its group while the other's is being synced, as in the gateway. A
/// group is still what one of them has.
const CALLERS: u64 = 2;

impl Subject {
    fn open(dir: &Path) -> anyhow::Result<Arc<Self>> {
        let fragments = (0..GROUP as u64).map(fragment).collect();
        Ok(Arc::new(Self { outbox: Arc::new(outbox::open(dir)?), fragments }))
    }

    async fn by_all_callers(
        self: &Arc<Self>,
        length: Duration,
        work: Work,
    ) -> anyhow::Result<crate::load::Measured> {
        let caller = |number| {
            let this = self.clone();
            tokio::spawn(async move { this.call(number, length, work).await })
        };
        let callers: Vec<_> = (0..CALLERS).map(caller).collect();
        let mut all = Stopwatch::start(length);
        for caller in callers {
            all.laps_ms.extend(caller.await??.laps_ms);
        }
        all.end();
        Ok(all.measured())
    }

    async fn call(&self, caller: u64, length: Duration, work: Work) -> anyhow::Result<Stopwatch> {
        let mut clock = Stopwatch::start(length);
        let mut number = caller;
        while clock.runs() {
            number += CALLERS;
            self.outbox.append(outbox::commit(number, &self.fragments)).await?;
            if matches!(work, Work::Queue) {
                self.take_out(number).await?;
            }
            clock.lap();
        }
        Ok(clock)
    }

    async fn take_out(&self, number: u64) -> anyhow::Result<()> {
        let lease = self.outbox.lease(LANE, outbox::ask(GROUP)).await?;
        let batch = DeliveredBatch {
            batch: BatchId::from_parts(NOW, outbox::random_part(number)),
            items: lease.items.iter().map(|item| item.meta.seq).collect(),
            signed_with: SignedWith {
                credential: CredentialId::new("bench")?,
                version: VersionNo(1),
                fingerprint: "0".repeat(16),
            },
            trace_id: None,
            at: NOW,
        };
        self.outbox.settle(LANE, Settlement::Delivered(batch)).await?;
        Ok(())
    }
}

/// Laps within a given time.
struct Stopwatch {
    start: Instant,
    length: Duration,
    lap: Instant,
    laps_ms: Vec<f64>,
}

impl Stopwatch {
    #[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
    fn start(length: Duration) -> Self {
        let start = Instant::now();
        Self { start, length, lap: start, laps_ms: Vec::new() }
    }

    fn runs(&self) -> bool {
        self.start.elapsed() < self.length
    }

    #[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
    fn lap(&mut self) {
        let now = Instant::now();
        self.laps_ms.push((now - self.lap).as_secs_f64() * 1_000.0);
        self.lap = now;
    }

    #[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
    fn end(&mut self) {
        self.lap = Instant::now();
    }

    fn measured(mut self) -> crate::load::Measured {
        self.laps_ms.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = ((self.laps_ms.len() as f64 - 1.0) * share) as usize;
            self.laps_ms.get(place).copied().unwrap_or(0.0)
        };
        crate::load::Measured {
            requests_per_second: self.laps_ms.len() as f64 / (self.lap - self.start).as_secs_f64(),
            p50_ms: at(0.50),
            p99_ms: at(0.99),
        }
    }
}

fn timed(
    length: Duration,
    mut lap: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<crate::load::Measured> {
    let mut clock = Stopwatch::start(length);
    while clock.runs() {
        lap()?;
        clock.lap();
    }
    Ok(clock.measured())
}
