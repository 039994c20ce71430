//! Tokens in the platforms' shapes that belong to nobody.
//!
//! Meta's: `"E" + esc(base64(app id ‖ "FAKE-TEST-TOKEN" ‖ noise))` where `esc` writes `Z + / =` as
//! `ZA ZB ZC ZD`: the layout that the offline lint decodes (spec: tokens.md §3.2). The words in the
//! middle say to everyone who decodes one what it is.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::seeded::Seeded;

/// An app id below 2^52: tokens start with `EAA`.
pub const APP_ID: u64 = 100_000_000_000_001;

/// An app id of 2^52 or more: tokens start with `EA` and another letter.
pub const LARGE_APP_ID: u64 = 24_000_000_000_000_001;

const MARK: &[u8] = b"FAKE-TEST-TOKEN";

/// Noise bytes of a token; gives about 185 to 300 characters, the lengths seen in the field.
const NOISE: std::ops::RangeInclusive<usize> = 110..=190;

/// A token of the app. Every escape occurs in it, the padding `ZD` included.
pub fn fake_token(app_id: u64, seed: u64) -> String {
    let mut seeded = Seeded::new(seed);
    loop {
        let noise = NOISE.start() + seeded.below(NOISE.end() - NOISE.start() + 1);
        let token = fake_token_of(app_id, noise, seeded.next_u64());
        if has_all_escapes(&token) {
            return token;
        }
    }
}

/// A token with so many noise bytes, whatever escapes occur in it. `noise % 3` of 1, 2, 0 gives an
/// ending without padding, with `ZDZD`, with `ZD`.
pub fn fake_token_of(app_id: u64, noise: usize, seed: u64) -> String {
    let bytes = [&app_id.to_be_bytes(), MARK, &Seeded::new(seed).bytes(noise)].concat();
    format!("E{}", escape(&STANDARD.encode(bytes)))
}

/// An app's secret: 32 hexadecimal digits.
pub fn fake_app_secret(seed: u64) -> String {
    Seeded::new(seed).hex(32)
}

/// An app token, whose right half is the app's secret.
pub fn fake_app_token(app_id: u64, seed: u64) -> String {
    format!("{app_id}|{}", fake_app_secret(seed))
}

/// The environments that Snap's tokens name.
pub const SNAP_PRODUCTION: &str = "PRODUCTION";
pub const SNAP_STAGING: &str = "STAGING";

/// A server-to-server token in Snap's shape, made at `not_before`: three parts, four claims, a
/// signature of 43 characters that nobody made with a key.
pub fn fake_snap_token(environment: &str, not_before: i64, seed: u64) -> String {
    let mut seeded = Seeded::new(seed);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "HS256", "kid": "CanvasS2SHMACProd", "typ": "JWT"}));
    let subject = format!("{}~{environment}~{}", seeded.hex(32), seeded.hex(32));
    let payload = part(json!({
        "aud": "canvas-canvasapi", "iss": "canvas-s2stoken", "nbf": not_before, "sub": subject,
    }));
    format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(seeded.bytes(32)))
}

fn escape(base64: &str) -> String {
    let mut escaped = String::with_capacity(base64.len() + 16);
    for character in base64.chars() {
        match character {
            'Z' => escaped.push_str("ZA"),
            '+' => escaped.push_str("ZB"),
            '/' => escaped.push_str("ZC"),
            '=' => escaped.push_str("ZD"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

fn has_all_escapes(token: &str) -> bool {
    ["ZA", "ZB", "ZC", "ZD"].iter().all(|escape| token.contains(escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_those_of_the_published_vectors() {
        for (app_id, head) in [
            (APP_ID, "EAABa8xB6QA"),
            (123_456_789_012_345, "EAABwSIYN33"),
            (1 << 52, "EABAAAAAAAA"),
            (LARGE_APP_ID, "EAFVD33KcAA"),
            (350_685_531_728, "EAAAAUaZA8jl"),
        ] {
            assert!(fake_token_of(app_id, 150, 1).starts_with(head), "{app_id}");
        }
    }

    #[test]
    fn endings_follow_the_padding() {
        assert!(fake_token_of(APP_ID, 150, 1).ends_with("ZD"));
        assert!(!fake_token_of(APP_ID, 150, 1).ends_with("ZDZD"));
        assert!(fake_token_of(APP_ID, 152, 1).ends_with("ZDZD"));
        assert!(!fake_token_of(APP_ID, 151, 1).ends_with("ZD"));
    }

    #[test]
    fn every_token_has_all_escapes_a_usual_length_and_its_own_bytes() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            for app_id in [APP_ID, LARGE_APP_ID] {
                let token = fake_token(app_id, seed);
                assert!(has_all_escapes(&token));
                assert!((180..=310).contains(&token.len()), "{}", token.len());
                assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
                assert_eq!(token, fake_token(app_id, seed));
                assert!(seen.insert(token));
            }
        }
    }

    #[test]
    fn whoever_decodes_one_reads_what_it_is() {
        let token = fake_token(APP_ID, 3);
        let base64 =
            token[1..].replace("ZD", "=").replace("ZC", "/").replace("ZB", "+").replace("ZA", "Z");
        let bytes = STANDARD.decode(base64).unwrap();
        assert_eq!(bytes[..8], APP_ID.to_be_bytes());
        assert_eq!(&bytes[8..23], MARK);
    }
}
