//! `Idempotency-Key`: the same request again gets the same answer and nothing is stored twice.

use axum::http::HeaderMap;
use holdfast_storage::{Idempotency, IdempotencyKey, Remembered};
use sha2::{Digest as _, Sha256};

use super::IngestError;
use super::routing::{Aim, Via};

/// Longest key: a UUID several times over.
pub const MAX_KEY_CHARS: usize = 255;

pub const HEADER: &str = "idempotency-key";

/// A request that may be repeated.
#[derive(Debug, Clone)]
pub struct Repeatable {
    key: IdempotencyKey,
    /// SHA-256 of what was named and the body. The destinations belong to it: the same events
    /// for another destination are another request, and answering it with the receipt of the
    /// first would lose them.
    fingerprint: [u8; 32],
}

/// The header's value, if there is one.
pub fn presented(headers: &HeaderMap) -> Result<Option<&str>, IngestError> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let invalid = IngestError::IdempotencyKey { max: MAX_KEY_CHARS };
    let bytes = value.as_bytes();
    let sound = (1..=MAX_KEY_CHARS).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_graphic)
        && headers.get_all(HEADER).iter().count() == 1;
    match value.to_str() {
        Ok(text) if sound => Ok(Some(text)),
        _ => Err(invalid),
    }
}

impl Repeatable {
    /// `caller` is the name of the access key: what one caller names its requests is no concern
    /// of another's.
    pub fn new(caller: &str, presented: &str, aims: &[Aim], body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        // Where a route leads may change before the caller repeats itself; that makes no other
        // request.
        for aim in aims {
            match &aim.via {
                Via::Name => hash.update(aim.destination.id.as_str()),
                Via::Route(route) => hash.update(format!("route {route}")),
                Via::Copy => continue,
            }
            hash.update(b",");
            if aim.via != Via::Name {
                break;
            }
        }
        hash.update(b"\n");
        hash.update(body);
        // Neither part can hold a space, so two different pairs never make the same text.
        let key = IdempotencyKey(format!("{caller} {presented}"));
        Self { key, fingerprint: hash.finalize().into() }
    }

    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// What the commit stores.
    pub fn with_receipt(self, receipt: Vec<u8>) -> Idempotency {
        Idempotency { key: self.key, body_sha256: self.fingerprint, receipt }
    }

    /// The receipt of the first request, if this is the same one.
    pub fn answer(&self, remembered: Remembered) -> Result<Vec<u8>, IngestError> {
        if remembered.body_sha256 == self.fingerprint {
            Ok(remembered.receipt)
        } else {
            Err(IngestError::IdempotencyKeyReused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii_of_bounded_length() {
        let read = |values: &[&[u8]]| {
            let headers = values.iter().map(|value| {
                let value = axum::http::HeaderValue::from_bytes(value).unwrap();
                (axum::http::HeaderName::from_static(HEADER), value)
            });
            let mut map = HeaderMap::new();
            headers.for_each(|(name, value)| {
                map.append(name, value);
            });
            presented(&map).map(|found| found.map(str::to_owned))
        };
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[b"order-1/a!~"]).unwrap().as_deref(), Some("order-1/a!~"));
        assert!(read(&[&[b'x'; 255]]).unwrap().is_some());
        for bad in [&[&b""[..]][..], &[b"a b"], &[b"\xc3\xa4"], &[&[b'x'; 256]], &[b"a", b"b"]] {
            assert!(matches!(read(bad), Err(IngestError::IdempotencyKey { max: 255 })), "{bad:?}");
        }
    }

    #[test]
    fn another_body_is_another_request() {
        let first = Repeatable::new("shop", "k", &[], b"one");
        let remembered =
            Remembered { body_sha256: first.fingerprint, receipt: b"receipt".to_vec() };
        assert_eq!(first.answer(remembered.clone()).unwrap(), b"receipt");
        let other = Repeatable::new("shop", "k", &[], b"two");
        assert_eq!(other.key(), first.key());
        assert!(matches!(other.answer(remembered), Err(IngestError::IdempotencyKeyReused)));
        assert_ne!(Repeatable::new("shop2", "k", &[], b"one").key(), first.key());
    }
}
