//! Looking at items: those that left the queue, and where one item is.

use std::collections::HashMap;
use std::sync::Arc;

use holdfast_model::id::ItemId;
use holdfast_model::item::BatchGroup;
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::UnixSeconds;
use holdfast_storage::{
    DeadLetter, DeadLetterFilter, DeadLetterPage, FoundItem, LetterCount, StorageError,
};

use super::append::blocking;
use super::cipher::{Cipher, item_aad};
use super::committer::records;
use super::frame::{FRAME_HEAD, ItemHead, Kind, read_frame, read_item};
use super::index::Entry;
use super::lease::split_content;
use super::letters;
use super::segments::io;
use super::settle::damaged_record;
use super::shared::Shared;
use super::terminal::{self, LeftItem};

pub async fn dead_letters(
    shared: &Shared,
    page: DeadLetterPage,
) -> Result<Vec<DeadLetter>, StorageError> {
    let with_fragments = page.with_fragments;
    let items = shared.terminal.read(move |db| letters::list(db, &page)).await?;
    let mut contents = Contents::new(shared);
    let mut letters = Vec::with_capacity(items.len());
    for item in items {
        let mut letter = contents.letter(item).await?;
        letter.fragment = letter.fragment.filter(|_| with_fragments);
        letters.push(letter);
    }
    Ok(letters)
}

pub async fn count_dead_letters(
    shared: &Shared,
    filter: DeadLetterFilter,
    now: UnixSeconds,
) -> Result<Vec<LetterCount>, StorageError> {
    shared.terminal.read(move |db| letters::count(db, &filter, now)).await
}

pub async fn dead_letter(shared: &Shared, id: ItemId) -> Result<Option<DeadLetter>, StorageError> {
    let found = shared.terminal.run(move |db| letters::find(db, id)).await?;
    let Some((item, false)) = found else { return Ok(None) };
    let letter = Contents::new(shared).letter(item).await?;
    Ok(Some(DeadLetter { origin: origin(shared, id).await?, ..letter }))
}

pub async fn origin(shared: &Shared, id: ItemId) -> Result<Option<ItemId>, StorageError> {
    shared.terminal.run(move |db| letters::origin(db, id)).await
}

/// Opens the contents of items that left the queue, under whatever keys they were written.
pub struct Contents<'a> {
    shared: &'a Shared,
    ciphers: HashMap<u32, Arc<Cipher>>,
}

impl<'a> Contents<'a> {
    pub fn new(shared: &'a Shared) -> Self {
        let ciphers = HashMap::from([(shared.key_id, shared.cipher.clone())]);
        Self { shared, ciphers }
    }

    /// Event id and fragment, as they are encrypted.
    pub async fn open(&mut self, item: &LeftItem) -> Result<Vec<u8>, StorageError> {
        let cipher = self.cipher(item.key_id).await?;
        let (record, _) = read_item(&item.record).ok_or_else(damaged_record)?;
        let mut content = record.ciphertext.to_vec();
        cipher.open(&item_aad(item.item_id, item.lane), record.head.nonce, &mut content)?;
        Ok(content)
    }

    async fn cipher(&mut self, id: u32) -> Result<Arc<Cipher>, StorageError> {
        if let Some(known) = self.ciphers.get(&id) {
            return Ok(known.clone());
        }
        let wrapped = self.shared.terminal.run(move |db| terminal::wrapped_key(db, id)).await?;
        let wrapped =
            wrapped.ok_or(StorageError::NotFound { what: "data key", id: id.to_string() })?;
        let cipher = Arc::new(Cipher::new(&*self.shared.keys.unwrap_key(&wrapped)?)?);
        self.ciphers.insert(id, cipher.clone());
        Ok(cipher)
    }

    async fn letter(&mut self, item: LeftItem) -> Result<DeadLetter, StorageError> {
        if item.erased_at.is_some() {
            let event_time = item.event_time;
            return Ok(described(item, String::new(), BatchGroup::default(), event_time));
        }
        let (event_id, fragment) = split_content(self.open(&item).await?)?;
        let (record, _) = read_item(&item.record).ok_or_else(damaged_record)?;
        let group = BatchGroup(record.group.to_owned());
        let event_time = record.head.event_time;
        let letter = described(item, event_id, group, event_time);
        Ok(DeadLetter { fragment: Some(fragment), ..letter })
    }
}

