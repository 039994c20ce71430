//! Which steps apply to a request.
//!
//! Nothing here runs on a timer: what is due is found when something happens, which nobody
//! outside can tell from a timer, and which makes a run repeatable.

use serde::Serialize;

use super::{Change, Misbehaviour, Step, Target};
use crate::random::Random;

/// So many steps are kept, so that a client of the control API cannot fill the memory.
pub const MAX_STEPS: usize = 10_000;

pub struct Schedule {
    seed: u64,
    next_id: u64,
    steps: Vec<Planned>,
}

struct Planned {
    id: u64,
    step: Step,
    added_ms: u64,
    began_ms: Option<u64>,
    /// Requests and events it saw since it was added.
    requests: u64,
    events: u64,
    applied: u64,
    coins: Random,
    is_over: bool,
}

/// A misbehaviour that was chosen for a request, and the step it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    pub step: u64,
    pub what: Misbehaviour,
}

/// All that was chosen for one request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan(pub Vec<Applied>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Waiting,
    Active,
    Over,
}

/// A step as the control API shows it.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStep {
    pub id: u64,
    pub state: StepState,
    /// How often it applied.
    pub applied: u64,
    pub step: Step,
}

impl Plan {
    pub fn has(&self, what: &Misbehaviour) -> bool {
        self.0.iter().any(|applied| applied.what == *what)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Misbehaviour> {
        self.0.iter().map(|applied| &applied.what)
    }
}

impl Schedule {
    pub fn new(seed: u64) -> Self {
        Self { seed, next_id: 1, steps: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// None if there are too many already.
    pub fn add(&mut self, step: Step, now_ms: u64) -> Option<u64> {
        if self.steps.len() >= MAX_STEPS {
            self.steps.retain(|planned| !planned.is_over);
        }
        if self.steps.len() >= MAX_STEPS {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.steps.push(Planned {
            id,
            step,
            added_ms: now_ms,
            began_ms: None,
            requests: 0,
            events: 0,
            applied: 0,
            coins: Random::stream(self.seed, &format!("coins of step {id}")),
            is_over: false,
        });
        Some(id)
    }

    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.steps.len();
        self.steps.retain(|planned| planned.id != id);
        self.steps.len() < before
    }

    pub fn show(&self) -> Vec<PlannedStep> {
        self.steps.iter().map(Planned::show).collect()
    }

    /// Begins and ends what is due by the clock; returns the changes to make, oldest step first.
    pub fn tick(&mut self, now_ms: u64) -> Vec<Change> {
        self.steps.iter_mut().filter_map(|planned| planned.tick(now_ms)).collect()
    }

    /// A request came: begins what waited for it, then chooses what applies to it. Changes that
    /// begin with it come first, for they are to be seen by it.
    pub fn request(&mut self, target: &Target, now_ms: u64) -> (Vec<Change>, Plan) {
        let mut changes = Vec::new();
        let mut plan = Plan::default();
        for planned in &mut self.steps {
            changes.extend(planned.tick(now_ms));
            if !planned.step.looks_at(target) {
                continue;
            }
            let is_held_back = planned.is_deciding() && plan.iter().any(Misbehaviour::decides);
            if !is_held_back && let Some(what) = planned.choose() {
                plan.0.push(Applied { step: planned.id, what });
            }
            planned.requests += 1;
        }
        (changes, plan)
    }

    /// Events were accepted; returns the changes that begin by that.
    pub fn accepted(&mut self, asset: &str, events: u64, now_ms: u64) -> Vec<Change> {
        let counted = self
            .steps
            .iter_mut()
            .filter(|planned| planned.step.asset.as_ref().is_none_or(|only| only == asset));
        counted
            .filter_map(|planned| {
                planned.events += events;
                planned.tick(now_ms)
            })
            .collect()
    }

    /// A step that is spent only when it bites did so.
    pub fn spend(&mut self, id: u64) {
        if let Some(planned) = self.steps.iter_mut().find(|planned| planned.id == id) {
            planned.applied += 1;
            planned.end_if_spent();
        }
    }
}

impl Planned {
    fn begins_at(&self, now_ms: u64) -> Option<u64> {
        let step = &self.step;
        if let Some(at_ms) = step.at_ms {
            let at = self.added_ms.saturating_add(at_ms);
            return (at <= now_ms).then_some(at);
        }
        let enough_requests = step.after_requests.is_none_or(|count| self.requests >= count);
        let enough_events = step.after_events.is_none_or(|count| self.events >= count);
        (enough_requests && enough_events).then_some(now_ms)
    }

    fn tick(&mut self, now_ms: u64) -> Option<Change> {
        if self.is_over {
            return None;
        }
        let mut begun = None;
        if self.began_ms.is_none() {
            self.began_ms = self.begins_at(now_ms);
            begun = self.began_ms.and_then(|_| self.step.change.clone());
        }
        if begun.is_some() {
            self.applied = 1;
            self.is_over = true;
        }
        let lasts = self.step.for_ms.zip(self.began_ms);
        if lasts.is_some_and(|(for_ms, began)| now_ms >= began.saturating_add(for_ms)) {
            self.is_over = true;
        }
        begun
    }

    fn is_deciding(&self) -> bool {
        self.step.misbehave.as_ref().is_some_and(Misbehaviour::decides)
    }

    fn choose(&mut self) -> Option<Misbehaviour> {
        if self.is_over || self.began_ms.is_none() {
            return None;
        }
        let what = self.step.misbehave.clone()?;
        if !self.coins.percent(self.step.percent.unwrap_or(100)) {
            return None;
        }
        if what.is_spent_at_once() {
            self.applied += 1;
            self.end_if_spent();
        }
        Some(what)
    }

    fn end_if_spent(&mut self) {
        self.is_over |= self.step.times.is_some_and(|times| self.applied >= times);
    }

    fn show(&self) -> PlannedStep {
        let state = match (self.is_over, self.began_ms) {
            (true, _) => StepState::Over,
            (false, Some(_)) => StepState::Active,
            (false, None) => StepState::Waiting,
        };
        PlannedStep { id: self.id, state, applied: self.applied, step: self.step.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Endpoint;
    use super::*;

    fn target(asset: &str) -> Target {
        Target { endpoint: Endpoint::Events, asset: Some(asset.to_owned()) }
    }

    fn html() -> Step {
        Step { misbehave: Some(Misbehaviour::Html { status: 502 }), ..Step::default() }
    }

    /// For each moment, whether a request for the asset `a` at it is hit.
    fn hits(step: Step, moments: &[u64]) -> Vec<bool> {
        let mut schedule = Schedule::new(1);
        schedule.add(step, 0).unwrap();
        moments.iter().map(|now| !schedule.request(&target("a"), *now).1.0.is_empty()).collect()
    }

    #[test]
    fn a_step_begins_and_ends_when_it_says() {
        let asset = |asset: &str| Some(asset.to_owned());
        for (what, step, moments, expected) in [
            ("at once", html(), &[0, 1][..], &[true, true][..]),
            ("at", Step { at_ms: Some(10), ..html() }, &[9, 10, 11], &[false, true, true]),
            (
                "at and for",
                Step { at_ms: Some(10), for_ms: Some(5), ..html() },
                &[9, 14, 15, 20],
                &[false, true, false, false],
            ),
            (
                "a window that nobody saw is over",
                Step { at_ms: Some(10), for_ms: Some(5), ..html() },
                &[100],
                &[false],
            ),
            (
                "after requests",
                Step { after_requests: Some(2), ..html() },
                &[0, 0, 0, 0],
                &[false, false, true, true],
            ),
            ("times", Step { times: Some(2), ..html() }, &[0, 0, 0], &[true, true, false]),
            ("another asset", Step { asset: asset("b"), ..html() }, &[0], &[false]),
            ("this asset", Step { asset: asset("a"), ..html() }, &[0], &[true]),
            ("other requests", Step { on: Endpoint::Reads, ..html() }, &[0], &[false]),
            ("any request", Step { on: Endpoint::Any, ..html() }, &[0], &[true]),
            ("never", Step { percent: Some(0), ..html() }, &[0, 0], &[false, false]),
        ] {
            assert_eq!(hits(step, moments), expected, "{what}");
        }
    }

    #[test]
    fn events_are_counted_where_the_step_looks() {
        let mut schedule = Schedule::new(1);
        let step =
            Step { after_events: Some(100), asset: Some("a".to_owned()), times: Some(1), ..html() };
        schedule.add(step, 0).unwrap();
        schedule.accepted("b", 500, 0);
        schedule.accepted("a", 99, 0);
        assert_eq!(schedule.request(&target("a"), 0).1, Plan::default());
        schedule.accepted("a", 1, 0);
        assert_eq!(schedule.show()[0].state, StepState::Active);
        assert_eq!(schedule.request(&target("a"), 0).1.0.len(), 1);
        assert_eq!(schedule.show()[0].state, StepState::Over);
    }

    #[test]
    fn a_change_is_made_once() {
        let change = Change::ResetAppSecret { app: 1 };
        let mut schedule = Schedule::new(1);
        let step = Step { at_ms: Some(5), change: Some(change.clone()), ..Step::default() };
        schedule.add(step, 0).unwrap();
        assert_eq!(schedule.tick(4), []);
        assert_eq!(schedule.tick(5), [change]);
        assert_eq!(schedule.tick(6), []);
        assert_eq!(schedule.request(&target("a"), 7), (vec![], Plan::default()));
    }

    #[test]
    fn of_two_that_decide_the_older_goes_first_and_the_rest_combines() {
        let mut schedule = Schedule::new(1);
        for what in [
            Misbehaviour::CutAfter,
            Misbehaviour::Slow { ms: 1 },
            Misbehaviour::Html { status: 502 },
            Misbehaviour::Gzip,
        ] {
            let step = Step { times: Some(1), misbehave: Some(what), ..Step::default() };
            schedule.add(step, 0).unwrap();
        }
        let mut names = || -> Vec<String> {
            schedule.request(&target("a"), 0).1.iter().map(Misbehaviour::name).collect()
        };
        assert_eq!(names(), ["cut_after", "slow", "gzip"]);
        assert_eq!(names(), ["html"]);
        assert_eq!(names(), [""; 0]);
    }

    #[test]
    fn poison_is_spent_when_it_bites() {
        let mut schedule = Schedule::new(1);
        let what =
            Misbehaviour::Poison { event_name: "x".to_owned(), subcode: None, with_index: false };
        let step = Step { times: Some(1), misbehave: Some(what), ..Step::default() };
        let id = schedule.add(step, 0).unwrap();
        for _ in 0..3 {
            assert_eq!(schedule.request(&target("a"), 0).1.0.len(), 1);
        }
        schedule.spend(id);
        assert_eq!(schedule.request(&target("a"), 0).1.0.len(), 0);
    }

    #[test]
    fn coins_fall_the_same_for_the_same_seed() {
        let half = || Step { percent: Some(50), ..html() };
        let moments = [0; 64];
        assert_eq!(hits(half(), &moments), hits(half(), &moments));
        let hit = hits(half(), &moments).into_iter().filter(|hit| *hit).count();
        assert!((16..48).contains(&hit), "{hit}");
    }
}
