//! What is remembered of attempts at items that are back in the queue.
//!
//! The attempt-intent on disk says only that a request was about to leave. Whether it was refused
//! for certain or went unheard is known here, as long as the process lives; after a restart an
//! intent counts as unheard, which is the safe side.

use std::collections::HashMap;

use holdfast_model::id::Seq;
use holdfast_model::item::ItemMeta;

/// Most items that are remembered. Beyond it the oldest knowledge is let go: an intent on disk then
/// counts as unheard again.
const MOST: usize = 100_000;

#[derive(Debug, Default)]
pub struct Attempts {
    known: HashMap<Seq, Attempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Every attempt was refused before it did anything.
    NotProcessed,
    /// At least one went unheard.
    Unheard,
}

impl Attempts {
    /// Whether the platform may have counted the item already.
    pub fn may_have_arrived(&self, item: &ItemMeta) -> bool {
        match self.known.get(&item.seq) {
            Some(Attempt::Unheard) => true,
            Some(Attempt::NotProcessed) => false,
            None => item.intent_recorded,
        }
    }

    pub fn unheard(&mut self, items: &[ItemMeta]) {
        for item in items {
            self.remember(item.seq, Attempt::Unheard);
        }
    }

    /// Does not undo an earlier attempt that went unheard.
    pub fn not_processed(&mut self, items: &[ItemMeta]) {
        for item in items {
            let unheard_before = !self.known.contains_key(&item.seq) && item.intent_recorded;
            let attempt = if unheard_before { Attempt::Unheard } else { Attempt::NotProcessed };
            if self.known.get(&item.seq) != Some(&Attempt::Unheard) {
                self.remember(item.seq, attempt);
            }
        }
    }

    pub fn forget(&mut self, items: &[ItemMeta]) {
        for item in items {
            self.known.remove(&item.seq);
        }
    }

    fn remember(&mut self, seq: Seq, attempt: Attempt) {
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(seq, attempt);
    }
}
