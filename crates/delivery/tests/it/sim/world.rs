//! The world: its time, what is on its way, and how the lane's commands are carried out and held
//! against the books.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_delivery::{Command, Input, Lane, LaneSettings, LaneState, Ticket};
use holdfast_model::destination::AmbiguousPolicy;
use holdfast_model::fault::Fault;
use holdfast_model::hold::Hold;
use holdfast_model::id::Seq;
use holdfast_model::time::{MonoMillis, Now, UnixMillis, UnixSeconds};
use holdfast_platforms::ProbeAnswer;

use super::item::Place;
use super::outbox::Outbox;
use super::tally::Tally;

const START_MS: i64 = 1_790_000_000_000;

/// A wall clock that is wrong by more than this is not trusted; one second less than the bound of
/// the gateway.
const MAX_SKEW_MS: i64 = 299_000;

/// What is on its way.
pub enum Coming {
    Lease {
        ticket: Ticket,
        max_items: u32,
        max_unsafe_items: u32,
    },
    /// The outbox syncs; then the requests leave that wait for it.
    Sync,
    /// A request reaches the platform, and its answer the lane.
    Answer {
        ticket: Ticket,
        items: Vec<Seq>,
        version: u32,
    },
    Probe {
        ticket: Ticket,
    },
    OpenHold {
        fault: Fault,
    },
}

/// What the platform says of the neighbors of a bad event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// Now this, now that: whatever any platform might do.
    Any,
    /// Nothing of a refused request was processed (Meta).
    AllOrNothing,
    /// Nobody knows what became of them (Snap).
    Unsaid,
}

