//! Writing a fragment: compact JSON straight into its bytes.

use super::json::plain_until;
use super::sha256::sha256;

/// Two hexadecimal digits for every byte.
const HEX: [[u8; 2]; 256] = {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    table
};

/// A text in quotes, escaped where it must be.
pub fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut written = 0;
    loop {
        let end = plain_until(bytes, written);
        out.extend_from_slice(&bytes[written..end]);
        match bytes.get(end) {
            None => break,
            Some(special @ (b'"' | b'\\')) => out.extend_from_slice(&[b'\\', *special]),
            Some(control) => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&HEX[usize::from(*control)]);
            }
        }
        written = end + 1;
    }
    out.push(b'"');
}

/// The SHA-256 of a text, in quotes, in lower-case hexadecimal.
pub fn hash(out: &mut Vec<u8>, text: &str) {
    let mut quoted = [b'"'; 66];
    for (digits, byte) in quoted[1..65].chunks_exact_mut(2).zip(sha256(text.as_bytes())) {
        digits.copy_from_slice(&HEX[usize::from(byte)]);
    }
    out.extend_from_slice(&quoted);
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

/// A list of texts.
pub fn texts<'a>(out: &mut Vec<u8>, texts: impl Iterator<Item = &'a str>) {
    out.push(b'[');
    for (position, one) in texts.enumerate() {
        if position > 0 {
            out.push(b',');
        }
        text(out, one);
    }
    out.push(b']');
}

/// A member that is a text, if there is one.
pub fn write_text(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        key(out, name);
        text(out, value);
    }
}

/// A member that is a whole number, if there is one.
pub fn write_integer(out: &mut Vec<u8>, name: &str, value: Option<i64>) {
    if let Some(value) = value {
        key(out, name);
        integer(out, value);
    }
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
