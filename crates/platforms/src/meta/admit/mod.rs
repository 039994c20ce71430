//! Admission: from one raw event to a fragment, or to a refusal that says what is wrong where.
//!
//! One pass over the text. [`event`] reads the closed list of keys, borrowing every text from the
//! input; [`user_data`] is normalized and hashed while it is written; what only passes through is
//! copied in compact form. [`rules`] holds what Meta demands beyond types, and
//! [`messaging`] what it demands of events from conversations.
//!
//! Admission refuses what Meta is known to refuse, because there one bad event costs a batch of a
//! thousand. What is documented but accepted all the same is a warning. Nulls, blank texts and
//! empty lists are left out everywhere Meta might mind them.
//!
//! Deliberately not here: splitting a request into events, unwrapping the official libraries'
//! outer forms, and anything that needs more than one event (duplicates are found by event id
//! elsewhere).

mod app_data;
mod custom_data;
mod event;
mod identifiers;
mod messaging;
mod refusal;
mod request_keys;
mod rules;
mod user_data;
mod user_keys;

use holdfast_model::item::Admitted;

pub use identifiers::is_digits;
pub use request_keys::request_keys;

use crate::admission::refusal::text_of;
use crate::admission::{currency, encode, json, keys, reader, text, warnings};
use crate::{AdmitContext, Rejection};
use event::Event;
use reader::Reader;

/// Largest event. A thousand usual events share a request of 1 MB; one this large is a mistake or
/// a receipt of unusual length.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// A fragment is about as long as its event, plus what hashing a dozen short values adds.
const HASHED_GROWTH_BYTES: usize = 768;

/// Checks, normalizes, hashes and encodes one event.
pub fn admit(raw: &[u8], cx: &AdmitContext<'_>) -> Result<Admitted, Rejection> {
    let text = text_of(raw, MAX_EVENT_BYTES).map_err(refusal::in_metas_words)?;
    admit_text(text, cx).map_err(refusal::in_metas_words)
}

fn admit_text(text: &str, cx: &AdmitContext<'_>) -> Result<Admitted, Rejection> {
    let mut reader = Reader::new(text);
    let event = Event::read(&mut reader)?;
    let Reader { copied, mut warnings, .. } = reader;

    let required = rules::required(&event)?;
    let deadlines = rules::deadlines(&required, cx.now)?;
    rules::companions(&event, &required, &mut warnings)?;

    let event_id = event.id.as_deref().unwrap_or(cx.fallback_event_id);
    let mut fragment = Vec::with_capacity(text.len() + HASHED_GROWTH_BYTES);
    event.write_head(&mut fragment, &required, event_id);
    let written = event.write_user_data(cx.settings, cx.now, &mut fragment, &mut warnings);
    rules::identity(&written, &event, &required, &mut warnings)?;
    event.write_rest(&mut fragment, &copied);

    Ok(Admitted {
        fragment,
        event_id: event_id.to_owned(),
        event_name: required.name.to_owned(),
        event_time: required.time,
        expires_at: deadlines.expires_at,
        dedup_until: deadlines.dedup_until,
        group: cx.group.clone(),
        profile: cx.settings.profile.stamp(),
        warnings: warnings.into_list(),
    })
}
