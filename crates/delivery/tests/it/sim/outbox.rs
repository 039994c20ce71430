//! The outbox: it keeps items, and what is known of attempts, across crashes. What is written is
//! durable in the order it was written in, with the next sync; a crash keeps a part of the rest,
//! from the beginning.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_delivery::Waiting;
use holdfast_model::id::Seq;
use holdfast_model::item::ItemMeta;
use holdfast_model::time::UnixSeconds;

use super::item::{Item, Place};

/// A frame that is on its way to the disk.
#[derive(Debug, Clone)]
pub struct Frame {
    pub attempted: bool,
    pub items: Vec<Seq>,
}

#[derive(Debug, Default)]
pub struct Outbox {
    pub items: BTreeMap<Seq, Item>,
    /// Waiting items, nearest deadline first.
    queue: BTreeSet<(UnixSeconds, Seq)>,
    pub unsynced: Vec<Frame>,
}

impl Outbox {
    pub fn put(&mut self, item: Item) {
        self.queue.insert((item.meta.expires_at, item.meta.seq));
        self.items.insert(item.meta.seq, item);
    }

    pub fn item(&mut self, seq: Seq) -> &mut Item {
        self.items.get_mut(&seq).expect("a known item")
    }

    pub fn waiting(&self) -> Waiting {
        Waiting {
            ready: self.queue.len() as u64,
            next_not_before: None,
            first_deadline: self.queue.first().map(|(at, _)| *at),
        }
    }

    /// Nearest deadline first, all of one kind of resend safety by the clock that is shown.
    pub fn lease(&mut self, at: UnixSeconds, most: u32, most_unsafe: u32) -> Vec<ItemMeta> {
        let mut leased: Vec<ItemMeta> = Vec::new();
        let mut wanted = most;
        while let Some((expires_at, seq)) = self.queue.first().copied() {
            let item = self.items.get_mut(&seq).expect("a known item");
            let is_safe = item.meta.resend_is_safe(at);
            match leased.first() {
                None if !is_safe => wanted = most_unsafe,
                Some(first) if first.resend_is_safe(at) != is_safe => break,
                _ => {}
            }
            if leased.len() as u32 >= wanted {
                break;
            }
            self.queue.remove(&(expires_at, seq));
            item.place = Place::Leased;
            leased.push(ItemMeta { intent_recorded: item.mark, ..item.meta });
        }
        leased
    }

    pub fn release(&mut self, seq: Seq) {
        let item = self.items.get_mut(&seq).expect("a known item");
        item.place = Place::Waiting;
        self.queue.insert((item.meta.expires_at, seq));
    }

    pub fn take_due(&mut self, due: UnixSeconds) -> Vec<Seq> {
        let late: Vec<_> = self.queue.iter().take_while(|(at, _)| *at <= due).copied().collect();
        for entry in &late {
            self.queue.remove(entry);
        }
        late.into_iter().map(|(_, seq)| seq).collect()
    }

    /// In memory at once, on the disk with the next sync.
    pub fn mark(&mut self, attempted: bool, items: &[Seq]) {
        for seq in items {
            self.item(*seq).mark = attempted;
        }
        self.unsynced.push(Frame { attempted, items: items.to_vec() });
    }

    pub fn sync(&mut self) {
        for frame in std::mem::take(&mut self.unsynced) {
            self.write(&frame);
        }
    }

    fn write(&mut self, frame: &Frame) {
        for seq in &frame.items {
            self.item(*seq).mark_on_disk = frame.attempted;
        }
    }

    /// Of what was not synced, only the first `kept` frames survive; leases are gone. Returns the
    /// frames that were lost.
    pub fn crash(&mut self, kept: usize) -> Vec<Frame> {
        let mut frames = std::mem::take(&mut self.unsynced);
        let lost = frames.split_off(kept.min(frames.len()));
        for frame in &frames {
            self.write(frame);
        }
        let leased: Vec<Seq> = self
            .items
            .values_mut()
            .filter(|item| !item.is_terminal())
            .filter_map(|item| {
                item.mark = item.mark_on_disk;
                (item.place == Place::Leased).then_some(item.meta.seq)
            })
            .collect();
        for seq in leased {
            self.release(seq);
        }
        lost
    }

    pub fn is_empty(&self) -> bool {
        self.items.values().all(Item::is_terminal)
    }
}
