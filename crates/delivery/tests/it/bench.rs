//! One lane on a bench: a queue that answers leases by itself and remembers attempts as the outbox
//! does, and a clock that is moved by hand. Everything else the lane asks for is handed to the test.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use holdfast_delivery::{Command, Input, Lane, LaneSettings, Notice, Ticket, Waiting};
use holdfast_model::destination::AmbiguousPolicy;
use holdfast_model::fault::{Fault, PlatformCode};
use holdfast_model::hold::{Confirmation, Hold};
use holdfast_model::id::{HoldId, Seq};
use holdfast_model::item::ItemMeta;
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::{Scope, SelectorKind};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_model::wire::{TransportFailure, TransportFailureKind};
use holdfast_platforms::{ItemVerdict, Judgement, RetryAdvice, Unlocated};
use holdfast_testkit::FakeClock;

pub const START: UnixSeconds = UnixSeconds(1_800_000_000);
pub const DAY_S: i64 = 86_400;

/// A request that the lane made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub ticket: Ticket,
    pub items: Vec<Seq>,
}

pub struct Bench {
    pub lane: Lane,
    pub clock: FakeClock,
    pub queue: VecDeque<ItemMeta>,
    /// What was asked for and is for the test to answer, besides requests.
    pub asked: Vec<Command>,
    pub sent: VecDeque<Sent>,
    pub notices: Vec<Notice>,
    /// Items that may have arrived.
    pub attempted: BTreeSet<Seq>,
    next_seq: u64,
}

pub fn settings() -> LaneSettings {
    LaneSettings {
        max_batch_items: 1_000,
        max_batch_bytes: 1 << 20,
        max_unsafe_items: 10,
        max_in_flight: 4,
        partial_interval_ms: 0,
        backoff_first_ms: 1_000,
        backoff_max_ms: 300_000,
        ramp: vec![4, 16],
        ambiguous: AmbiguousPolicy::NeverResend,
        seed: 7,
    }
}

impl Bench {
    pub fn new(settings: LaneSettings) -> Self {
        let clock = FakeClock::at(START.to_millis());
        let lane = Lane::new(settings, clock.now());
        let (queue, sent) = (VecDeque::new(), VecDeque::new());
        let mut bench = Self {
            lane,
            clock,
            queue,
            asked: vec![],
            sent,
            notices: vec![],
            attempted: BTreeSet::new(),
            next_seq: 0,
        };
        bench.input(Input::Holds { open: Vec::new() });
        bench
    }

    /// One request at a time, so that a test can follow it.
    pub fn single() -> Self {
        Self::new(LaneSettings { max_in_flight: 1, ..settings() })
    }

    pub fn item(&mut self) -> ItemMeta {
        self.next_seq += 1;
        ItemMeta {
            seq: Seq(self.next_seq),
            bytes: 900,
            admitted_at: self.clock.now().wall,
            expires_at: START.plus_seconds(6 * DAY_S),
            dedup_until: Some(START.plus_seconds(2 * DAY_S)),
            intent_recorded: false,
        }
    }

    /// An item whose resend would be counted twice.
    pub fn unsafe_item(&mut self) -> ItemMeta {
        ItemMeta { dedup_until: None, ..self.item() }
    }

    pub fn bring(&mut self, count: usize) -> Vec<Seq> {
        let items: Vec<ItemMeta> = (0..count).map(|_| self.item()).collect();
        self.bring_these(items)
    }

    pub fn bring_these(&mut self, items: Vec<ItemMeta>) -> Vec<Seq> {
        let seqs = items.iter().map(|item| item.seq).collect();
        self.attempted.extend(items.iter().filter(|i| i.intent_recorded).map(|i| i.seq));
        self.queue.extend(items);
        let waiting = self.waiting();
        self.input(Input::Available(waiting));
        seqs
    }

    pub fn waiting(&self) -> Waiting {
        Waiting {
            ready: self.queue.len() as u64,
            next_not_before: None,
            first_deadline: self.queue.iter().map(|item| item.expires_at).min(),
        }
    }

    /// Gives the lane an input, answers its leases, keeps the rest for the test.
    pub fn input(&mut self, input: Input) {
        let mut todo = VecDeque::from(self.lane.handle(self.clock.now(), input));
        while let Some(command) = todo.pop_front() {
            match command {
                Command::Lease { ticket, max_items, max_unsafe_items, .. } => {
                    let items = self.lease(max_items, max_unsafe_items);
                    let waiting = self.waiting();
                    let input = Input::Leased { ticket, group: 0, items, waiting };
                    todo.extend(self.lane.handle(self.clock.now(), input));
                }
                Command::Send { ticket, items } => {
                    self.attempted.extend(&items);
                    self.sent.push_back(Sent { ticket, items });
                }
                Command::WithdrawIntent { items } => {
                    for seq in items {
                        assert!(self.attempted.remove(&seq), "{seq} had no intent");
                    }
                }
                Command::Tell(notice) => self.notices.push(notice),
                other => self.asked.push(other),
            }
        }
    }

