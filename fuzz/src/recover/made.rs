//! A log as the outbox writes it, and what happens to it on a bad disk.

use std::collections::BTreeSet;
use std::ops::Range;

use arbitrary::{Result, Unstructured};
use holdfast_storage_embedded::Inspected;

use super::format::{self, Kind, write_frame};
use super::frozen::Frozen;
use super::{read, said};

/// Lane and sequence number.
type Item = (u32, u64);

struct Log {
    segments: Vec<Segment>,
    oldest_waiting: u64,
    next_seq: u64,
}

struct Segment {
    number: u32,
    frames: Vec<Frame>,
    end: usize,
    /// The file, with what is left behind the end from an earlier use of it.
    bytes: Vec<u8>,
}

struct Frame {
    place: Range<usize>,
    /// Frames of one group were synced together.
    group: usize,
    items: Vec<Item>,
}

pub fn damaged(source: &mut Unstructured<'_>) -> Result<()> {
    let log = Log::make(source)?;
    let whole = read(&log.disk()).expect("a log without damage is read");
    assert_eq!(waiting(&whole), log.items(|_, _| true), "all that was written, and nothing else");
    let ends: Vec<(u32, u64)> =
        log.segments.iter().map(|segment| (segment.number, segment.end as u64)).collect();
    assert_eq!(whole.ends, ends);
    assert_eq!(whole.next_seq, log.next_seq);
    let hurt = log.hurt(source)?;
    judge(&log, &hurt);
    Ok(())
}

/// What recovery must make of the damaged files.
fn judge(log: &Log, hurt: &[Vec<u8>]) {
    let mut disk = Frozen::default();
    for (segment, bytes) in log.segments.iter().zip(hurt) {
        disk.put(format!("{:010}.seg", segment.number), bytes.clone());
    }
    let found = said(read(&disk));
    let first_bad: Vec<Option<usize>> =
        log.segments.iter().zip(hurt).map(|(segment, bytes)| segment.first_bad(bytes)).collect();
    let is_damage = log.is_certainly_damaged(hurt, &first_bad);
    let Some(found) = found else {
        assert!(first_bad.iter().any(Option::is_some), "damage was reported where there is none");
        assert!(is_damage, "a torn end kept the log from being read: {first_bad:?}");
        return;
    };
    assert!(!is_damage, "damage was skipped in silence: {first_bad:?}");
    let found = waiting(&found);
    let sound = log.items(|segment, frame| first_bad[segment].is_none_or(|bad| frame < bad));
    assert_eq!(found, sound, "what is before the torn end is kept, and nothing else appears");
}

fn waiting(found: &Inspected) -> BTreeSet<Item> {
    let all: BTreeSet<_> = found.waiting.iter().map(|(lane, seq)| (lane.0, seq.0)).collect();
    assert_eq!(all.len(), found.waiting.len(), "an item is there twice");
    all
}

impl Log {
    fn make(source: &mut Unstructured<'_>) -> Result<Self> {
        let mut log = Self { segments: Vec::new(), oldest_waiting: 0, next_seq: 1 };
        let mut number = u32::from(source.arbitrary::<u8>()?);
        let count = source.int_in_range(1..=4)?;
        for _ in 0..count {
            // Numbers in between are those of segments that were used again.
            number += source.int_in_range(1..=2)?;
            log.segment(number, source)?;
        }
        // The last header tells what has left the queue.
        Ok(log)
    }

    fn segment(&mut self, number: u32, source: &mut Unstructured<'_>) -> Result<()> {
        if source.ratio(1, 4)? {
            self.oldest_waiting = source.int_in_range(self.oldest_waiting..=self.next_seq)?;
        }
        let ends: Vec<(u32, u64)> =
            self.segments.iter().map(|segment| (segment.number, segment.end as u64)).collect();
        let mut bytes = Vec::new();
        let header = format::header(self.next_seq, self.oldest_waiting, &ends);
        write_frame(&mut bytes, number, 0, Kind::Header, &header);
        let mut frames = vec![Frame { place: 0..bytes.len(), group: 0, items: Vec::new() }];
        for group in 1..=source.int_in_range(0..=4)? {
            let synced = bytes.len() as u32;
            for _ in 0..source.int_in_range(1..=3)? {
                let start = bytes.len();
                let (kind, payload, items) = self.payload(source)?;
                write_frame(&mut bytes, number, synced, kind, &payload);
                frames.push(Frame { place: start..bytes.len(), group, items });
            }
        }
        let end = bytes.len();
        // An earlier use of the file, under another number, or zeros.
        if source.arbitrary()? {
            let (kind, payload, _) = self.clone_counters().payload(source)?;
            for _ in 0..3 {
                write_frame(&mut bytes, number.wrapping_sub(1), u32::MAX / 2, kind, &payload);
            }
        }
        bytes.resize(bytes.len() + source.int_in_range(0..=100)?, 0);
        self.segments.push(Segment { number, frames, end, bytes });
        Ok(())
    }

