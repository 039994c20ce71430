//! What the columns of a CSV file mean.
//!
//! A column's name is a place inside the event, with dots: `user_data.em`. Well-known names need no
//! dots. A mapping file says the rest:
//!
//! ```toml
//! list_separator = "|"
//! ignore = ["Internal note"]
//! [columns]
//! "Order total" = "custom_data.value"
//! [constants]
//! action_source = "physical_store"
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::rows::{OWN_PREFIX, Unusable};
use crate::exit::Failure;

/// Names that are known without their object.
const USER_DATA: [&str; 26] = [
    "em",
    "ph",
    "fn",
    "ln",
    "db",
    "ge",
    "ct",
    "st",
    "zp",
    "country",
    "external_id",
    "client_ip_address",
    "client_user_agent",
    "fbc",
    "fbp",
    "subscription_id",
    "lead_id",
    "madid",
    "anon_id",
    "sc_click_id",
    "sc_cookie1",
    "idfv",
    "ctwa_clid",
    "page_id",
    "page_scoped_user_id",
    "fb_login_id",
];
const CUSTOM_DATA: [&str; 14] = [
    "value",
    "currency",
    "order_id",
    "content_ids",
    "content_type",
    "content_name",
    "content_category",
    "num_items",
    "search_string",
    "status",
    "predicted_ltv",
    "delivery_category",
    "brands",
    "sign_up_method",
];
const OWN: [&str; 7] = [
    "event_name",
    "event_time",
    "event_id",
    "action_source",
    "event_source_url",
    "opt_out",
    "referrer_url",
];
/// Where a number is meant.
const NUMBERS: [&str; 4] =
    ["event_time", "custom_data.value", "custom_data.num_items", "custom_data.predicted_ltv"];
/// Where a list is meant.
const LISTS: [&str; 11] = [
    "user_data.em",
    "user_data.ph",
    "user_data.fn",
    "user_data.ln",
    "user_data.ct",
    "user_data.st",
    "user_data.zp",
    "user_data.country",
    "user_data.external_id",
    "custom_data.content_ids",
    "data_processing_options",
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    columns: BTreeMap<String, String>,
    constants: BTreeMap<String, Value>,
    ignore: Vec<String>,
    list_separator: Option<String>,
}

/// Each column's place, and what is the same in every row.
#[derive(Debug)]
pub struct Columns {
    places: Vec<Option<Vec<String>>>,
    constants: Vec<(Vec<String>, Value)>,
    list_separator: String,
}

impl Mapping {
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let wrong = |e: toml::de::Error| Failure::Usage(format!("{}: {e}", path.display()));
        Ok(toml::from_str(&text).map_err(wrong)?)
    }

    /// Every column that means nothing is named at once.
    pub fn columns(&self, header: &csv::StringRecord) -> Result<Columns, Failure> {
        let mut mistakes = Vec::new();
        for unknown in self.columns.keys().filter(|name| !header.iter().any(|c| c == *name)) {
            mistakes.push(format!("columns.{unknown:?}: the file has no such column"));
        }
        let mut places: Vec<Option<Vec<String>>> = Vec::with_capacity(header.len());
        for name in header {
            let place = if self.ignore.iter().any(|one| one == name) || name.starts_with(OWN_PREFIX)
            {
                None
            } else {
                match place(self.columns.get(name).map_or(name.trim(), String::as_str)) {
                    Some(place) if places.contains(&Some(place.clone())) => {
                        mistakes.push(format!("column {name:?}: another one goes there too"));
                        None
                    }
                    Some(place) => Some(place),
                    None => {
                        mistakes.push(format!(
                            "column {name:?}: expected a place such as user_data.em; map it or list \
                             it under ignore"
                        ));
                        None
                    }
                }
            };
            places.push(place);
        }
        let constants = self.constants.iter().filter_map(|(name, value)| {
            let place = place(name);
            if place.is_none() {
                mistakes
                    .push(format!("constants.{name:?}: expected a place such as action_source"));
            }
            place.map(|place| (place, value.clone()))
        });
        let constants = constants.collect();
        if !mistakes.is_empty() {
            return Err(Failure::Usage(format!(
                "the columns have {} mistake(s):\n  {}",
                mistakes.len(),
                mistakes.join("\n  ")
            )));
        }
        let list_separator = self.list_separator.clone().unwrap_or_else(|| "|".to_owned());
        Ok(Columns { places, constants, list_separator })
    }
}

/// `user_data.em` of `em`; `None` for a name that says nothing.
fn place(name: &str) -> Option<Vec<String>> {
    let inside = |object: &str| Some(vec![object.to_owned(), name.to_owned()]);
    if USER_DATA.contains(&name) {
        inside("user_data")
    } else if CUSTOM_DATA.contains(&name) {
        inside("custom_data")
    } else if OWN.contains(&name) {
        Some(vec![name.to_owned()])
    } else {
        let keys: Vec<String> = name.split('.').map(str::to_owned).collect();
        let is_place = keys.len() > 1 && keys.iter().all(|key| !key.is_empty());
        is_place.then_some(keys)
    }
}

