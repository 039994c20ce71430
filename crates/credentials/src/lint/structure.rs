//! The inner structure of `EA…` tokens, as far as it is known.
//!
//! `token = "E" + esc(base64(bytes))`, where `esc` writes `Z` as `ZA`, `+` as `ZB`, `/` as `ZC`
//! and `=` as `ZD`, and the first eight bytes are the app id, big-endian. Derived from observed
//! tokens up to the middle of the decade and not promised by Meta: findings are warnings.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Finding;

/// Fewest characters of a whole token. The shortest seen have 174; a cut one is usually still
/// longer than this, which only catches fragments.
const MIN_TOKEN: usize = 90;

/// Unescaped characters that the app id needs.
const APP_ID_CHARS: usize = 11;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StructureProblem {
    /// A `Z` that begins no escape. Offset in characters, from 0.
    BadEscape {
        offset: usize,
    },
    /// The last character begins an escape.
    Truncated,
    /// The length does not fit base64.
    LengthResidue,
    /// Padding in the middle.
    GluedOrAltered {
        offset: usize,
    },
    /// A character that is in no token.
    ForeignCharacter {
        offset: usize,
    },
    /// Base64 that no encoder makes.
    Altered,
    Short,
}

pub struct Structure {
    pub app_id: Option<u64>,
    pub problem: Option<StructureProblem>,
}

pub fn examine(token: &str) -> Structure {
    let (unescaped, escape_problem) = unescape(&token[1..]);
    let app_id = decode_app_id(&unescaped);
    let problem = escape_problem
        .or_else(|| base64_problem(&unescaped))
        .or_else(|| (token.len() < MIN_TOKEN).then_some(StructureProblem::Short));
    Structure { app_id, problem }
}

impl Structure {
    pub fn findings(&self) -> Vec<Finding> {
        let finding = match &self.problem {
            None => {
                Finding::note("The form is that of a Graph API token; no structural damage found.")
            }
            Some(StructureProblem::Short) => {
                Finding::warn("This begins like a token but is far too short for one: it was cut.")
            }
            Some(StructureProblem::Truncated | StructureProblem::LengthResidue) => Finding::warn(
                "The token looks cut at its end: its length does not fit. Copy it again with the \
                 Copy button.",
            ),
            Some(StructureProblem::BadEscape { offset }) => Finding::warn(format!(
                "The token looks altered near position {}: that sequence does not occur in tokens.",
                offset + 2
            )),
            Some(StructureProblem::ForeignCharacter { offset }) => Finding::warn(format!(
                "There is a character at position {} that does not occur in tokens.",
                offset + 2
            )),
            Some(StructureProblem::GluedOrAltered { offset }) => Finding::warn(format!(
                "The token seems to end near position {} and to go on after it: two may be glued \
                 together.",
                offset + 2
            )),
            Some(StructureProblem::Altered) => {
                Finding::warn("The token looks altered: its end is not one that Meta would write.")
            }
        };
        vec![finding]
    }
}

/// Undoes the escapes, with the offset of the first that is none. What was read until then is
/// returned, so that the app id can be decoded from a damaged token.
fn unescape(text: &str) -> (String, Option<StructureProblem>) {
    let mut unescaped = String::with_capacity(text.len());
    let mut characters = text.chars().enumerate();
    while let Some((offset, character)) = characters.next() {
        let plain = match character {
            'Z' => match characters.next() {
                None => return (unescaped, Some(StructureProblem::Truncated)),
                Some((_, 'A')) => 'Z',
                Some((_, 'B')) => '+',
                Some((_, 'C')) => '/',
                Some((_, 'D')) => '=',
                Some(_) => return (unescaped, Some(StructureProblem::BadEscape { offset })),
            },
            c if c.is_ascii_alphanumeric() => c,
            _ => return (unescaped, Some(StructureProblem::ForeignCharacter { offset })),
        };
        unescaped.push(plain);
    }
    (unescaped, None)
}

fn base64_problem(unescaped: &str) -> Option<StructureProblem> {
    let padding = unescaped.find('=');
    if let Some(offset) = padding
        && offset + 2 < unescaped.len()
    {
        return Some(StructureProblem::GluedOrAltered { offset });
    }
    if !unescaped.len().is_multiple_of(4) {
        return Some(StructureProblem::LengthResidue);
    }
    BASE64_STANDARD.decode(unescaped).err().map(|_| StructureProblem::Altered)
}

fn decode_app_id(unescaped: &str) -> Option<u64> {
    let head = unescaped.get(..APP_ID_CHARS)?;
    // 11 characters carry 66 bits: the eight bytes of the id and two bits of what follows.
    let mut value: u128 = 0;
    for byte in head.bytes() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        value = value << 6 | u128::from(sextet);
    }
    u64::try_from(value >> 2).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app_ids_are_decoded_from_the_head_alone() {
        for (head, app_id) in [
            ("EAACEdEose0c", 145_634_995_501_895),
            ("EAABsbCS1iHg", 119_211_728_144_504),
            ("EAAAAUaZA8jlA", 350_685_531_728),
        ] {
            assert_eq!(examine(head).app_id, Some(app_id), "{head}");
        }
    }

    #[test]
    fn ten_characters_tell_all_but_the_last_bits() {
        for (head, app_id) in [
            ("EAABa8xB6QA", 100_000_000_000_001_u64),
            ("EABAAAAAAAA", 4_503_599_627_370_496),
            ("EAFVD33KcAA", 24_000_000_000_000_001),
        ] {
            let padded = format!("{head}E");
            let decoded = examine(&padded).app_id.unwrap();
            assert!(decoded.abs_diff(app_id) < 64, "{head}: {decoded} and {app_id}");
        }
    }
}
