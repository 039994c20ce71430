//! `holdfast credential extend|rotate|revoke`

use std::path::PathBuf;

use clap::Subcommand;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use serde_json::{Value, json};

use super::credential::tell_outcome;
use super::status::text;
use crate::client::Client;
use crate::exit::Failure;
use crate::output::Output;
use crate::secret_input;

#[derive(Subcommand)]
pub enum Renewal {
    /// Renew it now instead of when it is planned. Says what to do where nothing can be extended.
    Extend { id: String },
    /// Put a new token in the place of the one in use. The old one is kept until the new one has
    /// delivered, and then revoked where the app is yours.
    Rotate {
        id: String,
        /// File that holds the token; `-` reads standard input.
        #[arg(long, value_name = "PATH")]
        token_file: Option<PathBuf>,
        /// Variable of the environment that holds the token.
        #[arg(long, value_name = "NAME")]
        token_env: Option<String>,
        /// File that holds the refresh token that came with it, where the platform issues one.
        #[arg(long, value_name = "PATH")]
        refresh_token_file: Option<PathBuf>,
    },
    /// End a token: at the platform where the app is yours, and here.
    Revoke {
        id: String,
        /// Which version. Without it the one in use.
        #[arg(long, value_name = "N")]
        version: Option<u32>,
        /// Also if something waits for it, or the platform does not answer.
        #[arg(long)]
        force: bool,
    },
}

impl Renewal {
    pub async fn run(self, client: &Client, output: &Output) -> anyhow::Result<()> {
        match self {
            Self::Extend { id } => {
                let path = format!("/v1/credentials/{id}/extend");
                tell_extended(&client.post(&path, &json!({})).await?, output)
            }
            Self::Rotate { id, token_file, token_env, refresh_token_file } => {
                let token = secret_input::read(token_file.as_ref(), token_env.as_ref())?;
                let token = token.ok_or_else(|| {
                    Failure::Usage(
                        "name where the new token is: --token-file PATH (`-` for standard input) \
                         or --token-env NAME"
                            .to_owned(),
                    )
                })?;
                let refresh_token = secret_input::read(refresh_token_file.as_ref(), None)?;
                let body = json!({
                    "token": token.expose(),
                    "refresh_token": refresh_token.as_ref().map(Secret::expose),
                });
                let path = format!("/v1/credentials/{id}/rotate");
                let rotated: Value = client.post(&path, &body).await?;
                tell_outcome(&rotated, output)?;
                if !output.json {
                    output.hanging("  Then    ", &text(&rotated["then"]));
                }
                Ok(())
            }
            Self::Revoke { id, version, force } => {
                let body = json!({ "version": version, "force": force });
                let path = format!("/v1/credentials/{id}/revoke");
                tell_revoked(&client.post(&path, &body).await?, output)
            }
        }
    }
}

fn tell_extended(extended: &Value, output: &Output) -> anyhow::Result<()> {
    if output.json {
        output.json(extended)?;
    } else {
        output.line(format!("Credential {}", text(&extended["credential"])));
        output.hanging("  Outcome ", &text(&extended["says"]));
        if let Some(instead) = extended["instead"].as_str() {
            output.hanging("  Instead ", instead);
        }
        outlook(&extended["renewal"], output);
    }
    let outcome = extended["outcome"].as_str().unwrap_or_default();
    if matches!(outcome, "app_refused" | "unanswered" | "refused" | "went_back") {
        return Err(Failure::CheckFailed("the token was not extended".to_owned()).into());
    }
    Ok(())
}

fn tell_revoked(revoked: &Value, output: &Output) -> anyhow::Result<()> {
    if output.json {
        return output.json(revoked);
    }
    output.line(format!(
        "Credential {} version {} (fingerprint {})",
        text(&revoked["credential"]),
        revoked["version"],
        text(&revoked["fingerprint"])
    ));
    output.hanging("  Revoked ", &text(&revoked["says"]));
    output.hanging("  Then    ", &text(&revoked["then"]));
    Ok(())
}

/// Whether and when it renews itself.
pub fn outlook(renewal: &Value, output: &Output) {
    let Some(says) = renewal["says"].as_str() else { return };
    output.hanging("  Renewal ", says);
    if let Some(instead) = renewal["instead"].as_str() {
        output.hanging("  Instead ", instead);
    }
    let at = |key: &str| renewal[key].as_i64().map(UnixMillis);
    if let Some(next) = at("next_at") {
        output.line(format!("  Next    {next}"));
    }
    if let (Some(tried), Some(outcome)) = (at("tried_at"), renewal["outcome"].as_str()) {
        output.hanging("  Last    ", &format!("{tried}: {outcome}"));
    }
}

/// How many items were delivered with a version, for a table.
pub fn delivered(credential: &Value, version: &Value) -> String {
    let counts = credential["deliveries"].as_array().into_iter().flatten();
    let mut of = counts.filter(|count| count["signed_with"]["version"] == *version);
    of.next().map_or_else(|| "-".to_owned(), |count| count["items"].to_string())
}
