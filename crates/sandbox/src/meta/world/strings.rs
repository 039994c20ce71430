//! Made-up strings of the recorded shapes (`tokens.md §3`), and the accidents that happen to
//! them. All are made at run time from the seed and belong to nobody; who decodes one of Graph's
//! reads in it what it is.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::random::Random;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const URL_SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const MARK: &[u8] = b"FAKE-TEST-TOKEN";

/// Noise gives these tokens the lengths that were observed.
const LEAST_NOISE: usize = 110;
const NOISE_RANGE: u64 = 81;

/// `EA…`: the app's id, the mark and noise, with all four escapes in it.
pub fn graph_token(app: u64, random: &mut Random) -> String {
    loop {
        let noise = LEAST_NOISE + usize::try_from(random.below(NOISE_RANGE)).unwrap_or(0);
        let bytes = [&app.to_be_bytes(), MARK, &random.bytes(noise)].concat();
        let token = format!("E{}", escape(&BASE64_STANDARD.encode(bytes)));
        if ["ZA", "ZB", "ZC", "ZD"].iter().all(|escape| token.contains(escape)) {
            return token;
        }
    }
}

/// `IGAA…`
pub fn instagram_token(random: &mut Random) -> String {
    format!("IGAA{}", random.text(LETTERS, 160))
}

/// A code from the login dialog.
pub fn code(random: &mut Random) -> String {
    format!("AQ{}", random.text(URL_SAFE, 200))
}

/// 32 hexadecimal digits.
pub fn app_secret(random: &mut Random) -> String {
    random.hex(32)
}

/// What follows `APPID|` in an app token that was issued.
pub fn issued_right_half(random: &mut Random) -> String {
    random.text(URL_SAFE, 27)
}

/// How these tokens write base64: only letters and digits.
fn escape(base64: &str) -> String {
    base64.replace('Z', "ZA").replace('+', "ZB").replace('/', "ZC").replace('=', "ZD")
}

/// What happens to a token on its way from one field to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// The last seven characters are missing.
    CutTail,
    /// The first seven characters are missing.
    CutHead,
    /// One letter changed its case.
    CaseFlip,
    /// A space in the middle, as a line break leaves one.
    InnerSpace,
    /// Pasted twice.
    Doubled,
    Quoted,
    /// `Bearer ` was copied with it.
    WithBearer,
    /// The middle is hidden, as dashboards show it.
    Masked,
}

/// Short enough that what is left still looks like a token.
const CUT: usize = 7;

impl Damage {
    /// Tokens are ASCII; anything else is returned as it is.
    pub fn apply(self, token: &str, random: &mut Random) -> String {
        if !token.is_ascii() || token.len() < 4 * CUT {
            return token.to_owned();
        }
        let middle = token.len() / 2;
        match self {
            Self::CutTail => token[..token.len() - CUT].to_owned(),
            Self::CutHead => token[CUT..].to_owned(),
            Self::CaseFlip => flip_case(token, random),
            Self::InnerSpace => format!("{} {}", &token[..middle], &token[middle..]),
            Self::Doubled => token.repeat(2),
            Self::Quoted => format!("\"{token}\""),
            Self::WithBearer => format!("Bearer {token}"),
            Self::Masked => {
                format!("{}{}{}", &token[..6], "*".repeat(12), &token[token.len() - 4..])
            }
        }
    }
}

/// Changes the case of one letter that no escape is made of, so that the offline check of the
/// structure does not see it.
fn flip_case(token: &str, random: &mut Random) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let is_plain = |at: usize| {
        let byte = bytes[at];
        byte.is_ascii_alphabetic() && !matches!(byte, b'Z' | b'z') && bytes[at - 1] != b'Z'
    };
    let candidates: Vec<usize> =
        (bytes.len() / 2..bytes.len() - 4).filter(|at| is_plain(*at)).collect();
    let picked = random.below(candidates.len() as u64);
    if let Some(at) = usize::try_from(picked).ok().and_then(|picked| candidates.get(picked)) {
        bytes[*at] ^= 0x20;
    }
    bytes.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random() -> Random {
        Random::stream(7, "strings")
    }

    #[test]
    fn heads_tell_the_app() {
        for (app, head) in
            [(100_000_000_000_001, "EAABa8xB6QA"), (24_000_000_000_000_001, "EAFVD33KcAA")]
        {
            let token = graph_token(app, &mut random());
            assert!(
                token.starts_with(head) && (174..=320).contains(&token.len()),
                "{}",
                token.len()
            );
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn shapes_are_those_of_their_kinds() {
        let is = |text: &str, length: usize| text.len() == length;
        assert!(is(&app_secret(&mut random()), 32));
        assert!(is(&issued_right_half(&mut random()), 27));
        assert!(code(&mut random()).starts_with("AQ"));
        assert!(instagram_token(&mut random()).starts_with("IGAA"));
    }

    #[test]
    fn damage_changes_the_string_and_nothing_else() {
        let token = graph_token(100_000_000_000_001, &mut random());
        for (damage, length) in [
            (Damage::CutTail, token.len() - CUT),
            (Damage::CutHead, token.len() - CUT),
            (Damage::CaseFlip, token.len()),
            (Damage::InnerSpace, token.len() + 1),
            (Damage::Doubled, token.len() * 2),
            (Damage::Quoted, token.len() + 2),
            (Damage::WithBearer, token.len() + 7),
            (Damage::Masked, 22),
        ] {
            let damaged = damage.apply(&token, &mut random());
            assert_ne!(damaged, token, "{damage:?}");
            assert_eq!(damaged.len(), length, "{damage:?}");
        }
        assert!(Damage::CaseFlip.apply(&token, &mut random()).eq_ignore_ascii_case(&token));
    }
}
