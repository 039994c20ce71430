//! Writing dead letters down, a page at a time.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::which::{Reading, Which};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::Output;

/// Pages are asked for in this size.
const PAGE: usize = 1_000;

pub struct Wanted {
    pub which: Which,
    pub to: Option<PathBuf>,
    pub with_events: bool,
    pub after: Option<String>,
}

impl Wanted {
    pub async fn write(self, client: &Client, output: &Output) -> anyhow::Result<()> {
        let mut reading = Reading {
            after: self.after.clone(),
            with_events: self.with_events,
            newest_first: false,
        };
        let mut target: Box<dyn Write> = match &self.to {
            Some(path) => Box::new(open(path, self.after.is_some())?),
            None => Box::new(std::io::stdout().lock()),
        };
        let mut written = 0_usize;
        loop {
            let page = self.which.page(client, &reading, PAGE).await;
            let (letters, next) = page.inspect_err(|_| interrupted(&reading, written, output))?;
            let mut lines = Vec::new();
            for letter in &letters {
                serde_json::to_writer(&mut lines, letter)?;
                lines.push(b'\n');
            }
            target
                .write_all(&lines)
                .and_then(|()| target.flush())
                .context("failed to write the export")?;
            written += letters.len();
            reading.after = next;
            if reading.after.is_none() {
                break;
            }
        }
        if let Some(path) = &self.to {
            output.note(format!("{written} items written to {}", path.display()));
        }
        Ok(())
    }
}

fn interrupted(reading: &Reading, written: usize, output: &Output) {
    if let Some(after) = &reading.after {
        output.note(format!("{written} items are written; go on with --after {after}"));
    }
}

/// Readable by its owner alone: events are about people.
fn open(path: &Path, goes_on: bool) -> anyhow::Result<File> {
    let mut options = File::options();
    match goes_on {
        true => options.append(true),
        false => options.write(true).create_new(true),
    };
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::Usage(format!("{} exists already", path.display())).into()
        }
        _ => anyhow::Error::new(error).context(format!("failed to write {}", path.display())),
    })
}
