//! Which destinations a request is for.

use std::sync::Arc;

use holdfast_model::access::AccessKey;
use holdfast_model::destination::Destination;
use holdfast_model::id::AssetId;
use holdfast_model::item::BatchGroup;
use holdfast_model::platform::PlatformId;
use holdfast_platforms::Platform;
use holdfast_platforms::mapping::Mapping;
use serde_json::{Map, Value};

use super::routing::{self, Aim, Via};
use super::{IngestError, form};
use crate::config::routes::Route;
use crate::directory::Snapshot;
use crate::state::Gateway;

/// Most destinations of one request: more than anyone has platforms, and every event is stored
/// once for each.
pub const MAX_DESTINATIONS: usize = 16;

/// A destination and what admission for it needs.
pub struct Target {
    pub destination: Arc<Destination>,
    pub platform: &'static dyn Platform,
    pub group: BatchGroup,
    /// What changes an event on its way there.
    pub mapping: Option<Arc<Mapping>>,
    /// A route sends it there besides what the caller asked for.
    pub is_copy: bool,
    /// A hold covers it now: what is sent there waits.
    pub held: bool,
}

/// The destinations named by `?destination=a,b` or by `?route=a`, or the one that the key is bound
/// to, and whatever routes copy from them. `key` is `None` for the admin socket, which may send
/// anywhere.
pub fn named(
    routes: &[Route],
    snapshot: &Snapshot,
    key: Option<&AccessKey>,
    query: Option<&str>,
) -> Result<Vec<Aim>, IngestError> {
    let destinations = form::query_value(query, "destination");
    let mut aims = match (form::query_value(query, "route"), destinations) {
        (Some(_), Some(_)) => {
            let expected = "no destination beside it, or a destination and no route";
            return Err(IngestError::Shape { field: "route", expected });
        }
        (Some(route), None) => {
            let aims = routing::by_name(routes, snapshot, &route)?;
            // What the route leads to is the operator's word, and so is what a key may do.
            for aim in &aims {
                find(snapshot, key, aim.destination.id.as_str())?;
            }
            aims
        }
        (None, Some(names)) => by_names(snapshot, key, &names)?,
        (None, None) => {
            let bound = key.map_or(&[][..], |key| &key.destinations);
            let [only] = bound else { return Err(IngestError::NoDestination) };
            vec![Aim::direct(find(snapshot, key, only.as_str())?)]
        }
    };
    routing::add_copies(&mut aims, routes, snapshot)?;
    Ok(aims)
}

fn by_names(
    snapshot: &Snapshot,
    key: Option<&AccessKey>,
    names: &str,
) -> Result<Vec<Aim>, IngestError> {
    let mut found: Vec<Aim> = Vec::with_capacity(1);
    for name in names.split(',').map(str::trim) {
        let destination = find(snapshot, key, name)?;
        if found.iter().any(|known| known.destination.id == destination.id) {
            continue;
        }
        if found.len() == MAX_DESTINATIONS {
            return Err(IngestError::TooManyDestinations { bound: MAX_DESTINATIONS });
        }
        found.push(Aim::direct(destination));
    }
    Ok(found)
}

/// The destinations of an asset that the key may send to, in order of name, and whatever routes
/// copy from them. Empty if the key may send to none.
pub fn of_asset(
    routes: &[Route],
    snapshot: &Snapshot,
    key: Option<&AccessKey>,
    platform: PlatformId,
    asset: &str,
) -> Result<Vec<Aim>, IngestError> {
    let Ok(asset) = AssetId::new(asset) else { return Ok(Vec::new()) };
    let allowed =
        |destination: &&Arc<Destination>| key.is_none_or(|key| key.may_send_to(&destination.id));
    let all = snapshot.destinations_of_asset(platform, &asset).iter();
    let mut aims: Vec<Aim> =
        all.filter(allowed).take(MAX_DESTINATIONS).cloned().map(Aim::direct).collect();
    routing::add_copies(&mut aims, routes, snapshot)?;
    Ok(aims)
}

/// Prepares the destinations for admission. `keys` are the request-level keys.
pub fn prepare(
    gateway: &Gateway,
    aims: Vec<Aim>,
    keys: &Map<String, Value>,
) -> Result<Vec<Target>, IngestError> {
    // Whoever has no open hold, which is nearly everyone nearly always, pays nothing for it.
    let any_hold = !gateway.holds.open().is_empty();
    let prepare = |aim: Aim| {
        let Aim { destination, mapping, via } = aim;
        let platform = holdfast_platforms::platform(destination.platform).ok_or_else(|| {
            IngestError::PlatformNotSupported { destination: destination.id.clone() }
        })?;
        let group = match keys.is_empty() {
            true => BatchGroup::default(),
            false => platform
                .request_keys(keys, &destination.settings)
                .map_err(IngestError::RequestKey)?,
        };
        let held = any_hold && gateway.is_held(&destination);
        Ok(Target { destination, platform, group, mapping, is_copy: via == Via::Copy, held })
    };
    aims.into_iter().map(prepare).collect()
}

/// A key that is bound learns nothing of other destinations, not even whether they exist.
fn find(
    snapshot: &Snapshot,
    key: Option<&AccessKey>,
    name: &str,
) -> Result<Arc<Destination>, IngestError> {
    let shown = || name.chars().take(64).collect::<String>();
    let bound_elsewhere = key.is_some_and(|key| {
        !key.destinations.is_empty() && !key.destinations.iter().any(|id| id.as_str() == name)
    });
    if bound_elsewhere {
        return Err(IngestError::DestinationNotAllowed { name: shown() });
    }
    let found = snapshot.destination(name).cloned();
    found.ok_or_else(|| IngestError::UnknownDestination { name: shown() })
}