pub struct World {
    pub seed: u64,
    pub manners: Manners,
    random: u64,
    pub mono: u64,
    /// By how much the gateway's wall clock is ahead of the truth.
    pub wall_offset_ms: i64,
    pub lane: Lane,
    pub settings: LaneSettings,
    pub resends: bool,
    pub outbox: Outbox,
    pub next_seq: u64,
    pub poison_percent: u64,
    pub coming: BTreeMap<(u64, u64), Coming>,
    order: u64,
    /// Requests that wait for their intent to be durable.
    pub held_back: Vec<(Ticket, Vec<Seq>, u32)>,
    pub token_version: u32,
    pub token_alive: bool,
    pub hold: Option<Hold>,
    /// The lane was told of the hold.
    told_of_hold: bool,
    pub has_trouble: bool,
    /// Items came back: the outbox says so with the next step.
    released: bool,
    pub tally: Tally,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let settings = settings(seed);
        let now = Now { wall: UnixMillis(START_MS), mono: MonoMillis(0), wall_is_trusted: true };
        let mut world = Self {
            seed,
            manners: Manners::Any,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            mono: 0,
            wall_offset_ms: 0,
            lane: Lane::new(settings.clone(), now),
            resends: settings.ambiguous == AmbiguousPolicy::Resend,
            settings,
            outbox: Outbox::default(),
            next_seq: 1,
            poison_percent: 0,
            coming: BTreeMap::new(),
            order: 0,
            held_back: Vec::new(),
            token_version: 1,
            token_alive: true,
            hold: None,
            told_of_hold: false,
            has_trouble: true,
            released: false,
            tally: Tally::default(),
        };
        world.poison_percent = world.toss(3);
        world
    }

    pub fn toss(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.toss(from.len() as u64) as usize]
    }

    pub fn true_s(&self) -> UnixSeconds {
        UnixMillis(START_MS + self.mono as i64).to_seconds()
    }

    /// What the gateway's clocks show.
    pub fn now(&self) -> Now {
        Now {
            wall: UnixMillis(START_MS + self.mono as i64 + self.wall_offset_ms),
            mono: MonoMillis(self.mono),
            wall_is_trusted: self.wall_offset_ms.abs() <= MAX_SKEW_MS,
        }
    }

    fn later(&mut self, most_ms: u64, what: Coming) {
        let delay = 1 + self.toss(most_ms);
        self.order += 1;
        self.coming.insert((self.mono + delay, self.order), what);
    }

    pub fn input(&mut self, input: Input) {
        let commands = self.lane.handle(self.now(), input);
        for command in commands {
            self.execute(command);
        }
    }

    pub fn tell_available(&mut self) {
        self.input(Input::Available(self.outbox.waiting()));
    }

    pub fn tell_holds(&mut self) {
        self.told_of_hold = self.hold.is_some();
        let open = self.hold.iter().cloned().collect();
        self.input(Input::Holds { open });
    }

    // ── Commands ────────────────────────────────────────────────────────────────────────────

    fn execute(&mut self, command: Command) {
        match command {
            Command::Lease { ticket, max_items, max_unsafe_items, .. } => {
                self.later(20, Coming::Lease { ticket, max_items, max_unsafe_items });
            }
            Command::Send { ticket, items } => self.send(ticket, items),
            Command::WithdrawIntent { items } => {
                for seq in &items {
                    let item = self.outbox.item(*seq);
                    assert!(item.mark, "seed {}: nothing to withdraw: {item:?}", self.seed);
                }
                self.write(false, &items);
            }
            Command::Probe { ticket, .. } => self.later(400, Coming::Probe { ticket }),
            Command::OpenHold { fault, .. } => self.later(400, Coming::OpenHold { fault }),
            Command::Release { items, .. } => {
                self.settle(&items, Place::Waiting);
                self.released = true;
            }
            Command::Deliver { items, .. } => self.settle(&items, Place::Delivered),
            Command::DeadLetter { items } => {
                let seqs: Vec<Seq> = items.iter().map(|(seq, _)| *seq).collect();
                self.settle(&seqs, Place::Dead);
            }
            Command::Expire { items, .. } => self.settle(&items, Place::Expired),
            Command::ExpireDue { due, .. } => {
                for seq in self.outbox.take_due(due) {
                    self.outbox.item(seq).place = Place::Leased;
                    self.settle(&[seq], Place::Expired);
                }
            }
            Command::Unknown { items, .. } => self.settle(&items, Place::Unknown),
            Command::Tell(_) => {}
        }
    }

    fn send(&mut self, ticket: Ticket, items: Vec<Seq>) {
        let seed = self.seed;
        assert!(!self.told_of_hold, "seed {seed}: a request left while held");
        assert!(!items.is_empty(), "seed {seed}: an empty request");
        let distinct: BTreeSet<Seq> = items.iter().copied().collect();
        assert_eq!(distinct.len(), items.len(), "seed {seed}: an item twice in a request");
        let (at, most_unsafe) = (self.true_s(), self.settings.max_unsafe_items as usize);
        for seq in &items {
            let item = self.outbox.item(*seq);
            assert_eq!(item.place, Place::Leased, "seed {seed}: sent what is not leased");
            let safe = item.meta.resend_is_safe(at.plus_seconds(-MAX_SKEW_MS / 1_000));
            assert!(safe || items.len() <= most_unsafe, "seed {seed}: unsafe in large company");
        }
        let news: Vec<Seq> =
            items.iter().copied().filter(|seq| !self.outbox.item(*seq).mark).collect();
        self.write(true, &news);
        self.held_back.push((ticket, items, self.token_version));
    }

    /// One sync for all that is written until it ends.
    fn write(&mut self, attempted: bool, items: &[Seq]) {
        self.outbox.mark(attempted, items);
        if !self.coming.values().any(|what| matches!(what, Coming::Sync)) {
            self.later(40, Coming::Sync);
        }
    }

    /// Every leased item ends in exactly one place, and for a reason.
    fn settle(&mut self, seqs: &[Seq], place: Place) {
        let (seed, now, at, resends) = (self.seed, self.now(), self.true_s(), self.resends);
        for seq in seqs {
            let item = self.outbox.item(*seq);
            assert_eq!(item.place, Place::Leased, "seed {seed}: settled twice: {place:?}");
            let recognized = item.meta.resend_is_safe(at.plus_seconds(MAX_SKEW_MS / 1_000));
            item.place = place;
            match place {
                Place::Waiting => self.outbox.release(*seq),
                Place::Leased => unreachable!("nothing is settled as leased"),
                Place::Delivered => {
                    assert!(item.counted > 0, "seed {seed}: never counted: {item:?}");
                    let late = item.refusal_is_inherited && !item.in_doubt && !recognized;
                    self.tally.late_after_refusal_and_restart += u64::from(late);
                    self.tally.delivered += 1;
                }
                Place::Dead => {
                    assert!(item.is_poison, "seed {seed}: a neighbor was binned: {item:?}");
                    self.tally.dead += 1;
                }
                Place::Expired => {
                    assert!(now.wall_is_trusted, "seed {seed}: expired by a doubtful clock");
                    let late = item.meta.expires_at <= now.unix_seconds();
                    assert!(late || item.is_poison, "seed {seed}: expired too early");
                    self.tally.expired += 1;
                }
                Place::Unknown => {
                    assert!(!resends, "seed {seed}: the policy is to resend");
                    assert!(item.in_doubt, "seed {seed}: certainly not processed: {item:?}");
                    let believed = !recognized || !now.wall_is_trusted;
                    assert!(believed, "seed {seed}: still recognized: {item:?}");
                    self.tally.unknown += 1;
                    self.tally.unknown_across_restart += u64::from(item.doubt_is_inherited);
                }
            }
        }
    }

    // ── What arrives ────────────────────────────────────────────────────────────────────────

    fn arrive(&mut self, what: Coming) {
        match what {
            Coming::Lease { ticket, max_items, max_unsafe_items } => {
                self.lease(ticket, max_items, max_unsafe_items);
            }
            Coming::Sync => self.sync(),
            Coming::Answer { ticket, items, version } => {
                let input = self.respond(ticket, &items, version);
                self.input(input);
            }
            Coming::Probe { ticket } => {
                let answer = match (self.toss(4), self.token_alive) {
                    (0, _) => ProbeAnswer::Silent,
                    (1, _) => ProbeAnswer::Unprobeable,
                    (_, true) => ProbeAnswer::Proved,
                    (_, false) => ProbeAnswer::Refuted,
                };
                self.input(Input::Probed { ticket, answer });
            }
            Coming::OpenHold { fault } => {
                self.open_hold(fault);
                self.tell_holds();
            }
        }
    }

    /// What a lease says of an item is exactly what is true.
    fn lease(&mut self, ticket: Ticket, max_items: u32, max_unsafe_items: u32) {
        let items = self.outbox.lease(self.now().unix_seconds(), max_items, max_unsafe_items);
        for meta in &items {
            let (said, item) = (meta.intent_recorded, self.outbox.item(meta.seq));
            assert_eq!(said, item.in_doubt, "seed {}: {item:?}", self.seed);
        }
        let waiting = self.outbox.waiting();
        self.input(Input::Leased { ticket, group: 0, items, waiting });
    }

    /// Intents are durable: their requests leave, or turn out impossible to make.
    fn sync(&mut self) {
        self.outbox.sync();
        for (ticket, items, version) in std::mem::take(&mut self.held_back) {
            if self.has_trouble && self.toss(40) == 0 {
                self.input(Input::NotSent { ticket, fault: None });
            } else {
                self.later(400, Coming::Answer { ticket, items, version });
            }
        }
    }

    /// When something is due.
    pub fn next_due(&self) -> u64 {
        if self.released {
            return self.mono;
        }
        let arrival = self.coming.first_key_value().map(|((at, _), _)| *at);
        let wakeup = self.lane.next_wakeup().map(|at| at.0.max(self.mono + 1));
        let next = [arrival, wakeup].into_iter().flatten().min();
        next.map_or(self.mono + 1_000, |at| at.max(self.mono))
    }

    /// Lets time pass until something is due.
    pub fn step(&mut self) {
        let due = self.next_due();
        if std::mem::take(&mut self.released) {
            return self.tell_available();
        }
        self.mono = due;
        match self.coming.first_entry() {
            Some(entry) if entry.key().0 <= self.mono => {
                let what = entry.remove();
                self.arrive(what);
            }
            _ => self.input(Input::Tick),
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.lane.state() == LaneState::Stopped
    }

    /// A process begins: nothing in memory but what the outbox says.
    pub fn begin_process(&mut self) {
        for item in self.outbox.items.values_mut().filter(|item| !item.is_terminal()) {
            item.doubt_is_inherited |= item.in_doubt;
            item.refusal_is_inherited |= item.was_refused;
        }
        self.coming.clear();
        self.held_back.clear();
        self.released = false;
        self.lane = Lane::new(self.settings.clone(), self.now());
        self.tell_holds();
        self.tell_available();
    }
}

fn settings(seed: u64) -> LaneSettings {
    let ambiguous = match seed % 8 {
        0 => AmbiguousPolicy::Resend,
        _ => AmbiguousPolicy::NeverResend,
    };
    LaneSettings {
        max_batch_items: 40,
        max_batch_bytes: 1_000_000,
        max_unsafe_items: 5,
        max_in_flight: 1 + (seed % 4) as u32,
        partial_interval_ms: (seed % 3) * 20,
        backoff_first_ms: 100,
        backoff_max_ms: 10_000,
        ramp: vec![4, 16],
        ambiguous,
        seed,
    }
}
