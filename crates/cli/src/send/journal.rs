//! How far everything is known, on disk: one line after each chunk, synced.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::chunks::Settled;
use crate::exit::Failure;

/// What is known of the rows before a place in the file.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Known {
    pub rows: u64,
    pub accepted: u64,
    pub held: u64,
    pub rejected: u64,
    /// Length of the file of rejected rows.
    pub rejected_bytes: u64,
    #[serde(default)]
    pub is_done: bool,
}

/// The first line: whose journal it is.
#[derive(Serialize, Deserialize, PartialEq)]
struct Head {
    file: String,
    to: String,
    /// Keys of requests follow from it.
    chunk: usize,
}

pub struct Journal {
    file: Option<File>,
    known: Known,
}

impl Journal {
    /// For what cannot be resumed.
    pub fn none() -> Self {
        Self { file: None, known: Known::default() }
    }

    pub fn open(path: &Path, identity: &str, query: &str, chunk: usize) -> anyhow::Result<Self> {
        let head = Head { file: identity.to_owned(), to: query.to_owned(), chunk };
        let shown = path.display();
        let failed = || format!("failed to use the journal {shown}");
        if !path.exists() {
            let mut file = File::create(path).with_context(failed)?;
            write(&mut file, &head).with_context(failed)?;
            return Ok(Self { file: Some(file), known: Known::default() });
        }
        let lines = BufReader::new(File::open(path).with_context(failed)?).lines();
        let mut lines = lines.map_while(Result::ok);
        let first = lines.next().and_then(|line| serde_json::from_str::<Head>(&line).ok());
        if first.is_some_and(|first| first != head) {
            return Err(Failure::Usage(format!(
                "{shown} belongs to another file, another destination or another --chunk; name \
                 another with --journal, or remove it"
            ))
            .into());
        }
        // The last line may have been cut by what interrupted the import: the one before it counts.
        let known = lines.filter_map(|line| serde_json::from_str(&line).ok()).last();
        let mut file = OpenOptions::new().append(true).open(path).with_context(failed)?;
        file.write_all(b"\n").with_context(failed)?;
        Ok(Self { file: Some(file), known: known.unwrap_or_default() })
    }

    pub fn known(&self) -> Known {
        self.known
    }

    /// The rejected rows of the chunk are on the disk.
    pub fn advance(&mut self, settled: &Settled, rejected_bytes: u64) -> anyhow::Result<Known> {
        self.known.rows += settled.rows;
        self.known.accepted += settled.accepted;
        self.known.held += settled.held;
        self.known.rejected += settled.refused.len() as u64;
        self.known.rejected_bytes = rejected_bytes;
        self.write()
    }

    pub fn finish(&mut self) -> anyhow::Result<Known> {
        self.known.is_done = true;
        self.write()
    }

    fn write(&mut self) -> anyhow::Result<Known> {
        if let Some(file) = &mut self.file {
            write(file, &self.known).context("failed to write the journal")?;
        }
        Ok(self.known)
    }
}

fn write(file: &mut File, line: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.sync_data()?;
    Ok(())
}