impl Columns {
    /// The event of a row. Empty cells are left out.
    pub fn event(&self, record: &csv::StringRecord) -> Result<Map<String, Value>, Unusable> {
        if record.len() > self.places.len() {
            let (found, expected) = (record.len(), self.places.len());
            let message = format!("the row has {found} cells, expected {expected}");
            return Err(Unusable { field: String::new(), message });
        }
        let mut event = Map::new();
        for (place, value) in &self.constants {
            put(&mut event, place, value.clone());
        }
        for (place, cell) in self.places.iter().zip(record) {
            let (Some(place), cell) = (place, cell.trim()) else { continue };
            if !cell.is_empty() {
                put(&mut event, place, self.value(&place.join("."), cell)?);
            }
        }
        Ok(event)
    }

    fn value(&self, path: &str, cell: &str) -> Result<Value, Unusable> {
        let wrong = |expected: &str| Unusable {
            field: path.to_owned(),
            message: format!("expected {expected}"),
        };
        if path == "event_time" {
            return time(cell).map(Value::from).ok_or_else(|| {
                wrong("seconds since 1970 or a time such as 2026-11-20T10:00:00+01:00")
            });
        }
        if LISTS.contains(&path) {
            let parts = cell.split(self.list_separator.as_str()).map(str::trim);
            return Ok(parts.filter(|part| !part.is_empty()).map(Value::from).collect());
        }
        if NUMBERS.contains(&path) {
            let number = serde_json::from_str::<serde_json::Number>(cell);
            return number.map(Value::Number).map_err(|_| wrong("a number such as 12.50"));
        }
        match (path, cell) {
            ("opt_out", "true" | "1") => Ok(true.into()),
            ("opt_out", "false" | "0") => Ok(false.into()),
            ("opt_out", _) => Err(wrong("true or false")),
            _ => Ok(cell.into()),
        }
    }
}

/// Seconds as they are (milliseconds are for the gateway to refuse), or a time with its zone.
fn time(cell: &str) -> Option<i64> {
    cell.parse()
        .ok()
        .or_else(|| cell.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second))
}

/// Objects that are missing on the way are made; what is there already stays.
fn put(event: &mut Map<String, Value>, place: &[String], value: Value) {
    let [first, rest @ ..] = place else { return };
    if rest.is_empty() {
        event.insert(first.clone(), value);
        return;
    }
    let inner = event.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(inner) = inner {
        put(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(cells: &[&str]) -> csv::StringRecord {
        csv::StringRecord::from(cells.to_vec())
    }

    #[test]
    fn columns_become_an_event() {
        let mapping: Mapping = toml::from_str(
            "ignore = [\"note\"]\n[columns]\n\"Order total\" = \"custom_data.value\"\n\
             [constants]\naction_source = \"physical_store\"\n",
        )
        .unwrap();
        let header = record(&[
            "event_name",
            "event_time",
            "em",
            "Order total",
            "currency",
            "content_ids",
            "note",
            "_holdfast_fault",
            "custom_data.my.key",
        ]);
        let columns = mapping.columns(&header).unwrap();
        let row = [
            "Purchase",
            "2026-11-20T10:00:00+01:00",
            "a@b.example | c@d.example",
            "12.50",
            "EUR",
            "x",
            "?",
            "y",
            "z",
        ];
        let event = Value::Object(columns.event(&record(&row)).unwrap());
        let expected = json!({
            "event_name": "Purchase", "event_time": 1_795_165_200, "action_source": "physical_store",
            "user_data": {"em": ["a@b.example", "c@d.example"]},
            "custom_data": {"value": 12.5, "currency": "EUR", "content_ids": ["x"], "my": {"key": "z"}},
        });
        assert_eq!(event, expected);
        let short = columns.event(&record(&["Lead", "", "", "", "", "", "", ""])).unwrap();
        assert_eq!(
            Value::Object(short),
            json!({"event_name": "Lead", "action_source": "physical_store"})
        );
        for (cells, field) in [
            (["Lead", "yesterday", "", "", "", "", "", "", ""], "event_time"),
            (["Lead", "1", "", "a lot", "", "", "", "", ""], "custom_data.value"),
        ] {
            assert_eq!(columns.event(&record(&cells)).unwrap_err().field, field);
        }
        assert!(columns.event(&record(&["x"; 10])).is_err(), "more cells than columns");
    }

    #[test]
    fn every_mistake_about_the_columns_is_told_at_once() {
        let mapping: Mapping =
            toml::from_str("[columns]\ngone = \"em\"\n[constants]\nodd = 1\n").unwrap();
        let header = record(&["event_name", "colour", "em", "user_data.em"]);
        let Err(Failure::Usage(text)) = mapping.columns(&header) else { panic!() };
        for expected in [
            "4 mistake(s)",
            "columns.\"gone\"",
            "column \"colour\"",
            "column \"user_data.em\"",
            "constants.\"odd\"",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(toml::from_str::<Mapping>("colums = {}").is_err());
    }

    /// The page and what is read must not drift apart.
    #[test]
    fn the_example_of_the_documentation_is_a_mapping() {
        let page = include_str!("../../../../docs/send.md");
        let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let mapping: Mapping = toml::from_str(example).unwrap();
        let header = record(&["E-mail", "Order total", "Internal note"]);
        let columns = mapping.columns(&header).unwrap();
        let event = columns.event(&record(&["a@b.example;c@d.example", "1", "?"])).unwrap();
        assert_eq!(event["user_data"]["em"].as_array().unwrap().len(), 2);
    }
}
