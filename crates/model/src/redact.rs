//! Masking secrets in text that is about to be logged, stored or shown.
//!
//! [`redact`] masks what looks like a secret; [`LiveSecrets`] masks what is one. Platforms echo
//! tokens in error messages, clients put URLs into theirs, so both run over answers as well as
//! over our own words. Masking too much is a nuisance; masking too little is a leak: where in
//! doubt, this masks.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use zeroize::Zeroizing;

/// What stands where a secret stood.
pub const MASK: &str = "[redacted]";

/// Query, form and JSON keys whose values are secret. `code` is an OAuth code there; as a JSON
/// number it is an error code and stays.
const SECRET_KEYS: [&str; 8] = [
    "client_secret",
    "fb_exchange_token",
    "access_token",
    "input_token",
    "revoke_token",
    "appsecret_proof",
    "accesskey",
    "code",
];

/// Shortest run after `EA` that is masked. Whole tokens are above 90; a cut one is still worth
/// hiding, and no word of a message is this long.
const MIN_EA_TAIL: usize = 38;

/// How OAuth tokens of Snap's begin. No word does, so it counts anywhere and early.
const SNAP_OAUTH_PREFIX: &[u8] = b"hCgwKCj";

/// Words after which the rest of the word or the next one is an echoed secret.
const ECHO_MARKS: [&str; 3] = ["malformed access token ", "session key ", "bearer "];

/// Words that follow a mark in ordinary sentences.
const NOT_ECHOED: [&str; 7] = ["invalid", "is", "malformed", "has", "expired", "does", "token"];

/// Masks everything in `text` that has the shape of a secret.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut found = Vec::new();
    find_runs(text, &mut found);
    find_app_tokens(text, &mut found);
    find_keyed(text, &mut found);
    find_echoed(text, &mut found);
    if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(mask(text, found)) }
}

/// Masks what looks like a secret in a platform's message and cuts it to a length worth keeping.
pub fn redact_and_cut(text: &str, max_chars: usize) -> String {
    let clean = redact(text);
    match clean.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.into_owned(),
    }
}

/// The secrets that are really in use, for exact masking.
///
/// Pieces count too: any 20 characters of a secret are masked wherever they appear, raw,
/// percent-encoded or JSON-escaped.
#[derive(Default)]
pub struct LiveSecrets {
    forms: Vec<Zeroizing<String>>,
}

/// Shortest piece of a live secret that is masked.
pub const MIN_PIECE: usize = 20;

impl LiveSecrets {
    pub fn add(&mut self, secret: &str) {
        let quoted = serde_json::to_string(secret).unwrap_or_default();
        // Without the quotes around it, but with one that the secret itself ends with.
        let escaped = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        for form in [secret.to_owned(), percent_encoded(secret), escaped.to_owned()] {
            if form.len() >= 4 && !self.forms.iter().any(|known| **known == form) {
                self.forms.push(Zeroizing::new(form));
            }
        }
    }

    /// Masks every live secret and then everything that looks like one.
    pub fn redact(&self, text: &str) -> String {
        match self.mask(text) {
            Some(masked) => redact(&masked).into_owned(),
            None => redact(text).into_owned(),
        }
    }

    /// Masks every live secret and nothing else, so that text which is still to be parsed stays
    /// what it is. `None` if there is none.
    pub fn mask(&self, text: &str) -> Option<String> {
        let mut found = Vec::new();
        for form in &self.forms {
            find_pieces(text, form, &mut found);
        }
        (!found.is_empty()).then(|| mask(text, found))
    }
}

impl std::fmt::Debug for LiveSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LiveSecrets({})", self.forms.len())
    }
}

/// Every place where at least [`MIN_PIECE`] bytes (or all, if shorter) of `secret` appear.
fn find_pieces(text: &str, secret: &str, found: &mut Vec<Range<usize>>) {
    let (text, secret) = (text.as_bytes(), secret.as_bytes());
    let piece = MIN_PIECE.min(secret.len());
    if text.len() < piece {
        return;
    }
    let pieces: HashSet<&[u8]> = secret.windows(piece).collect();
    for (start, window) in text.windows(piece).enumerate() {
        if pieces.contains(window) {
            found.push(start..start + piece);
        }
    }
}

