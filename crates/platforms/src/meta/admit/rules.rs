//! What Meta demands of an event besides the types: times, companions of keys, and enough
//! information about the customer.

use holdfast_model::time::{DAY_S, HOUR_S, MINUTE_S, UnixSeconds, humanize_seconds};

use super::event::{DataUse, Event};
use super::identifiers;
use super::messaging;
use super::refusal::{self, refuse};
use super::user_data::Written;
use super::user_keys::KeySet;
use super::warnings::Warnings;
use crate::Rejection;

/// Oldest event that Meta accepts; a single older one makes it refuse the whole request.
const WINDOW_S: i64 = 7 * DAY_S;
const PHYSICAL_STORE_WINDOW_S: i64 = 62 * DAY_S;

/// How long Meta discards a second event with the same name and id.
const DEDUPLICATION_S: i64 = 48 * HOUR_S;

/// Taken off every deadline: for the way, the platform's clock, and a batch that waits its turn.
pub const MARGIN_S: i64 = 10 * MINUTE_S;

/// How far in the future an event may be. Meta's bound is unknown; other gateways allow a minute,
/// which is more than clocks that are kept differ by.
pub const FUTURE_TOLERANCE_S: i64 = MINUTE_S;

/// From here on (the year 5138 in seconds) a time is one in milliseconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Longest event name or id. Meta names no bound; real ones have below a hundred characters.
const MAX_NAME_BYTES: usize = 1_024;

/// States of limited data use: wherever Meta finds the person to be, or one of these.
const LDU_STATES: std::ops::RangeInclusive<i64> = 1000..=1013;

/// What every event has.
#[derive(Debug)]
pub struct Required<'e> {
    pub name: &'e str,
    pub time: UnixSeconds,
    pub action_source: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    pub expires_at: UnixSeconds,
    pub dedup_until: Option<UnixSeconds>,
}

pub fn required<'e>(event: &'e Event<'_>) -> Result<Required<'e>, Rejection> {
    let name = event.name.as_deref();
    let name =
        name.ok_or_else(|| refusal::missing("event_name", "a standard or custom event name"))?;
    let seconds = "whole seconds since 1970, UTC";
    let time = event.time.ok_or_else(|| refusal::missing("event_time", seconds))?;
    let source = event.action_source;
    let source = source
        .ok_or_else(|| refusal::missing("action_source", "where it happened: website, app, …"))?;
    if event.user_data.is_none() {
        return Err(refusal::missing("user_data", "an object that says who the customer is"));
    }
    for (field, text) in [("event_name", Some(name)), ("event_id", event.id.as_deref())] {
        if text.is_some_and(|text| text.len() > MAX_NAME_BYTES) {
            return Err(refusal::too_large(field, format!("{MAX_NAME_BYTES} bytes")));
        }
    }
    Ok(Required { name, time: UnixSeconds(time), action_source: source })
}

/// Checks the event's time and tells until when it can be delivered.
pub fn deadlines(required: &Required<'_>, now: UnixSeconds) -> Result<Deadlines, Rejection> {
    const FIELD: &str = "event_time";
    let time = required.time;
    if time.0 >= MILLISECONDS_FROM {
        let digits = time.0.to_string().len();
        let message =
            format!("event_time has {digits} digits and looks like milliseconds; expected seconds");
        return Err(refuse("meta.event_time_in_milliseconds", FIELD, message));
    }
    if time - now > FUTURE_TOLERANCE_S {
        let message = format!(
            "event_time is {} in the future; expected at most {}: check the sender's clock and time zone",
            humanize_seconds(time - now),
            humanize_seconds(FUTURE_TOLERANCE_S),
        );
        return Err(refuse("meta.event_in_future", FIELD, message));
    }
    let window = match required.action_source {
        "physical_store" => PHYSICAL_STORE_WINDOW_S,
        _ => WINDOW_S,
    };
    let expires_at = time.plus_seconds(window - MARGIN_S);
    if expires_at <= now {
        let message = format!(
            "event_time is {} ago; Meta accepts {} for this action_source, less a margin of {}",
            humanize_seconds(now - time),
            humanize_seconds(window),
            humanize_seconds(MARGIN_S),
        );
        return Err(refuse("meta.event_too_old", FIELD, message));
    }
    // Business messaging is not deduplicated at all.
    let is_deduplicated = required.action_source != messaging::ACTION_SOURCE;
    let dedup_until = is_deduplicated.then(|| time.plus_seconds(DEDUPLICATION_S - MARGIN_S));
    Ok(Deadlines { expires_at, dedup_until })
}

