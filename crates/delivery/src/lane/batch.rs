//! What is in hand: leased items that share a request.

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::item::ItemMeta;

#[derive(Debug, Clone)]
pub struct Batch {
    pub group: u64,
    pub items: Vec<ItemMeta>,
    pub purpose: Purpose,
    /// Requests that were made with these items, as a whole or in parts.
    pub requests: u32,
    /// Signed anew once already.
    pub resigned: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    Plain,
    /// One of these is bad with this fault, or so it seemed. `depth` counts the halvings.
    Isolation {
        fault: Fault,
        depth: u32,
    },
}

impl Purpose {
    pub fn is_isolation(&self) -> bool {
        matches!(self, Self::Isolation { .. })
    }
}

impl Batch {
    pub fn new(group: u64, items: Vec<ItemMeta>, purpose: Purpose) -> Self {
        Self { group, items, purpose, requests: 0, resigned: false }
    }
}

/// Why an item is `unknown` that was about to be sent when the process ended.
pub fn interrupted() -> Fault {
    own(
        "holdfast.interrupted_attempt",
        "The process ended while this was being sent, and nobody heard the answer.",
        "Look on the platform whether it arrived; put it back with `holdfast dead-letter replay` if not.",
    )
}

/// A request that could not be made for a passing reason of our own.
pub fn not_made() -> Fault {
    own(
        "holdfast.request_not_made",
        "The request could not be made because storage did not answer.",
        "Look at the gateway's log.",
    )
}

fn own(name: &str, summary: &str, remedy: &str) -> Fault {
    Fault {
        name: name.to_owned(),
        class: FaultClass::Transient,
        action: FaultAction::Retry,
        selectors: Vec::new(),
        code: None,
        summary: summary.to_owned(),
        remedy: remedy.to_owned(),
        platform_message: String::new(),
        trace_id: None,
    }
}
