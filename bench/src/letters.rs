//! Dead letters by the million: how fast they come, are found, are put back and are erased.
//!
//! One in a thousand has a fault of its own, which somebody looks for.

use std::path::Path;
use std::time::Instant;

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::{ItemId, Seq};
use holdfast_storage::{DeadLetter, DeadLetterFilter, DeadLetterPage, Outbox as _, Settlement};
use holdfast_storage_embedded::EmbeddedOutbox;

use crate::Options;
use crate::outbox::{self, LANE, NOW, fragment};
use crate::table::Table;

const GROUP: usize = 1_000;
const RARE: u64 = 1_000;
const PAGE: u32 = 1_000;

/// How many are put back.
const REPLAYED: usize = 10_000;

pub async fn measure(options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let dir = tempfile::tempdir_in(&options.dir)?;
    let outbox = outbox::open(dir.path())?;
    reject(&outbox, options.letters, table).await?;
    look(&outbox, options, table).await?;
    put_back(&outbox, table).await?;
    let (erased, seconds) = timed(outbox.purge(NOW, NOW.plus_millis(1))).await?;
    table.note("letters erased", "items/s", erased as f64 / seconds);
    outbox.close().await?;
    table.note("their file", "bytes", bytes_of(dir.path()) as f64);
    Ok(())
}

async fn reject(outbox: &EmbeddedOutbox, letters: u64, table: &mut Table) -> anyhow::Result<()> {
    let fragments: Vec<Vec<u8>> = (0..GROUP as u64).map(fragment).collect();
    let mut spent = 0.0;
    for group in 0..letters / GROUP as u64 {
        outbox.append(outbox::commit(group, &fragments)).await?;
        let lease = outbox.lease(LANE, outbox::ask(GROUP)).await?;
        let refused = |seq: Seq| {
            let name = if seq.0.is_multiple_of(RARE) { "meta.rare" } else { "meta.event_refused" };
            (seq, fault(name))
        };
        let items = lease.items.iter().map(|item| refused(item.meta.seq)).collect();
        let at = NOW.plus_millis(-(letters as i64) + (group as i64) * GROUP as i64);
        let settled = timed(outbox.settle(LANE, Settlement::Rejected { items, at }));
        spent += settled.await?.1;
    }
    table.note("dead letters written", "items/s", letters as f64 / spent);
    Ok(())
}

async fn look(outbox: &EmbeddedOutbox, options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let whole = DeadLetterPage { limit: PAGE, ..DeadLetterPage::default() };
    let since = NOW.plus_millis(-(options.letters as i64) / 2);
    let middle = DeadLetterFilter { since: Some(since), ..DeadLetterFilter::default() };
    let rare =
        DeadLetterFilter { fault: Some("meta.rare".to_owned()), ..DeadLetterFilter::default() };
    for _ in 0..options.rounds {
        for (name, page) in [
            ("first page of 1,000", whole.clone()),
            ("the same with events", DeadLetterPage { with_fragments: true, ..whole.clone() }),
            ("a page in the middle", DeadLetterPage { filter: middle.clone(), ..whole.clone() }),
            (
                "newest of a rare fault",
                DeadLetterPage {
                    filter: rare.clone(),
                    newest_first: true,
                    limit: 100,
                    ..whole.clone()
                },
            ),
        ] {
            let (found, seconds) = timed(outbox.dead_letters(&page)).await?;
            anyhow::ensure!(!found.is_empty(), "{name}: nothing was found");
            table.note(name, "ms", seconds * 1_000.0);
        }
        let all = DeadLetterFilter::default();
        let (counts, seconds) = timed(outbox.count_dead_letters(&all, NOW.to_seconds())).await?;
        anyhow::ensure!(counts.iter().map(|count| count.items).sum::<u64>() == options.letters);
        table.note("counts by fault", "ms", seconds * 1_000.0);
    }
    Ok(())
}

async fn put_back(outbox: &EmbeddedOutbox, table: &mut Table) -> anyhow::Result<()> {
    let mut page = DeadLetterPage { limit: PAGE, ..DeadLetterPage::default() };
    let (mut moved, mut spent) = (0, 0.0);
    while moved < REPLAYED {
        let found = outbox.dead_letters(&page).await?;
        let ids: Vec<ItemId> = found.iter().map(|letter| letter.item_id).collect();
        page.after = found.last().map(DeadLetter::cursor);
        let (put_back, seconds) = timed(outbox.replay(&ids, NOW)).await?;
        anyhow::ensure!(put_back.items.len() == ids.len(), "not all were put back");
        moved += ids.len();
        spent += seconds;
    }
    table.note("letters put back", "items/s", moved as f64 / spent);
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
async fn timed<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<(T, f64), E> {
    let start = Instant::now();
    let done = work.await?;
    Ok((done, start.elapsed().as_secs_f64()))
}

fn bytes_of(dir: &Path) -> u64 {
    std::fs::metadata(dir.join("outbox/ledger.sqlite")).map_or(0, |file| file.len())
}

fn fault(name: &str) -> Fault {
    Fault {
        name: name.to_owned(),
        class: FaultClass::Payload,
        action: FaultAction::DeadLetter,
        selectors: Vec::new(),
        code: None,
        summary: "Meta refuses the event.".to_owned(),
        remedy: "Correct it and send it again.".to_owned(),
        platform_message: "Invalid parameter".to_owned(),
        trace_id: None,
    }
}
