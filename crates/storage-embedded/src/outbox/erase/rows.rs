//! Looking through what left the queue.

use std::sync::Arc;

use holdfast_storage::{Erasure, StorageError};

use super::super::find::Contents;
use super::super::frame::read_item;
use super::super::lease::fragment_of;
use super::super::letters;
use super::super::settle::damaged_record;
use super::super::shared::Shared;

/// Rows that are read at once, and the most that one transaction overwrites: what leaves the queue
/// meanwhile waits for it.
const AT_ONCE: u32 = 256;

pub struct Rows {
    pub looked_at: u64,
    pub erased: u64,
}

/// Sees every row that was written before.
pub async fn erase(shared: &Arc<Shared>, erasure: &Erasure) -> Result<Rows, StorageError> {
    let mut contents = Contents::new(shared);
    let mut rows = Rows { looked_at: 0, erased: 0 };
    let mut after = 0;
    loop {
        let page =
            shared.terminal.read(move |db| letters::with_content(db, after, AT_ONCE)).await?;
        let Some((last, _)) = page.last() else { return Ok(rows) };
        after = *last;
        let mut concerned = Vec::new();
        for (row, item) in page.iter().filter(|(_, item)| erasure.covers(item.lane)) {
            rows.looked_at += 1;
            let content = contents.open(item).await?;
            if (erasure.concerns)(item.lane, fragment_of(&content)?) {
                let (record, _) = read_item(&item.record).ok_or_else(damaged_record)?;
                concerned.push((*row, record.head.event_time));
            }
        }
        if !concerned.is_empty() {
            let at = erasure.at;
            let erase = move |db: &mut _| letters::erase(db, &concerned, at);
            rows.erased += shared.terminal.run(erase).await?;
        }
    }
}
