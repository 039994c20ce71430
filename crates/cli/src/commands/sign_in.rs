//! `holdfast sign-in`: the first browser of a fresh installation, and every one after it.

use clap::Args;
use serde_json::{Value, json};

use super::Global;
use super::status::text;
use crate::output::Output;

/// Whoever opens the link within five minutes, and first, is an admin in that browser.
#[derive(Args)]
pub struct SignIn {}

impl SignIn {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        let link: Value = client.post("/v1/sign-in-links", &json!({})).await?;
        if output.json {
            return output.json(&link);
        }
        output.note(
            "Open this within five minutes. It is good once, and makes that browser an admin's:",
        );
        output.line(text(&link["url"]));
        Ok(())
    }
}
