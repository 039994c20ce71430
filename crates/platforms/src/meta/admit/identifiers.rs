//! The forms of identifiers that are not hashed, and which sets of identifiers are too weak.
//!
//! Meta's Parameter Builder adds an appendix of 2 or 8 characters to click ids, browser ids and IP
//! addresses. It is checked around and sent along.

use std::net::IpAddr;

use super::user_keys::KeySet;
use crate::admission::sha256::HASH_OF_NOTHING;
use crate::meta::normalize::is_appendix;

/// Digits of a time in milliseconds: from 2001 to 2286.
const MILLISECOND_DIGITS: usize = 13;

/// Longest id of digits alone; Meta's have up to 17.
const MAX_ID_DIGITS: usize = 20;

/// Meta refuses an event whose identifiers all lie within one of these sets. A lone
/// `client_user_agent` is within the first.
const TOO_WEAK: [(KeySet, &str); 4] = [
    (
        KeySet::of(&["ct", "country", "st", "zp", "ge", "client_user_agent"]),
        "ct, country, st, zp, ge and client_user_agent",
    ),
    (KeySet::of(&["db", "client_user_agent"]), "db and client_user_agent"),
    (KeySet::of(&["fn", "ge"]), "fn and ge"),
    (KeySet::of(&["ln", "ge"]), "ln and ge"),
];

/// The set that holds all of these identifiers although it is too weak for Meta.
pub fn too_weak(keys: KeySet) -> Option<&'static str> {
    TOO_WEAK.iter().find(|(set, _)| keys.is_within(*set)).map(|(_, names)| *names)
}

/// `fb.{index}.{creation in ms}.{fbclid}`, perhaps with an appendix. The fbclid keeps its case.
pub fn check_click_id(text: &str) -> Result<(), &'static str> {
    match is_facebook_cookie(text, u8::is_ascii_graphic) {
        true => Ok(()),
        false => Err("a click id in the form fb.1.<milliseconds>.<fbclid>"),
    }
}

/// `fb.{index}.{creation in ms}.{random number}`, perhaps with an appendix.
pub fn check_browser_id(text: &str) -> Result<(), &'static str> {
    match is_facebook_cookie(text, u8::is_ascii_alphanumeric) {
        true => Ok(()),
        false => Err("a browser id in the form fb.1.<milliseconds>.<number>"),
    }
}

/// An IPv4 or IPv6 address without port, perhaps with an appendix.
pub fn check_ip_address(text: &str) -> Result<(), &'static str> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if text.parse::<std::net::SocketAddr>().is_ok() {
        return Err("an IP address without a port");
    }
    match text.rsplit_once('.') {
        Some((address, appendix))
            if is_appendix(appendix.as_bytes()) && address.parse::<IpAddr>().is_ok() =>
        {
            Ok(())
        }
        _ => Err("one IPv4 or IPv6 address"),
    }
}

pub fn check_digits(text: &str) -> Result<(), &'static str> {
    if is_digits(text) { Ok(()) } else { Err("an id of digits alone") }
}

pub fn is_digits(text: &str) -> bool {
    text.len() <= MAX_ID_DIGITS && text.bytes().all(|b| b.is_ascii_digit())
}

pub fn is_hash_of_nothing(hash: &str) -> bool {
    hash.starts_with(HASH_OF_NOTHING)
}

fn is_facebook_cookie(text: &str, is_payload: impl Fn(&u8) -> bool) -> bool {
    let mut parts = text.as_bytes().split(|b| *b == b'.');
    let (Some(b"fb"), Some(index), Some(created), Some(payload)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let has_good_end = match (parts.next(), parts.next()) {
        (None, _) => true,
        (Some(appendix), None) => is_appendix(appendix),
        (Some(_), Some(_)) => false,
    };
    has_good_end
        && matches!(index.len(), 1 | 2)
        && index.iter().all(u8::is_ascii_digit)
        && created.len() == MILLISECOND_DIGITS
        && created.iter().all(u8::is_ascii_digit)
        && !payload.is_empty()
        && payload.iter().all(is_payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn click_ids() {
        for (text, is_good) in [
            ("fb.1.1554763741205.AbCdEfGhIjKlMnOpQrStUvWxYz1234567890", true),
            ("fb.0.1554763741205.IwAR_x-Y", true),
            ("fb.2.1554763741205.IwAR.AQQCAQMC", true),
            ("fb.1.1554763741205.IwAR.Ag", true),
            ("fb.1.1554763741205.IwAR.abc", false),
            ("fb.1.1554763741205.IwAR.Ag.Ag", false),
            ("fb.1.1554763741205.", false),
            ("fb.1.1554763741205", false),
            ("fb.1.1554763741.IwAR", false),
            ("fb.x.1554763741205.IwAR", false),
            ("fb..1554763741205.IwAR", false),
            ("FB.1.1554763741205.IwAR", false),
            ("fb.1.1554763741205.Iw AR", false),
            ("IwAR_only", false),
            ("", false),
        ] {
            assert_eq!(check_click_id(text).is_ok(), is_good, "{text}");
        }
    }

    #[test]
    fn browser_ids() {
        for (text, is_good) in [
            ("fb.1.1558571054389.1098115397", true),
            ("fb.1.1558571054389.1098115397.AQQCAQMC", true),
            ("fb.1.1558571054389.109-8", false),
            ("fb.1.1558571054389", false),
            ("1558571054389.1098115397", false),
        ] {
            assert_eq!(check_browser_id(text).is_ok(), is_good, "{text}");
        }
    }

    #[test]
    fn ip_addresses() {
        for (text, is_good) in [
            ("203.0.113.7", true),
            ("2001:db8::7", true),
            ("::ffff:203.0.113.7", true),
            ("203.0.113.7.AQQCAQMC", true),
            ("2001:db8::7.Ag", true),
            ("203.0.113", false),
            ("203.0.113.44", true),
            ("203.0.113.7:443", false),
            ("[2001:db8::7]:443", false),
            ("[2001:db8::7]", false),
            ("203.0.113.7, 10.0.0.1", false),
            ("203.0.113.256", false),
            ("fe80::1%eth0", false),
            ("localhost", false),
        ] {
            assert_eq!(check_ip_address(text).is_ok(), is_good, "{text}");
        }
        assert_eq!(check_ip_address("203.0.113.7:443"), Err("an IP address without a port"));
    }

    #[test]
    fn sets_that_are_too_weak() {
        for (keys, is_weak) in [
            (&["client_user_agent"][..], true),
            (&["ct", "st", "zp", "country"], true),
            (&["db", "client_user_agent"], true),
            (&["fn", "ge"], true),
            (&["ln"], true),
            (&["fn", "ln"], false),
            (&["fn", "ln", "ge"], false),
            (&["db", "ge"], false),
            (&["ct", "em"], false),
            (&["client_ip_address", "client_user_agent"], false),
            (&["external_id"], false),
        ] {
            assert_eq!(too_weak(KeySet::of(keys)).is_some(), is_weak, "{keys:?}");
        }
    }
}
