//! Dead letters: what left the queue undelivered, how it is looked for, and what becomes of it.

use std::fmt;
use std::str::FromStr;

use holdfast_model::fault::Fault;
use holdfast_model::id::{DestinationId, HoldId, ItemId, LaneId};
use holdfast_model::item::BatchGroup;
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use serde::{Deserialize, Serialize};

/// Which letters are meant. Times are from the first one on and before the second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    pub lane: Option<LaneId>,
    /// Name of the fault. Expired items have `holdfast.expired`.
    pub fault: Option<String>,
    /// `Rejected` and `Expired` if `None`; `Unknown` has to be asked for.
    pub state: Option<LedgerState>,
    /// Expired behind this hold.
    pub hold: Option<HoldId>,
    /// When it left the queue.
    pub since: Option<UnixMillis>,
    pub until: Option<UnixMillis>,
    /// When the event happened.
    pub event_since: Option<UnixSeconds>,
    pub event_until: Option<UnixSeconds>,
}

/// One page of them, in order of when they left the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterPage {
    pub filter: DeadLetterFilter,
    pub newest_first: bool,
    /// Only what comes behind this in the same order.
    pub after: Option<LetterCursor>,
    pub limit: u32,
    /// Whether the letters come with their fragments.
    pub with_fragments: bool,
}

/// A place in the order of dead letters. Stays what it is whatever becomes of the letter there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterCursor {
    pub at: UnixMillis,
    pub item: ItemId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub item_id: ItemId,
    pub lane: LaneId,
    pub destination: Option<DestinationId>,
    /// Empty if it was erased.
    pub event_id: String,
    pub state: LedgerState,
    /// Of an expired item: its summary names the hold, its remedy is the reason's hint.
    pub fault: Fault,
    /// The hold that it expired behind.
    pub hold: Option<HoldId>,
    pub at: UnixMillis,
    pub admitted_at: UnixMillis,
    pub event_time: UnixSeconds,
    pub expires_at: UnixSeconds,
    /// What it shares with the others of its request.
    pub group: BatchGroup,
    /// The item that a correction of this one became. The letter is kept, and is no longer open.
    pub replaced_by: Option<ItemId>,
    /// The letter that this item is a correction of.
    pub origin: Option<ItemId>,
    /// When its content was erased. It cannot be put back, sent again or replaced any more.
    pub erased_at: Option<UnixMillis>,
    pub fragment: Option<Vec<u8>>,
}

impl DeadLetter {
    pub fn cursor(&self) -> LetterCursor {
        LetterCursor { at: self.at, item: self.item_id }
    }
}

/// How many letters there are of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterCount {
    pub lane: LaneId,
    pub state: LedgerState,
    pub fault: String,
    pub items: u64,
    /// Those of them whose deadline has passed: nothing puts them back.
    pub too_old: u64,
    pub first_at: UnixMillis,
    pub last_at: UnixMillis,
}

/// What became of items that were to be put back. What is in none of the lists was no letter (any
/// more).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutBack {
    pub items: Vec<ItemId>,
    /// Their deadline has passed, so they stay where they are.
    pub too_old: Vec<ItemId>,
    /// Their lanes or the disk have no room for them now.
    pub no_room: Vec<ItemId>,
    /// Their content was erased.
    pub erased: Vec<ItemId>,
}

impl fmt::Display for LetterCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at.0, self.item)
    }
}

/// Names what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected the `next` of an earlier page")]
pub struct NotACursor;

impl FromStr for LetterCursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (at, item) = text.split_once('-').ok_or(NotACursor)?;
        Ok(Self {
            at: UnixMillis(at.parse().map_err(|_| NotACursor)?),
            item: item.parse().map_err(|_| NotACursor)?,
        })
    }
}

impl Serialize for LetterCursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LetterCursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let item = ItemId::from_parts(UnixMillis(1_790_000_000_000), [7; 10]);
        let cursor = LetterCursor { at: UnixMillis(1_790_000_000_123), item };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "-", "1", "1-", "x-y", "1-nothing"] {
            assert_eq!(text.parse::<LetterCursor>(), Err(NotACursor), "{text}");
        }
    }
}
