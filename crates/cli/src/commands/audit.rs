//! `holdfast audit …`

use clap::Subcommand;
use holdfast_model::time::UnixMillis;
use serde_json::Value;

use super::Global;
use super::status::{number, text};
use crate::exit::Failure;
use crate::output::Output;

#[derive(Subcommand)]
pub enum Audit {
    /// The newest entries, the newest first.
    List {
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Compute the chain of all entries anew: it shows if one was changed, left out or put in.
    Verify,
}

impl Audit {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            Audit::List { limit } => {
                let entries: Value = client.get(&format!("/v1/audit?limit={limit}")).await?;
                if output.json {
                    return output.json(&entries);
                }
                entries.as_array().into_iter().flatten().for_each(|entry| show(entry, output));
                Ok(())
            }
            Audit::Verify => {
                let chain: Value = client.get("/v1/audit/chain").await.map_err(broken)?;
                if output.json {
                    return output.json(&chain);
                }
                let entries = number(&chain["entries"]);
                output.line(format!(
                    "{entries} entries, each as it was written. The newest has the hash"
                ));
                output.line(text(&chain["head"]));
                output.note("Kept elsewhere, it shows later that nothing before it was rewritten.");
                Ok(())
            }
        }
    }
}

fn show(entry: &Value, output: &Output) {
    let at = UnixMillis(entry["at"].as_i64().unwrap_or_default());
    output.line(format!("{at}  {}  {}", text(&entry["actor"]), text(&entry["action"])));
    output.hanging("    ", &text(&entry["subject"]));
    output.hanging("    ", &text(&entry["detail"]));
}

/// A broken trail is a failed check, anything else what it is.
fn broken(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Refused { message, .. }) if message.starts_with("the audit trail") => {
            Failure::CheckFailed(message.clone()).into()
        }
        _ => error,
    }
}
