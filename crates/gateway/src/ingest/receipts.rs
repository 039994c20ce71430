//! What the caller hears of each event, written straight into the JSON of the answer.
//!
//! ```json
//! {"accepted":1,"refused":1,"receipts":[
//!   {"index":0,"status":"accepted","item_id":"…","event_id":"…","destination":"shop"},
//!   {"index":1,"status":"refused","destination":"shop","fault":"meta.unknown_key","field":"emial","message":"…"}]}
//! ```
//!
//! `index` is the event's place in the request: its position in the array, or the zero-based
//! number of its line in NDJSON, blank lines counted.

use std::io::Write as _;

use holdfast_platforms::Rejection;
use holdfast_storage::NewItem;

use super::IngestError;
use super::targets::Target;

/// Most receipts of accepted and, separately, of refused events in one answer. A stream may have
/// millions of lines; the answer to it must not grow with them.
pub const MAX_LISTED: u64 = 10_000;

/// Receipts of one request, in order.
#[derive(Debug, Default)]
pub struct Receipts {
    json: Vec<u8>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    accepted: u64,
    refused: u64,
}

/// A place to go back to when a chunk could not be made durable.
#[derive(Debug)]
pub struct Mark {
    length: usize,
    counts: Counts,
}

/// Why a stream was not taken to its end.
#[derive(Debug)]
pub struct Stopped<'a> {
    pub error: &'a IngestError,
    /// Everything from this line on was not accepted.
    pub first_unprocessed_index: u64,
}

impl Receipts {
    pub fn accepted_any(&self) -> bool {
        self.counts.accepted > 0
    }

    pub fn mark(&self) -> Mark {
        Mark { length: self.json.len(), counts: self.counts }
    }

    pub fn back_to(&mut self, mark: &Mark) {
        self.json.truncate(mark.length);
        self.counts = mark.counts;
    }

    pub fn accepted(&mut self, index: u64, item: &NewItem, target: &Target) {
        self.counts.accepted += 1;
        if self.counts.accepted > MAX_LISTED {
            return;
        }
        self.open(index);
        let id = item.item_id;
        write(&mut self.json, format_args!("\"status\":\"accepted\",\"item_id\":\"{id}\""));
        text(&mut self.json, "event_id", &item.admitted.event_id);
        text(&mut self.json, "destination", target.destination.id.as_str());
        if target.held {
            self.json.extend_from_slice(b",\"held\":true");
        }
        if !item.admitted.warnings.is_empty() {
            self.json.extend_from_slice(b",\"warnings\":");
            value(&mut self.json, &item.admitted.warnings);
        }
        self.json.push(b'}');
    }

    pub fn refused(&mut self, index: u64, target: &Target, rejection: &Rejection) {
        self.counts.refused += 1;
        if self.counts.refused > MAX_LISTED {
            return;
        }
        self.open(index);
        self.json.extend_from_slice(b"\"status\":\"refused\"");
        text(&mut self.json, "destination", target.destination.id.as_str());
        text(&mut self.json, "fault", rejection.fault);
        text(&mut self.json, "field", &rejection.field);
        text(&mut self.json, "message", &rejection.message);
        self.json.push(b'}');
    }

    /// The event is for no destination of the route that was named: said, never dropped silently.
    pub fn not_routed(&mut self, index: u64, fault: &str) {
        self.counts.refused += 1;
        if self.counts.refused > MAX_LISTED {
            return;
        }
        self.open(index);
        self.json.extend_from_slice(b"\"status\":\"refused\"");
        text(&mut self.json, "fault", fault);
        text(&mut self.json, "field", "event_name");
        text(&mut self.json, "message", "no destination of the route takes events of this name");
        self.json.push(b'}');
    }

    /// The body of the answer.
    pub fn finish(self, stopped: Option<&Stopped<'_>>) -> Vec<u8> {
        let Counts { accepted, refused } = self.counts;
        let mut body = Vec::with_capacity(self.json.len() + 64);
        write(&mut body, format_args!("{{\"accepted\":{accepted},\"refused\":{refused}"));
        if accepted > MAX_LISTED || refused > MAX_LISTED {
            body.extend_from_slice(b",\"receipts_truncated\":true");
        }
        if let Some(stopped) = stopped {
            write_stopped(&mut body, stopped);
        }
        body.extend_from_slice(b",\"receipts\":[");
        body.extend_from_slice(&self.json);
        body.extend_from_slice(b"]}");
        body
    }

    fn open(&mut self, index: u64) {
        if !self.json.is_empty() {
            self.json.push(b',');
        }
        write(&mut self.json, format_args!("{{\"index\":{index},"));
    }
}

fn write_stopped(body: &mut Vec<u8>, stopped: &Stopped<'_>) {
    let refusal = stopped.error.refusal();
    let first = stopped.first_unprocessed_index;
    write(body, format_args!(",\"stopped\":{{\"first_unprocessed_index\":{first}"));
    text(body, "fault", refusal.fault);
    text(body, "message", &stopped.error.to_string());
    if let Some(seconds) = refusal.retry_after_s {
        write(body, format_args!(",\"retry_after_seconds\":{seconds}"));
    }
    body.push(b'}');
}

fn text(json: &mut Vec<u8>, name: &str, content: &str) {
    write(json, format_args!(",\"{name}\":"));
    value(json, content);
}

fn value<T: serde::Serialize + ?Sized>(json: &mut Vec<u8>, content: &T) {
    // Texts and lists of texts always have a JSON form, and a Vec takes any number of bytes.
    let _ = serde_json::to_writer(json, content);
}

fn write(json: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = json.write_fmt(text);
}
