//! What an answer means for each event of the batch, and for the lane.

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::wire::HttpResponse;

use super::answer::{self, Answer, ErrorAnswer};
use super::classify::{classify, entry};
use super::suspects::suspects;
use super::usage;
use crate::catalog::Entry;
use crate::{BatchView, ItemVerdict, Judgement, RetryAdvice, Throttle, Unlocated};

/// How many unknown answers in a row are tried before the lane holds.
const UNKNOWN_ANSWERS: u32 = 5;

/// From this share of a limit on, the lane is told to slow down although it was served.
const NEARLY_USED_UP_PERCENT: u32 = 80;

pub fn judge(response: &HttpResponse, batch: &BatchView<'_>) -> Judgement {
    let mut judgement = match answer::read(response) {
        Answer::Received { events, messages, trace_id } => {
            received(events, messages, trace_id, batch)
        }
        Answer::Error(error) => refused(&error, response, batch),
        Answer::Other(_) | Answer::Unreadable => unreadable(response),
    };
    add_usage(&mut judgement, response);
    judgement
}

/// Meta gives no verdict for single events: all are accepted, or it is not known which.
fn received(
    events: u64,
    messages: Vec<String>,
    trace_id: Option<String>,
    batch: &BatchView<'_>,
) -> Judgement {
    let sent = batch.items.len() as u64;
    let mut judgement = if events == sent {
        Judgement::all(ItemVerdict::Accepted)
    } else {
        let mut fault = entry("meta.count_mismatch").fault();
        fault.platform_message = format!("events_received was {events}, {sent} were sent");
        fault.trace_id.clone_from(&trace_id);
        let mut judgement = Judgement::all(ItemVerdict::Ambiguous(fault.clone()));
        judgement.retry = Some(bounded(fault));
        judgement
    };
    judgement.warnings = messages;
    judgement.trace_id = trace_id;
    judgement
}

fn refused(error: &ErrorAnswer, response: &HttpResponse, batch: &BatchView<'_>) -> Judgement {
    let row = row_for_delivery(error, response);
    let fault = fault_of(row, error);
    let mut judgement = match row.action {
        FaultAction::Note => Judgement::all(ItemVerdict::Accepted),
        FaultAction::Hold => held(fault),
        FaultAction::DeadLetter | FaultAction::Expire => payload(row, fault, error, batch),
        FaultAction::Retry if row.class == FaultClass::Throttle => throttled(fault),
        FaultAction::Retry => {
            let mut judgement = Judgement::all(not_certainly_processed(&fault, response));
            judgement.retry = Some(RetryAdvice { fault, hold_after: None, resign_once: false });
            judgement
        }
        FaultAction::RetryThenHold => {
            let mut judgement = Judgement::all(not_certainly_processed(&fault, response));
            judgement.retry = Some(bounded(fault));
            judgement
        }
    };
    judgement.trace_id.clone_from(&error.trace_id);
    judgement
}

/// Some rows explain answers to other calls only. As an answer to a delivery nobody has described
/// them, and what is a note there must not pass for success here.
///
/// And an unknown error of the server's own may come after the work was done, whatever is said of
/// its passing; looking for a bad event would send the others twice.
fn row_for_delivery(error: &ErrorAnswer, response: &HttpResponse) -> &'static Entry {
    let row = classify(error);
    let is_of_another_call = row.action == FaultAction::Note && row.class != FaultClass::Payload;
    if is_of_another_call {
        return entry("meta.unknown_code");
    }
    let may_have_been_done = row.name == "meta.error_not_transient" && response.status >= 500;
    if may_have_been_done { entry("meta.transient") } else { row }
}

/// After a definitive refusal nothing was processed.
fn held(fault: Fault) -> Judgement {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    if fault.name == "meta.proof_invalid" {
        // A timed proof may have grown stale on the way: signed anew once, before the hold.
        judgement.retry =
            Some(RetryAdvice { fault: fault.clone(), hold_after: None, resign_once: true });
    }
    judgement.hold = Some(fault);
    judgement
}

/// "If any event you send in a batch is invalid, we reject the entire batch": the others were not
/// processed.
fn payload(row: &Entry, fault: Fault, error: &ErrorAnswer, batch: &BatchView<'_>) -> Judgement {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    match error.index().filter(|index| (*index as usize) < batch.items.len()) {
        Some(index) => judgement.named.push((index, ItemVerdict::Refused(fault))),
        None if batch.items.len() == 1 => {
            judgement.unlocated = Some(Unlocated { fault, suspects: vec![0] });
        }
        None => {
            judgement.unlocated = Some(Unlocated { fault, suspects: suspects(row, batch) });
        }
    }
    judgement
}

fn throttled(fault: Fault) -> Judgement {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.throttle =
        Some(Throttle { selectors: fault.selectors.clone(), wait_ms: None, used_percent: None });
    judgement.retry = Some(RetryAdvice { fault, hold_after: None, resign_once: false });
    judgement
}

/// An HTML page, an empty body, JSON of another shape. Silence is not a verdict.
fn unreadable(response: &HttpResponse) -> Judgement {
    if response.status == 429 {
        return throttled(entry("meta.throttled").fault());
    }
    let mut fault = entry("meta.server_error").fault();
    fault.platform_message = format!(
        "HTTP {} with {} bytes that are no answer of Meta's API",
        response.status,
        response.body.len()
    );
    let mut judgement = Judgement::all(ItemVerdict::Ambiguous(fault.clone()));
    judgement.retry = Some(RetryAdvice { fault, hold_after: None, resign_once: false });
    judgement
}

/// An error of the server may come after the work was done; one of the request comes instead of
/// it. Only here does the HTTP status say something, and only on the safe side.
fn not_certainly_processed(fault: &Fault, response: &HttpResponse) -> ItemVerdict {
    if (400..500).contains(&response.status) && fault.class != FaultClass::Transient {
        ItemVerdict::NotProcessed
    } else {
        ItemVerdict::Ambiguous(fault.clone())
    }
}

fn add_usage(judgement: &mut Judgement, response: &HttpResponse) {
    let usage = usage::read(response);
    match &mut judgement.throttle {
        Some(throttle) => {
            throttle.wait_ms = usage.wait_ms;
            throttle.used_percent = usage.used_percent;
        }
        None if usage.used_percent.is_some_and(|used| used >= NEARLY_USED_UP_PERCENT) => {
            judgement.throttle = Some(Throttle {
                selectors: Vec::new(),
                wait_ms: usage.wait_ms,
                used_percent: usage.used_percent,
            });
        }
        None => {}
    }
}

fn bounded(fault: Fault) -> RetryAdvice {
    RetryAdvice { fault, hold_after: Some(UNKNOWN_ANSWERS), resign_once: false }
}

pub fn fault_of(row: &Entry, error: &ErrorAnswer) -> Fault {
    Fault {
        code: Some(error.code()),
        platform_message: error.shown(),
        trace_id: error.trace_id.clone(),
        ..row.fault()
    }
}
