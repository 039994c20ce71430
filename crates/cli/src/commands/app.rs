//! `holdfast app …`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Global;
use super::status::text;
use crate::output::{Output, Table};
use crate::secret_input;

#[derive(Subcommand)]
pub enum App {
    /// Add a platform app, or a new version of its secret.
    Add {
        /// The platform's id of the app.
        id: String,
        #[arg(long, default_value = "meta")]
        platform: String,
        /// A name for people.
        #[arg(long, default_value = "")]
        label: String,
        /// File that holds the app secret; `-` reads standard input.
        #[arg(long, value_name = "PATH")]
        secret_file: Option<PathBuf>,
        /// Variable of the environment that holds the app secret.
        #[arg(long, value_name = "NAME")]
        secret_env: Option<String>,
    },
    /// List the apps.
    List,
}

impl App {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            App::Add { id, platform, label, secret_file, secret_env } => {
                let secret = secret_input::read(secret_file.as_ref(), secret_env.as_ref())?;
                let body = json!({
                    "id": id, "platform": platform, "label": label,
                    "secret": secret.as_ref().map(|secret| secret.expose()),
                });
                let app: Value = client.post("/v1/apps", &body).await?;
                if output.json {
                    return output.json(&app);
                }
                let secret = match app["secret_version"].as_u64() {
                    Some(version) => format!("secret version {version} is in the vault"),
                    None => "no secret is stored: no proofs, no debug_token by app".to_owned(),
                };
                output.line(format!("App {} is known; {secret}.", text(&app["id"])));
            }
            App::List => {
                let apps: Value = client.get("/v1/apps").await?;
                if output.json {
                    return output.json(&apps);
                }
                let mut table = Table::new(&["PLATFORM", "LABEL", "SECRET", "APP"]);
                for app in apps.as_array().into_iter().flatten() {
                    let version = app["secret_version"].as_u64();
                    table.row(vec![
                        text(&app["platform"]),
                        text(&app["label"]),
                        version.map_or("-".to_owned(), |v| format!("version {v}")),
                        text(&app["id"]),
                    ]);
                }
                output.table(&table);
            }
        }
        Ok(())
    }
}
