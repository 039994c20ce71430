//! `holdfast alert …`

use std::time::Duration;

use clap::Subcommand;
use holdfast_model::time::UnixMillis;
use serde_json::{Value, json};

use super::Global;
use super::status::text;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::Output;

/// How long a channel is given before the test says that it has not answered.
const PATIENCE: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(200);

#[derive(Subcommand)]
pub enum Alert {
    /// What people were told, the newest first, and what became of it.
    List,
    /// Send an alert about nothing through every channel, and say whether it was taken.
    Test {
        /// Write to the person who has to grant this credential anew, and to nobody else.
        #[arg(long, value_name = "CREDENTIAL")]
        contact: Option<String>,
    },
}

impl Alert {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            Alert::List => {
                let alerts: Value = client.get("/v1/alerts").await?;
                if output.json {
                    return output.json(&alerts);
                }
                alerts.as_array().into_iter().flatten().for_each(|alert| show(alert, output));
                Ok(())
            }
            Alert::Test { contact } => test(&client, contact, output).await,
        }
    }
}

fn show(alert: &Value, output: &Output) {
    let at = UnixMillis(alert["at"].as_i64().unwrap_or_default());
    output.line(format!("{at}"));
    output.hanging("  ", &text(&alert["title"]));
    for channel in alert["channels"].as_array().into_iter().flatten() {
        output.hanging(&format!("  {:<8} ", text(&channel["channel"])), &outcome(channel));
    }
}

fn outcome(channel: &Value) -> String {
    let error = channel["error"].as_str().unwrap_or_default();
    if let Some(at) = channel["delivered_at"].as_i64() {
        return format!("taken at {}", UnixMillis(at));
    }
    if channel["given_up_at"].is_i64() {
        return format!("given up: {error}");
    }
    match channel["attempts"].as_u64() {
        None | Some(0) => "on its way".to_owned(),
        Some(attempts) => format!("not taken in {attempts} attempts: {error}"),
    }
}

async fn test(client: &Client, contact: Option<String>, output: &Output) -> anyhow::Result<()> {
    let sent: Value = client.post("/v1/alerts/test", &json!({ "contact": contact })).await?;
    if sent["channels"].as_array().is_none_or(Vec::is_empty) {
        let expected = "no channel is configured: name one in the section [alerts]";
        return Err(Failure::CheckFailed(expected.to_owned()).into());
    }
    let mut channels = Vec::new();
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        channels = became_of(client, &text(&sent["key"])).await?;
        let is_answered = |channel: &Value| channel["attempts"].as_u64() > Some(0);
        if !channels.is_empty() && channels.iter().all(is_answered) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        waited += PAUSE;
    }
    if output.json {
        output.json(&channels)?;
    } else {
        for channel in &channels {
            output.hanging(&format!("{:<8} ", text(&channel["channel"])), &outcome(channel));
        }
    }
    let failed = channels.iter().filter(|channel| channel["delivered_at"].is_null()).count();
    match failed {
        0 => Ok(()),
        failed => Err(Failure::CheckFailed(format!("{failed} channel(s) did not take it")).into()),
    }
}

async fn became_of(client: &Client, key: &str) -> anyhow::Result<Vec<Value>> {
    let alerts: Value = client.get("/v1/alerts").await?;
    let ours = alerts.as_array().into_iter().flatten().find(|alert| alert["key"] == key);
    Ok(ours.and_then(|alert| alert["channels"].as_array()).cloned().unwrap_or_default())
}
