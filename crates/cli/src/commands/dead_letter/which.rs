//! Which dead letters a command is about, and reading them page by page.

use clap::Args;
use holdfast_model::time::UnixMillis;
use serde_json::{Map, Value, json};

use crate::client::Client;
use crate::commands::status::text;
use crate::when;

/// Letters of one page; the gateway gives no more at once.
const PAGE: usize = 1_000;

/// Times are RFC 3339, a date, or how long ago: 90m, 6h, 3d.
#[derive(Args, Clone, Default)]
pub struct Which {
    /// Of this destination.
    #[arg(long)]
    destination: Option<String>,
    /// A fault name, such as meta.not_enough_customer_information.
    #[arg(long)]
    fault: Option<String>,
    /// `rejected`, `expired` or `unknown`; the first two if left out.
    #[arg(long)]
    state: Option<String>,
    /// Expired behind this hold.
    #[arg(long)]
    hold: Option<String>,
    /// Left the queue at this time or later.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    since: Option<UnixMillis>,
    /// Left the queue before this time.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    until: Option<UnixMillis>,
    /// The event happened at this time or later.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    event_since: Option<UnixMillis>,
    /// The event happened before this time.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    event_until: Option<UnixMillis>,
}

/// How a listing is read besides its filter.
#[derive(Clone, Default)]
pub struct Reading {
    pub after: Option<String>,
    pub newest_first: bool,
    pub with_events: bool,
}

impl Which {
    pub fn unknown(mut self) -> Self {
        self.state = Some("unknown".to_owned());
        self
    }

    /// As the gateway's body wants it.
    pub fn matching(&self, after: Option<&str>) -> Value {
        let mut matching: Map<String, Value> = self.fields().into_iter().collect();
        matching.insert("limit".to_owned(), json!(PAGE));
        if let Some(after) = after {
            matching.insert("after".to_owned(), json!(after));
        }
        Value::Object(matching)
    }

    pub async fn counts(&self, client: &Client) -> anyhow::Result<Vec<Value>> {
        client.get(&format!("/v1/dead-letters/counts?{}", self.query())).await
    }

    /// The next page, and where the one behind it begins.
    pub async fn page(
        &self,
        client: &Client,
        reading: &Reading,
        most: usize,
    ) -> anyhow::Result<(Vec<Value>, Option<String>)> {
        let mut query = self.query();
        let mut and = |name: &str, value: &str| {
            query.push_str(&format!("&{name}={value}"));
        };
        and("limit", &most.min(PAGE).to_string());
        if let Some(after) = &reading.after {
            let after: String = form_urlencoded::byte_serialize(after.as_bytes()).collect();
            and("after", &after);
        }
        for (name, is_on) in
            [("newest_first", reading.newest_first), ("events", reading.with_events)]
        {
            if is_on {
                and(name, "true");
            }
        }
        let mut page: Value = client.get(&format!("/v1/dead-letters?{query}")).await?;
        let next = page["next"].as_str().map(str::to_owned);
        match page["dead_letters"].take() {
            Value::Array(letters) => Ok((letters, next)),
            _ => Ok((Vec::new(), None)),
        }
    }

    /// The ids of the next page, and where the one behind it begins.
    pub async fn ids(
        &self,
        client: &Client,
        after: Option<String>,
    ) -> anyhow::Result<(Vec<String>, Option<String>)> {
        let reading = Reading { after, ..Reading::default() };
        let (letters, next) = self.page(client, &reading, PAGE).await?;
        Ok((letters.iter().map(|letter| text(&letter["item_id"])).collect(), next))
    }

    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.fields() {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            query.append_pair(&name, &shown);
        }
        query.finish()
    }

    fn fields(&self) -> Vec<(String, Value)> {
        let seconds = |at: &Option<UnixMillis>| at.map(|at| json!(at.to_seconds().0));
        let all = [
            ("destination", self.destination.as_ref().map(|text| json!(text))),
            ("fault", self.fault.as_ref().map(|text| json!(text))),
            ("state", self.state.as_ref().map(|text| json!(text))),
            ("hold", self.hold.as_ref().map(|text| json!(text))),
            ("since", self.since.map(|at| json!(at.0))),
            ("until", self.until.map(|at| json!(at.0))),
            ("event_since", seconds(&self.event_since)),
            ("event_until", seconds(&self.event_until)),
        ];
        let given = all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        given.collect()
    }
}
