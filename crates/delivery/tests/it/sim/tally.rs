//! What all seeds together have met.

#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub delivered: u64,
    pub dead: u64,
    pub expired: u64,
    pub unknown: u64,
    pub crashes: u64,
    pub restarts: u64,
    pub holds: u64,
    pub clock_doubts: u64,
    /// The platform saw an item again and recognized it.
    pub recognized: u64,
    /// The policy allowed a resend and the platform counted it again.
    pub counted_again: u64,
    /// A crash came between a certain refusal and its being durable.
    pub refusals_lost: u64,
    /// A crash came between an intent and its request.
    pub intents_without_request: u64,
    /// Delivered after the platform's memory had ended, and attempted and refused before a restart:
    /// what would be `unknown` if certain refusals were forgotten.
    pub late_after_refusal_and_restart: u64,
    /// Unknown only because an attempt from before a restart was remembered: what would be counted
    /// twice if attempts were forgotten.
    pub unknown_across_restart: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        let mut other = *other;
        for ((_, total), (_, part)) in self.all().into_iter().zip(other.all()) {
            *total += *part;
        }
    }

    pub fn assert_has_seen_everything(&mut self) {
        for (name, count) in self.all() {
            assert!(*count > 0, "no seed has met {name}");
        }
    }

    fn all(&mut self) -> [(&'static str, &mut u64); 14] {
        [
            ("delivered", &mut self.delivered),
            ("dead", &mut self.dead),
            ("expired", &mut self.expired),
            ("unknown", &mut self.unknown),
            ("crashes", &mut self.crashes),
            ("restarts", &mut self.restarts),
            ("holds", &mut self.holds),
            ("clock_doubts", &mut self.clock_doubts),
            ("recognized", &mut self.recognized),
            ("counted_again", &mut self.counted_again),
            ("refusals_lost", &mut self.refusals_lost),
            ("intents_without_request", &mut self.intents_without_request),
            ("late_after_refusal_and_restart", &mut self.late_after_refusal_and_restart),
            ("unknown_across_restart", &mut self.unknown_across_restart),
        ]
    }
}