/// Keys that need each other.
pub fn companions(
    event: &Event<'_>,
    required: &Required<'_>,
    warnings: &mut Warnings,
) -> Result<(), Rejection> {
    limited_data_use(event, warnings)?;
    if required.name == "Purchase" {
        purchase(event)?;
    }
    match required.action_source {
        "website" if event.source_url.is_none() => {
            warnings.add(|| {
                "event_source_url is missing; Meta documents it as required for website".into()
            });
        }
        "app" => app(event, warnings)?,
        messaging::ACTION_SOURCE => messaging::companions(event, required)?,
        _ => {}
    }
    if required.action_source != messaging::ACTION_SOURCE && event.messaging_channel.is_some() {
        warnings
            .add(|| "messaging_channel only counts with action_source business_messaging".into());
    }
    Ok(())
}

/// Whether what was written says enough about the customer for Meta to take the event.
pub fn identity(
    written: &Written,
    event: &Event<'_>,
    required: &Required<'_>,
    warnings: &mut Warnings,
) -> Result<(), Rejection> {
    if written.keys.is_empty() {
        return Err(nobody(written));
    }
    if required.action_source == messaging::ACTION_SOURCE {
        messaging::identity(written, event, warnings)?;
    }
    if let Some(names) = identifiers::too_weak(written.keys) {
        let mut message = format!(
            "user_data holds nothing beyond {names}; Meta refuses such events: add em, ph, fbp, \
             external_id or another strong identifier",
        );
        if let Some((_, path, expected)) = &written.first_dropped {
            message.push_str(&format!("; {path} was left out: expected {expected}"));
        }
        return Err(refuse("meta.invalid_match", "user_data", message));
    }
    const USER_AGENT: KeySet = KeySet::of(&["client_user_agent"]);
    if required.action_source == "website" && !written.keys.has_any_of(USER_AGENT) {
        warnings.add(|| {
            "user_data.client_user_agent is missing; Meta documents it as required for website"
                .into()
        });
    }
    Ok(())
}

fn nobody(written: &Written) -> Rejection {
    match &written.first_dropped {
        Some((fault, path, expected)) => {
            let message = format!(
                "{path} is not usable, and nothing else says who the customer is; expected {expected}"
            );
            refuse(fault, path.as_str(), message)
        }
        None => refuse(
            "meta.no_identity",
            "user_data",
            "user_data is empty; expected at least one identifier such as em, ph, fbp or external_id",
        ),
    }
}

fn limited_data_use(event: &Event<'_>, warnings: &mut Warnings) -> Result<(), Rejection> {
    const COUNTRY: &str = "data_processing_options_country";
    const STATE: &str = "data_processing_options_state";
    let bad = |field: &str, expected: &str| {
        Err(refuse(
            "meta.ldu_selection",
            field,
            format!("{field} is not valid: expected {expected}"),
        ))
    };
    let (country, state) = (event.data_use_country, event.data_use_state);
    if !matches!(country, None | Some(0 | 1)) {
        return bad(COUNTRY, "1 for the United States, or 0 to let Meta find out");
    }
    if !state.is_none_or(|state| state == 0 || LDU_STATES.contains(&state)) {
        return bad(STATE, "0 to let Meta find out, or a state from 1000 to 1013");
    }
    if event.data_use != DataUse::Limited {
        return Ok(());
    }
    match (country, state) {
        (None, _) => {
            bad(COUNTRY, "it beside LDU: 1 for the United States, or 0 to let Meta find out")
        }
        (Some(0), Some(1000..)) => {
            warnings.add(|| format!("{STATE} names a state although {COUNTRY} is 0"));
            Ok(())
        }
        (Some(1), None) => {
            warnings.add(|| format!("{STATE} is missing beside {COUNTRY} 1"));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn purchase(event: &Event<'_>) -> Result<(), Rejection> {
    let missing = match (event.custom_data.has_value, event.custom_data.has_currency) {
        (true, true) => return Ok(()),
        (false, _) => "custom_data.value",
        (true, false) => "custom_data.currency",
    };
    let message = format!("{missing} is missing: a Purchase needs value and currency");
    Err(refuse("meta.purchase_without_value", missing, message))
}

fn app(event: &Event<'_>, warnings: &mut Warnings) -> Result<(), Rejection> {
    match &event.app_data {
        Some(data) if data.copy.is_some() => {
            if !data.has_extinfo {
                warnings
                    .add(|| "app_data.extinfo is missing; Meta matches app events by it".into());
            }
            Ok(())
        }
        _ => Err(refusal::missing("app_data", "it for action_source app")),
    }
}
