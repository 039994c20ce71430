//! Masking: no piece of a planted secret survives, wherever it stands.
//!
//! Two promises: [`redact`](redact()) masks whole tokens by their shape alone, and [`LiveSecrets`]
//! masks every piece of what it was told, raw, percent-encoded or JSON-escaped.

use arbitrary::{Result, Unstructured};
use holdfast_model::redact::{LiveSecrets, MASK, redact, redact_and_cut};
use holdfast_testkit::{APP_ID, Seeded, fake_app_secret, fake_app_token, fake_token};

use crate::secrets::{PIECE, assert_no_piece};

/// What platforms and clients write before a secret.
const BEFORE: [&str; 12] = [
    "access_token=",
    "Malformed access token ",
    "\"access_token\":\"",
    "Bearer ",
    "EA",
    "x",
    "_",
    "?input_token=",
    "client_secret=",
    "123456789",
    "\u{e9}",
    "eyJ",
];

pub fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let mut source = Unstructured::new(rest);
    let _ = match kind % 3 {
        0 => any_text(&mut source),
        1 => planted_token(&mut source),
        _ => live_secret(&mut source),
    };
}

/// Masking is for any text, and what is cut is cut after it was masked.
fn any_text(source: &mut Unstructured<'_>) -> Result<()> {
    let text = text(source, 400)?;
    let masked = redact(&text);
    let cut = redact_and_cut(&text, 60);
    assert!(cut.chars().count() <= 61);
    assert!(
        masked.starts_with(cut.trim_end_matches('…')),
        "{cut:?} is not the start of {masked:?}"
    );
    // Nothing is taken out of a text: what is not masked stays, in order.
    let mut rest = text.as_str();
    for kept in masked.split(MASK).filter(|_| !text.contains(MASK)) {
        let at = rest.find(kept).expect("what is not masked was there before");
        rest = &rest[at + kept.len()..];
    }
    Ok(())
}

/// A whole token is masked by its shape, whatever is around it.
fn planted_token(source: &mut Unstructured<'_>) -> Result<()> {
    let seed = u64::from(source.arbitrary::<u8>()?);
    let (token, secret) = match source.int_in_range(0..=3)? {
        0 => (fake_token(APP_ID, seed), fake_token(APP_ID, seed)),
        1 => (fake_app_token(APP_ID, seed), fake_app_secret(seed)),
        2 => (fake_app_token(APP_ID, seed).replace('|', "%7C"), fake_app_secret(seed)),
        _ => {
            let jwt = format!("eyJ{}.eyJ{}.{}", word(seed), word(seed + 1), word(seed + 2));
            (jwt.clone(), jwt)
        }
    };
    let mut before = text(source, 60)?;
    // A JWT is told from other words by where it begins.
    if source.arbitrary()? && !token.starts_with("eyJ") {
        before.push_str(source.choose(&BEFORE)?);
    } else if token.starts_with("eyJ") {
        before.push(' ');
    }
    let after = text(source, 60)?;
    let shown = redact(&format!("{before}{token}{after}")).into_owned();
    let around = format!("{before}\n{after}");
    assert_no_piece_but(&secret, &shown, &around);
    Ok(())
}

/// What the text around it has by itself does not count.
fn assert_no_piece_but(secret: &str, shown: &str, around: &str) {
    if !secret.as_bytes().windows(PIECE).any(|piece| contains(around.as_bytes(), piece)) {
        assert_no_piece(secret, shown, "redact");
    }
}

fn contains(text: &[u8], piece: &[u8]) -> bool {
    text.windows(piece.len()).any(|window| window == piece)
}

fn word(seed: u64) -> String {
    Seeded::new(seed).hex(40)
}

/// Any piece of a known secret is masked, in any of the forms in which it travels.
fn live_secret(source: &mut Unstructured<'_>) -> Result<()> {
    let mut live = LiveSecrets::default();
    let mut secrets = Vec::new();
    for _ in 0..source.int_in_range(1..=3)? {
        let secret = secret(source)?;
        live.add(&secret);
        secrets.push(secret);
    }
    let mut shown = text(source, 40)?;
    for _ in 0..source.int_in_range(1..=3)? {
        let secret = source.choose(&secrets)?.clone();
        let form = match source.int_in_range(0..=2)? {
            0 => secret,
            1 => percent_encoded(&secret),
            _ => json_escaped(&secret),
        };
        let from = source.int_in_range(0..=form.len())?;
        let to = source.int_in_range(from..=form.len())?;
        shown.push_str(&String::from_utf8_lossy(&form.as_bytes()[from..to]));
        shown.push_str(&text(source, 20)?);
    }
    let masked = live.redact(&shown);
    for secret in &secrets {
        for form in [secret.clone(), percent_encoded(secret), json_escaped(secret)] {
            assert_no_piece(&form, &masked, "LiveSecrets");
        }
        assert!(secret.len() >= PIECE || secret.len() < 4 || !masked.contains(secret.as_str()));
    }
    assert!(format!("{live:?}").len() < 20, "Debug shows nothing but a number");
    Ok(())
}

/// At least four bytes of what secrets may be made of. No square brackets: the mask has them, and
/// a secret that is a piece of the mask cannot be told from it.
fn secret(source: &mut Unstructured<'_>) -> Result<String> {
    const ALPHABET: &[u8] = b"ABCXYZ0189+/=|\"\\%&.~_- \xa0\xa1\xa2";
    let length = source.int_in_range(4..=60)?;
    let bytes = source.bytes(length)?;
    let characters =
        bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    Ok(characters.collect())
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn text(source: &mut Unstructured<'_>, most: usize) -> Result<String> {
    let length = source.int_in_range(0..=most)?;
    let length = length.min(source.len());
    Ok(String::from_utf8_lossy(source.bytes(length)?).into_owned())
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for n in 0..16_u8 {
        for kind in 0..3 {
            seeds.push([vec![kind], Seeded::new(u64::from(n)).bytes(120)].concat());
        }
    }
    let texts = [
        "Malformed access token abc.def at https://x/y?access_token=abc&b=2",
        "{\"access_token\": \"abc\", \"code\":190}",
        "Session key 1-abc.def is malformed; authorization: Bearer hunter2",
    ];
    seeds.extend(texts.map(|text| [&[0, 200, 0], text.as_bytes()].concat()));
    seeds
}
