//! Looking through the log, a slice at a time.

use holdfast_model::time::UnixMillis;
use holdfast_storage::{Erasure, StorageError};

use super::super::cipher::item_aad;
use super::super::committer::records;
use super::super::frame::{ItemRecord, Kind};
use super::super::frames::{FrameAt, Frames, damaged};
use super::super::index::{self, Entry};
use super::super::lease::fragment_of;
use super::super::shared::Shared;
use super::Out;

/// How much of the log is one slice, but for its last frame: some hundredths of a second, and the
/// thread that keeps house does so between slices.
const SLICE_BYTES: u64 = 8 << 20;

/// Items of a slice after which it ends, so that what is found is settled before more is.
const MOST_FOUND: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    segment: u32,
    offset: u64,
}

impl Place {
    pub const START: Self = Self { segment: 0, offset: 0 };
}

pub struct Slice {
    pub found: Vec<Found>,
    pub looked_at: u64,
    /// Where the next begins.
    pub next: Option<Place>,
}

/// An item that is in the queue.
pub struct Found {
    pub out: Out,
    pub was: Was,
}

pub enum Was {
    /// It is leased now, by the erasure.
    Waiting {
        not_before: Option<UnixMillis>,
    },
    InFlight,
}

pub fn end_of_log(shared: &Shared) -> Place {
    let segments = shared.segments();
    let last = segments.all.last_key_value();
    last.map_or(Place::START, |(number, last)| Place { segment: *number, offset: last.end })
}

/// What a slice has of the person, in the queue or not, is marked: an item, so that it stays where
/// it is, and the segment.
pub fn slice(
    shared: &Shared,
    erasure: &Erasure,
    from: Place,
    horizon: Place,
) -> Result<Slice, StorageError> {
    let mut slice = Slice { found: Vec::new(), looked_at: 0, next: None };
    match look(shared, erasure, from, horizon, &mut slice) {
        Ok(next) => Ok(Slice { next, ..slice }),
        Err(error) => {
            give_back(shared, &slice.found);
            Err(error)
        }
    }
}

fn look(
    shared: &Shared,
    erasure: &Erasure,
    from: Place,
    horizon: Place,
    slice: &mut Slice,
) -> Result<Option<Place>, StorageError> {
    if from >= horizon {
        return Ok(None);
    }
    let next = {
        let segments = shared.segments();
        let mut rest = segments.all.range(from.segment..=horizon.segment);
        rest.next().map(|(number, s)| (*number, s.file.clone(), s.cipher.clone(), s.end))
    };
    let Some((number, file, cipher, end)) = next else { return Ok(None) };
    let end = if number == horizon.segment { horizon.offset } else { end };
    let start = if number == from.segment { from.offset } else { 0 };
    let mut window = Vec::new();
    let mut frames = Frames::new(&*file, number, &mut window)?;
    frames.skip_to(start);
    let (mut content, mut is_tainted) = (Vec::new(), false);
    while frames.at() < end && frames.at() - start < SLICE_BYTES && slice.found.len() < MOST_FOUND {
        let at = frames.at();
        let Some(FrameAt { frame, .. }) = frames.next()? else {
            return Err(damaged(format!("segment {number} cannot be read at byte {at}")));
        };
        if !matches!(frame.kind, Kind::Items | Kind::Moved) {
            continue;
        }
        let records = records(frame.kind, frame.payload).map(|(record, _)| record);
        for record in records.filter(|record| erasure.covers(record.head.lane)) {
            let head = &record.head;
            content.clear();
            content.extend_from_slice(record.ciphertext);
            cipher.open(&item_aad(head.item_id, head.lane), head.nonce, &mut content)?;
            slice.looked_at += 1;
            if (erasure.concerns)(head.lane, fragment_of(&content)?) {
                is_tainted = true;
                slice.found.extend(claim(shared, &record));
            }
        }
    }
    if is_tainted {
        shared.segments().taint(number);
    }
    Ok(match frames.at() {
        at if at < end => Some(Place { segment: number, offset: at }),
        _ if number == horizon.segment => None,
        _ => Some(Place { segment: number + 1, offset: 0 }),
    })
}

/// Nobody else takes or is given the item from now on. `None` if it is not in the queue.
fn claim(shared: &Shared, record: &ItemRecord<'_>) -> Option<Found> {
    let head = &record.head;
    let mut lanes = shared.lanes();
    let index = lanes.get_mut(&head.lane)?;
    let out = Out { lane: head.lane, seq: head.seq, item_id: head.item_id };
    if index.in_flight(head.seq).is_some() {
        index.erasing.mark_out(head.seq);
        return Some(Found { out, was: Was::InFlight });
    }
    let nowhere = index::Place { segment: 0, offset: 0, length: 0 };
    let group = index.group_number(record.group);
    let like = Entry::new(head.seq, nowhere, head.expires_at, head.dedup_until, group);
    let (_, not_before) = index.take(head.seq, &like)?;
    index.erasing.mark_leaving(head.seq);
    Some(Found { out, was: Was::Waiting { not_before } })
}

/// They are items like any others again, as far as they are in the queue still.
pub fn give_back(shared: &Shared, found: &[Found]) {
    for Found { out, was } in found {
        let is_ours = match shared.lanes().get_mut(&out.lane) {
            Some(index) => {
                let is_ours = index.erasing.is_ours(out.seq);
                index.erasing.end(out.seq);
                is_ours
            }
            None => false,
        };
        if is_ours {
            let not_before = match was {
                Was::Waiting { not_before } => *not_before,
                Was::InFlight => None,
            };
            shared.release(out.lane, &[out.seq], not_before);
        }
    }
}
