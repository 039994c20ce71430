//! `holdfast connect meta`

use clap::Args;
use serde_json::{Value, json};

use super::finish::{self, Given};
use crate::client::Client;
use crate::exit::Failure;
use crate::output::Output;

/// Prints where the person goes, waits for the address they are sent back to, and stores what they
/// granted as the credential's next version.
#[derive(Args)]
pub struct Meta {
    /// A name of your choice, or a known one, which gets its next version.
    credential: String,
    /// Your app, whose secret is known: `holdfast app add`.
    #[arg(long, value_name = "APP_ID", required_unless_present = "again")]
    app: Option<String>,
    /// A permission to ask for. Once for each.
    #[arg(long = "scope", value_name = "NAME", default_values_t = usual())]
    scopes: Vec<String>,
    /// A configuration of Login for Business, in place of permissions.
    #[arg(long, value_name = "ID", conflicts_with = "again")]
    config_id: Option<String>,
    /// A page whose own token is stored too, as the credential NAME-page.
    #[arg(long, value_name = "ID")]
    page: Option<String>,
    /// Mail address of the person who has to grant anew when it dies.
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<String>,
    /// Ask again for what a known credential was granted, and for what was declined.
    #[arg(long, conflicts_with_all = ["app", "page", "contact", "embedded"])]
    again: bool,
    /// Nobody is sent anywhere: standard input has the code of an embedded sign-up.
    #[arg(long)]
    embedded: bool,
}

fn usual() -> Vec<String> {
    ["ads_management", "business_management", "pages_show_list"].map(str::to_owned).to_vec()
}

impl Meta {
    pub async fn run(self, client: &Client, output: &Output) -> anyhow::Result<()> {
        let given = if self.embedded { Given::Code } else { Given::Address };
        let body = self.body()?;
        finish::run(client, output, "meta", &body, given).await
    }

    fn body(self) -> anyhow::Result<Value> {
        if self.again {
            return Ok(json!({ "again": self.credential }));
        }
        let missing = || Failure::Usage("name the app: --app APP_ID".to_owned());
        let app = self.app.ok_or_else(missing)?;
        let way = match self.config_id {
            Some(id) => json!({ "configuration": id }),
            None => json!({ "scopes": self.scopes }),
        };
        Ok(json!({
            "credential": self.credential, "app": app, "way": way, "page": self.page,
            "contact": self.contact, "is_embedded": self.embedded,
        }))
    }
}
