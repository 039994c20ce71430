//! `holdfast destination …`

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Global;
use super::status::text;
use crate::client::Client;
use crate::output::{Output, Table};

#[derive(Subcommand)]
pub enum Destination {
    /// Add a destination.
    Add(Add),
    /// List the destinations.
    List,
    /// Show one destination with its settings.
    Show { id: String },
    /// Name the credentials that take over when the one in use dies.
    Standby(Standby),
    /// Make another credential sign for a destination.
    Rebind {
        id: String,
        #[arg(long)]
        credential: String,
    },
}

#[derive(Args)]
pub struct Standby {
    id: String,
    /// A credential that may take over; several in the order in which they do. Without any, none
    /// does from now on.
    #[arg(long = "credential", value_name = "CREDENTIAL")]
    credentials: Vec<String>,
}

#[derive(Args)]
pub struct Add {
    /// A name of your choice; callers name it in `?destination=`.
    id: String,
    #[arg(long, default_value = "meta")]
    platform: String,
    /// What it is on the platform: the dataset or pixel id.
    #[arg(long)]
    asset: String,
    /// The credential that signs.
    #[arg(long)]
    credential: String,
    /// Country whose calling code is put before phone numbers without one, such as US.
    #[arg(long, value_name = "COUNTRY")]
    default_country: Option<String>,
    /// Version of the platform's API, such as v25.0.
    #[arg(long, value_name = "VERSION")]
    api_version: Option<String>,
    /// How identifiers for Meta are normalized before they are hashed.
    #[arg(long, value_name = "PROFILE", value_parser = ["meta-docs", "param-builder", "sdk-legacy"])]
    profile: Option<String>,
    /// Send external_id as it is instead of hashing it.
    #[arg(long, conflicts_with = "hash_external_id")]
    raw_external_id: bool,
    /// Hash external_id although the profile sdk-legacy would send it as it is.
    #[arg(long)]
    hash_external_id: bool,
    /// Allow test_event_code. At Meta such events still count for targeting and measurement.
    #[arg(long)]
    allow_test_events: bool,
    /// Most bytes of waiting items on disk.
    #[arg(long, value_name = "BYTES")]
    quota_bytes: Option<u64>,
    /// Most requests in flight at once.
    #[arg(long, value_name = "N")]
    max_in_flight: Option<u8>,
    /// Most events in one request.
    #[arg(long, value_name = "N")]
    max_batch_items: Option<u32>,
}

impl Destination {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            Destination::Add(add) => {
                let added: Value = client.post("/v1/destinations", &add.body()).await?;
                if output.json {
                    return output.json(&added);
                }
                output.line(format!(
                    "Destination {} delivers to {} asset {} with credential {}.",
                    text(&added["id"]),
                    text(&added["platform"]),
                    text(&added["asset"]),
                    text(&added["credential"])
                ));
                super::credential::probes(&added, output);
            }
            Destination::Standby(standby) => standby.run(&client, output).await?,
            Destination::Rebind { id, credential } => {
                let path = format!("/v1/destinations/{id}/credential");
                let changed: Value =
                    client.put(&path, &json!({ "credential": credential })).await?;
                if output.json {
                    return output.json(&changed);
                }
                output.line(format!("Destination {id} is now signed with {credential}."));
            }
            Destination::List => {
                let all: Value = client.get("/v1/destinations").await?;
                if output.json {
                    return output.json(&all);
                }
                list(&all, output);
            }
            Destination::Show { id } => {
                let one: Value = client.get(&format!("/v1/destinations/{id}")).await?;
                output.json(&one)?;
            }
        }
        Ok(())
    }
}

impl Standby {
    async fn run(self, client: &Client, output: &Output) -> anyhow::Result<()> {
        let path = format!("/v1/destinations/{}/standby", self.id);
        let set: Value = client.put(&path, &json!({ "credentials": self.credentials })).await?;
        if output.json {
            return output.json(&set);
        }
        if self.credentials.is_empty() {
            output.line(format!("Destination {} has no standby credential any more.", self.id));
            return Ok(());
        }
        let names = self.credentials.join(", then ");
        output.line(format!("Destination {} falls back on {names}.", self.id));
        super::credential::probes(&set, output);
        for name in set["unproved"].as_array().into_iter().flatten() {
            let name = text(name);
            output.line(format!(
                "{name} is not proved yet and does not take over until it is: \
                 `holdfast credential verify {name}`."
            ));
        }
        Ok(())
    }
}

impl Add {
    /// Only what was said: the gateway knows the defaults.
    fn body(&self) -> Value {
        let mut settings = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                settings.insert(name.to_owned(), value);
            }
        };
        set("default_country", self.default_country.clone().map(Value::from));
        set("api_version", self.api_version.clone().map(Value::from));
        set("profile", self.profile.clone().map(Value::from));
        set("external_id", self.raw_external_id.then(|| "raw".into()));
        set("external_id", self.hash_external_id.then(|| "hash".into()));
        set("allow_test_events", self.allow_test_events.then_some(true.into()));
        set("quota_bytes", self.quota_bytes.map(Value::from));
        set("max_in_flight", self.max_in_flight.map(Value::from));
        set("max_batch_items", self.max_batch_items.map(Value::from));
        json!({
            "id": self.id, "platform": self.platform, "asset": self.asset,
            "credential": self.credential, "settings": settings,
        })
    }
}

fn list(all: &Value, output: &Output) {
    let mut table = Table::new(&["PLATFORM", "ASSET", "CREDENTIAL", "DESTINATION"]);
    for one in all.as_array().into_iter().flatten() {
        table.row(["platform", "asset", "credential", "id"].map(|key| text(&one[key])).to_vec());
    }
    if table.is_empty() {
        output.line("No destinations yet. `holdfast destination add --help` shows how to add one.");
    } else {
        output.table(&table);
    }
}
