//! An outbox and what goes into it, the same for every part that measures the outbox alone.

use std::path::Path;
use std::sync::Arc;

use holdfast_model::id::{ItemId, LaneId};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{Commit, LeaseAsk, NewItem, StorageError};
use holdfast_storage_embedded::{DataKeys, EmbeddedOutbox, OutboxSettings};
use zeroize::Zeroizing;

pub const LANE: LaneId = LaneId(1);
pub const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// An outbox that will not fill up, in a directory below this one.
pub fn open(dir: &Path) -> anyhow::Result<EmbeddedOutbox> {
    let settings =
        OutboxSettings { max_bytes: 40 << 30, ..OutboxSettings::in_dir(&dir.join("outbox")) };
    std::fs::create_dir_all(&settings.dir)?;
    Ok(EmbeddedOutbox::open(settings, Arc::new(PlainKeys), NOW)?)
}

/// What every store is given: about what an admitted event takes.
pub fn fragment(number: u64) -> Vec<u8> {
    let mut fragment = holdfast_testkit::fake_event_json(number, NOW.to_seconds());
    fragment.truncate(1_024);
    fragment
}

pub fn ask(items: usize) -> LeaseAsk {
    LeaseAsk {
        max_items: items as u32,
        max_unsafe_items: items as u32,
        max_bytes: u32::MAX,
        now: NOW,
    }
}

/// One group: the items of the `number`th, with the same fragments each time.
pub fn commit(number: u64, fragments: &[Vec<u8>]) -> Commit {
    let event_time = NOW.to_seconds();
    let items = fragments.iter().enumerate().map(|(at, fragment)| NewItem {
        item_id: ItemId::from_parts(NOW, random_part(number * fragments.len() as u64 + at as u64)),
        lane: LANE,
        admitted: Admitted {
            fragment: fragment.clone(),
            event_id: format!("{number}-{at}"),
            event_name: "Purchase".to_owned(),
            event_time,
            expires_at: UnixSeconds(event_time.0 + 7 * 86_400),
            dedup_until: Some(UnixSeconds(event_time.0 + 2 * 86_400)),
            group: BatchGroup::default(),
            profile: ProfileStamp::META_DOCS_1,
            warnings: Vec::new(),
        },
        not_before: None,
    });
    Commit { items: items.collect(), idempotency: None, at: NOW }
}

/// The part of an id that would be random. An id keeps all bits of its last bytes.
pub fn random_part(number: u64) -> [u8; 10] {
    let mut part = [0; 10];
    part[2..].copy_from_slice(&number.to_be_bytes());
    part
}

/// Data keys that are not wrapped: what they wrap is made up.
struct PlainKeys;

impl DataKeys for PlainKeys {
    fn new_key(&self) -> Result<(Zeroizing<[u8; 32]>, Vec<u8>), StorageError> {
        let key = [7; 32];
        Ok((Zeroizing::new(key), key.to_vec()))
    }

    fn unwrap_key(&self, _wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, StorageError> {
        Ok(Zeroizing::new([7; 32]))
    }
}
