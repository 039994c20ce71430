//! Admission: from one raw event to a fragment of version 3, or to a refusal that says what is
//! wrong where.
//!
//! One pass over the text. [`event`] reads the keys of version 3 and [`v2`] those of version 2 into
//! the same [`event::Event`]; an event is one or the other. [`user_data`] is normalized and hashed
//! while it is written. [`rules`] holds what Snap demands beyond types.
//!
//! Snap documents a handful of causes for a refusal, and those are refused here. Whether it minds
//! keys that it does not know is unknown: at the top and in `user_data`, where they may be personal
//! data that nobody would hash, they are left out; in `custom_data` and `app_data` they stay. Both
//! with a warning.
//!
//! Deliberately not here: splitting a request into events, and finding the destination by the pixel
//! or app that an event of version 2 names.

mod app_data;
mod custom_data;
mod event;
mod names;
mod refusal;
mod request_keys;
mod rules;
mod user_data;
mod user_keys;
mod v2;

use holdfast_model::item::{Admitted, ProfileStamp};

pub use request_keys::request_keys;

use crate::admission::reader::Reader;
use crate::admission::refusal::text_of;
use crate::{AdmitContext, Rejection};
use event::Event;

/// Largest event. Two thousand usual events share a request of 2 MB; one this large is a mistake or
/// a receipt of unusual length.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// A fragment is about as long as its event, plus what hashing a dozen short values adds.
const HASHED_GROWTH_BYTES: usize = 768;

/// Checks, normalizes, hashes and encodes one event.
pub fn admit(raw: &[u8], cx: &AdmitContext<'_>) -> Result<Admitted, Rejection> {
    let text = text_of(raw, MAX_EVENT_BYTES).map_err(refusal::in_snaps_words)?;
    admit_text(text, cx).map_err(refusal::in_snaps_words)
}

fn admit_text(text: &str, cx: &AdmitContext<'_>) -> Result<Admitted, Rejection> {
    let mut reader = Reader::new(text);
    let event = Event::read(&mut reader)?;
    let Reader { copied, mut warnings, .. } = reader;

    let required = rules::required(&event, &mut warnings)?;
    let deadlines = rules::deadlines(&event, &required, cx.now)?;
    rules::companions(&event, &required)?;
    let group =
        request_keys::with_events_own(cx.group, event.test_event_code.as_deref(), cx.settings)?;

    let event_id = event.id.as_deref().unwrap_or(cx.fallback_event_id);
    let mut fragment = Vec::with_capacity(text.len() + HASHED_GROWTH_BYTES);
    event.write_head(&mut fragment, &required, event_id);
    let written = event.user_data.write(cx.settings, &mut fragment, &mut warnings);
    rules::identity(&written, &event, &required)?;
    event.write_rest(&mut fragment, &copied);

    Ok(Admitted {
        fragment,
        event_id: event_id.to_owned(),
        event_name: required.name.to_owned(),
        event_time: required.time,
        expires_at: deadlines.expires_at,
        dedup_until: Some(deadlines.dedup_until),
        group,
        profile: ProfileStamp::SNAP_DOCS_1,
        warnings: warnings.into_list(),
    })
}
