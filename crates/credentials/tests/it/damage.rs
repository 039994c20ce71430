//! Whatever happens to a token on its way, nobody who has not asked the platform calls it expired, or
//! intact, or valid. An edit in the middle of an opaque text cannot be seen, and an end cannot be
//! read in it.

use std::collections::HashSet;

use holdfast_credentials::doctor::{Conclusion, Confidence, Diagnosis};
use holdfast_credentials::lint;
use holdfast_model::platform::PlatformId;
use holdfast_testkit::{APP_ID, Damage, SNAP_PRODUCTION, fake_snap_token, fake_token};
use proptest::prelude::*;

use crate::doctor::{NOW, all_that_is_said, offline};

/// What may happen to a token, as far as one can think of it.
#[derive(Debug, Clone)]
enum Accident {
    Replaced {
        at: usize,
        by: char,
    },
    Removed {
        at: usize,
    },
    Inserted {
        at: usize,
        what: String,
    },
    CutTail {
        keep: usize,
    },
    CutHead {
        from: usize,
    },
    /// One letter in the other case.
    Flipped {
        at: usize,
    },
    /// All letters in one case.
    OneCase {
        upper: bool,
    },
    /// Line breaks, as mail programs make them.
    Wrapped {
        width: usize,
    },
    Glued {
        to: u64,
    },
    /// Something in front and behind: quotes, `Bearer `, blanks, backslashes.
    Around {
        before: &'static str,
        after: &'static str,
    },
    /// What stands in the middle is hidden.
    Masked {
        from: usize,
        length: usize,
        by: &'static str,
    },
    /// What tests elsewhere do to tokens.
    Known {
        damage: Damage,
        seed: u64,
    },
}

const AROUND: [(&str, &str); 9] = [
    ("\"", "\""),
    ("'", "'"),
    ("Bearer ", ""),
    ("bearer  ", " "),
    (" ", "\n"),
    ("\u{feff}", ""),
    ("access_token=", "&x=1"),
    ("<", ">"),
    ("\\\"", "\\\""),
];

const MASKS: [&str; 4] = ["…", "***", "...", "xxxxxx"];

fn accident() -> impl Strategy<Value = Accident> {
    let at = 0_usize..400;
    prop_oneof![
        (at.clone(), any::<char>()).prop_map(|(at, by)| Accident::Replaced { at, by }),
        at.clone().prop_map(|at| Accident::Removed { at }),
        (at.clone(), "[ -~\n\t\u{200b}\u{a0}]{1,3}")
            .prop_map(|(at, what)| Accident::Inserted { at, what }),
        at.clone().prop_map(|keep| Accident::CutTail { keep }),
        at.clone().prop_map(|from| Accident::CutHead { from }),
        at.clone().prop_map(|at| Accident::Flipped { at }),
        any::<bool>().prop_map(|upper| Accident::OneCase { upper }),
        (1_usize..120).prop_map(|width| Accident::Wrapped { width }),
        (0_u64..50).prop_map(|to| Accident::Glued { to }),
        prop::sample::select(&AROUND[..])
            .prop_map(|(before, after)| Accident::Around { before, after }),
        (at, 1_usize..200, prop::sample::select(&MASKS[..]))
            .prop_map(|(from, length, by)| Accident::Masked { from, length, by }),
        (prop::sample::select(&Damage::ALL[..]), 0_u64..50)
            .prop_map(|(damage, seed)| Accident::Known { damage, seed }),
    ]
}

impl Accident {
    fn happen_to(&self, token: &str) -> String {
        let mut text: Vec<char> = token.chars().collect();
        let length = text.len().max(1);
        let within = |at: &usize| at % length;
        match self {
            Self::Replaced { at, by } => text[within(at)] = *by,
            Self::Removed { at } => drop(text.remove(within(at))),
            Self::Inserted { at, what } => {
                let at = within(at);
                text.splice(at..at, what.chars());
            }
            Self::CutTail { keep } => text.truncate(within(keep)),
            Self::CutHead { from } => drop(text.drain(..within(from))),
            Self::Flipped { at } => {
                let at = within(at);
                text[at] = match text[at] {
                    c if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
                    c => c.to_ascii_lowercase(),
                };
            }
            Self::OneCase { upper: true } => return token.to_uppercase(),
            Self::OneCase { upper: false } => return token.to_lowercase(),
            Self::Wrapped { width } => {
                let lines = text.chunks(*width).map(|line| line.iter().collect::<String>());
                return lines.collect::<Vec<_>>().join("\n");
            }
            Self::Glued { to } => return format!("{token}{}", fake_token(APP_ID, *to)),
            Self::Around { before, after } => return format!("{before}{token}{after}"),
            Self::Masked { from, length: hidden, by } => {
                let from = within(from);
                let to = (from + hidden).min(text.len());
                text.splice(from..to, by.chars());
            }
            Self::Known { damage, seed } => return damage.apply(token, *seed),
        }
        text.into_iter().collect()
    }
}

