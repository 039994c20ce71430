//! What the platform's code says of each event of a request.

use holdfast_model::id::ItemId;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_platforms::mapping::Mapped;
use holdfast_platforms::{AdmitContext, Rejection};
use holdfast_storage::NewItem;

use super::receipts::Receipts;
use super::targets::Target;
use crate::metrics::Metrics;
use crate::random;

/// After so many events the task lets others run: about a millisecond of work.
const EVENTS_BETWEEN_YIELDS: usize = 256;

/// Meta's code for a parameter it does not accept; what a drop-in caller is told where the
/// refusal is our own.
const INVALID_PARAMETER: (i64, Option<i64>) = (100, None);

/// The rules of a route send the event nowhere.
const NOT_ROUTED: &str = "holdfast.not_routed";

/// Most remarks of one request: enough to see what is wrong.
const MAX_REMARKS: usize = 10;

/// Admits the events of one commit.
pub struct Admission<'a> {
    pub targets: &'a [Target],
    pub at: UnixMillis,
    pub max_event_bytes: usize,
    /// What was admitted, in order.
    pub items: Vec<NewItem>,
    pub tally: Tally,
    /// What became of copies that were refused, for people. Bounded; the counters have them all.
    pub remarks: Vec<String>,
}

impl<'a> Admission<'a> {
    pub fn new(targets: &'a [Target], at: UnixMillis, max_event_bytes: u64, events: usize) -> Self {
        Self {
            targets,
            at,
            max_event_bytes: usize::try_from(max_event_bytes).unwrap_or(usize::MAX),
            items: Vec::with_capacity(events.saturating_mul(targets.len())),
            tally: Tally::default(),
            remarks: Vec::new(),
        }
    }

    /// Admits each event for each destination that it is for, good and bad side by side. An event
    /// without text was too long to be kept.
    pub async fn admit_all<'e>(
        &mut self,
        events: impl Iterator<Item = (u64, Option<&'e [u8]>)>,
        receipts: &mut Receipts,
    ) {
        for (position, (index, event)) in events.enumerate() {
            if position % EVENTS_BETWEEN_YIELDS == EVENTS_BETWEEN_YIELDS - 1 {
                tokio::task::yield_now().await;
            }
            let mut is_for_any = false;
            for target in self.targets {
                match self.admit(target, event) {
                    Ok(false) => continue,
                    Ok(true) => {
                        if let Some(item) = self.items.last() {
                            receipts.accepted(index, item, target);
                        }
                    }
                    Err(rejection) => receipts.refused(index, target, &rejection),
                }
                is_for_any = true;
            }
            if !is_for_any {
                self.tally.refused(NOT_ROUTED);
                receipts.not_routed(index, NOT_ROUTED);
            }
        }
    }

    /// Admits all events for all destinations, or says which event was refused first and why.
    /// What a copy's destination refuses is no reason to refuse the caller: it becomes a remark.
    pub async fn admit_all_or_nothing<'e>(
        &mut self,
        events: impl Iterator<Item = &'e [u8]>,
    ) -> Result<(), (usize, Rejection)> {
        for (position, event) in events.enumerate() {
            if position % EVENTS_BETWEEN_YIELDS == EVENTS_BETWEEN_YIELDS - 1 {
                tokio::task::yield_now().await;
            }
            for target in self.targets {
                match self.admit(target, Some(event)) {
                    Ok(_) => {}
                    Err(rejection) if target.is_copy => {
                        self.remark(position, target, &rejection);
                    }
                    Err(rejection) => return Err((position, rejection)),
                }
            }
        }
        Ok(())
    }

    /// Whether the event is for the destination at all.
    fn admit(&mut self, target: &Target, event: Option<&[u8]>) -> Result<bool, Rejection> {
        let admitted = self.item(target, event);
        match &admitted {
            Ok(Some(_)) => self.tally.admitted(target.destination.platform),
            Ok(None) => return Ok(false),
            Err(rejection) => self.tally.refused(rejection.fault),
        }
        self.items.extend(admitted?);
        Ok(true)
    }

    fn remark(&mut self, position: usize, target: &Target, rejection: &Rejection) {
        let destination = &target.destination.id;
        tracing::warn!(%destination, position, fault = rejection.fault, field = rejection.field,
            "a copy of an event was refused");
        if self.remarks.len() < MAX_REMARKS {
            self.remarks.push(format!(
                "event {position} was not copied to {destination}: {}: {}",
                rejection.fault, rejection.message
            ));
        }
    }

    fn item(&self, target: &Target, event: Option<&[u8]>) -> Result<Option<NewItem>, Rejection> {
        let event = event
            .filter(|event| event.len() <= self.max_event_bytes)
            .ok_or_else(|| self.too_large())?;
        let Some(mapping) = &target.mapping else { return self.made(target, event).map(Some) };
        match mapping.apply(event) {
            Mapped::NotForIt => Ok(None),
            Mapped::Event(event) => self.made(target, &event).map(Some).map_err(|rejection| {
                Rejection { field: mapping.origin_of(&rejection.field).to_owned(), ..rejection }
            }),
        }
    }

    fn made(&self, target: &Target, event: &[u8]) -> Result<NewItem, Rejection> {
        let item_id: ItemId = random::item_id(self.at);
        let now: UnixSeconds = self.at.to_seconds();
        let admitted = target.platform.admit(
            event,
            &AdmitContext {
                settings: &target.destination.settings,
                now,
                fallback_event_id: &item_id.to_string(),
                group: &target.group,
            },
        )?;
        Ok(NewItem { item_id, lane: target.destination.lane, admitted, not_before: None })
    }

    fn too_large(&self) -> Rejection {
        Rejection {
            fault: "holdfast.event_too_large",
            field: String::new(),
            message: format!("expected at most {} bytes for one event", self.max_event_bytes),
            code: INVALID_PARAMETER,
        }
    }
}

/// What happened, for the counters. Few different entries, hence lists.
#[derive(Debug, Default)]
pub struct Tally {
    admitted: Vec<(PlatformId, u64)>,
    refused: Vec<(&'static str, u64)>,
}

impl Tally {
    fn admitted(&mut self, platform: PlatformId) {
        count(&mut self.admitted, platform);
    }

    fn refused(&mut self, fault: &'static str) {
        count(&mut self.refused, fault);
    }

    /// Events that were refused count at once; items only when they are durable.
    pub fn count_refused(&self, metrics: &Metrics) {
        for (fault, events) in &self.refused {
            metrics.refused(fault, *events);
        }
    }

    pub fn count_admitted(&self, metrics: &Metrics) {
        for (platform, items) in &self.admitted {
            metrics.admitted(*platform, *items);
        }
    }
}

fn count<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K) {
    match counts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, number)) => *number += 1,
        None => counts.push((key, 1)),
    }
}
