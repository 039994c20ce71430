//! Counts and the last events of each asset.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

use super::dedup::{Dedup, Repetition, Verdict};
use super::requests::{RequestLog, RequestRecord};

/// Bodies of so many events are kept for each asset.
const KEPT_EVENTS: usize = 5_000;

/// Counts of one asset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AssetCounts {
    pub requests: u64,
    pub refused_requests: u64,
    /// Events in accepted requests.
    pub received: u64,
    /// Different events.
    pub distinct: u64,
    /// Repetitions that the platform recognized and did not count.
    pub deduplicated: u64,
    /// Repetitions that it counted: what a sender must never cause.
    pub counted_twice: u64,
}

/// What `GET /_sandbox/state` shows.
#[derive(Debug, Clone, Serialize)]
pub struct State {
    pub assets: BTreeMap<String, AssetCounts>,
    pub refusals_by_code: BTreeMap<String, u64>,
    pub total: AssetCounts,
}

#[derive(Default)]
struct Asset {
    counts: AssetCounts,
    dedup: Dedup,
    kept: VecDeque<Value>,
}

/// Everything that was received.
#[derive(Default)]
pub struct Inspection {
    assets: BTreeMap<String, Asset>,
    refusals_by_code: BTreeMap<String, u64>,
    requests: RequestLog,
}

impl Inspection {
    /// Shows an asset with zeros until something comes.
    pub fn watch(&mut self, asset: &str) {
        self.assets.entry(asset.to_owned()).or_default();
    }

    /// Counts a refused delivery by the refusal's name. What was asked of an asset that does not
    /// exist is counted by that alone: callers must not be able to fill the memory with made-up
    /// names.
    pub fn refused(&mut self, asset: &str, refusal: &str) {
        self.refused_in_part(asset, refusal);
        if let Some(asset) = self.assets.get_mut(asset) {
            asset.counts.requests += 1;
        }
    }

    /// Counts the refusal of a request of which some events were accepted.
    pub fn refused_in_part(&mut self, asset: &str, refusal: &str) {
        *self.refusals_by_code.entry(refusal.to_owned()).or_default() += 1;
        if let Some(asset) = self.assets.get_mut(asset) {
            asset.counts.refused_requests += 1;
        }
    }

    /// Counts an accepted request in which nobody looks at single events.
    pub fn sink(&mut self, asset: &str, events: u64) {
        if let Some(asset) = self.assets.get_mut(asset) {
            asset.counts.requests += 1;
            asset.counts.received += events;
            asset.counts.distinct += events;
        }
    }

    /// Counts the events of an accepted request.
    pub fn receive<'a>(
        &mut self,
        asset: &str,
        events: impl Iterator<Item = (&'a Value, Verdict)>,
        now_s: i64,
    ) {
        let Some(asset) = self.assets.get_mut(asset) else { return };
        asset.counts.requests += 1;
        for (event, verdict) in events {
            asset.receive(event, verdict, now_s);
        }
    }

    pub fn state(&self) -> State {
        let mut total = AssetCounts::default();
        for Asset { counts, .. } in self.assets.values() {
            total.requests += counts.requests;
            total.refused_requests += counts.refused_requests;
            total.received += counts.received;
            total.distinct += counts.distinct;
            total.deduplicated += counts.deduplicated;
            total.counted_twice += counts.counted_twice;
        }
        State {
            assets: self.assets.iter().map(|(id, a)| (id.clone(), a.counts.clone())).collect(),
            refusals_by_code: self.refusals_by_code.clone(),
            total,
        }
    }

    /// The last events of an asset, newest first.
    pub fn events(&self, asset: &str, limit: usize) -> Vec<Value> {
        let kept = self.assets.get(asset).map(|asset| asset.kept.iter().rev());
        kept.into_iter().flatten().take(limit).cloned().collect()
    }

    pub fn log(&mut self, record: RequestRecord) {
        self.requests.push(record);
    }

    /// The last requests, newest first.
    pub fn requests(&self, asset: Option<&str>, limit: usize) -> Vec<RequestRecord> {
        self.requests.last(asset, limit)
    }

    /// Forgets what was received. The assets stay.
    pub fn reset(&mut self) {
        for asset in self.assets.values_mut() {
            *asset = Asset::default();
        }
        self.refusals_by_code.clear();
        self.requests = RequestLog::default();
    }
}

impl Asset {
    fn receive(&mut self, event: &Value, verdict: Verdict, now_s: i64) {
        self.counts.received += 1;
        match self.dedup.see(verdict, now_s) {
            Repetition::New => self.counts.distinct += 1,
            Repetition::Recognized => self.counts.deduplicated += 1,
            Repetition::CountedTwice => self.counts.counted_twice += 1,
        }
        if self.kept.len() == KEPT_EVENTS {
            self.kept.pop_front();
        }
        self.kept.push_back(event.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_kept_up_to_the_bound_newest_first() {
        let mut seen = Inspection::default();
        seen.watch("a");
        let events: Vec<Value> = (0..KEPT_EVENTS + 5).map(|n| json!(n)).collect();
        seen.receive("a", events.iter().map(|event| (event, Verdict::ANONYMOUS)), 0);
        seen.receive("unknown", events.iter().map(|event| (event, Verdict::ANONYMOUS)), 0);
        let kept = seen.events("a", usize::MAX);
        assert_eq!(kept.len(), KEPT_EVENTS);
        assert_eq!(kept[0], json!(KEPT_EVENTS + 4));
        assert_eq!(seen.state().total.received, KEPT_EVENTS as u64 + 5);
        assert_eq!(seen.state().assets.len(), 1, "made-up names take no memory");
        seen.reset();
        assert_eq!(seen.state().total, AssetCounts::default());
        assert_eq!(seen.state().assets.len(), 1);
    }
}
