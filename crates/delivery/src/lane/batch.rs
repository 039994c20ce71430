//! What is in hand: leased items that share a request.

use holdfast_model::fault::Fault;
use holdfast_model::item::ItemMeta;

#[derive(Debug, Clone)]
pub struct Batch {
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
    pub fn new(items: Vec<ItemMeta>, purpose: Purpose) -> Self {
        Self { items, purpose, requests: 0, resigned: false }
    }
}
