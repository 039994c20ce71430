//! Sealing and opening.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use holdfast_model::secret::Secret;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{Aad, MasterKey, VaultError};

/// Wraps data keys, seals records, computes fingerprints.
///
/// A sealed record:
///
/// ```text
///  byte 0   1     1     8        24          48              24     n      16
///       ┌───────┬─────┬────────┬───────────┬───────────────┬──────┬──────┬─────┐
///       │version│ alg │ kek id │ wrap nonce│ wrapped DEK   │nonce │  ct  │ tag │
///       │   1   │  1  │        │           │ (32 + 16 tag) │      │      │     │
///       └───────┴─────┴────────┴───────────┴───────────────┴──────┴──────┴─────┘
/// ```
///
/// * alg 1 is XChaCha20-Poly1305 for both layers; nonces are random.
/// * The wrap authenticates `version | alg | kek id`, so that a key rotation can re-wrap the DEK
///   without touching the body.
/// * The body authenticates the [`Aad`] of its row, and not the kek id.
pub struct Vault {
    wrapping_key: Zeroizing<[u8; 32]>,
    fingerprint_key: Zeroizing<[u8; 32]>,
    kek_id: [u8; KEK_ID],
}

const FORMAT: u8 = 1;
const ALG_XCHACHA20_POLY1305: u8 = 1;
const KEK_ID: usize = 8;
const NONCE: usize = 24;
const TAG: usize = 16;
const WRAPPED: usize = 32 + TAG;
const HEADER: usize = 2 + KEK_ID;
const WRAP: usize = HEADER + NONCE + WRAPPED;

/// What the canary record contains: anything, as long as it is always the same.
const CANARY: &[u8] = b"holdfast vault canary";

