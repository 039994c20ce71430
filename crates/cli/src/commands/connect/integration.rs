//! `holdfast connect integration`

use clap::Args;
use serde_json::json;

use crate::client::Client;
use crate::commands::credential::tell_outcome;
use crate::output::Output;

#[derive(Args)]
pub struct Integration {
    /// The id of the client's business.
    business: String,
    /// The credential of our own system user, whose app's secret is known.
    #[arg(long, value_name = "CREDENTIAL")]
    with: String,
    /// The credential whose next version it becomes.
    #[arg(long, value_name = "NAME")]
    credential: String,
    /// Read the token that exists instead of having another one issued.
    #[arg(long)]
    fetch_only: bool,
    /// Mail address of the person who has to act when it dies.
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<String>,
}

impl Integration {
    pub async fn run(self, client: &Client, output: &Output) -> anyhow::Result<()> {
        let path = format!("/v1/integrations/{}/tokens", self.business);
        let body = json!({
            "parent": self.with, "credential": self.credential, "fetch_only": self.fetch_only,
            "contact": self.contact,
        });
        tell_outcome(&client.post(&path, &body).await?, output)
    }
}
