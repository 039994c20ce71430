//! `holdfast credential …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use serde_json::{Value, json};

use super::Global;
use super::renewal::{self, Renewal};
use super::status::text;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::{Output, Table};
use crate::secret_input;

#[derive(Subcommand)]
pub enum Credential {
    /// Add a credential, or the next version of a known one: lint, store, probe, activate.
    Add(Add),
    /// List the credentials.
    List,
    /// Show a credential with its versions.
    Show { id: String },
    /// Probe the newest candidate, or else the active version, again.
    Verify {
        id: String,
        /// Activate although no probe proved it, where nothing refuted it either.
        #[arg(long)]
        accept_unverified: bool,
    },
    #[command(flatten)]
    Renewal(Renewal),
}

#[derive(Args)]
pub struct Add {
    /// A name of your choice.
    id: String,
    #[arg(long, default_value = "meta")]
    platform: String,
    /// The app that minted the token, where it is yours. Add it first: `holdfast app add`.
    #[arg(long, value_name = "APP_ID")]
    app: Option<String>,
    /// File that holds the token; `-` reads standard input.
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Variable of the environment that holds the token.
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// File that holds the refresh token that came with it, where the platform issues one.
    #[arg(long, value_name = "PATH")]
    refresh_token_file: Option<PathBuf>,
    /// Mail address of the person who has to grant anew when it dies.
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<String>,
    /// Activate although no probe proved it, where nothing refuted it either.
    #[arg(long)]
    accept_unverified: bool,
}

impl Credential {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            Credential::Add(add) => add.run(&client, output).await,
            Credential::Verify { id, accept_unverified } => {
                let body = json!({ "accept_unverified": accept_unverified });
                let path = format!("/v1/credentials/{id}/verify");
                tell_outcome(&client.post(&path, &body).await?, output)
            }
            Credential::Renewal(renewal) => renewal.run(&client, output).await,
            Credential::List => list(&client.get("/v1/credentials").await?, output),
            Credential::Show { id } => {
                show(&client.get(&format!("/v1/credentials/{id}")).await?, output)
            }
        }
    }
}

impl Add {
    async fn run(self, client: &Client, output: &Output) -> anyhow::Result<()> {
        let token = secret_input::read(self.token_file.as_ref(), self.token_env.as_ref())?;
        let token = token.ok_or_else(|| {
            Failure::Usage(
                "name where the token is: --token-file PATH (`-` for standard input) or \
                 --token-env NAME"
                    .to_owned(),
            )
        })?;
        let refresh_token = secret_input::read(self.refresh_token_file.as_ref(), None)?;
        let body = json!({
            "id": self.id, "platform": self.platform, "app": self.app, "contact": self.contact,
            "token": token.expose(), "refresh_token": refresh_token.as_ref().map(Secret::expose),
            "accept_unverified": self.accept_unverified,
        });
        let outcome: Value = client.post("/v1/credentials", &body).await?;
        tell_outcome(&outcome, output)
    }
}

pub fn tell_outcome(outcome: &Value, output: &Output) -> anyhow::Result<()> {
    if output.json {
        output.json(outcome)?;
    } else {
        let version = &outcome["version"];
        output.line(format!(
            "Credential {} version {} (fingerprint {}, {} characters)",
            text(&version["credential"]),
            version["version"],
            text(&version["fingerprint"]),
            version["length"]
        ));
        for sentence in outcome["lint"].as_array().into_iter().flatten() {
            output.hanging("  Form    ", &text(sentence));
        }
        probes(outcome, output);
        let verdict = if outcome["activated"] == true { "Active." } else { "Not active." };
        output.hanging(&format!("  {verdict} "), &text(&outcome["because"]));
        if let Some(lifted @ 1..) = outcome["holds_lifted"].as_u64() {
            output.line(format!(
                "  {lifted} hold(s) lifted; what waited behind them is being delivered."
            ));
        }
        if let Some(remedy) = outcome["fault"]["remedy"].as_str() {
            output.line(format!("  Do      {remedy}"));
        }
    }
    if outcome["fault"].is_object() {
        return Err(Failure::CheckFailed("the platform refused the token".to_owned()).into());
    }
    Ok(())
}

