//! What the doctor says of damaged tokens without asking anyone.

use holdfast_credentials::doctor::{Conclusion, Diagnosis, Evidence, History, examine};
use holdfast_credentials::lint;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixSeconds;
use holdfast_testkit::{APP_ID, SNAP_PRODUCTION, fake_snap_token, fake_token};
use proptest::prelude::*;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn offline(platform: PlatformId, text: &str) -> Diagnosis {
    examine(&Evidence {
        platform,
        source: "A test.".to_owned(),
        credential: None,
        lint: lint(text, platform, None, NOW),
        configured_app: None,
        has_app_secret: false,
        history: History::None,
        known: None,
        clock_ahead_s: None,
        asked: Vec::new(),
        holds: Vec::new(),
        now: NOW,
        is_offline: true,
    })
}

/// One character of it changed, cut, wrapped or turned into the other case.
fn damaged(token: &str, how: u8, at: usize, character: char) -> String {
    let at = at % token.len();
    let mut text: Vec<char> = token.chars().collect();
    match how {
        0 => text[at] = character,
        1 => drop(text.remove(at)),
        2 => text.insert(at, character),
        3 => text.truncate(at),
        4 => drop(text.drain(..at)),
        5 => text.insert(at, '\n'),
        _ => {
            text[at] = match text[at] {
                c if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
                c => c.to_ascii_lowercase(),
            }
        }
    }
    text.into_iter().collect()
}

fn all_that_is_said(diagnosis: &Diagnosis) -> String {
    serde_json::to_string(diagnosis).unwrap()
}

proptest! {
    #[test]
    fn damage_is_never_called_expiry_and_no_piece_of_the_token_is_shown(
        seed in 0_u64..300, how in 0_u8..7, at in 0_usize..400, character in "[ -~]",
        is_snap in any::<bool>(),
    ) {
        let (platform, token) = match is_snap {
            true => (PlatformId::Snap, fake_snap_token(SNAP_PRODUCTION, 1_700_000_000, seed)),
            false => (PlatformId::Meta, fake_token(APP_ID, seed)),
        };
        let text = damaged(&token, how, at, character.chars().next().unwrap_or('x'));
        let diagnosis = offline(platform, &text);
        let said = all_that_is_said(&diagnosis);
        prop_assert!(!said.contains("expired"), "{said}");
        prop_assert!(!said.contains("intact"), "{said}");
        for whole in [token.as_bytes(), text.as_bytes()] {
            for window in whole.windows(20) {
                let window = std::str::from_utf8(window).unwrap_or("\u{0}");
                prop_assert!(!said.contains(window), "a piece of the token: {said}");
            }
        }
        prop_assert!(!matches!(diagnosis.conclusion, Conclusion::Works), "nobody was asked");
    }
}

#[test]
fn a_whole_token_is_not_called_good_without_an_answer() {
    for (platform, token) in [
        (PlatformId::Meta, fake_token(APP_ID, 1)),
        (PlatformId::Snap, fake_snap_token(SNAP_PRODUCTION, 1_700_000_000, 1)),
    ] {
        let diagnosis = offline(platform, &token);
        assert_eq!(diagnosis.conclusion, Conclusion::Unproved);
        assert!(diagnosis.hypotheses.is_empty());
        assert!(diagnosis.next_action.contains("without --offline"), "{}", diagnosis.next_action);
        assert!(!all_that_is_said(&diagnosis).contains("{credential}"));
    }
}
