//! Which destinations a request is for.

use std::sync::Arc;

use holdfast_model::access::AccessKey;
use holdfast_model::destination::Destination;
use holdfast_model::id::AssetId;
use holdfast_model::item::BatchGroup;
use holdfast_model::platform::PlatformId;
use holdfast_platforms::Platform;
use serde_json::{Map, Value};

use super::{IngestError, form};
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
    /// A hold covers it now: what is sent there waits.
    pub held: bool,
}

/// The destinations named by `?destination=a,b`, or the one that the key is bound to. `key` is
/// `None` for the admin socket, which may send anywhere.
pub fn named(
    snapshot: &Snapshot,
    key: Option<&AccessKey>,
    query: Option<&str>,
) -> Result<Vec<Arc<Destination>>, IngestError> {
    let bound = key.map_or(&[][..], |key| &key.destinations);
    let Some(names) = form::query_value(query, "destination") else {
        let [only] = bound else { return Err(IngestError::NoDestination) };
        return find(snapshot, key, only.as_str()).map(|destination| vec![destination]);
    };
    let mut found: Vec<Arc<Destination>> = Vec::with_capacity(1);
    for name in names.split(',').map(str::trim) {
        let destination = find(snapshot, key, name)?;
        if found.iter().any(|known| known.id == destination.id) {
            continue;
        }
        if found.len() == MAX_DESTINATIONS {
            return Err(IngestError::TooManyDestinations { bound: MAX_DESTINATIONS });
        }
        found.push(destination);
    }
    Ok(found)
}

/// The destinations of an asset that the key may send to, in order of name.
pub fn of_asset(
    snapshot: &Snapshot,
    key: Option<&AccessKey>,
    platform: PlatformId,
    asset: &str,
) -> Vec<Arc<Destination>> {
    let Ok(asset) = AssetId::new(asset) else { return Vec::new() };
    let allowed =
        |destination: &&Arc<Destination>| key.is_none_or(|key| key.may_send_to(&destination.id));
    let all = snapshot.destinations_of_asset(platform, &asset);
    all.iter().filter(allowed).take(MAX_DESTINATIONS).cloned().collect()
}

/// Prepares the destinations for admission. `keys` are the request-level keys.
pub fn prepare(
    gateway: &Gateway,
    destinations: Vec<Arc<Destination>>,
    keys: &Map<String, Value>,
) -> Result<Vec<Target>, IngestError> {
    // Whoever has no open hold, which is nearly everyone nearly always, pays nothing for it.
    let any_hold = !gateway.holds.open().is_empty();
    let prepare = |destination: Arc<Destination>| {
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
        Ok(Target { destination, platform, group, held })
    };
    destinations.into_iter().map(prepare).collect()
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
