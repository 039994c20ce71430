//! `holdfast status`

use clap::Args;
use holdfast_model::time::{UnixSeconds, humanize_seconds};
use serde_json::Value;

use super::Global;
use crate::exit::Failure;
use crate::output::{Output, Table, grouped};

/// Every accepted item is in exactly one state; `status` exits with 6 if one is not.
#[derive(Args)]
pub struct Status {}

const STATES: [&str; 6] = ["queued", "held", "unknown", "delivered", "rejected", "expired"];

impl Status {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let status: Value = global.client()?.get("/v1/status").await?;
        if output.json {
            output.json(&status)?;
        } else {
            show(&status, output);
        }
        match status["lost"].as_i64() {
            Some(0) => Ok(()),
            lost => Err(Failure::CheckFailed(format!(
                "the ledger is not conserved: {} items are in no state",
                lost.unwrap_or_default()
            ))
            .into()),
        }
    }
}

fn show(status: &Value, output: &Output) {
    let ledger = &status["ledger"];
    let terms: Vec<String> =
        STATES.iter().map(|state| format!("{} {state}", number(&ledger[state]))).collect();
    let accepted = format!("{} accepted = ", number(&ledger["accepted"]));
    output.hanging(&accepted, &terms.join(" + "));
    if let Some(epoch) = status["epoch"].as_u64().filter(|epoch| *epoch > 0) {
        output.line(format!("Restored from a backup; this is epoch {epoch}."));
    }
    if status["clock_trusted"] == false {
        output.line("The wall clock disagrees with the platforms' clocks: nothing expires until it is right.");
    }
    let now = status["at"].as_i64().unwrap_or_default() / 1000;
    let mut table = Table::new(&[
        "DESTINATION",
        "STATE",
        "WAITING",
        "DELIVERED",
        "REJECTED",
        "EXPIRED",
        "NEXT DEADLINE",
    ]);
    for row in status["destinations"].as_array().into_iter().flatten() {
        let ledger = &row["ledger"];
        let waiting = ["queued", "held", "unknown"]
            .iter()
            .map(|state| ledger[state].as_i64().unwrap_or_default())
            .sum::<i64>();
        table.row(vec![
            text(&row["id"]),
            text(&row["state"]),
            grouped(waiting),
            number(&ledger["delivered"]),
            number(&ledger["rejected"]),
            number(&ledger["expired"]),
            deadline(&row["first_deadline"], now),
        ]);
    }
    if table.is_empty() {
        output.line("No destinations yet. `holdfast destination add --help` shows how to add one.");
    } else {
        output.line("");
        output.table(&table);
    }
    for hold in status["holds"].as_array().into_iter().flatten() {
        output.line("");
        super::hold::show(hold, now, output);
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

pub fn number(value: &Value) -> String {
    grouped(value.as_i64().unwrap_or_default())
}

/// `in 6d 3h`, or `-`.
pub fn deadline(value: &Value, now: i64) -> String {
    match value.as_i64() {
        None => "-".to_owned(),
        Some(at) if at == UnixSeconds::NEVER.0 => "-".to_owned(),
        Some(at) if at <= now => "passed".to_owned(),
        Some(at) => format!("in {}", humanize_seconds(at - now)),
    }
}
