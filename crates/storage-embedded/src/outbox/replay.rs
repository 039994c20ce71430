//! Back into the queue: letters that are put back, and corrections that take their place.
//!
//! A row and the log change together although they are two files: the row is marked, the log is
//! written, the mark ends. A crash in between is finished by recovery, which looks whether the log
//! has the item.

use std::collections::HashMap;
use std::sync::Arc;

use holdfast_model::id::{ItemId, LaneId};
use holdfast_model::item::BatchGroup;
use holdfast_model::ledger::LedgerState;
use holdfast_model::time::UnixMillis;
use holdfast_storage::{AppendError, Commit, NewItem, PutBack, StorageError};

use super::append::{Reservation, append, detached, hand_over};
use super::cipher::item_aad;
use super::committer::{Jobs, Purpose};
use super::find::Contents;
use super::frame::{ItemHead, Kind, read_item, write_item};
use super::letters::{self, Among};
use super::settle::{count, damaged_record};
use super::shared::{Shared, poisoned};
use super::terminal::LeftItem;

pub async fn put_back(
    shared: &Arc<Shared>,
    jobs: Arc<Jobs>,
    items: Vec<ItemId>,
    among: Among,
    at: UnixMillis,
) -> Result<PutBack, StorageError> {
    if shared.is_poisoned() {
        return Err(poisoned());
    }
    let shared = shared.clone();
    // Finished even if the caller goes away: a marked row is neither a letter nor an item.
    detached(async move {
        let _undisturbed = shared.putting_back.read().await;
        let begin = move |db: &mut _| letters::begin_replay(db, &items, among, at);
        let begun = shared.terminal.run(begin).await?;
        let mut done =
            PutBack { too_old: begun.too_old, erased: begun.erased, ..PutBack::default() };
        let mut failed = None;
        for part in parts(&begun.marked, shared.settings.segment_bytes) {
            let ids: Vec<ItemId> = part.iter().map(|item| item.item_id).collect();
            let outcome = match &failed {
                None => put_part_back(&shared, &jobs, part, at).await,
                Some(_) => Err(AppendError::Overloaded),
            };
            match outcome {
                Ok(()) => done.items.extend(ids),
                // If the log failed, nobody knows whether it has them; the next start will see.
                Err(_) if shared.is_poisoned() => {
                    failed = Some(poisoned());
                }
                Err(error) => {
                    shared.terminal.end_replay(ids.clone(), false)?;
                    match error {
                        AppendError::Storage(error) => failed = failed.or(Some(error)),
                        _ if failed.is_none() => done.no_room.extend(ids),
                        _ => {}
                    }
                }
            }
        }
        match failed {
            Some(error) if done.items.is_empty() => Err(error),
            _ => Ok(done),
        }
    })
    .await
}

async fn put_part_back(
    shared: &Arc<Shared>,
    jobs: &Jobs,
    part: &[LeftItem],
    at: UnixMillis,
) -> Result<(), AppendError> {
    let mut bytes_by_lane: HashMap<LaneId, u64> = HashMap::new();
    for item in part {
        *bytes_by_lane.entry(item.lane).or_default() += item.record.len() as u64;
    }
    let room = Reservation::take(shared, bytes_by_lane)?;
    let payload = again(shared, part, at).await?;
    let left = part.iter().map(|item| item.state).collect();
    // The sender is not kept while this waits: the committer ends when all senders are gone.
    let purpose = Purpose::PutBack { left, room };
    let answer = hand_over(&jobs.sender()?, Kind::Moved, payload, purpose)?;
    answer.await.unwrap_or(Err(StorageError::Closed.into()))?;
    shared.terminal.end_replay(part.iter().map(|item| item.item_id).collect(), true)?;
    Ok(())
}

/// Parts that fit into a segment, each with room for what encryption under another key adds.
fn parts(items: &[LeftItem], segment_bytes: u64) -> impl Iterator<Item = &[LeftItem]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |item: &&LeftItem| {
            bytes += item.record.len() as u64;
            bytes <= segment_bytes / 4
        };
        let length = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (part, after) = rest.split_at(length);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// The items' records under this start's key.
async fn again(
    shared: &Shared,
    items: &[LeftItem],
    at: UnixMillis,
) -> Result<Vec<u8>, StorageError> {
    let mut contents = Contents::new(shared);
    let mut payload = Vec::new();
    for item in items {
        let (record, _) = read_item(&item.record).ok_or_else(damaged_record)?;
        let mut content = contents.open(item).await?;
        let nonce = shared.cipher.seal(&item_aad(item.item_id, item.lane), &mut content)?;
        let head = ItemHead { nonce, admitted_at: at, not_before: None, ..record.head };
        write_item(&mut payload, &head, &BatchGroup(record.group.to_owned()), &content);
    }
    Ok(payload)
}

/// The correction is a new item like any other; the letter's mark decides who may make one.
pub async fn replace(
    shared: &Arc<Shared>,
    jobs: Arc<Jobs>,
    letter: ItemId,
    by: NewItem,
    at: UnixMillis,
) -> Result<(), AppendError> {
    if shared.is_poisoned() {
        return Err(poisoned().into());
    }
    let shared = shared.clone();
    let replace = async move {
        let new = by.item_id;
        let _undisturbed = shared.putting_back.read().await;
        let begin = move |db: &mut _| letters::begin_replacement(db, letter, new);
        if !shared.terminal.run(begin).await? {
            let why = "expected a dead letter or an expired item that was not put back, replaced or \
                       erased";
            return Err(AppendError::Storage(StorageError::Refused {
                what: "dead letter",
                id: letter.to_string(),
                why: why.to_owned(),
            }));
        }
        let commit = Commit { items: vec![by], idempotency: None, at };
        let appended = append(&shared, &jobs, commit).await;
        // If the log failed, nobody knows whether it has the item; the next start will see.
        if appended.is_ok() || !shared.is_poisoned() {
            shared.terminal.end_replay(vec![letter], appended.is_ok())?;
        }
        appended.map(|_| ())
    };
    // Finished even if the caller goes away: a marked row is neither a letter nor replaced.
    tokio::spawn(replace).await.map_err(|_| AppendError::Storage(StorageError::Closed))?
}

pub async fn confirm_delivered(
    shared: &Arc<Shared>,
    items: Vec<ItemId>,
) -> Result<Vec<ItemId>, StorageError> {
    let shared = shared.clone();
    detached(async move {
        let confirmed = shared.terminal.run(move |db| letters::confirm(db, &items)).await?;
        let mut lanes = shared.lanes();
        for (_, lane) in &confirmed {
            let index = lanes.entry(*lane).or_default();
            count(index, LedgerState::Unknown, -1);
            count(index, LedgerState::Delivered, 1);
        }
        Ok(confirmed.into_iter().map(|(id, _)| id).collect())
    })
    .await
}
