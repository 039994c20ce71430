//! `X-Hub-Signature-256`: that a webhook comes from the platform that knows the app's secret.
//!
//! The signature covers the bytes as they came. Meta escapes what is not ASCII, so a body that was
//! read and written again has another signature (`spec/whatsapp.md §2`).

use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_model::secret::Secret;
use sha2::Sha256;

/// A header's value, read but not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSignature([u8; 32]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HubSignatureError {
    #[error("the request has no X-Hub-Signature-256")]
    Missing,
    #[error("X-Hub-Signature-256 is not sha256= and 64 hexadecimal digits")]
    Malformed,
}

impl HubSignature {
    /// Reads the header. One that is missing is as bad as one that is wrong.
    pub fn read(header: Option<&str>) -> Result<Self, HubSignatureError> {
        let header = header.ok_or(HubSignatureError::Missing)?;
        let digits = header.trim().strip_prefix("sha256=").ok_or(HubSignatureError::Malformed)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| HubSignatureError::Malformed)?;
        Ok(Self(bytes))
    }

    /// Whether this app's secret made it for this body. Compared in constant time.
    pub fn covers(&self, body: &[u8], app_secret: &Secret) -> bool {
        let mut mac = <Hmac<Sha256>>::new_from_slice(app_secret.expose().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(body);
        mac.verify_slice(&self.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn sign(body: &[u8], key: &str) -> String {
        let mut mac = <Hmac<Sha256>>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(body);
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn the_published_vector_verifies() {
        // RFC 4231, case 2.
        let header = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let signature = HubSignature::read(Some(header)).unwrap();
        assert!(signature.covers(b"what do ya want for nothing?", &secret("Jefe")));
        assert!(!signature.covers(b"what do ya want for nothing!", &secret("Jefe")));
        assert!(!signature.covers(b"what do ya want for nothing?", &secret("jefe")));
    }

    #[test]
    fn what_is_not_written_so_is_refused() {
        assert_eq!(HubSignature::read(None), Err(HubSignatureError::Missing));
        let good = sign(b"x", "key");
        for bad in [
            "",
            "sha256=",
            &good[7..],
            &good[..good.len() - 1],
            &good.replace("sha256", "sha1"),
            &format!("{good}00"),
            &format!("{good},{good}"),
            "sha256=zz",
        ] {
            assert_eq!(HubSignature::read(Some(bad)), Err(HubSignatureError::Malformed), "{bad}");
        }
        assert!(HubSignature::read(Some(&format!(" {good} "))).is_ok());
    }

    proptest! {
        #[test]
        fn any_other_byte_is_another_body(
            body in prop::collection::vec(any::<u8>(), 1..200),
            at in any::<prop::sample::Index>(),
            flip in 1u8..,
        ) {
            let signature = HubSignature::read(Some(&sign(&body, "key"))).unwrap();
            prop_assert!(signature.covers(&body, &secret("key")));
            let mut other = body.clone();
            let at = at.index(other.len());
            other[at] ^= flip;
            prop_assert!(!signature.covers(&other, &secret("key")));
        }

        #[test]
        fn any_header_is_read_without_a_panic(header in ".{0,200}") {
            let _ = HubSignature::read(Some(&header));
        }
    }
}
