//! Secrets in memory.
//!
//! [`Secret`] has no `Clone`, no `Serialize` and a `Debug` that shows nothing, and it is wiped
//! when dropped. Whoever needs the text says [`Secret::expose`], which is easy to search for.

use std::fmt;

use zeroize::Zeroizing;

/// A token, an app secret, or any other text that must not travel.
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for building a request or sealing it into the vault.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second copy, where one owner is really not enough. Spelled out so that a review sees it.
    pub fn duplicate(&self) -> Self {
        Self::new(self.0.to_string())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.expose(), "hunter2");
    }
}
