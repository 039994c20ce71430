//! Erasing what is kept of one person.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use holdfast_model::fault::Fault;
use holdfast_model::id::LaneId;
use holdfast_model::time::UnixMillis;

/// Whether an item of this lane with this fragment concerns the person. Called for everything that
/// is kept, on threads of the backend: it must be quick and must not call the outbox.
pub type Concerns = Arc<dyn Fn(LaneId, &[u8]) -> bool + Send + Sync>;

/// What is to be erased.
#[derive(Clone)]
pub struct Erasure {
    /// All lanes if `None`.
    pub lanes: Option<BTreeSet<LaneId>>,
    pub concerns: Concerns,
    /// What the rows of items say that were waiting.
    pub fault: Fault,
    pub at: UnixMillis,
    /// How long the answer may wait for items in flight.
    pub patience: Duration,
}

impl Erasure {
    pub fn covers(&self, lane: LaneId) -> bool {
        self.lanes.as_ref().is_none_or(|lanes| lanes.contains(&lane))
    }
}

impl fmt::Debug for Erasure {
    /// The question itself knows who is asked about.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erasure").field("lanes", &self.lanes).field("at", &self.at).finish()
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Waited, or came back from a request that failed: they are `rejected` now.
    pub waiting: u64,
    /// Had left the queue undelivered, or did so meanwhile: they stay in their states, without
    /// their content.
    pub letters: u64,
    /// Were in flight and arrived.
    pub delivered: u64,
    /// Are in flight still. They are erased when their answers come, if this process lives so long.
    pub in_flight: u64,
    /// Items whose content was looked at.
    pub looked_at: u64,
    /// Nothing of them is on the disk any more, not even encrypted.
    pub is_off_disk: bool,
}
