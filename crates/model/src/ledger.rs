//! The ledger: where every item is. Exactly one state, always.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerState {
    /// Waiting or in flight, and not covered by a hold.
    Queued,
    /// Waiting and covered by an open hold.
    Held,
    /// Sent, answer lost, and a resend would not be safe.
    Unknown,
    Delivered,
    /// Dead letter.
    Rejected,
    /// Its deadline passed before it could be delivered.
    Expired,
}

impl LedgerState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// Counts of items by state. Held items are counted by the outbox as queued; whoever knows the
/// open holds moves them over with [`LedgerCounts::hold_queued`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCounts {
    pub accepted: u64,
    pub queued: u64,
    pub held: u64,
    pub unknown: u64,
    pub delivered: u64,
    pub rejected: u64,
    pub expired: u64,
}

impl LedgerCounts {
    /// Invariant 2: every accepted item is somewhere, and in one place.
    pub fn is_conserved(&self) -> bool {
        self.lost() == 0
    }

    /// Accepted items that are in no state. Positive means items vanished, negative that some
    /// are counted twice. Anything but zero is a defect of Holdfast.
    pub fn lost(&self) -> i64 {
        let placed =
            self.queued + self.held + self.unknown + self.delivered + self.rejected + self.expired;
        self.accepted as i64 - placed as i64
    }

    /// Counts what is queued as held, because an open hold covers the lane.
    pub fn hold_queued(&mut self) {
        self.held += std::mem::take(&mut self.queued);
    }
}

impl AddAssign for LedgerCounts {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.queued += other.queued;
        self.held += other.held;
        self.unknown += other.unknown;
        self.delivered += other.delivered;
        self.rejected += other.rejected;
        self.expired += other.expired;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conservation_sees_a_missing_and_a_doubled_item() {
        let mut counts =
            LedgerCounts { accepted: 3, queued: 1, delivered: 2, ..Default::default() };
        assert!(counts.is_conserved());
        counts.hold_queued();
        assert_eq!((counts.queued, counts.held), (0, 1));
        assert!(counts.is_conserved());
        counts.delivered = 1;
        assert_eq!(counts.lost(), 1);
        counts.delivered = 3;
        assert_eq!(counts.lost(), -1);
    }
}
