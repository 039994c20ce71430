//! Everything the sandbox holds, behind one lock: the clock, the timeline, what was received, and
//! what each platform knows.

use serde_json::Value;

use crate::clock::Clock;
use crate::entry::EntryError;
use crate::inspect::{Inspection, Verdict};
use crate::meta::MetaWorld;
use crate::random::Random;
use crate::snap::SnapWorld;
use crate::timeline::{Change, Plan, Schedule, Step, StepError, Target};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Validates and deduplicates as the platform does.
    #[default]
    Strict,
    /// Checks the token and counts: for measuring what is in front of it.
    NullSink,
}

pub struct World {
    pub clock: Clock,
    pub schedule: Schedule,
    pub inspection: Inspection,
    pub meta: MetaWorld,
    pub snap: SnapWorld,
    traces: Random,
    trace_count: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            clock: Clock::start(),
            schedule: Schedule::new(seed),
            inspection: Inspection::default(),
            meta: MetaWorld::new(seed),
            snap: SnapWorld::new(seed),
            traces: Random::stream(seed, "traces"),
            trace_count: 0,
        }
    }

    pub fn trace_id(&mut self) -> String {
        self.trace_count += 1;
        let noise = self.traces.next() & 0xff_ffff;
        format!("A{:010x}{noise:06x}", self.trace_count)
    }

    /// Makes the changes that are due by the clock.
    pub fn tick(&mut self) {
        let due = self.schedule.tick(self.clock.elapsed_ms());
        self.make(due);
    }

    /// A request came: makes what is due and says what goes wrong with it.
    pub fn begin(&mut self, target: &Target) -> Plan {
        let (changes, plan) = self.schedule.request(target, self.clock.elapsed_ms());
        self.make(changes);
        plan
    }

    /// Events were accepted.
    pub fn receive<'a>(
        &mut self,
        asset: &str,
        events: impl ExactSizeIterator<Item = (&'a Value, Verdict)>,
        now_s: i64,
    ) {
        let count = events.len() as u64;
        self.inspection.receive(asset, events, now_s);
        let due = self.schedule.accepted(asset, count, self.clock.elapsed_ms());
        self.make(due);
    }

    /// All that is wrong with a step here and now.
    pub fn mistakes(&self, step: &Step) -> Vec<StepError> {
        let mut found = step.mistakes();
        if let Some(asset) = step.asset.as_ref().filter(|id| !self.has_asset(id)) {
            found.push(StepError::unknown("asset", format!("there is no asset {asset:?}")));
        }
        if let Some((key, what)) = step.change.as_ref().and_then(|change| self.unknown_in(change)) {
            found.push(StepError::unknown(key, what));
        }
        found
    }

    /// Makes a change where it belongs. False if something that it names does not exist.
    pub fn apply(&mut self, change: &Change, now: i64) -> bool {
        if self.snap.is_meant(change) {
            self.snap.apply(change, now)
        } else {
            self.meta.apply(change, now)
        }
    }

    /// Whether a token of any platform has this name: steps name tokens by it alone.
    pub fn has_token(&self, name: &str) -> bool {
        self.meta.token(name).is_some() || self.snap.token(name).is_some()
    }

    /// Names are taken whatever the platform is.
    pub fn check_token_name(&self, name: Option<&str>) -> Result<(), Vec<EntryError>> {
        match name.filter(|name| self.has_token(name)) {
            Some(name) => Err(vec![EntryError::new("name", format!("{name:?} is taken"))]),
            None => Ok(()),
        }
    }

    fn has_asset(&self, id: &str) -> bool {
        self.meta.assets.contains_key(id) || self.snap.assets.contains_key(id)
    }

    fn unknown_in(&self, change: &Change) -> Option<(&'static str, String)> {
        if self.snap.is_meant(change) {
            self.snap.unknown_in(change)
        } else {
            self.meta.unknown_in(change)
        }
    }

    fn make(&mut self, changes: Vec<Change>) {
        let now = self.clock.unix_seconds();
        for change in changes {
            if !self.apply(&change, now) {
                tracing::warn!(?change, "the sandbox's timeline changes something that is gone");
            }
        }
    }
}