    fn clone_counters(&self) -> Self {
        Self { segments: Vec::new(), oldest_waiting: 0, next_seq: self.next_seq }
    }

    fn payload(&mut self, source: &mut Unstructured<'_>) -> Result<(Kind, Vec<u8>, Vec<Item>)> {
        let mut payload = Vec::new();
        let mut items = Vec::new();
        let kind = *source.choose(&[Kind::Items, Kind::Items, Kind::Moved, Kind::Remembered])?;
        if kind == Kind::Remembered {
            format::remembered(&mut payload, source.arbitrary()?, b"receipt");
            return Ok((kind, payload, items));
        }
        if kind == Kind::Items {
            let mut prefix = Vec::new();
            if source.arbitrary()? {
                format::remembered(&mut prefix, source.arbitrary()?, b"another receipt");
            }
            format::put_bytes(&mut payload, &prefix);
        }
        for _ in 0..source.int_in_range(1..=3)? {
            let item = match (kind, self.any_item(source)?) {
                (Kind::Moved, Some(moved)) => moved,
                _ => {
                    self.next_seq += 1;
                    (u32::from(source.arbitrary::<bool>()?), self.next_seq - 1)
                }
            };
            let length = source.int_in_range(0..=40)?;
            format::item(&mut payload, item.1, item.0, source.bytes(length)?);
            items.push(item);
        }
        Ok((kind, payload, items))
    }

    fn any_item(&self, source: &mut Unstructured<'_>) -> Result<Option<Item>> {
        let frames = self.segments.iter().flat_map(|segment| &segment.frames);
        let items: Vec<Item> = frames.flat_map(|frame| frame.items.clone()).collect();
        if items.is_empty() { Ok(None) } else { Ok(Some(*source.choose(&items)?)) }
    }

    fn disk(&self) -> Frozen {
        let mut disk = Frozen::default();
        disk.put("spare-1-1".to_owned(), vec![0; 10]);
        for segment in &self.segments {
            disk.put(format!("{:010}.seg", segment.number), segment.bytes.clone());
        }
        disk
    }

    /// The waiting items of the chosen frames, by position of segment and frame.
    fn items(&self, chosen: impl Fn(usize, usize) -> bool) -> BTreeSet<Item> {
        let mut found = BTreeSet::new();
        for (at, segment) in self.segments.iter().enumerate() {
            for (frame, written) in
                segment.frames.iter().enumerate().filter(|(f, _)| chosen(at, *f))
            {
                let _ = frame;
                found.extend(written.items.iter().filter(|item| item.1 >= self.oldest_waiting));
            }
        }
        found
    }

    fn hurt(&self, source: &mut Unstructured<'_>) -> Result<Vec<Vec<u8>>> {
        let mut files: Vec<Vec<u8>> =
            self.segments.iter().map(|segment| segment.bytes.clone()).collect();
        for _ in 0..source.int_in_range(0..=3)? {
            let file = source.choose_index(files.len())?;
            let file = &mut files[file];
            if file.is_empty() {
                continue;
            }
            let at = source.choose_index(file.len())?;
            let length = source.int_in_range(1..=200)?.min(file.len() - at);
            match source.int_in_range(0..=4)? {
                0 => file[at] ^= source.arbitrary::<u8>()?,
                1 => file[at] ^= 1 << source.int_in_range(0..=7)?,
                2 => file[at..at + length].fill(0),
                3 => source.fill_buffer(&mut file[at..at + length])?,
                _ => file.truncate(at),
            }
        }
        Ok(files)
    }

    /// Whether no crash can have left the files like this.
    fn is_certainly_damaged(&self, hurt: &[Vec<u8>], first_bad: &[Option<usize>]) -> bool {
        let last = self.segments.len() - 1;
        if first_bad[..last].iter().any(Option::is_some) {
            return true;
        }
        let Some(bad) = first_bad[last] else { return false };
        let segment = &self.segments[last];
        let group = segment.frames[bad].group;
        let is_later_and_sound =
            |frame: &&Frame| frame.group > group && segment.is_sound(frame, &hurt[last]);
        bad == 0 || segment.frames.iter().any(|frame| is_later_and_sound(&frame))
    }
}

impl Segment {
    fn is_sound(&self, frame: &Frame, bytes: &[u8]) -> bool {
        bytes.get(frame.place.clone()) == Some(&self.bytes[frame.place.clone()])
    }

    fn first_bad(&self, bytes: &[u8]) -> Option<usize> {
        self.frames.iter().position(|frame| !self.is_sound(frame, bytes))
    }
}
