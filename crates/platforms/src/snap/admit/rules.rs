//! What Snap demands of an event besides the types: a name, a time, a source with its companions,
//! and enough information about the customer. (`snap-conversions.md` §2)

use holdfast_model::time::{DAY_S, HOUR_S, MINUTE_S, UnixSeconds, humanize_seconds};

use super::event::{Event, Form};
use super::names;
use super::refusal::refuse;
use super::user_data::Written;
use super::user_keys::KeySet;
use crate::Rejection;
use crate::admission::refusal;
use crate::admission::warnings::Warnings;

/// Oldest event. Snap's pages say 7, 28 and 37 days; the page of version 3 says 7, and an event too
/// old is a documented refusal.
const WINDOW_S: i64 = 7 * DAY_S;

/// How long Snap discards a second event with the same name and id.
const DEDUPLICATION_S: i64 = 48 * HOUR_S;

/// How long it discards a second PURCHASE with the same order.
const PURCHASE_DEDUPLICATION_S: i64 = 30 * DAY_S;

/// Taken off every deadline: for the way, the platform's clock, and a batch that waits its turn.
pub const MARGIN_S: i64 = 10 * MINUTE_S;

/// How far in the future an event may be. Snap's bound is unknown; this is as far as clocks may
/// disagree before Holdfast itself stops believing its own.
pub const FUTURE_TOLERANCE_S: i64 = 5 * MINUTE_S;

/// Longest event name or id. Snap names no bound; real ones have below a hundred characters.
const MAX_NAME_BYTES: usize = 1_024;

/// What every event has, in Snap's own words.
#[derive(Debug)]
pub struct Required<'e> {
    pub name: &'e str,
    pub time: UnixSeconds,
    pub action_source: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    pub expires_at: UnixSeconds,
    pub dedup_until: UnixSeconds,
}

pub fn required<'e>(
    event: &'e Event<'_>,
    warnings: &mut Warnings,
) -> Result<Required<'e>, Rejection> {
    let path = |v3| event.form.path(v3);
    let missing = |v3, expected: &str| refusal::missing(event.form.path(v3), expected);
    let given = event.name.as_deref().ok_or_else(|| missing("event_name", "such as PURCHASE"))?;
    let time = event.time.ok_or_else(|| missing("event_time", "seconds since 1970, UTC"))?;
    let source = event.action_source.as_deref();
    let source = source.ok_or_else(|| missing("action_source", SOURCES))?;
    let native =
        names::source(source).ok_or_else(|| refusal::invalid(path("action_source"), SOURCES))?;
    if source.eq_ignore_ascii_case("app") {
        warnings.add(|| format!("{} is app; Snap documents MOBILE_APP", path("action_source")));
    }
    if !event.has_user_data {
        return Err(missing("user_data", "an object that says who the customer is"));
    }
    for (field, text) in [("event_name", Some(given)), ("event_id", event.id.as_deref())] {
        if text.is_some_and(|text| text.len() > MAX_NAME_BYTES) {
            return Err(refusal::too_large(path(field), format!("{MAX_NAME_BYTES} bytes")));
        }
    }
    let name = names::event(given).unwrap_or(given);
    if names::event(given).is_none() {
        warnings.add(|| unknown_name(path("event_name"), given));
    }
    Ok(Required { name, time: UnixSeconds(time), action_source: native })
}

const SOURCES: &str = "where it happened: WEB, MOBILE_APP or OFFLINE";

/// Version 3 takes other names too, as far as anyone knows, and so this is no refusal.
fn unknown_name(path: &str, given: &str) -> String {
    match names::called_elsewhere(given) {
        Some(snaps) => format!("{path} is not one of Snap's; Snap calls this {snaps}"),
        None => format!("{path} is not one of Snap's; CUSTOM_EVENT_1 to 5 are for your own"),
    }
}

/// Checks the event's time and tells until when it can be delivered.
pub fn deadlines(
    event: &Event<'_>,
    required: &Required<'_>,
    now: UnixSeconds,
) -> Result<Deadlines, Rejection> {
    let field = event.form.path("event_time");
    let time = required.time;
    if time - now > FUTURE_TOLERANCE_S {
        let message = format!(
            "{field} is {} in the future; expected at most {}: check the sender's clock and time \
             zone",
            humanize_seconds(time - now),
            humanize_seconds(FUTURE_TOLERANCE_S),
        );
        return Err(refuse("snap.event_in_future", field, message));
    }
    let expires_at = time.plus_seconds(WINDOW_S - MARGIN_S);
    if expires_at <= now {
        let message = format!(
            "{field} is {} ago; Snap accepts {}, less a margin of {}",
            humanize_seconds(now - time),
            humanize_seconds(WINDOW_S),
            humanize_seconds(MARGIN_S),
        );
        return Err(refuse("snap.event_too_old", field, message));
    }
    let is_order = required.name == names::PURCHASE && event.custom_data.has_order_id;
    let window = if is_order { PURCHASE_DEDUPLICATION_S } else { DEDUPLICATION_S };
    Ok(Deadlines { expires_at, dedup_until: time.plus_seconds(window - MARGIN_S) })
}

/// Keys that need each other.
pub fn companions(event: &Event<'_>, required: &Required<'_>) -> Result<(), Rejection> {
    if required.name == names::PURCHASE {
        purchase(event)?;
    }
    let missing = |v3, expected| Err(refusal::missing(event.form.path(v3), expected));
    match required.action_source {
        names::WEB if event.source_url.is_none() => {
            missing("event_source_url", "the page's URL for action_source WEB")
        }
        names::MOBILE_APP if event.app_data.is_none() => {
            missing("app_data", "it for action_source MOBILE_APP")
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
    let field = event.form.path(missing);
    let (value, currency) =
        (event.form.path("custom_data.value"), event.form.path("custom_data.currency"));
    let message = format!("{field} is missing: a PURCHASE needs {value} and {currency}");
    Err(refuse("snap.purchase_without_value", field, message))
}

/// Whether what was written says enough about the customer for Snap to take the event.
pub fn identity(
    written: &Written,
    event: &Event<'_>,
    required: &Required<'_>,
) -> Result<(), Rejection> {
    const STRONG: KeySet = KeySet::of(&["em", "ph"]);
    const DEVICE: KeySet = KeySet::of(&["madid"]);
    const BROWSER: KeySet = KeySet::of(&["client_ip_address", "client_user_agent"]);
    let is_app = required.action_source == names::MOBILE_APP;
    let is_enough = written.keys.has_any_of(STRONG)
        || (is_app && written.keys.has_any_of(DEVICE))
        || written.keys.has_all_of(BROWSER);
    if is_enough {
        return Ok(());
    }
    let enough = match event.form {
        Form::V3 => "em, ph, madid for app events, or client_ip_address with client_user_agent",
        Form::V2 => {
            "hashed_email, hashed_phone_number, or what only version 3 takes: an IP address with \
             user_agent, or for app events an advertising id, both unhashed"
        }
    };
    let mut message = format!("too little says who the customer is; expected {enough}");
    if let Some((path, expected)) = &written.first_dropped {
        message.push_str(&format!("; {path} was left out: expected {expected}"));
    }
    Err(refuse("snap.no_identity", "user_data", message))
}