/// A token that nothing has happened to, of any platform that has tokens of a form.
fn whole(platform: PlatformId, seed: u64) -> String {
    match platform {
        PlatformId::Snap => fake_snap_token(SNAP_PRODUCTION, 1_700_000_000, seed),
        PlatformId::Meta | PlatformId::Whatsapp => fake_token(APP_ID, seed),
    }
}

/// Words that only somebody who has asked may use of a token.
const NOT_TO_BE_SAID: [&str; 5] = ["expired", "has ended", "intact", "valid", "undamaged"];

/// Whether a text has one of these as a word of its own: `invalid` is another one.
fn word_in(said: &str) -> Option<&'static str> {
    let words: Vec<String> = said
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let all = words.join(" ");
    NOT_TO_BE_SAID.into_iter().find(|word| format!(" {all} ").contains(&format!(" {word} ")))
}

/// The first twenty bytes of the token that are in what was said.
fn piece_in(said: &str, token: &str) -> Option<String> {
    const PIECE: usize = 20;
    let said: HashSet<&[u8]> = said.as_bytes().windows(PIECE).collect();
    let found = token.as_bytes().windows(PIECE).find(|piece| said.contains(piece));
    found.map(|piece| String::from_utf8_lossy(piece).into_owned())
}

fn check(platform: PlatformId, token: &str, text: &str) -> Result<Diagnosis, TestCaseError> {
    let diagnosis = offline(platform, text);
    let linted = lint(text, platform, None, NOW);
    let said = format!("{} {}", all_that_is_said(&diagnosis), linted.describe().join(" "));
    prop_assert_eq!(word_in(&said), None, "{}", said);
    for whole in [token, text] {
        prop_assert_eq!(piece_in(&said, whole), None, "a piece of the token: {}", said);
    }
    prop_assert!(
        matches!(diagnosis.conclusion, Conclusion::Broken | Conclusion::Unproved),
        "nobody was asked: {:?}",
        diagnosis.conclusion
    );
    Ok(diagnosis)
}

proptest! {
    #[test]
    fn nobody_who_has_not_asked_knows_that_it_is_over(
        platform in prop::sample::select(&PlatformId::ALL[..]),
        seed in 0_u64..300,
        accidents in prop::collection::vec(accident(), 1..4),
    ) {
        let token = whole(platform, seed);
        let mut text = token.clone();
        for accident in &accidents {
            // Some of them need a text that something is left of.
            if text.is_ascii() && text.len() >= 64 || !matches!(accident, Accident::Known { .. }) {
                if text.is_empty() {
                    break;
                }
                text = accident.happen_to(&text);
            }
        }
        check(platform, &token, &text)?;
    }
}

/// Not a sample of them: every position of one token, in every one of these ways.
#[test]
fn every_single_character_of_a_token() {
    // A token for WhatsApp is one of Meta's.
    for platform in [PlatformId::Meta, PlatformId::Snap] {
        let token = whole(platform, 7);
        for at in 0..token.len() {
            for accident in [
                Accident::Removed { at },
                Accident::Flipped { at },
                Accident::CutTail { keep: at },
                Accident::CutHead { from: at },
                Accident::Replaced { at, by: '0' },
                Accident::Inserted { at, what: "\n".to_owned() },
            ] {
                let text = accident.happen_to(&token);
                if !text.is_empty() {
                    check(platform, &token, &text).unwrap_or_else(|e| panic!("{accident:?}: {e}"));
                }
            }
        }
    }
}

/// A digit of the time in a token of Snap's: far ahead it is damage, near it is a clock.
#[test]
fn a_time_that_cannot_be_meant_is_damage() {
    for (ahead, expected, confidence) in [
        (2 * 3_600, "token.starts_in_the_future", Confidence::Certain),
        (90 * 365 * 86_400, "token.altered_inside", Confidence::Likely),
    ] {
        let text = fake_snap_token(SNAP_PRODUCTION, NOW.0 + ahead, 3);
        let diagnosis = check(PlatformId::Snap, &text, &text).unwrap();
        let first = &diagnosis.hypotheses[0];
        assert_eq!((first.cause.as_str(), first.confidence), (expected, confidence), "{ahead}");
    }
}

/// The tests above could not fail if nothing were ever said.
#[test]
fn damage_that_shows_is_said() {
    for (platform, text, expected) in [
        (
            PlatformId::Meta,
            whole(PlatformId::Meta, 1).replacen("A", "A ", 1),
            "token.cut_or_altered",
        ),
        (PlatformId::Whatsapp, format!("{}…", whole(PlatformId::Meta, 1)), "token.cut_or_altered"),
        (PlatformId::Snap, whole(PlatformId::Snap, 1)[..200].to_owned(), "token.cut_or_altered"),
        (PlatformId::Snap, whole(PlatformId::Meta, 1), "token.is_something_else"),
    ] {
        let diagnosis = offline(platform, &text);
        assert_eq!(diagnosis.conclusion, Conclusion::Broken, "{platform} {expected}");
        assert_eq!(diagnosis.hypotheses[0].cause, expected, "{platform}");
    }
    assert_eq!(word_in("The token has Expired."), Some("expired"));
    assert_eq!(word_in("it is valid"), Some("valid"));
    assert_eq!(word_in("invalid, unexpired"), None);
}
