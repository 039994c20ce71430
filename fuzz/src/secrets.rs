//! Whether a piece of a secret is in a text.

/// The shortest piece of a secret that counts as a leak.
pub const PIECE: usize = 20;

/// Panics if any [`PIECE`] bytes of `secret` are in `shown`.
#[track_caller]
pub fn assert_no_piece(secret: &str, shown: &str, what: &str) {
    let shares_a_block = secret
        .as_bytes()
        .chunks_exact(PIECE / 2)
        .any(|block| memchr::memmem::find(shown.as_bytes(), block).is_some());
    // Whatever is as long as a piece has one such block in it.
    if !shares_a_block {
        return;
    }
    for piece in secret.as_bytes().windows(PIECE) {
        let found = memchr::memmem::find(shown.as_bytes(), piece);
        assert!(
            found.is_none(),
            "{what}: {:?} survived in {shown:?}",
            String::from_utf8_lossy(piece)
        );
    }
}
