//! `holdfast dead-letter …`

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use holdfast_model::time::UnixMillis;
use serde_json::{Value, json};

use super::Global;
use super::status::text;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Output, Table};

/// Items of one page; the gateway gives no more at once.
const PAGE: usize = 1_000;

#[derive(Subcommand)]
pub enum DeadLetter {
    /// List dead letters and expired items.
    List {
        #[command(flatten)]
        which: Which,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one, with the platform's words and the event.
    Show { id: String },
    /// Put items back into their lanes.
    Replay {
        /// Item ids. None with --all.
        ids: Vec<String>,
        /// Everything that the filter names.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Write them as NDJSON, events included, to a file or to standard output.
    Export {
        #[command(flatten)]
        which: Which,
        #[arg(long, value_name = "PATH")]
        to: Option<PathBuf>,
    },
}

/// Which dead letters are meant.
#[derive(Args)]
pub struct Which {
    #[arg(long)]
    destination: Option<String>,
    /// A fault name, such as meta.not_enough_customer_information.
    #[arg(long)]
    fault: Option<String>,
    /// `rejected` or `expired`.
    #[arg(long)]
    state: Option<String>,
}

impl DeadLetter {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            DeadLetter::List { which, limit } => list(&which.read(&client, limit).await?, output),
            DeadLetter::Show { id } => {
                let letter: Value = client.get(&format!("/v1/dead-letters/{id}")).await?;
                output.json(&letter)
            }
            DeadLetter::Replay { ids, all, which } => {
                let ids = match (ids.is_empty(), all) {
                    (false, false) => ids,
                    (true, true) => which.ids(&client).await?,
                    _ => {
                        return Err(Failure::Usage(
                            "name item ids, or --all with a filter".to_owned(),
                        )
                        .into());
                    }
                };
                replay(&client, &ids, output).await
            }
            DeadLetter::Export { which, to } => export(&client, &which, to, output).await,
        }
    }
}

impl Which {
    async fn read(&self, client: &Client, limit: usize) -> anyhow::Result<Vec<Value>> {
        let mut found: Vec<Value> = Vec::new();
        while found.len() < limit {
            let wanted = PAGE.min(limit - found.len());
            let mut path = format!("/v1/dead-letters?limit={wanted}");
            for (name, value) in
                [("destination", &self.destination), ("fault", &self.fault), ("state", &self.state)]
            {
                if let Some(value) = value {
                    path.push_str(&format!("&{name}={value}"));
                }
            }
            if let Some(last) = found.last() {
                path.push_str(&format!("&after={}", text(&last["item_id"])));
            }
            let page: Vec<Value> = client.get(&path).await?;
            let is_last = page.len() < wanted;
            found.extend(page);
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    async fn ids(&self, client: &Client) -> anyhow::Result<Vec<String>> {
        let all = self.read(client, usize::MAX).await?;
        Ok(all.iter().map(|letter| text(&letter["item_id"])).collect())
    }
}

fn list(letters: &[Value], output: &Output) -> anyhow::Result<()> {
    if output.json {
        return output.json(&letters);
    }
    let mut table = Table::new(&["AT", "DESTINATION", "STATE", "FAULT", "ITEM"]);
    for letter in letters {
        table.row(vec![
            UnixMillis(letter["at"].as_i64().unwrap_or_default()).to_string(),
            text(&letter["destination"]),
            text(&letter["state"]),
            text(&letter["fault"]["name"]),
            text(&letter["item_id"]),
        ]);
    }
    if table.is_empty() {
        output.line("No dead letters.");
    } else {
        output.table(&table);
    }
    Ok(())
}

async fn replay(client: &Client, ids: &[String], output: &Output) -> anyhow::Result<()> {
    let mut replayed = Vec::new();
    for page in ids.chunks(PAGE) {
        let answer: Value =
            client.post("/v1/dead-letters/replay", &json!({ "item_ids": page })).await?;
        replayed.extend(answer["replayed"].as_array().cloned().unwrap_or_default());
    }
    if output.json {
        return output.json(&json!({ "replayed": replayed }));
    }
    output.line(format!("{} of {} items are back in their lanes.", replayed.len(), ids.len()));
    Ok(())
}

async fn export(
    client: &Client,
    which: &Which,
    to: Option<PathBuf>,
    output: &Output,
) -> anyhow::Result<()> {
    let mut lines = String::new();
    let ids = which.ids(client).await?;
    for id in &ids {
        let letter: Value = client.get(&format!("/v1/dead-letters/{id}")).await?;
        lines.push_str(&serde_json::to_string(&letter)?);
        lines.push('\n');
    }
    match to {
        Some(path) => {
            std::fs::write(&path, lines)
                .with_context(|| format!("failed to write {}", path.display()))?;
            output.note(format!("{} items written to {}", ids.len(), path.display()));
        }
        None => output.line(lines.trim_end()),
    }
    Ok(())
}
