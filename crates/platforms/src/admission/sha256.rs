//! SHA-256 of short texts. Identifiers nearly always fit one block, and then most of the time of
//! the general interface goes into buffering that is not needed: this path takes two thirds of it.
//! The compression function is the `sha2` crate's either way.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// SHA-256 of the empty text: some programs hash what is only white space.
pub const HASH_OF_NOTHING: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const BLOCK_BYTES: usize = 64;

/// Longest text that fits one block beside its end mark (1 byte) and its length (8 bytes).
const ONE_BLOCK_BYTES: usize = BLOCK_BYTES - 9;

/// The initial state (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

pub fn sha256(text: &[u8]) -> [u8; 32] {
    if text.len() > ONE_BLOCK_BYTES {
        return Sha256::digest(text).into();
    }
    let mut block = [0; BLOCK_BYTES];
    block[..text.len()].copy_from_slice(text);
    block[text.len()] = 0x80;
    let bits = 8 * text.len() as u64;
    block[BLOCK_BYTES - 8..].copy_from_slice(&bits.to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &[block]);
    let mut digest = [0; 32];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_general_interface_at_every_length() {
        for length in 0..200 {
            let text: Vec<u8> = (0..length).map(|n| (n * 31 + length) as u8).collect();
            assert_eq!(sha256(&text), <[u8; 32]>::from(Sha256::digest(&text)), "{length} bytes");
        }
    }
}
