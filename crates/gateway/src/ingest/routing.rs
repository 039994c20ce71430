//! From what a caller names to the destinations of its events: routes of the configuration, and
//! the copies that they make of what is sent elsewhere.

use std::sync::Arc;

use holdfast_model::destination::Destination;
use holdfast_platforms::mapping::Mapping;

use super::IngestError;
use super::targets::MAX_DESTINATIONS;
use crate::config::routes::{Route, RouteTarget};
use crate::directory::Snapshot;

/// One destination of a request.
#[derive(Debug, Clone)]
pub struct Aim {
    pub destination: Arc<Destination>,
    /// What changes an event on its way there.
    pub mapping: Option<Arc<Mapping>>,
    pub via: Via,
}

/// Why an event goes to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// The caller named the destination.
    Name,
    /// The caller named a route.
    Route(String),
    /// A route sends it there besides: its refusals are not the caller's.
    Copy,
}

impl Aim {
    /// The caller named the destination itself.
    pub fn direct(destination: Arc<Destination>) -> Self {
        Self { destination, mapping: None, via: Via::Name }
    }
}

/// The destinations of the route that the caller named.
pub fn by_name(routes: &[Route], snapshot: &Snapshot, name: &str) -> Result<Vec<Aim>, IngestError> {
    let shown = || name.chars().take(64).collect::<String>();
    let route = routes
        .iter()
        .find(|route| route.name == name)
        .ok_or_else(|| IngestError::UnknownRoute { name: shown() })?;
    let via = || Via::Route(route.name.clone());
    route.to.iter().map(|to| aim(route, to, snapshot, via())).collect()
}

/// Adds the destinations to which routes copy what is sent to those that were named. What was
/// named itself is not sent there twice.
pub fn add_copies(
    aims: &mut Vec<Aim>,
    routes: &[Route],
    snapshot: &Snapshot,
) -> Result<(), IngestError> {
    if routes.is_empty() {
        return Ok(());
    }
    let named = aims.len();
    for route in routes {
        let copies = aims[..named].iter().any(|aim| route.from.contains(&aim.destination.id));
        if !copies {
            continue;
        }
        for to in &route.to {
            if aims.iter().any(|aim| aim.destination.id == to.destination) {
                continue;
            }
            aims.push(aim(route, to, snapshot, Via::Copy)?);
            if aims.len() > MAX_DESTINATIONS {
                return Err(IngestError::TooManyDestinations { bound: MAX_DESTINATIONS });
            }
        }
    }
    Ok(())
}

/// What is wrong with routes as things are: what they name and is not there.
pub fn broken(routes: &[Route], snapshot: &Snapshot) -> Vec<IngestError> {
    let every = routes.iter().flat_map(|route| route.to.iter().map(move |to| (route, to)));
    every.filter_map(|(route, to)| aim(route, to, snapshot, Via::Copy).err()).collect()
}

/// Destinations are made while the gateway runs, so only now is it known whether there is one.
fn aim(route: &Route, to: &RouteTarget, snapshot: &Snapshot, via: Via) -> Result<Aim, IngestError> {
    let destination = snapshot.destinations.get(&to.destination).cloned();
    let destination = destination.ok_or_else(|| IngestError::BrokenRoute {
        route: route.name.clone(),
        destination: to.destination.clone(),
    })?;
    Ok(Aim { destination, mapping: Some(to.mapping.clone()), via })
}
