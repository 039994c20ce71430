//! One bad event never sinks its neighbors.
//!
//! Where the platform names it, it goes and the rest is sent again at once. Where it does not, the
//! locally suspicious are tried first, then the batch is halved; the good halves are delivered as
//! they are found, and each bad event costs at most 2·⌈log2 n⌉ + 2 requests.
//!
//! A single event that is refused is only a *suspect* until another event is accepted: if several
//! different events that passed our own checks are all refused alike and none is accepted, it is
//! not the events but the configuration, and the lane holds with nothing dead-lettered.

use std::collections::BTreeSet;
use std::time::Duration;

use holdfast_model::fault::{Fault, FaultAction};
use holdfast_model::hold::Confirmation;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::{MonoMillis, Now};
use holdfast_platforms::Unlocated;

use super::batch::{Batch, Purpose};
use super::{Lane, faults};
use crate::{Command, Notice};

/// So many different single events refused alike, with no success in between, are no coincidence.
const ALIKE: usize = 5;

/// The same where the platform names each event itself, which is better evidence: a batch may well
/// have a few dozen bad ones before the rest of it is accepted.
const ALIKE_NAMED: usize = 50;

/// A suspect is decided on its own after this long without another event to compare it with:
/// then its fault, which is about one event, is believed.
const LONELY: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Suspicion {
    suspects: Vec<Suspect>,
}

#[derive(Debug)]
struct Suspect {
    item: ItemMeta,
    fault: Fault,
    extra_requests: u32,
    since: MonoMillis,
}

impl Suspicion {
    pub fn take_all(&mut self) -> Vec<ItemMeta> {
        self.suspects.drain(..).map(|suspect| suspect.item).collect()
    }

    pub fn decide_at(&self) -> Option<MonoMillis> {
        self.suspects.iter().map(|suspect| suspect.since + LONELY).min()
    }
}

impl Lane {
    /// The platform named this one.
    pub(super) fn named_bad(&mut self, now: Now, item: ItemMeta, fault: Fault, extra: u32) {
        self.suspect(now, item, fault, extra, ALIKE_NAMED);
    }

    /// The platform named this one and took others of the same request: bad by comparison.
    pub(super) fn plainly_bad(&mut self, now: Now, item: ItemMeta, fault: Fault, extra: u32) {
        let (extra_requests, since) = (extra, now.mono);
        self.condemn(Suspect { item, fault, extra_requests, since });
    }

    /// Some event of the batch is bad and the platform did not say which.
    pub(super) fn someone_is_bad(&mut self, now: Now, batch: Batch, unlocated: Unlocated) {
        let Unlocated { fault, suspects } = unlocated;
        if let [only] = batch.items.as_slice() {
            return self.suspect(now, *only, fault, batch.requests.saturating_sub(1), ALIKE);
        }
        let depth = match &batch.purpose {
            Purpose::Isolation { depth, .. } => depth + 1,
            Purpose::Plain => 1,
        };
        let (first, second) = split(&batch.items, &suspects, depth);
        for items in [second, first] {
            // A part that is only there to be proved innocent is a plain batch as good as any.
            let purpose = Purpose::Isolation { fault: fault.clone(), depth };
            let part = Batch { items, purpose, ..batch.clone() };
            self.ready.push_front(part);
        }
    }

    fn suspect(
        &mut self,
        now: Now,
        item: ItemMeta,
        fault: Fault,
        extra_requests: u32,
        too_many_alike: usize,
    ) {
        let name = fault.name.clone();
        self.suspicion.suspects.push(Suspect { item, fault, extra_requests, since: now.mono });
        let alike = self.suspicion.suspects.iter().filter(|suspect| suspect.fault.name == name);
        if alike.count() >= too_many_alike {
            self.blame_the_configuration();
        }
    }

    /// Events that look right are all refused alike: nothing is dead-lettered, the lane holds.
    fn blame_the_configuration(&mut self) {
        let Some(suspect) = self.suspicion.suspects.last() else { return };
        let said = suspect.fault.clone();
        let items = self.suspicion.take_all();
        self.release(&items);
        self.open_hold(faults::configuration_suspected(&said), Confirmation::Confirmed);
    }

    /// An event was accepted: the suspects are bad by comparison.
    pub(super) fn clear_suspects(&mut self) {
        for suspect in std::mem::take(&mut self.suspicion.suspects) {
            self.condemn(suspect);
        }
    }

    /// Nothing else came to compare them with.
    pub(super) fn decide_old_suspicions(&mut self, now: Now) {
        if self.holding.is_held() || self.holding.is_confirming() {
            let items = self.suspicion.take_all();
            self.release(&items);
            return;
        }
        if self.others_are_coming() {
            return;
        }
        let (old, young): (Vec<_>, Vec<_>) = std::mem::take(&mut self.suspicion.suspects)
            .into_iter()
            .partition(|suspect| now.mono.since(suspect.since) >= LONELY);
        self.suspicion.suspects = young;
        for suspect in old {
            self.condemn(suspect);
        }
    }

    /// Something is in hand whose answer will say more.
    pub(super) fn others_are_coming(&self) -> bool {
        self.leasing > 0 || !self.sent.is_empty() || !self.ready.is_empty()
    }

    fn condemn(&mut self, suspect: Suspect) {
        let Suspect { item, fault, extra_requests, .. } = suspect;
        self.tell(Notice::PoisonFound { seq: item.seq, extra_requests });
        if fault.action == FaultAction::Expire {
            self.command(Command::Expire { items: vec![item.seq], hold: None, fault: Some(fault) });
        } else {
            self.command(Command::DeadLetter { items: vec![(item.seq, fault)] });
        }
    }
}

/// The suspicious and the rest, if the platform code suspects some at the first try; else halves.
fn split(items: &[ItemMeta], suspects: &[u32], depth: u32) -> (Vec<ItemMeta>, Vec<ItemMeta>) {
    let positions: BTreeSet<usize> = suspects.iter().map(|at| *at as usize).collect();
    let is_useful = depth == 1 && !positions.is_empty() && positions.len() < items.len();
    if !is_useful {
        let (first, second) = items.split_at(items.len() / 2);
        return (first.to_vec(), second.to_vec());
    }
    let (mut suspicious, mut rest) = (Vec::new(), Vec::new());
    for (position, item) in items.iter().enumerate() {
        if positions.contains(&position) { suspicious.push(*item) } else { rest.push(*item) }
    }
    (suspicious, rest)
}
