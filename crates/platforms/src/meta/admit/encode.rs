//! Writing a fragment: compact JSON straight into its bytes.

use sha2::{Digest, Sha256};

use super::json::plain_prefix;

/// A text in quotes, escaped where it must be.
pub fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_prefix(rest));
        out.extend_from_slice(plain);
        let Some((first, after)) = special.split_first() else { break };
        match first {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *first]),
            control => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[hex_digit(control >> 4), hex_digit(control & 15)]);
            }
        }
        rest = after;
    }
    out.push(b'"');
}

/// The SHA-256 of a text, in quotes, in lower-case hexadecimal.
pub fn hash(out: &mut Vec<u8>, text: &str) {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let mut quoted = [b'"'; 66];
    for (at, byte) in digest.into_iter().enumerate() {
        quoted[1 + 2 * at] = hex_digit(byte >> 4);
        quoted[2 + 2 * at] = hex_digit(byte & 15);
    }
    out.extend_from_slice(&quoted);
}

/// Without a table, so that the compiler turns many at once.
fn hex_digit(nibble: u8) -> u8 {
    nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
}

/// The key of a member and its colon, with a comma before it unless it is the object's first.
pub fn key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

pub fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(number.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hashes_in_quotes() {
        let mut out = Vec::new();
        hash(&mut out, "john_smith@gmail.com");
        let expected = "\"62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f\"";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn commas_between_members_only() {
        let mut out = b"{".to_vec();
        for name in ["a", "b"] {
            key(&mut out, name);
            integer(&mut out, -1);
        }
        assert_eq!(out, b"{\"a\":-1,\"b\":-1");
    }

    proptest! {
        #[test]
        fn any_text_survives(input in any::<String>()) {
            let mut out = Vec::new();
            text(&mut out, &input);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), input);
        }
    }
}
