//! Items: what is known of one event or message besides its fragment.

use serde::{Deserialize, Serialize};

use crate::id::{ItemId, LaneId, Seq};
use crate::time::{UnixMillis, UnixSeconds};

/// The rules under which a fragment was normalized and hashed: profile and its revision. Stamped
/// on every item, because a hashed fragment cannot be normalized again. The hundreds tell the
/// profile, the rest its revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileStamp(pub u16);

impl ProfileStamp {
    pub const META_DOCS_1: ProfileStamp = ProfileStamp(1);
    pub const SNAP_DOCS_1: ProfileStamp = ProfileStamp(1001);
    pub const META_PARAM_BUILDER_1: ProfileStamp = ProfileStamp(101);
    pub const META_SDK_LEGACY_1: ProfileStamp = ProfileStamp(201);
}

/// What must be equal for two items to share a request, in canonical form. Empty for most.
/// Opaque to everyone but the platform that made it (for Meta: a JSON object of the request-level
/// keys, such as `test_event_code` and `partner_agent`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchGroup(pub String);

/// What the platform code says of an item when it admits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Wire-ready JSON bytes of the event. Fields that the platform wants hashed are hashed.
    pub fragment: Vec<u8>,
    /// The platform's event id. Made by the caller of `admit` where the event had none.
    pub event_id: String,
    pub event_name: String,
    pub event_time: UnixSeconds,
    /// When the platform stops accepting the item, margin already taken off.
    pub expires_at: UnixSeconds,
    /// Until when a repeated send is deduplicated by the platform. `None` if it never is.
    pub dedup_until: Option<UnixSeconds>,
    pub group: BatchGroup,
    pub profile: ProfileStamp,
    /// What a person should know although the item was admitted; bounded in number.
    pub warnings: Vec<String>,
}

/// What a lane knows of an item. Small, because lanes hold thousands of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemMeta {
    pub seq: Seq,
    /// Length of the fragment.
    pub bytes: u32,
    pub admitted_at: UnixMillis,
    pub expires_at: UnixSeconds,
    /// Until when a repeated send is deduplicated. `None` if it never is.
    pub dedup_until: Option<UnixSeconds>,
    /// An attempt-intent of this item is on disk and was not withdrawn: an earlier send may have
    /// arrived.
    pub intent_recorded: bool,
}

impl ItemMeta {
    /// Whether the platform would count a second send only once.
    pub fn resend_is_safe(&self, now: UnixSeconds) -> bool {
        self.dedup_until.is_some_and(|until| now < until)
    }
}

/// A leased item: its description and its decrypted fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedItem {
    pub meta: ItemMeta,
    pub item_id: ItemId,
    pub lane: LaneId,
    pub event_id: String,
    pub fragment: Vec<u8>,
}