/// Runs of characters that only secrets are made of.
fn find_runs(text: &str, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let starts_word = at == 0 || !is_token_byte(bytes[at - 1]);
        let rest = &bytes[at..];
        let length = if rest.starts_with(b"EA") {
            // Anywhere, not only at a word's start: two tokens may be glued together.
            run(rest, |b| b.is_ascii_alphanumeric()).filter(|n| *n >= MIN_EA_TAIL + 2)
        } else if rest.starts_with(SNAP_OAUTH_PREFIX) {
            run(rest, is_token_byte).filter(|n| *n >= MIN_PIECE)
        } else if !starts_word {
            None
        } else if rest.starts_with(b"IGQ") || rest.starts_with(b"IGAA") {
            run(rest, |b| !b.is_ascii_whitespace() && b != b'"').filter(|n| *n >= 50)
        } else if rest.starts_with(b"eyJ") {
            run(rest, |b| is_token_byte(b) || b == b'.').filter(|n| *n >= 40)
        } else {
            None
        };
        match length {
            Some(length) => {
                found.push(at..at + length);
                at += length;
            }
            None => at += 1,
        }
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> Option<usize> {
    Some(bytes.iter().take_while(|b| belongs(**b)).count())
}

/// `APPID|SECRET`, the bar perhaps percent-encoded. Found by the bar, because anything may stand
/// right before the id, another secret included.
fn find_app_tokens(text: &str, found: &mut Vec<Range<usize>>) {
    const MIN_ID_DIGITS: usize = 9;
    const MIN_SECRET: usize = 20;
    let bars = text.match_indices('|').chain(text.match_indices("%7C"));
    for (at, bar) in bars.chain(text.match_indices("%7c")) {
        let (id, secret) = (&text.as_bytes()[..at], &text.as_bytes()[at + bar.len()..]);
        let id = id.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let secret = secret.iter().take_while(|b| is_token_byte(**b)).count();
        if id >= MIN_ID_DIGITS && secret >= MIN_SECRET {
            found.push(at - id..at + bar.len() + secret);
        }
    }
}

/// Values of secret keys: `key=value` and `"key":"value"`.
fn find_keyed(text: &str, found: &mut Vec<Range<usize>>) {
    let lower = text.to_ascii_lowercase();
    for key in SECRET_KEYS {
        for (start, _) in lower.match_indices(key) {
            let before = lower.as_bytes()[..start].last();
            if before.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
                continue;
            }
            if let Some(value) = value_after(text, start + key.len()) {
                found.push(value);
            }
        }
    }
}

/// The range of the value after a key that ends at `end`, if there is one.
fn value_after(text: &str, end: usize) -> Option<Range<usize>> {
    let rest = &text[end..];
    if let Some(value) = rest.strip_prefix('=') {
        let length = value
            .find(|c: char| {
                c.is_whitespace() || matches!(c, '&' | '"' | '\'' | '<' | '>' | ')' | ',')
            })
            .unwrap_or(value.len());
        return (length > 0).then_some(end + 1..end + 1 + length);
    }
    // JSON, perhaps escaped inside another string: "key" : "value", \"key\":\"value\"
    let trimmed = rest.trim_start_matches(['\\', '"']);
    if trimmed.len() == rest.len() {
        return None;
    }
    let trimmed = trimmed.trim_start().strip_prefix(':')?.trim_start();
    let quoted = trimmed.trim_start_matches('\\').strip_prefix('"')?;
    let start = text.len() - quoted.len();
    let length = quoted.find('"').unwrap_or(quoted.len());
    (length > 0).then_some(start..start + length)
}

/// Words that follow a mark such as `Malformed access token `.
fn find_echoed(text: &str, found: &mut Vec<Range<usize>>) {
    let lower = text.to_ascii_lowercase();
    for mark in ECHO_MARKS {
        for (at, _) in lower.match_indices(mark) {
            let start = at + mark.len();
            let word = &text[start..];
            let length = word.find(char::is_whitespace).unwrap_or(word.len());
            let bare = word[..length].trim_end_matches(['.', ',', ';', ':']).to_ascii_lowercase();
            if length > 0 && !NOT_ECHOED.contains(&bare.as_str()) && bare != MASK {
                found.push(start..start + length);
            }
        }
    }
}

