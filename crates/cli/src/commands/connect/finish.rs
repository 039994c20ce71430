//! Sending a person off, waiting for what they come back with, and telling what came of it.

use std::path::PathBuf;

use holdfast_model::secret::Secret;
use serde_json::{Value, json};

use crate::client::Client;
use crate::commands::credential::{expiry, probes};
use crate::commands::status::text;
use crate::exit::Failure;
use crate::output::Output;
use crate::secret_input;

/// What is read from standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The address that the person was sent back to. It has a code in it, so it is a secret.
    Address,
    /// A code.
    Code,
}

pub async fn run(
    client: &Client,
    output: &Output,
    platform: &str,
    ask: &Value,
    given: Given,
) -> anyhow::Result<()> {
    let started: Value = client.post(&format!("/v1/connect/{platform}/start"), ask).await?;
    let pasted = match given {
        Given::Address => wait_for_address(&started, output)?,
        Given::Code => secret_input::read(Some(&PathBuf::from("-")), None)?.unwrap_or_else(nothing),
    };
    let body = match given {
        Given::Address if looks_like_address(pasted.expose()) => {
            json!({ "redirected_url": pasted.expose(), "state": started["state"] })
        }
        // Some people copy the code alone.
        Given::Address | Given::Code => {
            json!({ "code": pasted.expose(), "state": started["state"] })
        }
    };
    let report = client.post(&format!("/v1/connect/{platform}/finish"), &body).await?;
    tell(&report, output)
}

fn nothing() -> Secret {
    Secret::new(String::new())
}

fn wait_for_address(started: &Value, output: &Output) -> anyhow::Result<Secret> {
    output.note("Open this in a browser, anywhere, and agree:");
    output.note(format!("\n  {}\n", text(&started["url"])));
    output.note(format!(
        "The platform then sends the browser to {}. It does not matter whether that page loads. \
         Copy its whole address from the address bar, paste it here and press Enter. You have ten \
         minutes.",
        text(&started["redirect_uri"])
    ));
    secret_input::line()
}

fn looks_like_address(pasted: &str) -> bool {
    pasted.contains("://") || pasted.contains('?') || pasted.contains("state=")
}

fn tell(report: &Value, output: &Output) -> anyhow::Result<()> {
    if output.json {
        output.json(report)?;
    } else {
        describe(report, output);
    }
    if report["activated"] == true {
        return Ok(());
    }
    Err(Failure::CheckFailed("the new version is not active".to_owned()).into())
}

fn describe(report: &Value, output: &Output) {
    output.line(format!(
        "Credential {} version {} of app {}",
        text(&report["credential"]),
        report["version"],
        text(&report["app"])
    ));
    let list = |key: &str| -> String {
        let names: Vec<String> = report[key].as_array().into_iter().flatten().map(text).collect();
        names.join(", ")
    };
    for (name, key) in [("Granted", "granted"), ("Missing", "missing"), ("Lost", "lost")] {
        let names = list(key);
        if !names.is_empty() {
            output.field(name, &names);
        }
    }
    output.field("Expires", &expiry(&report["expires_at"]));
    for asset in report["assets"].as_array().into_iter().flatten() {
        let (kind, name, id) = (text(&asset["kind"]), text(&asset["name"]), text(&asset["id"]));
        let note = asset["note"].as_str().map(|note| format!(". {note}")).unwrap_or_default();
        output.field("Sees", &format!("{kind} {name} {id}{note}"));
    }
    probes(report, output);
    for remark in report["remarks"].as_array().into_iter().flatten() {
        output.field("Note", &text(remark));
    }
    if report["page"].is_object() {
        let page = &report["page"];
        let words = format!("{}: {}", text(&page["credential"]), text(&page["verdict"]));
        output.field("Page", &words);
    }
    output.hanging("  ", &text(&report["verdict"]));
    if let Some(lifted @ 1..) = report["holds_lifted"].as_u64() {
        output.line(format!(
            "  {lifted} hold(s) lifted; what waited behind them is being delivered."
        ));
    }
    let next = text(&report["next"]);
    if !next.is_empty() {
        output.field("Next", &next);
    }
}
