//! Recognizing what is hashed already.

use std::borrow::Cow;

/// Language tokens of the first Parameter Builder releases, two characters.
const LEGACY_APPENDICES: [&str; 6] = ["AQ", "Ag", "Aw", "BA", "BQ", "Bg"];

const MD5_DIGITS: usize = 32;
const SHA256_DIGITS: usize = 64;

/// A SHA-256 (or MD5) in hexadecimal, alone (passed in lower case) or with the appendix that
/// Meta's Parameter Builder adds (passed unchanged).
pub fn prehashed(text: &str) -> Option<Cow<'_, str>> {
    if text.len() < MD5_DIGITS {
        return None;
    }
    let (hash, appendix) = match text.rsplit_once('.') {
        Some((hash, appendix)) => (hash, Some(appendix)),
        None => (text, None),
    };
    let is_hash = matches!(hash.len(), MD5_DIGITS | SHA256_DIGITS)
        && hash.bytes().all(|b| b.is_ascii_hexdigit());
    match appendix {
        _ if !is_hash => None,
        None if hash.bytes().any(|b| b.is_ascii_uppercase()) => {
            Some(Cow::Owned(hash.to_ascii_lowercase()))
        }
        None => Some(Cow::Borrowed(hash)),
        Some(appendix) if appendix.len() == 8 && appendix.is_ascii() => Some(Cow::Borrowed(text)),
        Some(appendix) if LEGACY_APPENDICES.contains(&appendix) => Some(Cow::Borrowed(text)),
        Some(_) => None,
    }
}

/// Whether a last segment of fbc, fbp or an IP address can be an appendix: Meta's builder checks
/// only the length.
pub fn is_appendix(segment: &[u8]) -> bool {
    matches!(segment.len(), 2 | 8)
        && segment.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_with_and_without_appendix() {
        let sha = "AB".repeat(32);
        let md5 = "cd".repeat(16);
        assert_eq!(prehashed(&sha).unwrap(), sha.to_lowercase());
        assert_eq!(prehashed(&md5).unwrap(), md5);
        for appendix in ["AQQCAQMC", "AQ", "Bg"] {
            let text = format!("{sha}.{appendix}");
            assert_eq!(prehashed(&text).unwrap(), text, "passed unchanged");
        }
        for not in [
            &sha[..63],
            &format!("{sha}."),
            &format!("{sha}.ZZ"),
            &format!("{sha}.AQQCAQM"),
            &format!("{sha}.A.CAQMC"),
            "g",
        ] {
            assert_eq!(prehashed(not), None, "{not}");
        }
    }
}
