//! Handing out items.

use std::sync::Arc;

use holdfast_model::id::LaneId;
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
    let reader = shared.clone();
    let leased = entries.clone();
    match blocking(move || read_items(&reader, lane, &leased)).await {
        Ok(mut items) => {
            for item in &mut items {
                item.meta.intent_recorded = attempted.contains(item.meta.seq);
            }
            Ok(Lease { group, items })
        }
        Err(error) => {
            let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
            shared.release(lane, &seqs, None);
            Err(error)
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
        // A segment may have been copied onward and used again since its entries were read; then
        // each is looked up anew.
        let bytes = read_run(shared, run).unwrap_or_default();
        let first = run[0].at.offset;
        for entry in run {
            let at = (entry.at.offset - first) as usize;
            let record = bytes.get(at..at + entry.at.length as usize).unwrap_or_default();
            let item = match decode(shared, lane, entry, record) {
                Ok(item) => item,
                Err(error) => read_again(shared, lane, entry).map_err(|_| error)?,
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

fn read_again(shared: &Shared, lane: LaneId, entry: &Entry) -> Result<LeasedItem, StorageError> {
    let now = shared.lanes().get(&lane).and_then(|index| index.in_flight(entry.seq));
    let now = now.filter(|now| now.at != entry.at).ok_or_else(damaged_record)?;
    decode(shared, lane, &now, &read_record(shared, now.at)?)
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

/// Event id and fragment of a decrypted content.
pub fn split_content(mut content: Vec<u8>) -> Result<(String, Vec<u8>), StorageError> {
    let mut reader = Reader(&content);
    let length = reader.u32().ok_or_else(damaged_record)? as usize;
    let event_id = reader.take(length).ok_or_else(damaged_record)?;
    let event_id = String::from_utf8(event_id.to_vec()).map_err(|_| damaged_record())?;
    content.drain(..4 + length);
    Ok((event_id, content))
}
