//! Whether a piece of a secret is in a text.

use std::collections::HashSet;

/// The shortest piece of a secret that counts as a leak.
pub const PIECE: usize = 20;

/// Panics if any [`PIECE`] bytes of `secret` are in `shown`.
#[track_caller]
pub fn assert_no_piece(secret: &str, shown: &str, what: &str) {
    let secret = secret.as_bytes();
    if secret.len() < PIECE || shown.len() < PIECE {
        return;
    }
    let pieces: HashSet<&[u8]> = secret.windows(PIECE).collect();
    for window in shown.as_bytes().windows(PIECE) {
        assert!(
            !pieces.contains(window),
            "{what}: {:?} survived in {shown:?}",
            String::from_utf8_lossy(window)
        );
    }
}
