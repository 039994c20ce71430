//! What happens to tokens on their way through mail, chat, shells and spreadsheets.

use crate::seeded::Seeded;

/// One kind of damage. All of them can be done to any text of at least [`MIN_LEN`] characters of
/// ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// So many characters are missing at the end.
    CutTail(usize),
    /// So many characters are missing at the start.
    CutHead(usize),
    /// One letter is in the other case. Chosen so that the escapes stay whole: the token's
    /// structure is flawless and only the platform can tell.
    CaseFlip,
    /// A blank in the middle.
    InnerSpace,
    /// A line break in the middle, as mail programs wrap.
    InnerNewline,
    /// A zero-width space in the middle, as chat programs and web pages put in.
    ZeroWidth,
    /// The text twice, without anything between.
    GluedTwice,
    /// In double quotes, as copied from JSON or a shell script.
    Quoted,
    /// With `Bearer ` before it, as copied from a header.
    Bearer,
    /// Percent-encoded. A text without anything to encode gets its first character encoded.
    PercentEncoded,
    /// The middle replaced by an ellipsis, as a console shows it.
    MaskedMiddle,
}

/// Shortest text that every damage can be done to.
pub const MIN_LEN: usize = 64;

impl Damage {
    /// One of each kind, with cuts of different lengths.
    pub const ALL: [Damage; 13] = [
        Damage::CutTail(1),
        Damage::CutTail(7),
        Damage::CutHead(1),
        Damage::CutHead(7),
        Damage::CaseFlip,
        Damage::InnerSpace,
        Damage::InnerNewline,
        Damage::ZeroWidth,
        Damage::GluedTwice,
        Damage::Quoted,
        Damage::Bearer,
        Damage::PercentEncoded,
        Damage::MaskedMiddle,
    ];

    /// The damaged text, always different from the given one.
    ///
    /// # Panics
    /// If the text is not ASCII, shorter than [`MIN_LEN`], or no longer than what is to be cut.
    pub fn apply(self, text: &str, seed: u64) -> String {
        assert!(text.is_ascii() && text.len() >= MIN_LEN, "not something shaped like a token");
        let seeded = &mut Seeded::new(seed);
        match self {
            Damage::CutTail(count) => text[..text.len() - count].to_owned(),
            Damage::CutHead(count) => text[count..].to_owned(),
            Damage::CaseFlip => flip_case(text, seeded),
            Damage::InnerSpace => insert(text, " ", seeded),
            Damage::InnerNewline => insert(text, "\n", seeded),
            Damage::ZeroWidth => insert(text, "\u{200b}", seeded),
            Damage::GluedTwice => text.repeat(2),
            Damage::Quoted => format!("\"{text}\""),
            Damage::Bearer => format!("Bearer {text}"),
            Damage::PercentEncoded => percent_encode(text),
            Damage::MaskedMiddle => format!("{}…{}", &text[..12], &text[text.len() - 4..]),
        }
    }
}

/// Flips one letter that is not `Z` in either case and does not follow a `Z`. The first eleven
/// characters are left alone, because they tell the app.
fn flip_case(text: &str, seeded: &mut Seeded) -> String {
    let bytes = text.as_bytes();
    let candidates: Vec<usize> = (11..bytes.len())
        .filter(|&at| bytes[at].is_ascii_alphabetic())
        .filter(|&at| !bytes[at].eq_ignore_ascii_case(&b'z') && bytes[at - 1] != b'Z')
        .collect();
    assert!(!candidates.is_empty(), "there is no letter to flip");
    let at = *seeded.pick(&candidates);
    let flipped = char::from(bytes[at] ^ 0x20);
    format!("{}{flipped}{}", &text[..at], &text[at + 1..])
}

fn insert(text: &str, what: &str, seeded: &mut Seeded) -> String {
    let at = text.len() / 4 + seeded.below(text.len() / 2);
    format!("{}{what}{}", &text[..at], &text[at..])
}

fn percent_encode(text: &str) -> String {
    let encode = |byte: u8| format!("%{byte:02X}");
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return format!("{}{}", encode(text.as_bytes()[0]), &text[1..]);
    }
    let one = |byte: u8| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { encode(byte) }
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{APP_ID, LARGE_APP_ID, fake_app_token, fake_token};

    #[test]
    fn every_damage_changes_every_token() {
        for seed in 0..50 {
            for token in [fake_token(APP_ID, seed), fake_token(LARGE_APP_ID, seed)] {
                for damage in Damage::ALL {
                    assert_ne!(damage.apply(&token, seed), token, "{damage:?} seed {seed}");
                }
            }
        }
    }

    #[test]
    fn a_case_flip_leaves_length_escapes_and_app_alone() {
        let escapes = |text: &str| text.match_indices('Z').map(|(at, _)| at).collect::<Vec<_>>();
        for seed in 0..50 {
            let token = fake_token(APP_ID, seed);
            let flipped = Damage::CaseFlip.apply(&token, seed);
            assert!(flipped.eq_ignore_ascii_case(&token));
            assert_eq!(escapes(&flipped), escapes(&token));
            assert_eq!(flipped[..11], token[..11]);
        }
    }

    #[test]
    fn percent_encoding_reaches_the_bar_of_an_app_token() {
        let padded = format!("{}{}", fake_app_token(APP_ID, 1), "0".repeat(MIN_LEN));
        assert!(Damage::PercentEncoded.apply(&padded, 1).contains("%7C"));
        assert!(Damage::PercentEncoded.apply(&fake_token(APP_ID, 1), 1).starts_with("%45AA"));
    }
}
