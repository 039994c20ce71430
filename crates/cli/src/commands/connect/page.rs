//! `holdfast connect page`

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::commands::status::text;
use crate::output::Output;

#[derive(Args)]
pub struct Page {
    /// The credential that may use the page.
    #[arg(long, value_name = "CREDENTIAL")]
    with: String,
    /// The page's id.
    page: String,
    /// Under which name its token is stored; else the name of the other with `-page`.
    #[arg(long, value_name = "NAME")]
    credential: Option<String>,
}

impl Page {
    pub async fn run(self, client: &Client, output: &Output) -> anyhow::Result<()> {
        let body = json!({ "page": self.page, "credential": self.credential });
        let report: Value =
            client.post(&format!("/v1/credentials/{}/pages", self.with), &body).await?;
        if output.json {
            return output.json(&report);
        }
        let (name, page) = (text(&report["name"]), text(&report["page"]));
        output.line(format!("Page {name} ({page}), credential {}", text(&report["credential"])));
        let active = if report["activated"] == true { "Active." } else { "Not active." };
        output.hanging(&format!("  {active} "), &text(&report["verdict"]));
        Ok(())
    }
}
