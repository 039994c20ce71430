//! A newtype for every id, so that none can be passed where another is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::UnixMillis;

/// The one tenant of an installation. It is nevertheless part of every key, AAD and row, so that
/// a later version can hold several without a change of format.
pub const TENANT: &str = "default";

/// Why a text is not a usable name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {given:?} is not usable: {expected}")]
pub struct InvalidId {
    pub what: &'static str,
    pub given: String,
    pub expected: &'static str,
}

/// Longest name an operator may choose. Names appear in URLs, metrics and 80-column tables.
pub const MAX_NAME_LEN: usize = 64;
const NAME_RULE: &str =
    "expected 1 to 64 characters of a-z, 0-9, '-', '_' and '.', starting with a letter or digit";

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=MAX_NAME_LEN).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes.iter().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
        })
}

/// Longest id we accept from a platform. The longest known are about 40 characters; the bound
/// keeps a pasted document out of a path segment.
pub const MAX_PLATFORM_ID_LEN: usize = 128;
const PLATFORM_ID_RULE: &str = "expected 1 to 128 characters of A-Z, a-z, 0-9, '-', '_' and '.'";

fn is_platform_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=MAX_PLATFORM_ID_LEN).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident, $rule:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if $check(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId { what: $what, given: text.chars().take(80).collect(), expected: $rule })
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

text_id!(
    /// The name an operator gave a destination.
    DestinationId, "destination", is_name, NAME_RULE
);
text_id!(
    /// The name an operator gave a credential. Versions of it are numbered, see [`VersionNo`].
    CredentialId, "credential", is_name, NAME_RULE
);
text_id!(
    /// The name an operator gave an access key of Holdfast itself.
    KeyId, "key", is_name, NAME_RULE
);
text_id!(
    /// A platform app, by the id the platform gave it.
    AppId, "app id", is_platform_id, PLATFORM_ID_RULE
);
text_id!(
    /// What a destination points at on the platform: dataset, pixel, Snap app, phone number id.
    AssetId, "asset id", is_platform_id, PLATFORM_ID_RULE
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A version-7 UUID: sorts by time. Time and randomness come from the caller.
            pub fn from_parts(at: UnixMillis, random: [u8; 10]) -> Self {
                let millis = u64::try_from(at.0).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.as_hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// One item: one event or message for one destination.
    ItemId
);
uuid_id!(
    /// One open or lifted hold.
    HoldId
);
uuid_id!(
    /// One request that a lane sent.
    BatchId
);

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number_id!(
    /// The number under which the outbox knows a destination. Given once by the registry, never
    /// reused, because frames on disk carry it.
    LaneId(u32)
);
number_id!(
    /// The position of an item in the outbox: grows by one for each accepted item, survives
    /// restarts and compaction.
    Seq(u64)
);
number_id!(
    /// A version of a credential or of an app secret. The first is 1.
    VersionNo(u32)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_once_at_the_edge() {
        for good in ["a", "shop-web", "0", "eu.shop_1"] {
            assert_eq!(DestinationId::new(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(65);
        for bad in ["", "Shop", "-a", ".a", "a b", "a/b", "ä", long.as_str()] {
            assert!(DestinationId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn serde_refuses_what_new_refuses() {
        assert!(serde_json::from_str::<AssetId>(r#""1234567890""#).is_ok());
        assert!(serde_json::from_str::<AssetId>(r#""12/../34""#).is_err());
    }

    #[test]
    fn item_ids_sort_by_time() {
        let early = ItemId::from_parts(UnixMillis(1_000), [0xff; 10]);
        let late = ItemId::from_parts(UnixMillis(1_001), [0; 10]);
        assert!(early < late);
        assert_eq!(early.to_string().parse::<ItemId>().unwrap(), early);
    }
}
