//! An item, and the books about it.

use holdfast_model::item::ItemMeta;
use holdfast_model::time::UnixSeconds;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Waiting,
    Leased,
    Delivered,
    Dead,
    Expired,
    Unknown,
}

#[derive(Debug)]
pub struct Item {
    pub meta: ItemMeta,
    pub place: Place,
    pub is_poison: bool,
    /// What the outbox says in a lease: an attempt may have arrived.
    pub mark: bool,
    /// What the outbox will say after a crash.
    pub mark_on_disk: bool,
    /// What is true: an attempt left and nobody heard what became of it, or a crash took the
    /// knowledge of it. Holdfast cannot know better.
    pub in_doubt: bool,
    /// It was in doubt when a process ended.
    pub doubt_is_inherited: bool,
    /// An attempt was certainly refused before a process ended.
    pub was_refused: bool,
    pub refusal_is_inherited: bool,
    /// How often the platform counted it, and when it first did.
    pub counted: u32,
    pub first_seen: Option<UnixSeconds>,
}

impl Item {
    pub fn new(meta: ItemMeta, is_poison: bool) -> Self {
        Self {
            meta,
            place: Place::Waiting,
            is_poison,
            mark: false,
            mark_on_disk: false,
            in_doubt: false,
            doubt_is_inherited: false,
            was_refused: false,
            refusal_is_inherited: false,
            counted: 0,
            first_seen: None,
        }
    }

    pub fn is_terminal(&self) -> bool {
        !matches!(self.place, Place::Waiting | Place::Leased)
    }
}
