//! E-mail addresses: what is one.

use super::text::is_space;

/// One `@`, something before it, a dotted domain after it, no white space. A full grammar would
/// refuse addresses that exist.
pub fn is_address(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(at) = bytes.iter().position(|b| *b == b'@') else { return false };
    let domain = &bytes[at + 1..];
    let mut label_length = 0;
    let mut dots = 0;
    for byte in domain {
        match byte {
            b'@' => return false,
            b'.' if label_length == 0 => return false,
            b'.' => (dots, label_length) = (dots + 1, 0),
            _ => label_length += 1,
        }
    }
    at > 0 && dots > 0 && label_length > 0 && !text.contains(is_space)
}
