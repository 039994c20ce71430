//! `holdfast key …`

use clap::Subcommand;
use holdfast_model::time::UnixMillis;
use serde_json::{Value, json};

use super::Global;
use super::status::text;
use crate::output::{Output, Table};

#[derive(Subcommand)]
pub enum Key {
    /// Make a key. Its text is printed once, alone on standard output.
    Create {
        /// A name of your choice.
        id: String,
        /// `ingest` (send only), `operator` or `admin`.
        #[arg(long, default_value = "ingest")]
        role: String,
        /// For ingest keys: the destinations it may send to. All if none is named.
        #[arg(long = "destination", value_name = "NAME")]
        destinations: Vec<String>,
    },
    /// List the keys.
    List,
    /// Revoke a key at once.
    Revoke { id: String },
}

impl Key {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            Key::Create { id, role, destinations } => {
                let body = json!({ "id": id, "role": role, "destinations": destinations });
                let created: Value = client.post("/v1/keys", &body).await?;
                if output.json {
                    return output.json(&created);
                }
                output.note(format!("Key {id} ({role}). It is shown only now; keep it safe:"));
                output.line(text(&created["text"]));
            }
            Key::List => {
                let keys: Value = client.get("/v1/keys").await?;
                if output.json {
                    return output.json(&keys);
                }
                list(&keys, output);
            }
            Key::Revoke { id } => {
                client.delete(&format!("/v1/keys/{id}")).await?;
                output.note(format!("Key {id} is revoked."));
            }
        }
        Ok(())
    }
}

fn list(keys: &Value, output: &Output) {
    let mut table = Table::new(&["ROLE", "DESTINATIONS", "CREATED", "STATE", "KEY"]);
    for key in keys.as_array().into_iter().flatten() {
        let bound: Vec<String> =
            key["destinations"].as_array().into_iter().flatten().map(text).collect();
        table.row(vec![
            text(&key["role"]),
            if bound.is_empty() { "all".to_owned() } else { bound.join(",") },
            UnixMillis(key["created_at"].as_i64().unwrap_or_default()).to_string(),
            if key["revoked_at"].is_null() { "valid" } else { "revoked" }.to_owned(),
            text(&key["id"]),
        ]);
    }
    if table.is_empty() {
        output.line("No keys yet. `holdfast key create NAME` makes one.");
    } else {
        output.table(&table);
    }
}
