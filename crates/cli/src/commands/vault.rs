//! `holdfast vault …`

use std::path::PathBuf;

use clap::Subcommand;
use holdfast_gateway::offline;
use serde_json::json;

use super::Global;
use crate::output::{Output, grouped};

#[derive(Subcommand)]
pub enum Vault {
    /// Change the master key: every key under it is wrapped anew. The gateway must be stopped; no
    /// token and no event is decrypted. If it is interrupted, run it again.
    Rotate {
        /// File with the new key. It is made, readable by its owner alone, if it is missing.
        #[arg(long, value_name = "PATH")]
        new_key_file: PathBuf,
    },
}

impl Vault {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let Vault::Rotate { new_key_file } = self;
        let rotated = offline::rotate(&global.settings()?, &new_key_file).await?;
        if output.json {
            return output.json(&json!({
                "old_key": rotated.old_key, "new_key": rotated.new_key,
                "records": rotated.records.changed,
                "done_before": rotated.records.done_before,
                "old_key_kept_at": rotated.old_kept_at,
            }));
        }
        let before = match rotated.records.done_before {
            0 => String::new(),
            done => format!(", {} had been before", grouped(done)),
        };
        output.line(format!(
            "{} records are under the new master key {}{before}.",
            grouped(rotated.records.changed),
            rotated.new_key
        ));
        match rotated.old_kept_at {
            Some(kept) => {
                output.hanging("", &format!("The old key is kept at {}.", kept.display()))
            }
            None => output.hanging(
                "",
                &format!("Now name {} in vault.master_key_file.", new_key_file.display()),
            ),
        }
        output.hanging("", &format!("Backups made before need the old key ({}).", rotated.old_key));
        Ok(())
    }
}
