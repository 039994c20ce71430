//! From a file to the gateway: rows become events, chunks of them become requests under an
//! idempotency key each, and a journal says how far everything is known.
//!
//! * `rows`: the file, row by row. `mapping`: what the columns of a CSV file mean.
//! * `chunks`: a request and what became of its rows; tried again until the gateway answers.
//! * `journal`, `rejected`: what is on disk, so that an interrupted import goes on where it was.
//!
//! A chunk's key follows from the file and the row it begins with. So a chunk that was sent and not
//! yet journaled when the process ended is answered with its first receipts when it comes again. The
//! gateway remembers keys for a day; beyond that, rows without an event id have one that follows
//! from the file and the row, by which the platform recognizes them.

mod chunks;
mod journal;
mod mapping;
mod progress;
mod rejected;
mod rows;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::commands::SendFormat as Format;
use crate::exit::Failure;
use crate::output::Output;
use chunks::{Chunk, Settled};
use journal::{Journal, Known};
use mapping::Mapping;
use progress::Progress;
use rejected::Rejected;
use rows::Rows;

/// What is to be done.
pub struct Plan {
    pub file: PathBuf,
    pub format: Format,
    /// `destination=…` or `route=…`
    pub query: String,
    pub mapping: Option<PathBuf>,
    pub journal: Option<PathBuf>,
    pub rejected: Option<PathBuf>,
    pub chunk: usize,
    pub in_flight: usize,
}

pub async fn run(plan: Plan, client: Client, output: &Output) -> anyhow::Result<()> {
    let mapping = Mapping::load(plan.mapping.as_deref())?;
    let mut rows = Rows::open(&plan.file, plan.format, &mapping)?;
    let identity = rows.identity().to_owned();
    let mut journal = match rows.can_be_resumed() {
        false => Journal::none(),
        true => Journal::open(&plan.journal_path(), &identity, &plan.query, plan.chunk)?,
    };
    let known = journal.known();
    if known.is_done {
        output.note(format!(
            "{} was sent already; remove {} to send it again",
            plan.file.display(),
            plan.journal_path().display()
        ));
        return report(&plan, known, output);
    }
    if known.rows > 0 {
        output.note(format!("going on after row {}", known.rows));
    }
    let mut rejected = Rejected::open(&plan.rejected_path(), rows.header(), known.rejected_bytes)?;
    let progress = Progress::new(rows.total_bytes(), rows.read_bytes(), known);
    rows.skip(known.rows)?;

    let client = Arc::new(client);
    let mut on_their_way: VecDeque<JoinHandle<anyhow::Result<Settled>>> = VecDeque::new();
    let mut is_more = true;
    while is_more || !on_their_way.is_empty() {
        while is_more && on_their_way.len() < plan.in_flight {
            let chunk = Chunk::read(&mut rows, plan.chunk)?;
            is_more = !chunk.is_empty();
            if is_more {
                let (client, query, identity) =
                    (client.clone(), plan.query.clone(), identity.clone());
                let retries = progress.clone();
                on_their_way.push_back(tokio::spawn(async move {
                    chunk.send(&client, &query, &identity, &retries).await
                }));
            }
        }
        // In order, so that the journal never says more than what is known of every row before it.
        let Some(first) = on_their_way.pop_front() else { break };
        let settled = first.await??;
        let rejected_bytes = rejected.write(&settled.refused)?;
        let known = journal.advance(&settled, rejected_bytes)?;
        progress.show(known);
    }
    let known = journal.finish()?;
    progress.clear();
    report(&plan, known, output)
}

impl Plan {
    fn journal_path(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| beside(&self.file, "holdfast"))
    }

    fn rejected_path(&self) -> PathBuf {
        let ending = match self.format {
            Format::Csv => "rejected.csv",
            Format::Ndjson => "rejected.ndjson",
        };
        self.rejected.clone().unwrap_or_else(|| beside(&self.file, ending))
    }
}

fn beside(file: &std::path::Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    name.into()
}

fn report(plan: &Plan, known: Known, output: &Output) -> anyhow::Result<()> {
    let Known { rows, accepted, held, rejected, .. } = known;
    let file = (rejected > 0).then(|| plan.rejected_path().display().to_string());
    if output.json {
        output.json(&json!({
            "rows": rows, "accepted": accepted, "held": held, "rejected": rejected,
            "rejected_file": file,
        }))?;
    } else {
        output.line(format!("Rows      {rows}"));
        output.line(format!("Accepted  {accepted}"));
        if held > 0 {
            output.line(format!("Held      {held} of them; see `holdfast status`"));
        }
        output.line(format!("Rejected  {rejected}"));
    }
    match file {
        None => Ok(()),
        Some(file) => Err(Failure::CheckFailed(format!(
            "{rejected} row(s) were refused; correct them in {file} and send that file"
        ))
        .into()),
    }
}
