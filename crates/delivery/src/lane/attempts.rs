//! What may have arrived already, and what follows from it.
//!
//! The outbox remembers attempts, across restarts: an item that is leased says whether an earlier
//! attempt at it may have arrived ([`ItemMeta::intent_recorded`]). The lane only keeps that right:
//! it makes an intent durable with every request, takes it back when the answer is a certain no,
//! and leaves it standing when nobody heard an answer. A later no does not undo an earlier silence.
//!
//! An item that may have arrived goes again as long as the platform recognizes a repetition. After
//! that the destination's policy decides; by default it becomes `unknown`.

use holdfast_model::destination::AmbiguousPolicy;
use holdfast_model::fault::Fault;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::{MonoMillis, Now, UnixMillis, UnixSeconds};

use super::{Lane, seqs};
use crate::Command;

/// By what time it is judged whether the platform still recognizes an item. A clock that was set
/// back must not make old items look recognizable: while the wall clock is not believed, time has
/// gone on at least as far as the monotonic clock says.
#[derive(Debug, Default)]
pub struct RecognitionClock {
    at: UnixSeconds,
    /// The last wall time that could be believed, and when it was read.
    believed: Option<(UnixMillis, MonoMillis)>,
}

impl RecognitionClock {
    /// Takes the time of the present input.
    pub fn observe(&mut self, now: Now) {
        if now.wall_is_trusted {
            self.believed = Some((now.wall, now.mono));
        }
        let since_believed = self.believed.map_or(now.wall, |(wall, mono)| {
            wall.plus_millis(i64::try_from(now.mono.since(mono).as_millis()).unwrap_or(i64::MAX))
        });
        self.at = now.wall.max(since_believed).to_seconds();
    }

    /// Whether the platform would count a second send of this item only once. Nothing is safe for a
    /// lane that has never known the time.
    pub fn resend_is_safe(&self, item: &ItemMeta) -> bool {
        self.believed.is_some() && item.resend_is_safe(self.at)
    }
}

impl Lane {
    /// No request with these arrived, for certain. Only news of items whose earlier attempts are
    /// all accounted for.
    pub(super) fn certainly_not_processed<'a>(
        &mut self,
        items: impl IntoIterator<Item = &'a ItemMeta>,
    ) {
        let news = items.into_iter().filter(|item| !item.intent_recorded);
        let items: Vec<_> = news.map(|item| item.seq).collect();
        if !items.is_empty() {
            self.command(Command::WithdrawIntent { items });
        }
    }

    /// Nobody knows whether these arrived. Returns those that may go again.
    pub(super) fn unheard(&mut self, mut items: Vec<ItemMeta>, fault: &Fault) -> Vec<ItemMeta> {
        for item in &mut items {
            item.intent_recorded = true;
        }
        self.set_lost_aside(items, fault)
    }

    /// Splits off what may have arrived and would be counted again.
    pub(super) fn set_lost_aside(&mut self, items: Vec<ItemMeta>, fault: &Fault) -> Vec<ItemMeta> {
        let clock = &self.recognition;
        let is_lost = |item: &ItemMeta| item.intent_recorded && !clock.resend_is_safe(item);
        let resends = self.settings.ambiguous == AmbiguousPolicy::Resend;
        if resends || !items.iter().any(is_lost) {
            return items;
        }
        let (lost, fine): (Vec<_>, Vec<_>) = items.into_iter().partition(is_lost);
        self.command(Command::Unknown { items: seqs(&lost), fault: fault.clone() });
        fine
    }
}
