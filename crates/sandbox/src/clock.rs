//! The one place where the sandbox reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds.
#[allow(
    clippy::disallowed_methods,
    reason = "the sandbox is an outer crate; this is its one clock"
)]
pub fn unix_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
