//! Which events of a refused batch to suspect first, where Meta did not say.

use memchr::memmem;

use crate::BatchView;
use crate::catalog::Entry;

/// Most suspects that are worth a request of their own; beyond that, halving is cheaper.
const MOST: usize = 8;

/// Events older than this are near the window's edge. 6 days and 12 hours.
const NEARLY_TOO_OLD_S: i64 = 6 * 86_400 + 43_200;

/// Positions, most suspicious first. Empty where nothing in the batch stands out: suspecting
/// everyone helps nobody.
pub fn suspects(entry: &Entry, batch: &BatchView<'_>) -> Vec<u32> {
    let found: Vec<u32> = match entry.name {
        "meta.event_too_old" => oldest(batch),
        "meta.click_id_malformed" => positions(batch, has_odd_click_id),
        "meta.purchase_without_value" => positions(batch, is_purchase_without_value),
        "meta.no_identity" => positions(batch, has_thin_user_data),
        "meta.ldu_selection" => positions(batch, |f| has(f, b"\"data_processing_options\"")),
        "meta.extinfo_os_version_empty" => positions(batch, |f| has(f, b"\"extinfo\"")),
        "meta.messaging_channel_missing"
        | "meta.messaging_event_not_allowed"
        | "meta.messaging_page_mismatch" => positions(batch, |f| has(f, b"business_messaging")),
        _ => Vec::new(),
    };
    let stand_out = found.len() <= MOST && found.len() < batch.fragments.len();
    if stand_out { found } else { Vec::new() }
}

fn positions(batch: &BatchView<'_>, suspicious: impl Fn(&[u8]) -> bool) -> Vec<u32> {
    let fragments = batch.fragments.iter().enumerate();
    fragments.filter(|(_, f)| suspicious(f)).map(|(at, _)| at as u32).collect()
}

/// Those near the edge of the window; if none is, the single oldest.
fn oldest(batch: &BatchView<'_>) -> Vec<u32> {
    let mut times: Vec<(i64, u32)> = batch
        .fragments
        .iter()
        .enumerate()
        .filter_map(|(at, fragment)| event_time(fragment).map(|time| (time, at as u32)))
        .collect();
    times.sort_unstable();
    let edge = batch.now.0 - NEARLY_TOO_OLD_S;
    let near: Vec<u32> =
        times.iter().take_while(|(time, _)| *time < edge).map(|(_, at)| *at).collect();
    if near.is_empty() { times.first().map(|(_, at)| *at).into_iter().collect() } else { near }
}

fn event_time(fragment: &[u8]) -> Option<i64> {
    const KEY: &[u8] = b"\"event_time\":";
    let rest = &fragment[memmem::find(fragment, KEY)? + KEY.len()..];
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

fn has_odd_click_id(fragment: &[u8]) -> bool {
    let Some(value) = text_value(fragment, b"\"fbc\":\"") else { return false };
    let parts: Vec<&[u8]> = value.split(|b| *b == b'.').collect();
    let whole = (4..=5).contains(&parts.len())
        && parts[0] == b"fb"
        && parts[2].len() == 13
        && parts[2].iter().all(u8::is_ascii_digit)
        && parts[3].len() >= 20;
    !whole
}

fn is_purchase_without_value(fragment: &[u8]) -> bool {
    has(fragment, b"\"event_name\":\"Purchase\"")
        && !(has(fragment, b"\"value\":") && has(fragment, b"\"currency\":"))
}

/// One identifier at the most, and not one of the strong ones.
fn has_thin_user_data(fragment: &[u8]) -> bool {
    const KEY: &[u8] = b"\"user_data\":{";
    let Some(start) = memmem::find(fragment, KEY) else { return true };
    let rest = &fragment[start + KEY.len()..];
    let user_data = &rest[..rest.iter().position(|b| *b == b'}').unwrap_or(rest.len())];
    let strong = [&b"\"em\":"[..], b"\"ph\":", b"\"external_id\":", b"\"fbc\":", b"\"fbp\":"];
    let keys = memmem::find_iter(user_data, b"\":").count();
    keys <= 1 && !strong.iter().any(|key| has(user_data, key))
}

fn has(fragment: &[u8], needle: &[u8]) -> bool {
    memmem::find(fragment, needle).is_some()
}

fn text_value<'a>(fragment: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let rest = &fragment[memmem::find(fragment, key)? + key.len()..];
    Some(&rest[..rest.iter().position(|b| *b == b'"')?])
}