/// What a letter says of its item, without the fragment.
fn described(
    item: LeftItem,
    event_id: String,
    group: BatchGroup,
    event_time: UnixSeconds,
) -> DeadLetter {
    DeadLetter {
        item_id: item.item_id,
        lane: item.lane,
        destination: None,
        event_id,
        state: item.state,
        hold: item.hold,
        at: item.at,
        admitted_at: item.admitted_at,
        event_time,
        expires_at: item.expires_at,
        group,
        replaced_by: item.replaced_by,
        origin: None,
        erased_at: item.erased_at,
        fault: item.fault,
        fragment: None,
    }
}

/// Looks among what left the queue, then reads the log: ids of waiting items are not kept in
/// memory. Costs a read of the whole log, so it is for a person who asks about one item.
pub async fn find(shared: Arc<Shared>, id: ItemId) -> Result<Option<FoundItem>, StorageError> {
    let left = shared.terminal.run(move |db| letters::find(db, id)).await?;
    let row = left.as_ref().map(|(item, _)| FoundItem {
        item_id: id,
        lane: item.lane,
        state: item.state,
    });
    if left.is_some_and(|(_, is_replaying)| !is_replaying) {
        return Ok(row);
    }
    // An item that is being put back is where its row says until the log has it.
    let found = blocking(move || find_in_log(&shared, id)).await?;
    Ok(found.filter(|found| row.is_none() || found.state == LedgerState::Queued).or(row))
}

fn find_in_log(shared: &Shared, id: ItemId) -> Result<Option<FoundItem>, StorageError> {
    /// A segment that is copied onward while the log is read may hide an item. Compaction is slower
    /// than reading, so it does so at most now and then.
    const ATTEMPTS: u32 = 8;
    let mut head = None;
    for _ in 0..ATTEMPTS {
        let before: Vec<u32> = shared.segments().all.keys().copied().collect();
        let read = head_in_log(shared, id);
        let is_undisturbed = shared.segments().all.keys().copied().eq(before);
        head = match read {
            Ok(head) => head,
            Err(error) if is_undisturbed => return Err(error),
            Err(_) => None,
        };
        if is_undisturbed {
            break;
        }
    }
    let Some(head) = head else { return Ok(None) };
    let mut lanes = shared.lanes();
    let waits = lanes.get_mut(&head.lane).is_some_and(|index| {
        let place = super::index::Place { segment: 0, offset: 0, length: 0 };
        let like = Entry::new(head.seq, place, head.expires_at, head.dedup_until, 0);
        index.find_anywhere(head.seq, &like)
    });
    let state = if waits { LedgerState::Queued } else { LedgerState::Delivered };
    Ok(Some(FoundItem { item_id: id, lane: head.lane, state }))
}

/// The last record of the item in the log.
fn head_in_log(shared: &Shared, id: ItemId) -> Result<Option<ItemHead>, StorageError> {
    let numbers: Vec<u32> = shared.segments().all.keys().copied().collect();
    let mut found = None;
    for number in numbers {
        // Looked up only now: what was copied onward meanwhile is in a later one.
        let Some((file, end)) = shared.segments().all.get(&number).map(|s| (s.file.clone(), s.end))
        else {
            continue;
        };
        let mut bytes = vec![0; usize::try_from(end).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0).map_err(io("read a segment"))?;
        let mut at = 0;
        while let Some(frame) = bytes.get(at..).and_then(|b| read_frame(b, number)) {
            if matches!(frame.kind, Kind::Items | Kind::Moved) {
                let records = records(frame.kind, frame.payload);
                let same = records.filter(|(record, _)| record.head.item_id == id);
                found = same.last().map(|(record, _)| record.head).or(found);
            }
            at += FRAME_HEAD + frame.payload.len();
        }
    }
    Ok(found)
}
