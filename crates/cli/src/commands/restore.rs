//! `holdfast restore`

use std::path::PathBuf;

use clap::Args;
use holdfast_gateway::offline::{self, OfflineError};
use serde_json::json;

use super::Global;
use super::backup::{open, unsound};
use crate::exit::Failure;
use crate::output::{Output, grouped};

/// All of the backup is checked before the directory gets its name. Every item that waits in it
/// counts as one that may have arrived meanwhile: what the platform recognizes is sent again, the
/// rest is put before you as unknown.
#[derive(Args)]
pub struct Restore {
    /// `-` is standard input.
    file: PathBuf,
    /// The master key that the data was sealed with, where the configuration names none. It is
    /// copied into the data directory.
    #[arg(long, value_name = "PATH")]
    master_key_file: Option<PathBuf>,
}

impl Restore {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let settings = global.settings()?;
        let from = open(&self.file)?;
        let restored = offline::restore(&settings, self.master_key_file.as_deref(), from);
        let restored = restored.await.map_err(explain)?;
        let dir = &settings.storage.data_dir;
        if output.json {
            return output.json(&json!({
                "data_dir": dir,
                "taken_at": restored.head.taken_at,
                "epoch": restored.epoch,
                "waiting": restored.waiting,
            }));
        }
        output.note(format!(
            "{} is the installation as it was at {}.",
            dir.display(),
            restored.head.taken_at
        ));
        output.note(format!(
            "{} items wait. Each may have arrived since; those that the platform would not\n\
             recognize become unknown: `holdfast dead-letter list --state unknown`.",
            grouped(restored.waiting)
        ));
        output.note(
            "What was erased since is in it again: repeat those erasures before you serve it.",
        );
        output.note("Make sure that the original does not run any more, then `holdfast serve`.");
        Ok(())
    }
}

fn explain(error: OfflineError) -> anyhow::Error {
    match error {
        OfflineError::Backup(error) => unsound(error),
        OfflineError::NoMasterKey => Failure::Usage(format!(
            "{error}. Name the file with --master-key-file or vault.master_key_file"
        ))
        .into(),
        other => other.into(),
    }
}
