//! What the drop-in shapes of all platforms have in common: the caller named an asset where the
//! platform would look for it, and takes all or nothing.

use bytes::Bytes;
use holdfast_model::access::AccessKey;
use holdfast_model::platform::PlatformId;
use holdfast_platforms::Rejection;
use serde_json::{Map, Value};

use super::admission::{Admission, Tally};
use super::commit::commit;
use super::targets::Target;
use super::{IngestError, targets};
use crate::directory::Snapshot;
use crate::state::Gateway;

/// Events for one asset.
pub struct Part {
    pub asset: String,
    /// With their positions in the request.
    pub events: Vec<(usize, Bytes)>,
}

/// What was made durable.
#[derive(Debug)]
pub struct Taken {
    pub events: usize,
    /// What a route's copies met, for people.
    pub remarks: Vec<String>,
}

/// Why nothing was.
#[derive(Debug)]
pub enum Refused {
    /// No destination has this asset, or none that the key may send to.
    UnknownAsset(String),
    /// The event at this position, and with it the request.
    Event(usize, Rejection),
    Request(IngestError),
}

impl From<IngestError> for Refused {
    fn from(error: IngestError) -> Self {
        Self::Request(error)
    }
}

/// Admits every event for the first destination of the asset and makes nothing durable: for a
/// platform that checks events on request.
pub async fn admit(
    gateway: &Gateway,
    snapshot: &Snapshot,
    key: Option<&AccessKey>,
    platform: PlatformId,
    part: &Part,
    keys: &Map<String, Value>,
) -> Result<Tried, Refused> {
    let aims = targets::of_asset(&[], snapshot, key, platform, &part.asset)?;
    let first = aims.into_iter().next();
    let first = first.ok_or_else(|| Refused::UnknownAsset(part.asset.clone()))?;
    if part.events.is_empty() {
        return Err(IngestError::NoEvents.into());
    }
    let targets = targets::prepare(gateway, vec![first], keys)?;
    let settings = &gateway.settings.ingest;
    let (at, count) = (gateway.clock.wall(), part.events.len());
    let mut admission = Admission::new(&targets, at, settings.max_event_bytes.0, count);
    let admitted = admission.admit_all_or_nothing(part.events.iter().map(|(_, e)| &e[..])).await;
    admitted.map_err(|(place, rejection)| {
        Refused::Event(part.events.get(place).map_or(place, |(at, _)| *at), rejection)
    })?;
    let fragments = admission.items.drain(..).map(|item| item.admitted.fragment).collect();
    let target = targets.into_iter().next();
    let target = target.ok_or_else(|| Refused::UnknownAsset(part.asset.clone()))?;
    Ok(Tried { target, fragments })
}

/// Events that are good here, and whose they would be.
pub struct Tried {
    pub target: Target,
    pub fragments: Vec<Vec<u8>>,
}

/// Admits every event and makes all of them durable in one commit, or refuses the first bad one
/// and with it everything.
pub async fn take(
    gateway: &Gateway,
    snapshot: &Snapshot,
    key: Option<&AccessKey>,
    platform: PlatformId,
    parts: &[Part],
    keys: &Map<String, Value>,
) -> Result<Taken, Refused> {
    let events: usize = parts.iter().map(|part| part.events.len()).sum();
    let at = gateway.clock.wall();
    let settings = &gateway.settings.ingest;
    let max_events = usize::try_from(settings.max_events_per_request).unwrap_or(usize::MAX);
    let (mut items, mut remarks, mut tallies) = (Vec::new(), Vec::new(), Vec::<Tally>::new());
    for part in parts {
        let routes = &gateway.settings.routes;
        let aims = targets::of_asset(routes, snapshot, key, platform, &part.asset)?;
        if aims.is_empty() {
            return Err(Refused::UnknownAsset(part.asset.clone()));
        }
        if part.events.is_empty() {
            return Err(IngestError::NoEvents.into());
        }
        if items.len() + part.events.len().saturating_mul(aims.len()) > max_events {
            return Err(IngestError::TooManyEvents { bound: max_events / aims.len() }.into());
        }
        let targets = targets::prepare(gateway, aims, keys)?;
        let count = part.events.len();
        let mut admission = Admission::new(&targets, at, settings.max_event_bytes.0, count);
        let texts = part.events.iter().map(|(_, event)| &event[..]);
        let admitted = admission.admit_all_or_nothing(texts).await;
        admission.tally.count_refused(&gateway.metrics);
        admitted.map_err(|(place, rejection)| {
            Refused::Event(part.events.get(place).map_or(place, |(at, _)| *at), rejection)
        })?;
        items.append(&mut admission.items);
        remarks.append(&mut admission.remarks);
        tallies.push(admission.tally);
    }
    commit(gateway, items, None, at).await?;
    tallies.iter().for_each(|tally| tally.count_admitted(&gateway.metrics));
    Ok(Taken { events, remarks })
}