fn list(credentials: &Value, output: &Output) -> anyhow::Result<()> {
    if output.json {
        return output.json(credentials);
    }
    let mut table = Table::new(&[
        "PLATFORM",
        "KIND",
        "VERSION",
        "STATE",
        "VERIFIED",
        "EXPIRES",
        "USED BY",
        "CREDENTIAL",
    ]);
    for credential in credentials.as_array().into_iter().flatten() {
        let versions = credential["versions"].as_array();
        let shown = versions
            .and_then(|all| all.iter().find(|v| v["state"] == "active").or_else(|| all.last()));
        let version = shown.cloned().unwrap_or_default();
        let used: Vec<String> =
            credential["destinations"].as_array().into_iter().flatten().map(text).collect();
        table.row(vec![
            text(&credential["platform"]),
            text(&version["kind"]),
            version["version"].to_string(),
            text(&version["state"]),
            text(&version["verification"]),
            expiry(&version["expires_at"]),
            if used.is_empty() { "-".to_owned() } else { used.join(",") },
            text(&credential["id"]),
        ]);
    }
    if table.is_empty() {
        output.line("No credentials yet. `holdfast credential add --help` shows how to add one.");
    } else {
        output.table(&table);
    }
    Ok(())
}

fn show(credential: &Value, output: &Output) -> anyhow::Result<()> {
    if output.json {
        return output.json(credential);
    }
    let app = credential["app"].as_str().unwrap_or("not ours");
    output.line(format!(
        "Credential {} of {} (app: {app})",
        text(&credential["id"]),
        text(&credential["platform"])
    ));
    let mut table = Table::new(&[
        "VERSION",
        "STATE",
        "VERIFIED",
        "KIND",
        "EXPIRES",
        "DATA ACCESS",
        "DELIVERED",
    ]);
    for version in credential["versions"].as_array().into_iter().flatten() {
        table.row(vec![
            version["version"].to_string(),
            text(&version["state"]),
            text(&version["verification"]),
            text(&version["kind"]),
            expiry(&version["expires_at"]),
            expiry(&version["data_access_expires_at"]),
            renewal::delivered(credential, &version["version"]),
        ]);
    }
    output.table(&table);
    for version in credential["versions"].as_array().into_iter().flatten() {
        output.line(format!(
            "  Token   {}: {}…{}, {} characters, fingerprint {}",
            version["version"],
            text(&version["head"]),
            text(&version["tail"]),
            version["length"],
            text(&version["fingerprint"])
        ));
    }
    for version in credential["versions"].as_array().into_iter().flatten() {
        lost_scopes(version, output);
    }
    renewal::outlook(&credential["renewal"], output);
    Ok(())
}

/// Said of the version in use alone: what the platform names no more. No reason to stop.
fn lost_scopes(version: &Value, output: &Output) {
    let lost: Vec<String> =
        version["scopes_lost"].as_array().into_iter().flatten().map(text).collect();
    if version["state"] == "active" && !lost.is_empty() {
        let lost = lost.join(", ");
        output.hanging(
            "Warning  ",
            &format!("the platform does not name these scopes any more: {lost}"),
        );
    }
}

/// `2026-12-24`, `never` or `unknown`.
pub fn expiry(value: &Value) -> String {
    match (value["kind"].as_str(), value["at"].as_i64()) {
        (Some("at"), Some(at)) => UnixSeconds(at).to_string().chars().take(10).collect(),
        (Some("never"), _) => "never".to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// What the platform said when it was asked, a line each.
pub fn probes(outcome: &Value, output: &Output) {
    for probe in outcome["probes"].as_array().into_iter().flatten() {
        let says = probe["says"].as_str().map(|says| format!(": {says}")).unwrap_or_default();
        let (kind, on) = (text(&probe["probe"]), text(&probe["destination"]));
        let said = format!("{kind} on {on}: {}{says}", text(&probe["answer"]));
        output.hanging("  Probe   ", &said);
    }
}
