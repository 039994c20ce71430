//! Seeded randomness. Every use draws from a stream of its own, so that one more token does not
//! change how the coins of a rule fall.

use sha2::{Digest as _, Sha256};

/// SplitMix64. Good enough for coin tosses and made-up strings; nothing here is secret.
pub struct Random {
    state: u64,
}

impl Random {
    /// The same seed and name give the same numbers.
    pub fn stream(seed: u64, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.finalize()[..8]);
        Self { state: u64::from_le_bytes(first) }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below the bound; 0 if the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: u8) -> bool {
        percent >= 100 || self.below(100) < u64::from(percent)
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// So many characters of the alphabet.
    pub fn text(&mut self, alphabet: &[u8], count: usize) -> String {
        let bound = alphabet.len() as u64;
        let pick = |_| char::from(alphabet[usize::try_from(self.below(bound)).unwrap_or(0)]);
        (0..count).map(pick).collect()
    }

    pub fn hex(&mut self, count: usize) -> String {
        self.text(b"0123456789abcdef", count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, name| Random::stream(seed, name).hex(32);
        assert_eq!(draw(1, "coins"), draw(1, "coins"));
        assert_ne!(draw(1, "coins"), draw(1, "tokens"));
        assert_ne!(draw(1, "coins"), draw(2, "coins"));
    }

    #[test]
    fn coins_fall_about_as_often_as_asked() {
        let mut random = Random::stream(3, "coins");
        let heads = (0..10_000).filter(|_| random.percent(30)).count();
        assert!((2_800..3_200).contains(&heads), "{heads}");
        assert!((0..100).all(|_| random.percent(100)));
        assert!((0..100).all(|_| !random.percent(0)));
    }
}
