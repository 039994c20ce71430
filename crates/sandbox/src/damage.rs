//! The accidents that happen to a token on its way from one field to another: the same for every
//! platform.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// One accident.
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

    #[test]
    fn damage_changes_the_string_and_nothing_else() {
        let mut random = Random::stream(7, "strings");
        let token = random.text(b"abcdefghijkXYZ0123456789", 200);
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
            let damaged = damage.apply(&token, &mut random);
            assert_ne!(damaged, token, "{damage:?}");
            assert_eq!(damaged.len(), length, "{damage:?}");
        }
        assert!(Damage::CaseFlip.apply(&token, &mut random).eq_ignore_ascii_case(&token));
    }
}