/// Replaces the ranges, overlapping ones together, by [`MASK`].
fn mask(text: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_by_key(|range| range.start);
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    let mut ranges = found.into_iter().peekable();
    while let Some(mut range) = ranges.next() {
        while let Some(next) = ranges.next_if(|next| next.start <= range.end) {
            range.end = range.end.max(next.end);
        }
        // A live secret may end inside a character of the text around it.
        while !text.is_char_boundary(range.start) {
            range.start -= 1;
        }
        while !text.is_char_boundary(range.end) {
            range.end += 1;
        }
        masked.push_str(&text[copied..range.start]);
        masked.push_str(MASK);
        copied = range.end;
    }
    masked.push_str(&text[copied..]);
    masked
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made at run time: no text of the shape of a token is in the repository.
    fn token(length: usize) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYabcdefghijklmnopqrstuvwxyz0123456789";
        let tail = (0..length).map(|i| char::from(alphabet[(i * 7 + i / 5) % alphabet.len()]));
        format!("EAAB{}", tail.collect::<String>())
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(redact(text), expected, "for {text:?}");
    }

    #[test]
    fn tokens_are_masked_wherever_they_stand() {
        let token = token(180);
        check(&format!("Malformed access token {token}"), "Malformed access token [redacted]");
        check(
            &format!("https://x/y?a=1&access_token={token}&b=2"),
            "https://x/y?a=1&access_token=[redacted]&b=2",
        );
        check(&format!("{token}{token}"), "[redacted]");
        check(&format!("x{}", &token[..60]), "x[redacted]");
        check(&format!("{{\"token\":\"{token}\"}}"), "{\"token\":\"[redacted]\"}");
    }

    #[test]
    fn a_live_secret_that_ends_with_a_quote_is_masked_to_its_end() {
        let mut live = LiveSecrets::default();
        let secret = format!("{}\"\"", "a1".repeat(20));
        live.add(&secret);
        let escaped = serde_json::to_string(&secret).unwrap();
        assert_eq!(live.redact(&escaped), "\"[redacted]\"");
    }

    #[test]
    fn tokens_of_snap_are_masked() {
        let oauth = format!("hCgwKCj{}", "x9_-".repeat(18));
        check(&format!("bad {oauth}."), "bad [redacted].");
        check(&format!("x{oauth}"), "x[redacted]");
        check("hCgwKCj alone is too short", "hCgwKCj alone is too short");
        let jwt = format!("eyJ{}.eyJ{}.{}", "hb".repeat(34), "cd".repeat(80), "e-".repeat(21));
        check(&format!("/v3/a/events?access_token={jwt}"), "/v3/a/events?access_token=[redacted]");
        check(&format!("token {jwt}, refused"), "token [redacted], refused");
    }

    #[test]
    fn keyed_values_are_masked_and_error_codes_are_not() {
        check("client_secret=abc&x=1", "client_secret=[redacted]&x=1");
        check("{\"access_token\": \"abc\"}", "{\"access_token\": \"[redacted]\"}");
        check("{\\\"access_token\\\":\\\"abc\\\"}", "{\\\"access_token\\\":\\\"[redacted]\"}");
        check("?code=AQB123", "?code=[redacted]");
        check(
            "{\"error\":{\"code\":190,\"error_subcode\":463}}",
            "{\"error\":{\"code\":190,\"error_subcode\":463}}",
        );
        check("error_code=5", "error_code=5");
    }

    #[test]
    fn app_tokens_sessions_and_headers_are_masked() {
        let secret = "0123456789abcdef".repeat(2);
        check(&format!("123456789012345|{secret} is"), "[redacted] is");
        check(&format!("123456789012345%7C{secret}"), "[redacted]");
        check(&format!("app123456789012345|{secret}"), "app[redacted]");
        check(&format!("token_123456789012345|{secret}"), "token_[redacted]");
        check(&format!("190123456789012345678901|{secret}"), "[redacted]");
        check(&format!("123456789012345|{secret}").repeat(2), "[redacted]");
        check("Session key 1-abc.def is malformed", "Session key [redacted] is malformed");
        check("authorization: Bearer hunter2hunter2", "authorization: Bearer [redacted]");
    }

    #[test]
    fn ordinary_messages_stay_as_they_are() {
        for text in [
            "The access token could not be decrypted",
            "(#100) Param $['data'][417] must be an array",
            "Object with ID '123456789012345' does not exist",
            "Invalid OAuth access token - Cannot parse access token",
            "session key is malformed",
            "Error validating access token: Session has expired on Monday",
        ] {
            check(text, text);
        }
    }

    proptest! {
        #[test]
        fn no_piece_of_a_live_secret_survives(
            before in "\\PC{0,20}", after in "\\PC{0,20}", cut in 0usize..100, keep in 20usize..80,
        ) {
            let token = token(180);
            let mut live = LiveSecrets::default();
            live.add(&token);
            let piece = &token[cut..cut + keep];
            let shown = live.redact(&format!("{before}{piece}{after}"));
            for window in token.as_bytes().windows(MIN_PIECE) {
                let window = std::str::from_utf8(window).unwrap();
                prop_assert!(!shown.contains(window));
            }
        }

        #[test]
        fn never_panics_and_masks_whole_tokens(text in "\\PC{0,80}", at in 0usize..80) {
            let token = token(120);
            let at = (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            let with = format!("{}{token}{}", &text[..at], &text[at..]);
            prop_assert!(!redact(&with).contains(&token[..60]));
        }
    }
}
