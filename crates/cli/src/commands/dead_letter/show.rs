//! Looking at dead letters.

use holdfast_model::time::{UnixMillis, UnixSeconds};
use serde_json::{Value, json};

use super::which::{Reading, Which};
use crate::client::Client;
use crate::commands::status::{number, text};
use crate::output::{Output, Table, grouped};

pub async fn list(
    client: &Client,
    which: &Which,
    limit: usize,
    newest_first: bool,
    output: &Output,
) -> anyhow::Result<()> {
    let mut reading = Reading { newest_first, ..Reading::default() };
    let mut letters: Vec<Value> = Vec::new();
    while letters.len() < limit {
        let (page, next) = which.page(client, &reading, limit - letters.len()).await?;
        letters.extend(page);
        reading.after = next;
        if reading.after.is_none() {
            break;
        }
    }
    if output.json {
        return output.json(&letters);
    }
    let mut table = Table::new(&["AT", "DESTINATION", "STATE", "FAULT", "ITEM"]);
    for letter in &letters {
        table.row(vec![
            time(&letter["at"]),
            text(&letter["destination"]),
            text(&letter["state"]),
            text(&letter["fault"]["name"]),
            text(&letter["item_id"]),
        ]);
    }
    if table.is_empty() {
        output.line("No dead letters.");
        return Ok(());
    }
    output.table(&table);
    if reading.after.is_some() {
        output.note("There are more: `holdfast dead-letter count` counts them.");
    }
    Ok(())
}

pub async fn count(client: &Client, which: &Which, output: &Output) -> anyhow::Result<()> {
    let counts = which.counts(client).await?;
    if output.json {
        return output.json(&counts);
    }
    let mut table = Table::new(&["ITEMS", "TOO OLD", "DESTINATION", "STATE", "FAULT", "LAST"]);
    for count in &counts {
        table.row(vec![
            number(&count["items"]),
            number(&count["too_old"]),
            text(&count["destination"]),
            text(&count["state"]),
            text(&count["fault"]),
            time(&count["last_at"]),
        ]);
    }
    match table.is_empty() {
        true => output.line("No dead letters."),
        false => output.table(&table),
    }
    Ok(())
}

/// What a replay of all of it would do now.
pub async fn would_replay(client: &Client, which: &Which, output: &Output) -> anyhow::Result<()> {
    let counts = which.counts(client).await?;
    let sum = |name: &str| counts.iter().map(|count| integer(&count[name])).sum::<i64>();
    let (items, too_old) = (sum("items"), sum("too_old"));
    if output.json {
        return output.json(&json!({ "would_replay": items - too_old, "too_old": too_old }));
    }
    output.line(format!("{} items would be put back.", grouped(items - too_old)));
    if too_old > 0 {
        output.line(format!(
            "{} more are past their deadline and would stay where they are.",
            grouped(too_old)
        ));
    }
    Ok(())
}

pub async fn one(client: &Client, id: &str, output: &Output) -> anyhow::Result<()> {
    let letter: Value = client.get(&format!("/v1/dead-letters/{id}")).await?;
    if output.json {
        return output.json(&letter);
    }
    let fault = &letter["fault"];
    output.hanging("", &format!("{}: {}", text(&fault["name"]), text(&fault["summary"])));
    let field = |name: &str, value: String| {
        if !value.is_empty() && value != "-" {
            output.field(name, &value);
        }
    };
    field("item", text(&letter["item_id"]));
    field("state", text(&letter["state"]));
    field("destination", text(&letter["destination"]));
    field("event id", text(&letter["event_id"]));
    field("happened", UnixSeconds(integer(&letter["event_time"])).to_string());
    field("left at", time(&letter["at"]));
    field("deadline", UnixSeconds(integer(&letter["expires_at"])).to_string());
    for (name, key) in [("hold", "hold"), ("corrected as", "replaced_by"), ("corrects", "origin")] {
        field(name, letter[key].as_str().unwrap_or_default().to_owned());
    }
    if !letter["erased_at"].is_null() {
        field("erased at", time(&letter["erased_at"]));
    }
    field("platform said", fault["platform_message"].as_str().unwrap_or_default().to_owned());
    field("to do", text(&fault["remedy"]));
    if letter["erased_at"].is_null() {
        output.line("");
        output.line(serde_json::to_string_pretty(&letter["event"])?);
    }
    Ok(())
}

fn time(value: &Value) -> String {
    UnixMillis(integer(value)).to_string()
}

fn integer(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}
