//! `holdfast hold …`

use clap::Subcommand;
use holdfast_model::time::{UnixMillis, humanize_seconds};
use serde_json::{Value, json};

use super::Global;
use super::status::{deadline, number, text};
use crate::output::Output;

#[derive(Subcommand)]
pub enum Hold {
    /// List the open holds.
    List {
        /// Also those that are lifted.
        #[arg(long)]
        all: bool,
    },
    /// Show one hold with its evidence.
    Show { id: String },
    /// Lift a hold by decision of an operator. Audited.
    Lift {
        id: String,
        /// Why, for the audit trail.
        #[arg(long)]
        reason: String,
    },
    /// Hold a destination by hand: its items wait and none is attempted.
    Pause {
        destination: String,
        /// Why, for the audit trail.
        #[arg(long)]
        reason: String,
    },
}

impl Hold {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        let answer: Value = match &self {
            Hold::List { all } => client.get(&format!("/v1/holds?all={all}")).await?,
            Hold::Show { id } => client.get(&format!("/v1/holds/{id}")).await?,
            Hold::Lift { id, reason } => {
                client.post(&format!("/v1/holds/{id}/lift"), &json!({ "reason": reason })).await?
            }
            Hold::Pause { destination, reason } => {
                let path = format!("/v1/destinations/{destination}/pause");
                client.post(&path, &json!({ "reason": reason })).await?
            }
        };
        if output.json {
            return output.json(&answer);
        }
        let now: Value = client.get("/v1/status").await?;
        let now = now["at"].as_i64().unwrap_or_default() / 1000;
        match answer.as_array() {
            Some(holds) if holds.is_empty() => output.line("No open holds."),
            Some(holds) => {
                for (position, hold) in holds.iter().enumerate() {
                    if position > 0 {
                        output.line("");
                    }
                    show(hold, now, output);
                }
            }
            None => show(&answer, now, output),
        }
        Ok(())
    }
}

/// What happened, why, what waits, what to do.
pub fn show(hold: &Value, now: i64, output: &Output) {
    let fault = &hold["fault"];
    let opened_ms = hold["opened_at"].as_i64().unwrap_or_default();
    let since = humanize_seconds(now - opened_ms / 1000);
    let state = if hold["lifted"].is_object() { "Lifted" } else { "Held" };
    output.line(format!("{state} for {since}: {}", text(&fault["name"])));
    output.field("What", &text(&fault["summary"]));
    let code = match (&fault["code"]["code"], &fault["code"]["subcode"]) {
        (Value::Null, _) => None,
        (code, Value::Null) => Some(code.to_string()),
        (code, subcode) => Some(format!("{code}/{subcode}")),
    };
    let says = fault["platform_message"].as_str().unwrap_or_default();
    if !says.is_empty() {
        let code = code.map(|code| format!("{code} ")).unwrap_or_default();
        output.field("Said", &format!("{code}{says}"));
    }
    output.field("Evidence", &format!("probe: {}", text(&hold["confirmation"])));
    if let Some(scope) = hold["scope"].as_object() {
        let scope: Vec<String> = scope
            .iter()
            .map(|(kind, value)| format!("{kind}={}", value.as_str().unwrap_or_default()))
            .collect();
        output.field("Covers", &scope.join(", "));
    }
    if hold["waiting"].is_number() {
        let items = if hold["waiting"] == 1 { "item" } else { "items" };
        let waiting = number(&hold["waiting"]);
        let first = deadline(&hold["first_deadline"], now);
        output.field("Waiting", &format!("{waiting} {items}; first deadline {first}"));
    }
    output.field("Do", &text(&fault["remedy"]));
    if let Some(url) = hold["regrant_url"].as_str() {
        output.field("Grant anew", url);
    }
    if let Some(lifted) = hold["lifted"].as_object() {
        let at = UnixMillis(lifted["at"].as_i64().unwrap_or_default());
        output.field("Lifted", &format!("{at}: {}", text(&lifted["reason"])));
    }
    output.field("Hold", &text(&hold["id"]));
}