impl Vault {
    pub fn new(master: MasterKey) -> Self {
        let derive = |purpose: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            // 32 bytes are far below HKDF's limit of 255 blocks.
            Hkdf::<Sha256>::new(Some(b"holdfast"), &master.0[..])
                .expand(purpose, &mut key[..])
                .expect("32 bytes can be expanded");
            key
        };
        let wrapping_key = derive(b"wrap.v1");
        let mut kek_id = [0; KEK_ID];
        kek_id.copy_from_slice(&Sha256::digest(&derive(b"kek-id.v1")[..])[..KEK_ID]);
        Self { wrapping_key, fingerprint_key: derive(b"fingerprint.v1"), kek_id }
    }

    /// Tells two master keys apart without revealing either.
    pub fn kek_id(&self) -> String {
        hex::encode(self.kek_id)
    }

    /// Encrypts under a new data key.
    pub fn seal(&self, plaintext: &[u8], aad: &Aad<'_>) -> Result<Vec<u8>, VaultError> {
        let dek = random::<32>()?;
        let mut record = self.wrap(&dek)?;
        let nonce = random::<NONCE>()?;
        let payload = Payload { msg: plaintext, aad: &aad.encode() };
        let body = cipher(&dek)
            .encrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| VaultError::Damaged)?;
        record.extend_from_slice(&nonce[..]);
        record.extend_from_slice(&body);
        Ok(record)
    }

    /// Decrypts, if the record is whole and belongs in the row that `aad` names.
    pub fn open(&self, record: &[u8], aad: &Aad<'_>) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let dek = self.unwrap(record)?;
        let (nonce, body) = split_nonce(&record[WRAP..])?;
        let payload = Payload { msg: body, aad: &aad.encode() };
        cipher(&dek).decrypt(&nonce, payload).map(Zeroizing::new).map_err(|_| VaultError::Damaged)
    }

    /// The same record under another master key. The body stays as it is and is not decrypted.
    pub fn rewrap(&self, record: &[u8], under: &Vault) -> Result<Vec<u8>, VaultError> {
        let dek = self.unwrap(record)?;
        let mut rewrapped = under.wrap(&dek)?;
        rewrapped.extend_from_slice(&record[WRAP..]);
        Ok(rewrapped)
    }

    /// A new data key for bulk data, and its wrapped form for the disk.
    pub fn new_data_key(
        &self,
        purpose: &str,
    ) -> Result<(Zeroizing<[u8; 32]>, Vec<u8>), VaultError> {
        let dek = random::<32>()?;
        let wrapped = self.seal(&dek[..], &data_key_aad(purpose))?;
        Ok((dek, wrapped))
    }

    pub fn unwrap_data_key(
        &self,
        purpose: &str,
        wrapped: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let opened = self.open(wrapped, &data_key_aad(purpose))?;
        let mut key = Zeroizing::new([0; 32]);
        if opened.len() != key.len() {
            return Err(VaultError::Damaged);
        }
        key.copy_from_slice(&opened);
        Ok(key)
    }

    /// 16 hexadecimal digits by which the same secret is recognized here and nowhere else.
    pub fn fingerprint(&self, secret: &Secret) -> String {
        let mut mac = <Hmac<Sha256>>::new_from_slice(&self.fingerprint_key[..])
            .expect("HMAC takes keys of any length");
        mac.update(secret.expose().as_bytes());
        hex::encode(&mac.finalize().into_bytes()[..8])
    }

    /// The key of fingerprints, to store at the first start: another master key later does not
    /// change by what a secret is recognized.
    pub fn sealed_fingerprint_key(&self) -> Result<Vec<u8>, VaultError> {
        self.seal(&self.fingerprint_key[..], &data_key_aad("fingerprint.v1"))
    }

    /// Recognizes secrets by the stored key.
    pub fn with_fingerprint_key(mut self, sealed: &[u8]) -> Result<Self, VaultError> {
        self.fingerprint_key = self.unwrap_data_key("fingerprint.v1", sealed)?;
        Ok(self)
    }

    /// Whether a record is sealed under this master key, as far as it says so itself.
    pub fn has_sealed(&self, record: &[u8]) -> bool {
        record.get(2..HEADER).is_some_and(|kek_id| kek_id == self.kek_id)
    }

    /// A record to store at the first start.
    pub fn canary(&self) -> Result<Vec<u8>, VaultError> {
        self.seal(CANARY, &data_key_aad("canary.v1"))
    }

    /// Whether this is the key that the stored canary was made with. Asked at every start, before
    /// anything is opened or sealed.
    pub fn check_canary(&self, stored: &[u8]) -> Result<(), VaultError> {
        let opened = self.open(stored, &data_key_aad("canary.v1"))?;
        if bool::from(opened.ct_eq(CANARY)) { Ok(()) } else { Err(VaultError::Damaged) }
    }

    fn wrap(&self, dek: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        let mut record = Vec::with_capacity(WRAP + NONCE + 512);
        record.extend_from_slice(&[FORMAT, ALG_XCHACHA20_POLY1305]);
        record.extend_from_slice(&self.kek_id);
        let nonce = random::<NONCE>()?;
        let payload = Payload { msg: &dek[..], aad: &record };
        let wrapped = cipher(&self.wrapping_key)
            .encrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| VaultError::Damaged)?;
        record.extend_from_slice(&nonce[..]);
        record.extend_from_slice(&wrapped);
        Ok(record)
    }

    fn unwrap(&self, record: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        if record.len() < WRAP + NONCE + TAG {
            return Err(VaultError::Damaged);
        }
        if record[0] != FORMAT || record[1] != ALG_XCHACHA20_POLY1305 {
            return Err(VaultError::Format(record[0]));
        }
        if record[2..HEADER] != self.kek_id {
            let sealed_under = hex::encode(&record[2..HEADER]);
            return Err(VaultError::OtherKey { sealed_under, ours: self.kek_id() });
        }
        let (nonce, rest) = split_nonce(&record[HEADER..])?;
        let payload = Payload { msg: &rest[..WRAPPED], aad: &record[..HEADER] };
        let opened = cipher(&self.wrapping_key)
            .decrypt(&nonce, payload)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::Damaged)?;
        let mut dek = Zeroizing::new([0; 32]);
        dek.copy_from_slice(&opened);
        Ok(dek)
    }
}

/// Random bytes from the operating system.
#[allow(clippy::disallowed_methods, reason = "keys and nonces are drawn here and nowhere else")]
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, VaultError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut bytes[..]).map_err(|e| VaultError::Random(e.to_string()))?;
    Ok(bytes)
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.into())
}

fn split_nonce(bytes: &[u8]) -> Result<(XNonce, &[u8]), VaultError> {
    let (nonce, rest) = bytes.split_first_chunk::<NONCE>().ok_or(VaultError::Damaged)?;
    Ok((XNonce::from(*nonce), rest))
}

