//! Putting dead letters back, correcting them, and deciding about unknown items.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Resolution;
use super::which::Which;
use crate::client::Client;
use crate::commands::status::text;
use crate::exit::Failure;
use crate::output::{Output, grouped};

/// Item ids of one request; the gateway takes no more at once.
const PAGE: usize = 1_000;

/// Most bytes of a corrected event that are read; the gateway's own bound is far below.
const MAX_EVENT_BYTES: u64 = 4 << 20;

/// What a change is about.
pub enum Subject {
    Items(Vec<String>),
    All(Which),
}

impl Subject {
    pub fn read(ids: Vec<String>, all: bool, which: Which) -> Result<Self, Failure> {
        match (ids.is_empty(), all) {
            (false, false) => Ok(Self::Items(ids)),
            (true, true) => Ok(Self::All(which)),
            _ => Err(Failure::Usage("name item ids, or --all with a filter".to_owned())),
        }
    }
}

/// What became of the items so far.
#[derive(Default)]
struct Sum {
    moved: usize,
    too_old: usize,
    no_room: usize,
    erased: usize,
}

impl Sum {
    fn add(&mut self, answer: &Value) {
        let count = |name: &str| answer[name].as_array().map_or(0, Vec::len);
        self.moved += count("moved");
        self.too_old += count("too_old");
        self.no_room += count("no_room");
        self.erased += count("erased");
    }

    fn show(&self, done: &str, output: &Output) -> anyhow::Result<()> {
        let Self { moved, too_old, no_room, erased } = *self;
        if output.json {
            let sum = json!({
                "moved": moved, "too_old": too_old, "no_room": no_room, "erased": erased
            });
            return output.json(&sum);
        }
        output.line(format!("{} items {done}.", grouped(moved as i64)));
        if too_old > 0 {
            let too_old = grouped(too_old as i64);
            output.line(format!("{too_old} are past their deadline and stay where they are."));
        }
        if erased > 0 {
            let erased = grouped(erased as i64);
            output.line(format!("{erased} were erased: there is nothing to send."));
        }
        if no_room > 0 {
            output.hanging(
                "",
                "There is no room for the rest now: the quota of a destination or the disk is \
                 full. Run the same command again when it has drained.",
            );
        }
        Ok(())
    }
}

pub async fn replay(client: &Client, subject: &Subject, output: &Output) -> anyhow::Result<()> {
    let path = "/v1/dead-letters/replay";
    let mut sum = Sum::default();
    match subject {
        Subject::Items(ids) => {
            for ids in ids.chunks(PAGE) {
                let answer: Value = client.post(path, &json!({ "item_ids": ids })).await?;
                sum.add(&answer);
            }
        }
        Subject::All(which) => {
            let mut next: Option<String> = None;
            loop {
                let matching = which.matching(next.as_deref());
                let answer: Value = client.post(path, &json!({ "matching": matching })).await?;
                sum.add(&answer);
                next = answer["next"].as_str().map(str::to_owned);
                if next.is_none() {
                    break;
                }
            }
        }
    }
    sum.show("are back in their lanes", output)
}

pub async fn resolve(
    client: &Client,
    subject: &Subject,
    resolution: Resolution,
    output: &Output,
) -> anyhow::Result<()> {
    let (word, done) = match resolution {
        Resolution::Delivered => ("delivered", "count as delivered"),
        Resolution::Resend => ("resend", "are back in their lanes"),
    };
    let mut sum = Sum::default();
    let mut ask = async |ids: &[String]| -> anyhow::Result<bool> {
        let body = json!({ "item_ids": ids, "as": word });
        let answer: Value = client.post("/v1/dead-letters/resolve", &body).await?;
        sum.add(&answer);
        Ok(sum.no_room == 0)
    };
    match subject {
        Subject::Items(ids) => {
            for ids in ids.chunks(PAGE) {
                ask(ids).await?;
            }
        }
        Subject::All(which) => {
            let which = which.clone().unknown();
            let mut after = None;
            loop {
                let (ids, next) = which.ids(client, after).await?;
                let goes_on = ids.is_empty() || ask(&ids).await?;
                after = next;
                if after.is_none() || !goes_on {
                    break;
                }
            }
        }
    }
    sum.show(done, output)
}

pub async fn edit(client: &Client, id: &str, event: &Path, output: &Output) -> anyhow::Result<()> {
    let mut text_of_event = String::new();
    let read = match event.as_os_str() == "-" {
        true => std::io::stdin().lock().take(MAX_EVENT_BYTES).read_to_string(&mut text_of_event),
        false => std::fs::File::open(event)
            .and_then(|file| file.take(MAX_EVENT_BYTES).read_to_string(&mut text_of_event)),
    };
    read.with_context(|| format!("failed to read {}", event.display()))?;
    // As it was written: numbers and the order of fields stay what they are.
    let event: Box<RawValue> = serde_json::from_str(&text_of_event)
        .map_err(|error| Failure::Usage(format!("the event is not valid JSON: {error}")))?;
    let corrected: Value = client.post(&format!("/v1/dead-letters/{id}/edit"), &event).await?;
    if output.json {
        return output.json(&corrected);
    }
    output.line(format!("The correction is item {}.", text(&corrected["item_id"])));
    for warning in corrected["warnings"].as_array().into_iter().flatten() {
        output.note(text(warning));
    }
    Ok(())
}
