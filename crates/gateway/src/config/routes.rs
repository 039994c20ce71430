//! `[routes.NAME]`: one incoming event for several destinations.
//!
//! Tables of any name cannot be in the list of keys, so they are read here, and the part of the
//! reference that is about them is written here.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast_model::id::DestinationId;
use holdfast_platforms::mapping::{Mapping, MappingRules};
use serde::Deserialize;

use super::read::Reader;

/// Most routes; each is looked through for every request.
const MAX_ROUTES: usize = 64;

/// Most destinations of one route: more than anyone has platforms.
pub const MAX_ROUTE_DESTINATIONS: usize = 16;

/// The section's words in the reference.
pub const REFERENCE: &str = r#"
## [routes.NAME]

One incoming event for several destinations, stored in one commit. Callers name a route with
`POST /v1/events?route=NAME`; what is sent to a destination of `from`, by whatever way, goes to the
route's destinations as well. Routes are in the file only. [Routing](routing.md) tells the rest.

| key | default | meaning |
|---|---|---|
| `from` | `[]` | Destinations whose events are copied. Copies are not copied again. |
| `to` | (required) | One table `[[routes.NAME.to]]` for each destination. |

### [[routes.NAME.to]]

| key | default | meaning |
|---|---|---|
| `destination` | (required) | The destination's name. |
| `events` | `[]` | Only events that came under one of these names; empty means all. |
| `except` | `[]` | Not the events that came under one of these names. |
| `preset` | (none) | `meta-to-snap` or `snap-to-meta`: what the platforms' documentation calls the same. |
| `fields` | `{}` | Where a value goes and where it is taken from: `"custom_data.order_id" = "custom_data.ref"`. |
| `rename_events` | `{}` | The name with which an event came, and its name there: `Lead = "SIGN_UP"`. |
| `set` | `{}` | Where a value goes, and the value. |
| `drop` | `[]` | Keys to leave out: `["user_data.fbp"]`. |
"#;

#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    pub name: String,
    pub from: Vec<DestinationId>,
    pub to: Vec<RouteTarget>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RouteTarget {
    pub destination: DestinationId,
    pub mapping: Arc<Mapping>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    from: Vec<String>,
    to: Vec<toml::Table>,
}

/// Every route, with every mistake reported to the reader.
pub fn read(reader: &mut Reader<'_>) -> Vec<Route> {
    let Some(value) = reader.take_whole("routes") else { return Vec::new() };
    let toml::Value::Table(tables) = value else {
        reader.mistake("routes: expected sections such as [routes.shop]".to_owned());
        return Vec::new();
    };
    if tables.len() > MAX_ROUTES {
        reader.mistake(format!("routes: expected at most {MAX_ROUTES}, found {}", tables.len()));
    }
    tables.into_iter().filter_map(|(name, value)| route(reader, name, value)).collect()
}

fn route(reader: &mut Reader<'_>, name: String, value: toml::Value) -> Option<Route> {
    let path = format!("routes.{name}");
    // A route's name goes where a destination's does: into a query.
    if DestinationId::new(name.as_str()).is_err() {
        reader.mistake(format!("{path}: expected a name like a destination's"));
    }
    let written: Written = match value.try_into() {
        Ok(written) => written,
        Err(error) => {
            reader.mistake(format!("{path}: {}", first_line(&error)));
            return None;
        }
    };
    let from: Vec<_> = written
        .from
        .iter()
        .filter_map(|id| destination(reader, &format!("{path}.from"), id))
        .collect();
    let count = written.to.len();
    if !(1..=MAX_ROUTE_DESTINATIONS).contains(&count) {
        let expected = format!("expected 1 to {MAX_ROUTE_DESTINATIONS} destinations");
        reader.mistake(format!("{path}.to: {expected}, found {count}"));
    }
    let mut to = Vec::with_capacity(count);
    let mut names = BTreeSet::new();
    for (at, table) in written.to.into_iter().enumerate() {
        let Some(target) = target(reader, &format!("{path}.to[{at}]"), table) else { continue };
        if from.contains(&target.destination) {
            reader.mistake(format!("{path}.to[{at}].destination: is in from too"));
        }
        if !names.insert(target.destination.clone()) {
            reader.mistake(format!("{path}.to[{at}].destination: is named twice"));
        }
        to.push(target);
    }
    Some(Route { name, from, to })
}

fn target(reader: &mut Reader<'_>, path: &str, mut table: toml::Table) -> Option<RouteTarget> {
    let named = table.remove("destination");
    let destination = match named.as_ref().and_then(toml::Value::as_str) {
        Some(id) => destination(reader, &format!("{path}.destination"), id),
        None => {
            reader.mistake(format!("{path}.destination: expected the name of a destination"));
            None
        }
    };
    let rules: MappingRules = match toml::Value::Table(table).try_into() {
        Ok(rules) => rules,
        Err(error) => {
            reader.mistake(format!("{path}: {}", first_line(&error)));
            return None;
        }
    };
    match rules.compile() {
        Ok(mapping) => Some(RouteTarget { destination: destination?, mapping: Arc::new(mapping) }),
        Err(errors) => {
            errors.iter().for_each(|error| reader.mistake(format!("{path}.{error}")));
            None
        }
    }
}

fn destination(reader: &mut Reader<'_>, path: &str, id: &str) -> Option<DestinationId> {
    let parsed = DestinationId::new(id);
    if parsed.is_err() {
        reader.mistake(format!("{path}: {id:?} is not a destination's name"));
    }
    parsed.ok()
}

fn first_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Settings;

    fn parse(toml: &str) -> Result<Vec<Route>, Vec<String>> {
        let settings = Settings::parse(toml, &BTreeMap::new());
        settings.map(|settings| settings.routes).map_err(|errors| errors.0)
    }

    #[test]
    fn a_route_is_read_with_its_mappings() {
        let routes = parse(
            "[routes.shop]\nfrom = [\"web\"]\n\
             [[routes.shop.to]]\ndestination = \"snap\"\npreset = \"meta-to-snap\"\n\
             rename_events = { Lead = \"SIGN_UP\" }\n\
             [[routes.shop.to]]\ndestination = \"archive\"\n",
        )
        .unwrap();
        let names: Vec<&str> = routes[0].to.iter().map(|to| to.destination.as_str()).collect();
        assert_eq!((routes[0].name.as_str(), names), ("shop", vec!["snap", "archive"]));
        assert_eq!(parse("").unwrap(), Vec::new());
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let errors = parse(
            "[routes.\"a b\"]\nto = []\n\
             [routes.one]\nfrom = [\"web\", \"no good\"]\n\
             [[routes.one.to]]\ndestination = \"web\"\n\
             [[routes.one.to]]\ndestination = \"x\"\nfields = { \"a..b\" = \"c\" }\n\
             [[routes.one.to]]\nrename = {}\n\
             [routes.two]\nfrom = []\n[server]\nlisten = 1\n",
        )
        .unwrap_err()
        .join("\n");
        for expected in [
            "routes.a b: expected a name",
            "routes.a b.to: expected 1 to 16",
            "routes.one.from: \"no good\" is not",
            "routes.one.to[0].destination: is in from too",
            "routes.one.to[1].fields: expected a key",
            "routes.one.to[2].destination: expected the name",
            "routes.one.to[2]: unknown field `rename`",
            "routes.two: missing field `to`",
            "server.listen: expected",
        ] {
            assert!(errors.contains(expected), "{expected} is missing in:\n{errors}");
        }
    }
}
