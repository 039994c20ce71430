//! What an answer means for each event of the batch, and for the lane. (`snap-conversions.md` §7, §8)
//!
//! After a refusal Snap does not say what became of the neighbors, so for them the outcome is
//! unknown: they go again only while Snap recognizes a repetition. Certain are three things: a
//! request that was refused as a whole for its token, its asset or its size; a single event that
//! was refused; and events outside the records of errors in an answer that is good otherwise.

use std::collections::BTreeSet;

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::scope::SelectorKind;
use holdfast_model::wire::HttpResponse;

use super::answer::{self, Answer, Status, Told};
use super::classify::{classify, fault_of};
use crate::{BatchView, ItemVerdict, Judgement, RetryAdvice, Throttle, Unlocated};

/// How many answers in a row that nobody can read are tried before the lane holds.
const UNREADABLE_ANSWERS: u32 = 5;

pub fn judge(response: &HttpResponse, batch: &BatchView<'_>) -> Judgement {
    let mut answer = answer::read(response);
    let warnings = match &mut answer {
        Answer::Told(told) => std::mem::take(&mut told.warnings),
        Answer::Words(_) | Answer::Page => Vec::new(),
    };
    let mut judgement = match &answer {
        Answer::Told(told) if was_taken(response, told) => Judgement::all(ItemVerdict::Accepted),
        _ => refused(response, &answer, batch),
    };
    judgement.warnings = warnings;
    judgement
}

/// Everything was taken. The word alone does not do: it must come with a status that fits.
fn was_taken(response: &HttpResponse, told: &Told) -> bool {
    (200..300).contains(&response.status)
        && told.status == Some(Status::Good)
        && !told.has_error_records
}

fn refused(response: &HttpResponse, answer: &Answer, batch: &BatchView<'_>) -> Judgement {
    let row = classify(response, answer);
    let fault = fault_of(row, response, answer);
    match row.action {
        FaultAction::Hold => held(fault),
        FaultAction::Retry if row.class == FaultClass::Throttle => throttled(fault, response),
        FaultAction::Retry => again(fault, None),
        FaultAction::RetryThenHold => again(fault, Some(UNREADABLE_ANSWERS)),
        FaultAction::DeadLetter | FaultAction::Expire | FaultAction::Note => {
            someone_is_bad(fault, answer, batch)
        }
    }
}

/// The request was refused before anyone looked at its events.
fn held(fault: Fault) -> Judgement {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.hold = Some(fault);
    judgement
}

/// Snap documents no header that says how long; one that is there is believed.
fn throttled(fault: Fault, response: &HttpResponse) -> Judgement {
    let seconds = response.header("retry-after").and_then(|v| v.trim().parse::<u64>().ok());
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.throttle = Some(Throttle {
        selectors: vec![SelectorKind::Credential],
        wait_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
        used_percent: None,
    });
    judgement.retry = Some(RetryAdvice { fault, hold_after: None, resign_once: false });
    judgement
}

/// Whether anything was processed is not known.
fn again(fault: Fault, hold_after: Option<u32>) -> Judgement {
    let mut judgement = Judgement::all(ItemVerdict::Ambiguous(fault.clone()));
    judgement.retry = Some(RetryAdvice { fault, hold_after, resign_once: false });
    judgement
}

/// Which event it is, is not believed without a second opinion: how Snap counts is documented for
/// another call only. Those that it may mean are suspects, sent alone before anything is decided.
fn someone_is_bad(fault: Fault, answer: &Answer, batch: &BatchView<'_>) -> Judgement {
    let events = batch.items.len();
    let told = match answer {
        Answer::Told(told) => told,
        Answer::Words(_) | Answer::Page => &Told::default(),
    };
    let is_too_large = fault.name == "snap.request_too_large";
    let suspects = suspects(told, events);
    let mut judgement = if events == 1 || is_too_large {
        Judgement::all(ItemVerdict::NotProcessed)
    } else {
        Judgement::all(ItemVerdict::Ambiguous(fault.clone()))
    };
    let others_were_taken = told.status == Some(Status::Good);
    if events > 1 && others_were_taken && !suspects.is_empty() {
        let unsure = suspects.iter().map(|at| (*at, ItemVerdict::Ambiguous(fault.clone())));
        judgement.named = unsure.collect();
        judgement.unnamed = ItemVerdict::Accepted;
    }
    judgement.unlocated = Some(Unlocated { fault, suspects });
    judgement
}

/// The positions that the answer may mean.
fn suspects(told: &Told, events: usize) -> Vec<u32> {
    let mut found: BTreeSet<u64> = BTreeSet::new();
    // Counted from 1 in the sample of `validate`; a 0 can only be the first.
    found.extend(told.events.iter().map(|event| event.saturating_sub(1)));
    found.extend(from_either_base(&told.record_indexes, events as u64));
    let within = found.into_iter().filter(|at| *at < events as u64);
    within.filter_map(|at| u32::try_from(at).ok()).collect()
}

/// Nobody says whether records count from 0 or from 1. A 0 or the number of events tells; otherwise
/// both are meant.
fn from_either_base(indexes: &[u64], events: u64) -> BTreeSet<u64> {
    let from_zero = indexes.iter().copied();
    let from_one = indexes.iter().map(|index| index.saturating_sub(1));
    if indexes.contains(&0) {
        from_zero.collect()
    } else if indexes.iter().any(|index| *index >= events) {
        from_one.collect()
    } else {
        from_zero.chain(from_one).collect()
    }
}
