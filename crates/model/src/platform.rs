//! The platforms Holdfast delivers to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlatformId {
    Meta,
    Snap,
    Whatsapp,
}

impl PlatformId {
    pub const ALL: [PlatformId; 3] = [PlatformId::Meta, PlatformId::Snap, PlatformId::Whatsapp];

    pub const fn as_str(self) -> &'static str {
        match self {
            PlatformId::Meta => "meta",
            PlatformId::Snap => "snap",
            PlatformId::Whatsapp => "whatsapp",
        }
    }
}

impl fmt::Display for PlatformId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("platform {0:?} is not known: expected meta, snap or whatsapp")]
pub struct UnknownPlatform(pub String);

impl FromStr for PlatformId {
    type Err = UnknownPlatform;
    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| UnknownPlatform(text.chars().take(40).collect()))
    }
}
