//! `holdfast connect snap`

use clap::Args;
use serde_json::json;

use super::finish::{self, Given};
use crate::client::Client;
use crate::output::Output;

/// The same at Snap. What the access token is refreshed with is stored beside it.
#[derive(Args)]
pub struct Snap {
    /// A name of your choice, or a known one, which gets its next version.
    credential: String,
    /// The client id of your OAuth app, whose secret is known: `holdfast app add --platform snap`.
    #[arg(long, value_name = "CLIENT_ID", required_unless_present = "again")]
    app: Option<String>,
    /// A permission to ask for. Once for each.
    #[arg(long = "scope", value_name = "NAME", default_values_t = usual())]
    scopes: Vec<String>,
    /// Mail address of the person who has to grant anew when it dies.
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<String>,
    /// Ask again for what a known credential was granted.
    #[arg(long, conflicts_with_all = ["app", "contact"])]
    again: bool,
}

fn usual() -> Vec<String> {
    ["snapchat-offline-conversions-api", "snapchat-marketing-api"].map(str::to_owned).to_vec()
}

impl Snap {
    pub async fn run(self, client: &Client, output: &Output) -> anyhow::Result<()> {
        let body = if self.again {
            json!({ "again": self.credential })
        } else {
            json!({
                "credential": self.credential, "app": self.app, "way": { "scopes": self.scopes },
                "contact": self.contact,
            })
        };
        finish::run(client, output, "snap", &body, Given::Address).await
    }
}
