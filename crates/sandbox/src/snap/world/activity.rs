//! What happened at an asset of late: test events for their log, and counts for the statistics.

use std::collections::VecDeque;

use serde_json::{Value, json};

/// Test events are shown for a day.
const LOG_S: i64 = 24 * 3_600;

/// So many are kept for each asset.
const MAX_LOG: usize = 1_000;

/// The statistics look back an hour.
const STATS_S: i64 = 3_600;

#[derive(Debug, Default)]
pub struct Activity {
    log: VecDeque<TestEvent>,
    tests: Hour,
    live: Hour,
}

/// A test event as the log shows it.
#[derive(Debug, Clone)]
pub struct TestEvent {
    pub at_s: i64,
    pub shown: Value,
}

impl Activity {
    pub fn count_live(&mut self, events: u64, now_s: i64) {
        self.live.add(events, now_s);
    }

    pub fn add_test(&mut self, event: TestEvent) {
        self.tests.add(1, event.at_s);
        if self.log.len() == MAX_LOG {
            self.log.pop_front();
        }
        self.log.push_back(event);
    }

    /// The test events of the last day, newest first.
    pub fn log(&self, now_s: i64) -> Vec<Value> {
        let recent = self.log.iter().rev().take_while(|event| now_s - event.at_s < LOG_S);
        recent.map(|event| event.shown.clone()).collect()
    }

    pub fn stats(&self, now_s: i64) -> Value {
        json!({ "test": self.tests.show(now_s), "live": self.live.show(now_s) })
    }
}

/// Counts by second, no older than an hour.
#[derive(Debug, Default)]
struct Hour {
    latest_s: Option<i64>,
    seconds: VecDeque<(i64, u64)>,
}

impl Hour {
    fn add(&mut self, events: u64, now_s: i64) {
        if events == 0 {
            return;
        }
        self.latest_s = Some(now_s);
        match self.seconds.back_mut() {
            Some((at, count)) if *at == now_s => *count += events,
            _ => self.seconds.push_back((now_s, events)),
        }
        while self.seconds.front().is_some_and(|(at, _)| now_s - at >= STATS_S) {
            self.seconds.pop_front();
        }
    }

    fn show(&self, now_s: i64) -> Value {
        let recent = self.seconds.iter().filter(|(at, _)| now_s - at < STATS_S);
        let count: u64 = recent.map(|(_, count)| count).sum();
        json!({ "latest_event_ts": self.latest_s, "event_count_past_hour": count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_of_the_last_hour_and_the_log_of_the_last_day() {
        let mut activity = Activity::default();
        activity.count_live(3, 0);
        activity.count_live(4, 1_800);
        for (now, count) in [(1_800, 7), (3_599, 7), (3_600, 4), (5_400, 0)] {
            let stats = activity.stats(now);
            assert_eq!(stats["live"]["event_count_past_hour"], count, "{now}");
            assert_eq!(stats["live"]["latest_event_ts"], 1_800, "{now}");
            assert_eq!(stats["test"]["latest_event_ts"], Value::Null);
        }
        for at_s in [0, 10] {
            activity.add_test(TestEvent { at_s, shown: json!(at_s) });
        }
        assert_eq!(activity.log(10), [json!(10), json!(0)]);
        assert_eq!(activity.log(86_400), [json!(10)]);
        for at_s in 0..2_000 {
            activity.add_test(TestEvent { at_s: 20 + at_s, shown: json!(at_s) });
        }
        assert_eq!(activity.log(2_020).len(), MAX_LOG);
    }
}