/// Data keys are not rows of a table; their purpose is all they are bound to.
fn data_key_aad(purpose: &str) -> Aad<'_> {
    Aad {
        schema: "data-key.v1",
        tenant_id: holdfast_model::id::TENANT,
        owner_id: purpose,
        version: 1,
        kind: "data_key",
        provider: "",
        app_id: "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(MasterKey::from_bytes([byte; 32]))
    }

    fn row(owner_id: &str) -> Aad<'_> {
        Aad {
            schema: "credential.v1",
            tenant_id: "default",
            owner_id,
            version: 1,
            kind: "token",
            provider: "meta",
            app_id: "42",
        }
    }

    #[test]
    fn what_is_sealed_opens_in_its_row_alone() {
        let vault = vault(1);
        let sealed = vault.seal(b"secret", &row("a")).unwrap();
        assert_eq!(&vault.open(&sealed, &row("a")).unwrap()[..], b"secret");
        let base = row("a");
        for elsewhere in [
            row("b"),
            Aad { schema: "credential.v2", ..base },
            Aad { tenant_id: "other", ..base },
            Aad { version: 2, ..base },
            Aad { kind: "app_secret", ..base },
            Aad { provider: "snap", ..base },
            Aad { app_id: "43", ..base },
        ] {
            assert_eq!(vault.open(&sealed, &elsewhere), Err(VaultError::Damaged), "{elsewhere:?}");
        }
    }

    #[test]
    fn swapped_rows_do_not_open() {
        let vault = vault(1);
        let a = vault.seal(b"token a", &row("a")).unwrap();
        let b = vault.seal(b"token b", &row("b")).unwrap();
        assert!(vault.open(&a, &row("b")).is_err());
        assert!(vault.open(&b, &row("a")).is_err());
    }

    #[test]
    fn another_master_key_is_named_as_the_cause() {
        let sealed = vault(1).seal(b"secret", &row("a")).unwrap();
        assert!(matches!(vault(2).open(&sealed, &row("a")), Err(VaultError::OtherKey { .. })));
        let canary = vault(1).canary().unwrap();
        assert!(vault(1).check_canary(&canary).is_ok());
        assert!(matches!(vault(2).check_canary(&canary), Err(VaultError::OtherKey { .. })));
    }

    #[test]
    fn rewrapping_changes_the_key_and_not_the_body() {
        let (old, new) = (vault(1), vault(2));
        let sealed = old.seal(b"secret", &row("a")).unwrap();
        let rewrapped = old.rewrap(&sealed, &new).unwrap();
        assert_eq!(sealed[WRAP..], rewrapped[WRAP..]);
        assert_eq!(&new.open(&rewrapped, &row("a")).unwrap()[..], b"secret");
        assert!(old.open(&rewrapped, &row("a")).is_err());
    }

    #[test]
    fn a_secret_is_recognized_under_another_master_key_too() {
        let (old, new) = (vault(1), vault(2));
        let secret = Secret::new("secret".to_owned());
        let stored = old.sealed_fingerprint_key().unwrap();
        assert_ne!(old.fingerprint(&secret), new.fingerprint(&secret));
        assert!(old.has_sealed(&stored) && !new.has_sealed(&stored));
        let rewrapped = old.rewrap(&stored, &new).unwrap();
        let new = new.with_fingerprint_key(&rewrapped).unwrap();
        assert_eq!(old.fingerprint(&secret), new.fingerprint(&secret));
        assert!(vault(3).with_fingerprint_key(&rewrapped).is_err());
    }

    #[test]
    fn data_keys_are_bound_to_their_purpose() {
        let vault = vault(1);
        let (key, wrapped) = vault.new_data_key("outbox").unwrap();
        assert_eq!(vault.unwrap_data_key("outbox", &wrapped).unwrap(), key);
        assert!(vault.unwrap_data_key("other", &wrapped).is_err());
    }

    #[test]
    fn fingerprints_recognize_and_reveal_nothing_elsewhere() {
        let secret = Secret::new("same".to_owned());
        assert_eq!(vault(1).fingerprint(&secret), vault(1).fingerprint(&secret));
        assert_ne!(vault(1).fingerprint(&secret), vault(2).fingerprint(&secret));
        assert_eq!(vault(1).fingerprint(&secret).len(), 16);
    }

    proptest! {
        #[test]
        fn any_change_of_a_record_is_noticed(at in any::<prop::sample::Index>(), flip in 1u8..) {
            let vault = vault(1);
            let mut sealed = vault.seal(b"a token of some length", &row("a")).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert!(vault.open(&sealed, &row("a")).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(vault(1).open(&bytes, &row("a")).is_err());
        }
    }
}
