//! Sets of sequence numbers that are mostly consecutive: a batch of a thousand is one run, in
//! memory as on the disk.

use std::collections::BTreeMap;

use holdfast_model::id::Seq;

use super::frame::Reader;

/// Runs by their first number, each with the number after its last. They never touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeqRuns(BTreeMap<u64, u64>);

impl SeqRuns {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn contains(&self, seq: Seq) -> bool {
        self.0.range(..=seq.0).next_back().is_some_and(|(_, end)| seq.0 < *end)
    }

    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(start, end)| (*start, *end))
    }

    pub fn seqs(&self) -> impl Iterator<Item = Seq> {
        self.runs().flat_map(|(start, end)| start..end).map(Seq)
    }

    /// Adds the numbers from `start` up to but not including `end`.
    pub fn insert(&mut self, mut start: u64, mut end: u64) {
        if start >= end {
            return;
        }
        // Whatever overlaps or touches becomes part of it.
        while let Some((near_start, near_end)) = self.last_until(end).filter(|run| run.1 >= start) {
            self.0.remove(&near_start);
            start = start.min(near_start);
            end = end.max(near_end);
        }
        self.0.insert(start, end);
    }

    /// Takes out the numbers from `start` up to but not including `end`.
    pub fn remove(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        while let Some((first, after)) = self.last_until(end - 1).filter(|run| run.1 > start) {
            self.0.remove(&first);
            if after > end {
                self.0.insert(end, after);
            }
            if first < start {
                self.0.insert(first, start);
            }
        }
    }

    /// The last run that begins at or before `at`.
    fn last_until(&self, at: u64) -> Option<(u64, u64)> {
        self.0.range(..=at).next_back().map(|(start, end)| (*start, *end))
    }

    pub fn extend(&mut self, other: &Self) {
        other.runs().for_each(|(start, end)| self.insert(start, end));
    }

    pub fn subtract(&mut self, other: &Self) {
        other.runs().for_each(|(start, end)| self.remove(start, end));
    }

    /// One run from the first number to the last: a superset in a few bytes.
    pub fn hull(&self) -> Self {
        let first = self.0.first_key_value().map(|(start, _)| *start);
        let end = self.0.last_key_value().map(|(_, end)| *end);
        Self(first.zip(end).into_iter().collect())
    }

    /// Each run as the gap since the one before and its length, in as few bytes as they need.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut at = 0;
        for (start, end) in self.runs() {
            put_varint(out, start - at);
            put_varint(out, end - start);
            at = end;
        }
    }

    /// What [`SeqRuns::write`] wrote, up to the end of `bytes`. `None` if it is something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (mut reader, mut runs, mut at) = (Reader(bytes), BTreeMap::new(), 0_u64);
        while !reader.0.is_empty() {
            let start = at.checked_add(varint(&mut reader)?)?;
            at = start.checked_add(varint(&mut reader)?)?;
            runs.insert(start, at);
        }
        Some(Self(runs))
    }
}

impl FromIterator<Seq> for SeqRuns {
    /// Fast where the numbers come in order, as leases and requests have them.
    fn from_iter<I: IntoIterator<Item = Seq>>(seqs: I) -> Self {
        let mut set = Self::default();
        let mut run = (0, 0);
        for Seq(seq) in seqs {
            if seq != run.1 {
                set.insert(run.0, run.1);
                run.0 = seq;
            }
            run.1 = seq + 1;
        }
        set.insert(run.0, run.1);
        set
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = reader.u8()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn numbers(set: &SeqRuns) -> Vec<u64> {
        set.runs().flat_map(|(start, end)| start..end).collect()
    }

    #[test]
    fn agrees_with_a_plain_set_whatever_is_done() {
        let mut random = 7_u64;
        let mut toss = move |bound: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % bound
        };
        for _ in 0..200 {
            let (mut runs, mut plain) = (SeqRuns::default(), BTreeSet::new());
            for _ in 0..60 {
                let start = toss(50);
                let end = start + toss(12);
                if toss(3) == 0 {
                    runs.remove(start, end);
                    plain.retain(|seq| !(start..end).contains(seq));
                } else {
                    runs.insert(start, end);
                    plain.extend(start..end);
                }
                assert_eq!(numbers(&runs), plain.iter().copied().collect::<Vec<_>>());
                let touching = runs.runs().zip(runs.runs().skip(1)).any(|(a, b)| a.1 >= b.0);
                assert!(!touching, "{runs:?}");
            }
            for seq in 0..70 {
                assert_eq!(runs.contains(Seq(seq)), plain.contains(&seq), "{seq} in {runs:?}");
            }
            let mut bytes = Vec::new();
            runs.write(&mut bytes);
            assert_eq!(SeqRuns::read(&bytes), Some(runs.clone()));
            let mixed = plain.iter().rev().map(|seq| Seq(*seq)).collect::<SeqRuns>();
            assert_eq!(mixed, runs);
            assert_eq!(runs.hull().runs().count(), usize::from(!plain.is_empty()));
        }
    }

    #[test]
    fn a_batch_of_a_thousand_takes_a_few_bytes() {
        let set: SeqRuns = (5_000_000_000..5_000_001_000).map(Seq).collect();
        let mut bytes = Vec::new();
        set.write(&mut bytes);
        assert!(bytes.len() <= 8, "{} bytes", bytes.len());
    }

    #[test]
    fn what_is_no_set_is_not_read_as_one() {
        for bytes in [&[0x80][..], &[1], &[0xff; 11], &[1, 0xff, 0xff]] {
            assert_eq!(SeqRuns::read(bytes), None, "{bytes:?}");
        }
    }
}
