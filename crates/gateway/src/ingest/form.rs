//! `application/x-www-form-urlencoded`, for queries and for bodies.
//!
//! Decoding is strict about UTF-8, because an event with a replacement character in it would be
//! delivered with a hash of something nobody has. It is lenient about a `%` that starts no escape,
//! as browsers and SDKs are.

/// One name with its value, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    pub value: String,
}

/// A name or value is not UTF-8 once decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field {position} is not valid UTF-8")]
pub struct NotUtf8 {
    /// Zero-based.
    pub position: usize,
}

/// The pairs of a form in order. Names may repeat.
pub fn pairs(text: &[u8]) -> impl Iterator<Item = Result<Pair, NotUtf8>> {
    text.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).enumerate().map(
        |(position, part)| {
            let equals = part.iter().position(|byte| *byte == b'=');
            let (name, value) = equals.map_or((part, &[][..]), |at| (&part[..at], &part[at + 1..]));
            let decoded = |bytes| decode(bytes).ok_or(NotUtf8 { position });
            Ok(Pair { name: decoded(name)?, value: decoded(value)? })
        },
    )
}

/// The first value of a name in a query. Parts that are not UTF-8 are passed over.
pub fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    pairs(query?.as_bytes()).flatten().find(|pair| pair.name == name).map(|pair| pair.value)
}

fn decode(encoded: &[u8]) -> Option<String> {
    let mut plain = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'+', _) => plain.push(b' '),
            (b'%', [high, low, after @ ..]) if let Some(byte) = hex_byte(*high, *low) => {
                plain.push(byte);
                rest = after;
            }
            _ => plain.push(*byte),
        }
    }
    String::from_utf8(plain).ok()
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        pairs(text.as_bytes()).map(|pair| pair.map(|p| (p.name, p.value)).unwrap()).collect()
    }

    #[test]
    fn forms_are_read_as_browsers_write_them() {
        let expected =
            [("a", "1 2"), ("b[]", "ä&="), ("c", ""), ("d", ""), ("e", "100%"), ("f", "%zz=x")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read("a=1+2&b%5B%5D=%C3%A4%26%3d&&c=&d&e=100%&f=%zz=x"), expected);
        assert_eq!(read(""), []);
        assert_eq!(
            query_value(Some("x=1&destination=a%2Cb"), "destination").as_deref(),
            Some("a,b")
        );
        assert_eq!(query_value(Some("x=%ff&y=2"), "y").as_deref(), Some("2"));
        assert_eq!(query_value(None, "y"), None);
    }

    #[test]
    fn what_is_not_utf8_is_refused_and_not_repaired() {
        let refused: Vec<_> = pairs(b"a=1&b=%E4&%ff=1").collect();
        assert!(refused[0].is_ok());
        assert_eq!(refused[1], Err(NotUtf8 { position: 1 }));
        assert_eq!(refused[2], Err(NotUtf8 { position: 2 }));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(name in ".{1,20}", value in ".{0,60}") {
            let encode = |text: &str| -> String { text.bytes().map(|b| format!("%{b:02X}")).collect() };
            let text = format!("{}={}", encode(&name), encode(&value));
            prop_assert_eq!(read(&text), vec![(name, value)]);
        }

        #[test]
        fn arbitrary_bytes_never_panic(text in prop::collection::vec(any::<u8>(), 0..100)) {
            for pair in pairs(&text) {
                let _ = pair;
            }
        }
    }
}
