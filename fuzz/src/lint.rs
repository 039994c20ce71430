//! Token lint: whatever is pasted, it never claims to see an expiry, never repeats the token, and
//! what it would store can be sent.
//!
//! The first byte chooses the platform, the second where the text comes from: the fuzzer's bytes
//! as they are, or a token of the testkit that they damage.

use arbitrary::{Result, Unstructured};
use holdfast_credentials::lint;
use holdfast_model::id::AppId;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixSeconds;
use holdfast_testkit::{APP_ID, Damage, LARGE_APP_ID, fake_app_token, fake_token};

use crate::secrets::assert_no_piece;

const PLATFORMS: [PlatformId; 3] = [PlatformId::Meta, PlatformId::Snap, PlatformId::Whatsapp];

/// What people paste around a token.
const AROUND: [&str; 16] = [
    "\"",
    "'",
    "`",
    "\u{201c}",
    "\u{201d}",
    "Bearer ",
    "bearer ",
    "access_token=",
    "Authorization: ",
    "OAuth ",
    "\u{feff}",
    "\u{200b}",
    " ",
    "\n",
    "#_",
    "%7C",
];

pub fn check(data: &[u8]) {
    let [platform, source, rest @ ..] = data else { return };
    let text = if source & 1 == 0 {
        String::from_utf8_lossy(rest).into_owned()
    } else {
        damaged(&mut Unstructured::new(rest)).unwrap_or_default()
    };
    let platform = PLATFORMS[usize::from(*platform) % PLATFORMS.len()];
    let app = (source & 2 != 0).then(|| AppId::new(APP_ID.to_string()).expect("digits"));
    examine(&text, platform, app.as_ref());
}

fn examine(text: &str, platform: PlatformId, app: Option<&AppId>) {
    let found = lint(text, platform, app, UnixSeconds(1_800_000_000));
    let said = found.describe().join("\n");
    let shown = format!("{said}\n{found:?}\n{}\n{}", found.head(), found.tail());
    assert!(!said.to_lowercase().contains("expired"), "{said}");
    assert!(!said.to_lowercase().contains("intact"), "{said}");
    for word in text.split_whitespace().chain(found.token().expose().split_whitespace()) {
        assert_no_piece(word, &shown, "the report");
    }
    assert!(found.head().chars().count() <= 6 && found.tail().chars().count() <= 4);
    let token = found.token().expose();
    if token.len() < 60 {
        assert_eq!((found.head().as_str(), found.tail().as_str()), ("…", "…"));
    }
    assert!(!said.is_empty() || found.is_storable(), "a refusal says why");
    if found.is_storable() {
        storable(token, platform, app);
    }
}

/// What would be stored can be sent in a header, and is not stored with its wrapping.
fn storable(token: &str, platform: PlatformId, app: Option<&AppId>) {
    assert!(!token.is_empty());
    assert!(token.bytes().all(|b| b.is_ascii_graphic()), "{token:?} cannot be sent");
    let again = lint(token, platform, app, UnixSeconds(1_800_000_000));
    assert_eq!(again.token().expose(), token, "something was left to take off");
    assert!(again.is_storable());
    let is_app_token = token.split_once('|').is_some_and(|(id, secret)| {
        (9..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()) && !secret.is_empty()
    });
    let is_graph = platform != PlatformId::Snap;
    assert!(!(is_graph && is_app_token), "an app token would be stored");
}

fn damaged(source: &mut Unstructured<'_>) -> Result<String> {
    let seed = u64::from(source.arbitrary::<u8>()?);
    let mut text = match source.int_in_range(0..=2)? {
        0 => fake_token(APP_ID, seed),
        1 => fake_token(LARGE_APP_ID, seed),
        _ => fake_app_token(APP_ID, seed),
    };
    for _ in 0..source.int_in_range(0..=3)? {
        text = match source.int_in_range(0..=4)? {
            0 if text.is_ascii() && text.len() >= holdfast_testkit::damage::MIN_LEN => {
                source.choose(&Damage::ALL)?.apply(&text, seed)
            }
            1 => format!("{}{text}", source.choose(&AROUND)?),
            2 => format!("{text}{}", source.choose(&AROUND)?),
            3 => insert(&text, source)?,
            _ => remove(&text, source)?,
        };
    }
    Ok(text)
}

fn insert(text: &str, source: &mut Unstructured<'_>) -> Result<String> {
    let at = place(text, source)?;
    let length = source.int_in_range(0..=6)?;
    let inserted = String::from_utf8_lossy(source.bytes(length)?).into_owned();
    Ok(format!("{}{inserted}{}", &text[..at], &text[at..]))
}

fn remove(text: &str, source: &mut Unstructured<'_>) -> Result<String> {
    let (a, b) = (place(text, source)?, place(text, source)?);
    Ok(format!("{}{}", &text[..a.min(b)], &text[a.max(b)..]))
}

fn place(text: &str, source: &mut Unstructured<'_>) -> Result<usize> {
    let at = source.int_in_range(0..=text.len())?;
    Ok((0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0))
}

pub fn seeds() -> Vec<Vec<u8>> {
    let plain = [
        "",
        "undefined",
        "{{token}}",
        "$TOKEN",
        "EAAB…xyz",
        "0123456789",
        "Bearer abc",
        "ya29.x",
        "AQB#_",
        "123456789|x",
        "eyJ.a.b",
        "\"access_token=abc\"",
    ];
    let mut seeds: Vec<Vec<u8>> =
        plain.iter().map(|text| [&[0, 0], text.as_bytes()].concat()).collect();
    for seed in 0..12_u8 {
        seeds.push([0, 3, seed, 0, seed % 4, seed % 5, seed, 3, 1, 4, 1, 5, 9, 2, 6].to_vec());
        seeds.push(
            [seed % 3, 0].iter().copied().chain(fake_token(APP_ID, seed.into()).bytes()).collect(),
        );
    }
    seeds
}
