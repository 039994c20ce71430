//! What the simulator met: one that never meets a case proves nothing about it.

#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub exchanges: u64,
    pub renewed: u64,
    pub revoked: u64,
    pub went_back: u64,
    pub crashes: u64,
    pub silences: u64,
    pub refusals: u64,
    pub alerts: u64,
    pub deaths_told: u64,
    pub lost_grants: u64,
    pub fenced_off: u64,
    pub second_leases: u64,
    pub turned_away: u64,
    pub brought_by_people: u64,
    /// Tokens that were stored and never used.
    pub wasted: u64,
    pub points: u32,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.exchanges, other.exchanges),
            (&mut self.renewed, other.renewed),
            (&mut self.revoked, other.revoked),
            (&mut self.went_back, other.went_back),
            (&mut self.crashes, other.crashes),
            (&mut self.silences, other.silences),
            (&mut self.refusals, other.refusals),
            (&mut self.alerts, other.alerts),
            (&mut self.deaths_told, other.deaths_told),
            (&mut self.lost_grants, other.lost_grants),
            (&mut self.fenced_off, other.fenced_off),
            (&mut self.second_leases, other.second_leases),
            (&mut self.turned_away, other.turned_away),
            (&mut self.brought_by_people, other.brought_by_people),
            (&mut self.wasted, other.wasted),
        ] {
            *sum += more;
        }
    }

    pub fn assert_has_seen_everything(&self) {
        for (what, count) in [
            ("an exchange", self.exchanges),
            ("a renewal", self.renewed),
            ("a revocation", self.revoked),
            ("a way back", self.went_back),
            ("a crash", self.crashes),
            ("silence", self.silences),
            ("a refusal in use", self.refusals),
            ("an alert", self.alerts),
            ("a grant whose next token was lost", self.lost_grants),
            ("somebody who was away too long", self.fenced_off),
            ("a second lease", self.second_leases),
            ("somebody who was turned away", self.turned_away),
            ("a person's token", self.brought_by_people),
        ] {
            assert!(count > 0, "no seed has met {what}: {self:?}");
        }
    }
}
