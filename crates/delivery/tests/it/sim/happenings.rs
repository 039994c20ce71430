//! What happens to the world: items come, tokens die, processes end, people take days, clocks are
//! set. And at the end, everything gets well.

use holdfast_delivery::Input;
use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::hold::{Confirmation, Hold};
use holdfast_model::id::{HoldId, Seq, VersionNo};
use holdfast_model::item::ItemMeta;
use holdfast_model::scope::{Scope, SelectorKind};
use holdfast_model::time::{DAY_S, HOUR_S, MINUTE_S, UnixMillis};

use super::item::Item;
use super::platform::fault;
use super::tally::Tally;
use super::world::{Coming, World};

const HAPPENINGS: u32 = 500;

/// What admission takes off the two days in which the platform recognizes a repetition.
const MARGIN_S: i64 = 10 * MINUTE_S;

/// A world that is not at rest after so many steps will never be.
const MOST_STEPS: u32 = 100_000;

impl World {
    pub fn run(mut self) -> Tally {
        self.tell_holds();
        for _ in 0..HAPPENINGS {
            match self.toss(80) {
                0..=2 => self.bring_items(),
                3 | 4 => self.token_alive = false,
                5 => self.rotate(),
                6 => self.crash(),
                7 => self.restart(),
                8 => self.pause(),
                9 => self.set_clock(),
                10..=12 if self.hold.is_some() => self.wait_for_a_person(),
                _ => self.step(),
            }
        }
        self.get_well();
        self.tally
    }

    pub fn bring_items(&mut self) {
        for _ in 0..=self.toss(60) {
            let seq = Seq(self.next_seq);
            self.next_seq += 1;
            let at = self.true_s();
            let event_time = at.plus_seconds(-(self.toss(3 * DAY_S as u64) as i64));
            let deduplicates = self.toss(5) > 0;
            let recognized_s = 2 * DAY_S - MARGIN_S;
            let meta = ItemMeta {
                seq,
                bytes: 500,
                admitted_at: at.to_millis(),
                expires_at: event_time.plus_seconds(7 * DAY_S),
                dedup_until: deduplicates.then(|| event_time.plus_seconds(recognized_s)),
                intent_recorded: false,
            };
            let is_poison = self.toss(100) < self.poison_percent;
            self.outbox.put(Item::new(meta, is_poison));
        }
        self.tell_available();
    }

    /// A new token that works; the hold is lifted by it.
    fn rotate(&mut self) {
        self.sign_with_another(true);
        self.lift();
    }

    pub fn sign_with_another(&mut self, is_alive: bool) {
        self.token_version += 1;
        self.token_alive = is_alive;
        self.input(Input::CredentialChanged { version: VersionNo(self.token_version) });
    }

    pub fn lift(&mut self) {
        if self.hold.take().is_some() {
            self.tell_holds();
        }
    }

    pub fn open_hold(&mut self, fault: Fault) {
        if self.hold.is_none() {
            self.tally.holds += 1;
            self.hold = Some(hold(fault));
        }
    }

    /// An operator pauses the destination while requests are under way.
    fn pause(&mut self) {
        self.open_hold(fault("holdfast.operator_pause", FaultClass::Policy, FaultAction::Hold));
        self.tell_holds();
    }

    /// Nobody looks at the hold for a while, and processes come and go meanwhile.
    fn wait_for_a_person(&mut self) {
        for _ in 0..10 {
            self.step();
        }
        let hours = self.pick(&[1, 30, 50, 72, 100]);
        for part in 0..2 {
            self.mono += hours * HOUR_S as u64 * 500;
            self.input(Input::Tick);
            if part == 0 && self.toss(3) == 0 {
                self.restart();
            }
        }
        self.rotate();
    }

    /// kill -9 or power loss: what was on its way may still be processed, unheard.
    pub fn crash(&mut self) {
        self.tally.crashes += 1;
        let on_their_way: Vec<Coming> = std::mem::take(&mut self.coming).into_values().collect();
        for what in on_their_way {
            if let Coming::Answer { items, .. } = what {
                if self.toss(2) == 0 {
                    self.process_unheard(&items);
                }
                self.never_heard(&items);
            }
        }
        let kept = self.toss(1 + self.outbox.unsynced.len() as u64) as usize;
        let lost = self.outbox.crash(kept);
        for frame in lost.iter().filter(|frame| !frame.attempted) {
            self.tally.refusals_lost += 1;
            self.take_marks_for_truth(&frame.items);
        }
        for (_, items, _) in std::mem::take(&mut self.held_back) {
            self.tally.intents_without_request += 1;
            self.take_marks_for_truth(&items);
        }
        self.begin_process();
    }

    /// The disk says that an attempt was about to be made, and nobody is left who knows better.
    fn take_marks_for_truth(&mut self, items: &[Seq]) {
        for seq in items {
            let item = self.outbox.item(*seq);
            item.in_doubt |= item.mark_on_disk;
        }
    }

    /// An orderly end: what is in flight is heard, what is written becomes durable.
    pub fn restart(&mut self) {
        self.tally.restarts += 1;
        self.input(Input::Drain);
        while !self.is_stopped() || !self.coming.is_empty() {
            self.step();
        }
        self.outbox.sync();
        assert!(self.outbox.crash(0).is_empty(), "everything was written");
        self.begin_process();
    }

    /// Somebody sets the wall clock: a little, much, or right.
    fn set_clock(&mut self) {
        let day = DAY_S * 1_000;
        self.wall_offset_ms = self.pick(&[0, 0, 0, 200_000, -200_000, 4 * day, -4 * day]);
        self.tally.clock_doubts += u64::from(!self.now().wall_is_trusted);
        self.input(Input::Tick);
    }

    /// Troubles end: a good token, a good network, a good clock. Everything must come to an end.
    fn get_well(&mut self) {
        self.has_trouble = false;
        self.wall_offset_ms = 0;
        self.rotate();
        for _ in 0..MOST_STEPS {
            if self.outbox.is_empty() {
                break;
            }
            // Whatever is held by now is lifted by an operator, as a person would.
            self.lift();
            self.step();
        }
        let left: Vec<_> =
            self.outbox.items.values().filter(|item| !item.is_terminal()).take(3).collect();
        let (seed, state) = (self.seed, self.lane.state());
        assert!(left.is_empty(), "seed {seed}: left in {state:?}: {left:?}");
    }
}

fn hold(fault: Fault) -> Hold {
    Hold {
        id: HoldId::from_bytes([7; 16]),
        scope: Scope::new([(SelectorKind::Credential, "shop".to_owned())]),
        fault,
        opened_at: UnixMillis(0),
        confirmation: Confirmation::Confirmed,
        credential_version: None,
        opened_by: None,
        lifted: None,
    }
}
