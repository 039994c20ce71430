//! What is inside the quotes: finding their end, and what escapes stand for.

/// Where, from `start` on, the first quote, backslash or control character is; the length if there
/// is none. Eight bytes at a time: most of an event is text.
#[inline]
pub fn plain_until(bytes: &[u8], start: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        // A byte's high bit is set where it was below what is taken off. The lowest mark is exact;
        // a borrow can only disturb bytes above it.
        let controls = word.wrapping_sub(ONES * 0x20);
        let quotes = (word ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES);
        let backslashes = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        // Both characters are ASCII, so bytes with the high bit are never any of the three.
        let found = (controls | quotes | backslashes) & !word & HIGH;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let is_special = |b: &u8| *b < 0x20 || *b == b'"' || *b == b'\\';
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(is_special).map_or(bytes.len(), |offset| at + offset)
}

/// The text that checked escapes stand for.
pub fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let (character, length) = unescape_one(escaped);
        out.push(character);
        rest = &escaped[length..];
    }
    out.push_str(rest);
    out
}

/// The character behind a backslash, and how many bytes it was written in.
fn unescape_one(escaped: &str) -> (char, usize) {
    let bytes = escaped.as_bytes();
    let character = match bytes.first() {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let high = hex_unit(bytes.get(1..5)).unwrap_or_default();
            if !(0xD800..0xDC00).contains(&high) {
                return (char::from_u32(high).unwrap_or_default(), 5);
            }
            let low = hex_unit(bytes.get(7..11)).unwrap_or_default();
            let joined = 0x10000 + ((high - 0xD800) << 10) + (low & 0x3FF);
            return (char::from_u32(joined).unwrap_or_default(), 11);
        }
        other => other.map_or('\\', |b| char::from(*b)),
    };
    (character, 1)
}

pub fn hex_unit(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_end_of_plain_text_is_exact(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let plain = |b: &u8| *b >= 0x20 && *b != b'"' && *b != b'\\';
            for start in 0..=bytes.len() {
                let slow = start + bytes[start..].iter().take_while(|b| plain(b)).count();
                prop_assert_eq!(plain_until(&bytes, start), slow);
            }
        }
    }
}