    fn lease(&mut self, max_items: u32, max_unsafe: u32) -> Vec<ItemMeta> {
        let at = self.clock.now().unix_seconds();
        let Some(first) = self.queue.front() else { return Vec::new() };
        let is_safe = first.resend_is_safe(at);
        let most = if is_safe { max_items } else { max_unsafe } as usize;
        let alike = self.queue.iter().take_while(|item| item.resend_is_safe(at) == is_safe);
        let count = alike.take(most).count();
        let attempted = &self.attempted;
        let known =
            |item: ItemMeta| ItemMeta { intent_recorded: attempted.contains(&item.seq), ..item };
        self.queue.drain(..count).map(known).collect()
    }

    /// The oldest request without an answer.
    #[track_caller]
    pub fn next_sent(&mut self) -> Sent {
        self.sent.pop_front().expect("the lane made a request")
    }

    #[track_caller]
    pub fn answer(&mut self, judgement: Judgement) -> Sent {
        let sent = self.next_sent();
        self.input(Input::Judged { ticket: sent.ticket, judgement });
        sent
    }

    #[track_caller]
    pub fn accept(&mut self) -> Sent {
        self.answer(Judgement::all(ItemVerdict::Accepted))
    }

    #[track_caller]
    pub fn cut(&mut self, may_have_arrived: bool) -> Sent {
        let sent = self.next_sent();
        self.input(no_answer(sent.ticket, may_have_arrived));
        sent
    }

    /// Time passes; the lane is woken whenever it wishes to be.
    pub fn pass(&mut self, time: Duration) {
        let end = self.clock.now().mono + time;
        while let Some(at) = self.lane.next_wakeup().filter(|at| *at <= end) {
            self.clock.advance(at.since(self.clock.now().mono));
            self.input(Input::Tick);
        }
        self.clock.advance(end.since(self.clock.now().mono));
    }

    /// What the lane asked for since the last look, less what goes back to the queue.
    pub fn asked(&mut self) -> Vec<Command> {
        let all = std::mem::take(&mut self.asked);
        all.into_iter().filter(|command| !matches!(command, Command::Release { .. })).collect()
    }

    /// Which items went back to the queue since the last look.
    pub fn released(&mut self) -> Vec<Seq> {
        let released = self.asked.iter().filter_map(|command| match command {
            Command::Release { items, .. } => Some(items.clone()),
            _ => None,
        });
        let released = released.flatten().collect();
        self.asked.retain(|command| !matches!(command, Command::Release { .. }));
        released
    }

    pub fn delivered(&mut self) -> Vec<Seq> {
        let asked = std::mem::take(&mut self.asked);
        let delivered = asked.into_iter().filter_map(|command| match command {
            Command::Deliver { items, .. } => Some(items),
            other => {
                self.asked.push(other);
                None
            }
        });
        delivered.flatten().collect()
    }

    pub fn hold(&mut self) {
        let open = vec![a_hold(self.clock.now().wall)];
        self.input(Input::Holds { open });
    }

    pub fn lift(&mut self) {
        self.input(Input::Holds { open: Vec::new() });
    }
}

pub fn no_answer(ticket: Ticket, may_have_arrived: bool) -> Input {
    let failure = TransportFailure {
        kind: TransportFailureKind::Timeout,
        may_have_arrived,
        detail: String::new(),
    };
    Input::NoAnswer { ticket, failure, fault: fault("meta.no_answer") }
}

pub fn a_hold(opened_at: UnixMillis) -> Hold {
    Hold {
        id: HoldId::from_bytes([5; 16]),
        scope: Scope::new([(SelectorKind::Credential, "shop".to_owned())]),
        fault: fault("meta.token_expired"),
        opened_at,
        confirmation: Confirmation::Confirmed,
        credential_version: None,
        opened_by: None,
        lifted: None,
    }
}

/// A row of the real catalog.
pub fn fault(name: &str) -> Fault {
    let meta = holdfast_platforms::platform(PlatformId::Meta).expect("this release knows Meta");
    meta.catalog().by_name(name).unwrap_or_else(|| panic!("no row {name}")).fault()
}

/// As Meta answers for one bad event: `subcode` is missing where it only says "invalid parameter".
pub fn payload_fault(subcode: Option<i64>) -> Fault {
    let name = if subcode.is_some() { "meta.purchase_without_value" } else { "meta.event_refused" };
    Fault { code: Some(PlatformCode { code: 100, subcode }), ..fault(name) }
}

pub fn refuses_token() -> Judgement {
    definite("meta.token_expired")
}

pub fn definite(name: &str) -> Judgement {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.hold = Some(fault(name));
    judgement
}

pub fn someone_is_bad(fault: Fault, suspects: Vec<u32>) -> Judgement {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.unlocated = Some(Unlocated { fault, suspects });
    judgement
}

pub fn try_again(name: &str, hold_after: Option<u32>) -> Judgement {
    let mut judgement = Judgement::all(ItemVerdict::NotProcessed);
    judgement.retry = Some(RetryAdvice { fault: fault(name), hold_after, resign_once: false });
    judgement
}
