//! Handing out items.

use std::sync::Arc;

use holdfast_model::id::{LaneId, Seq};
use holdfast_model::item::{ItemMeta, LeasedItem};
use holdfast_storage::{Lease, LeaseAsk, StorageError};

use super::append::blocking;
use super::cipher::item_aad;
use super::frame::{Reader, read_item};
use super::index::{Entry, Place};
use super::segments::io;
use super::settle::damaged_record;
use super::shared::Shared;

/// Records that are closer together than this are read with one call.
const MAX_GAP_BYTES: u32 = 16 << 10;

/// Most bytes of one read.
const MAX_READ_BYTES: u32 = 4 << 20;

pub async fn lease(
    shared: Arc<Shared>,
    lane: LaneId,
    ask: LeaseAsk,
) -> Result<Lease, StorageError> {
    let (group, entries, attempted) = {
        let mut lanes = shared.lanes();
        let Some(index) = lanes.get_mut(&lane) else { return Ok(Lease::default()) };
        let entries = index.lease(&ask);
        let group = entries.first().map(|entry| index.group(entry.group)).unwrap_or_default();
        let attempted = index.attempted_of(&entries);
        (group, entries, attempted)
    };
    if entries.is_empty() {
        return Ok(Lease::default());
    }
    let mut unclaimed = Unclaimed { shared: &shared, lane, entries };
    let (reader, leased) = (shared.clone(), unclaimed.entries.clone());
    let mut items = blocking(move || read_items(&reader, lane, &leased)).await?;
    unclaimed.entries.clear();
    for item in &mut items {
        item.meta.intent_recorded = attempted.contains(item.meta.seq);
    }
    Ok(Lease { group, items })
}

/// Items that were taken but not yet handed out. They go back if they cannot be read, and if the
/// caller goes away.
struct Unclaimed<'a> {
    shared: &'a Shared,
    lane: LaneId,
    entries: Vec<Entry>,
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        if !self.entries.is_empty() {
            let seqs: Vec<_> = self.entries.iter().map(|entry| entry.seq).collect();
            self.shared.release(self.lane, &seqs, None);
        }
    }
}

fn read_items(
    shared: &Shared,
    lane: LaneId,
    entries: &[Entry],
) -> Result<Vec<LeasedItem>, StorageError> {
    let mut items = Vec::with_capacity(entries.len());
    for run in runs(entries) {
        let bytes = read_run(shared, run);
        let first = run[0].at.offset;
        for entry in run {
            let at = (entry.at.offset - first) as usize;
            let record = bytes.as_ref().map_err(Clone::clone).and_then(|bytes| {
                bytes.get(at..at + entry.at.length as usize).ok_or_else(damaged_record)
            });
            let item = match record.and_then(|record| decode(shared, lane, entry, record)) {
                Ok(item) => item,
                // The segment may have been copied onward and used again since its entries were
                // read; then each is looked up anew.
                Err(error) => read_again(shared, lane, entry).unwrap_or(Err(error))?,
            };
            items.push(item);
        }
    }
    Ok(items)
}

/// Entries whose records lie close together.
fn runs(entries: &[Entry]) -> impl Iterator<Item = &[Entry]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let mut end = first.at.offset + first.at.length;
        let mut length = 1;
        for next in &rest[1..] {
            let near = next.at.segment == first.at.segment
                && next.at.offset >= end
                && next.at.offset - end <= MAX_GAP_BYTES
                && next.at.offset + next.at.length - first.at.offset <= MAX_READ_BYTES;
            if !near {
                break;
            }
            end = next.at.offset + next.at.length;
            length += 1;
        }
        let (run, after) = rest.split_at(length);
        rest = after;
        Some(run)
    })
}

fn read_run(shared: &Shared, run: &[Entry]) -> Result<Vec<u8>, StorageError> {
    let (first, last) = (run[0].at, run[run.len() - 1].at);
    read_record(shared, Place { length: last.offset + last.length - first.offset, ..first })
}

pub fn read_record(shared: &Shared, place: Place) -> Result<Vec<u8>, StorageError> {
    let (file, _, _) = shared.segments().reader(place.segment).ok_or_else(damaged_record)?;
    let mut bytes = vec![0; place.length as usize];
    file.read_exact_at(&mut bytes, u64::from(place.offset)).map_err(io("read items"))?;
    Ok(bytes)
}

/// `None` if the item is where it was.
fn read_again(
    shared: &Shared,
    lane: LaneId,
    entry: &Entry,
) -> Option<Result<LeasedItem, StorageError>> {
    let now = shared.lanes().get(&lane).and_then(|index| index.in_flight(entry.seq));
    let now = now.filter(|now| now.at != entry.at)?;
    Some(read_record(shared, now.at).and_then(|record| decode(shared, lane, &now, &record)))
}

/// The record of a leased item, and which key it is encrypted under.
pub struct Leased {
    pub record: Vec<u8>,
    pub key_id: u32,
}

/// `None` if the item is not leased (any more).
pub fn read_leased(
    shared: &Shared,
    lane: LaneId,
    seq: Seq,
) -> Result<Option<Leased>, StorageError> {
    let place = || shared.lanes().get(&lane).and_then(|index| index.in_flight(seq)).map(|e| e.at);
    let mut at = place();
    while let Some(was) = at {
        let key_id = shared.segments().reader(was.segment).map(|(_, _, key_id)| key_id);
        let record = read_record(shared, was);
        // It may have been copied onward while it was read, and its segment used again. If it was
        // not, then what was read is what is there.
        at = place();
        if at == Some(was) {
            let key_id = key_id.ok_or_else(damaged_record)?;
            return Ok(Some(Leased { record: record?, key_id }));
        }
    }
    Ok(None)
}

fn decode(
    shared: &Shared,
    lane: LaneId,
    entry: &Entry,
    bytes: &[u8],
) -> Result<LeasedItem, StorageError> {
    let (record, _) = read_item(bytes).ok_or_else(damaged_record)?;
    let head = record.head;
    if head.seq != entry.seq || head.lane != lane {
        return Err(damaged_record());
    }
    let (_, cipher, _) = shared.segments().reader(entry.at.segment).ok_or_else(damaged_record)?;
    let mut content = record.ciphertext.to_vec();
    cipher.open(&item_aad(head.item_id, lane), head.nonce, &mut content)?;
    let (event_id, fragment) = split_content(content)?;
    Ok(LeasedItem {
        meta: ItemMeta {
            seq: head.seq,
            bytes: fragment.len() as u32,
            admitted_at: head.admitted_at,
            expires_at: head.expires_at,
            dedup_until: head.dedup_until,
            // Known to the index alone; the caller fills it in.
            intent_recorded: false,
        },
        item_id: head.item_id,
        lane,
        event_id,
        fragment,
    })
}

/// The fragment of a decrypted content.
pub fn fragment_of(content: &[u8]) -> Result<&[u8], StorageError> {
    let mut reader = Reader(content);
    let length = reader.u32().ok_or_else(damaged_record)? as usize;
    reader.take(length).ok_or_else(damaged_record)?;
    Ok(reader.0)
}

/// Event id and fragment of a decrypted content.
pub fn split_content(mut content: Vec<u8>) -> Result<(String, Vec<u8>), StorageError> {
    let mut reader = Reader(&content);
    let length = reader.u32().ok_or_else(damaged_record)? as usize;
    let event_id = reader.take(length).ok_or_else(damaged_record)?;
    let event_id = String::from_utf8(event_id.to_vec()).map_err(|_| damaged_record())?;
    content.drain(..4 + length);
    Ok((event_id, content))
}
