//! Which leased items of a lane are being erased.

use std::collections::HashMap;

use holdfast_model::id::Seq;

/// In memory only. An item is in it until it leaves the queue or the erasure gives up.
#[derive(Default)]
pub struct Erasing(HashMap<Seq, Stage>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A caller has it.
    Out,
    /// The caller gave it back.
    Back,
    /// Its row is being written.
    Leaving,
}

impl Erasing {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, seq: Seq) -> bool {
        self.0.contains_key(&seq)
    }

    pub fn among(&self, items: &[Seq]) -> Vec<Seq> {
        if self.0.is_empty() {
            return Vec::new();
        }
        items.iter().copied().filter(|seq| self.contains(*seq)).collect()
    }

    /// A caller has the item, unless an erasure has it already.
    pub fn mark_out(&mut self, seq: Seq) {
        self.0.entry(seq).or_insert(Stage::Out);
    }

    /// It was taken from those that wait.
    pub fn mark_leaving(&mut self, seq: Seq) {
        self.0.insert(seq, Stage::Leaving);
    }

    /// A caller gives it back; false if it is no item of an erasure.
    pub fn came_back(&mut self, seq: Seq) -> bool {
        let Some(stage) = self.0.get_mut(&seq) else { return false };
        if *stage == Stage::Out {
            *stage = Stage::Back;
        }
        true
    }

    /// Whether it came back; from then on it is leaving.
    pub fn take_back(&mut self, seq: Seq) -> bool {
        let stage = self.0.get_mut(&seq).filter(|stage| **stage == Stage::Back);
        stage.is_some_and(|stage| {
            *stage = Stage::Leaving;
            true
        })
    }

    /// Its row could not be written.
    pub fn put_back(&mut self, seq: Seq) {
        if let Some(stage) = self.0.get_mut(&seq) {
            *stage = Stage::Back;
        }
    }

    /// No caller has it: whoever ends the erasure must release it.
    pub fn is_ours(&self, seq: Seq) -> bool {
        self.0.get(&seq).is_some_and(|stage| *stage != Stage::Out)
    }

    pub fn end(&mut self, seq: Seq) {
        // Asked for every item that leaves the queue; nearly always nothing is being erased.
        if self.0.is_empty() {
            return;
        }
        self.0.remove(&seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_comes_back_to_the_erasure_once() {
        let mut erasing = Erasing::default();
        assert!(!erasing.came_back(Seq(1)), "not one of an erasure");
        erasing.mark_out(Seq(1));
        assert!(!erasing.take_back(Seq(1)), "somebody has it");
        assert!(erasing.came_back(Seq(1)) && erasing.came_back(Seq(1)));
        assert!(erasing.take_back(Seq(1)) && !erasing.take_back(Seq(1)));
        // A release that comes late does not make it an item to be rejected twice.
        assert!(erasing.came_back(Seq(1)) && !erasing.take_back(Seq(1)));
        erasing.mark_out(Seq(1));
        assert!(erasing.is_ours(Seq(1)), "another erasure does not take it away");
        erasing.put_back(Seq(1));
        assert!(erasing.take_back(Seq(1)));
        assert_eq!(erasing.among(&[Seq(2), Seq(1)]), [Seq(1)]);
        erasing.end(Seq(1));
        assert!(erasing.is_empty());
    }
}
