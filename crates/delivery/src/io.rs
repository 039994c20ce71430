//! What goes into a lane and what comes out of it.

use holdfast_model::credential::SignedWith;
use holdfast_model::fault::Fault;
use holdfast_model::hold::{Confirmation, Hold};
use holdfast_model::id::{HoldId, Seq, VersionNo};
use holdfast_model::item::ItemMeta;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_model::wire::TransportFailure;
use holdfast_platforms::{Judgement, ProbeAnswer};

/// A number the lane gives to each request it wants made; answers carry it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Items became leasable, or their number or first deadline changed. Also the first input.
    Available(Waiting),
    /// The answer to [`Command::Lease`]; empty if nothing was there. `group` is opaque to the lane
    /// but two leases of different groups are never merged.
    Leased { ticket: Ticket, group: u64, items: Vec<ItemMeta>, waiting: Waiting },
    /// The answer to [`Command::Send`], judged.
    Judged { ticket: Ticket, judgement: Judgement },
    /// [`Command::Send`] got no complete answer. `fault` is the catalog's row for it.
    NoAnswer { ticket: Ticket, failure: TransportFailure, fault: Fault },
    /// The request was never made: the runner could not build it (no active credential version,
    /// unreadable seal) or was told to stop first. The items were not sent.
    NotSent { ticket: Ticket, fault: Option<Fault> },
    /// The answer to [`Command::Probe`].
    Probed { ticket: Ticket, answer: ProbeAnswer },
    /// Open holds that cover this lane, whenever that set changes, whoever changed it.
    Holds { open: Vec<Hold> },
    /// Another version of the credential, or another credential, signs from now on.
    CredentialChanged { version: VersionNo },
    /// A settle, intent or release command could not be executed; the runner will try it again
    /// and the lane should not lease more until `Storage { ok: true }`.
    Storage { ok: bool },
    /// Stop leasing; what is in flight may finish.
    Drain,
    /// The time given by `next_wakeup` came.
    Tick,
}

/// What the outbox says about the lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Leasable now.
    pub ready: u64,
    /// When the first deferred item becomes leasable.
    pub next_not_before: Option<UnixMillis>,
    /// First deadline of anything waiting, leasable or not.
    pub first_deadline: Option<UnixSeconds>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Lease up to so many items, all of one kind of resend safety: at most `max_unsafe_items`
    /// where the platform would not deduplicate them. Answer with [`Input::Leased`].
    Lease {
        ticket: Ticket,
        max_items: u32,
        max_bytes: u32,
        max_unsafe_items: u32,
    },
    /// Send these items in one request, in this order. Make the attempt-intent durable first: no
    /// byte leaves before. Answer with `Judged`, `NoAnswer` or `NotSent` under the same ticket. The
    /// fragments were handed over with the lease; the runner keeps them until the items are
    /// settled or released.
    Send {
        ticket: Ticket,
        items: Vec<Seq>,
    },
    /// Take the attempt-intents of these items back: it is certain that none of the attempts at
    /// them did anything. To be carried out before any later command.
    WithdrawIntent {
        items: Vec<Seq>,
    },
    /// Make a harmless call that tells whether the credential works here.
    Probe {
        ticket: Ticket,
        fault: Fault,
    },
    /// Back to the queue, uncounted. With `not_before` not before then.
    Release {
        items: Vec<Seq>,
        not_before: Option<UnixMillis>,
    },
    Deliver {
        items: Vec<Seq>,
        trace_id: Option<String>,
    },
    DeadLetter {
        items: Vec<(Seq, Fault)>,
    },
    /// Leased items whose deadline passed, or which the platform called too old.
    Expire {
        items: Vec<Seq>,
        hold: Option<HoldId>,
        fault: Option<Fault>,
    },
    /// Waiting items with a deadline at or before `due`.
    ExpireDue {
        due: UnixSeconds,
        hold: Option<HoldId>,
    },
    Unknown {
        items: Vec<Seq>,
        fault: Fault,
    },
    /// Persist a hold with this fault, its scope made of the fault's selectors. The answer comes
    /// as [`Input::Holds`]. If it cannot be opened the lane asks again.
    OpenHold {
        fault: Fault,
        confirmation: Confirmation,
    },
    /// For the log, metrics and alerts; nothing needs to be answered.
    Tell(Notice),
}

/// Things worth telling a person or a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Backing off after a transient answer or a throttle, until then.
    BackingOff { fault: Fault, wait_ms: u64, consecutive: u32 },
    /// The platform's remarks on a success.
    Warnings(Vec<String>),
    /// One poison item was found after so many extra requests.
    PoisonFound { seq: Seq, extra_requests: u32 },
    /// First delivery after a lift, so many milliseconds later on the monotonic clock.
    Recovered { hold_was_open_ms: u64, first_delivery_after_lift_ms: u64 },
    /// A request was made; for rate and latency counters.
    Attempt { items: u32, canary: bool, isolation: bool },
    /// Deadlines passed but the wall clock is not trusted, so nothing was expired.
    ClockSkewHoldsExpiry,
}

/// How a lane behaves. Bounds have reasons beside them where they are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSettings {
    pub max_batch_items: u32,
    pub max_batch_bytes: u32,
    pub max_unsafe_items: u32,
    pub max_in_flight: u32,
    /// Requests that are not full leave at most once in this time.
    pub partial_interval_ms: u64,
    /// First step of the exponential backoff; each step doubles, full jitter.
    pub backoff_first_ms: u64,
    pub backoff_max_ms: u64,
    /// Sizes of the batches after a lift: canary, then these, then full.
    pub ramp: Vec<u32>,
    pub ambiguous: holdfast_model::destination::AmbiguousPolicy,
    /// Seed of the jitter.
    pub seed: u64,
}

/// Whom a settled request was signed with; the runner fills it in.
pub type Signer = SignedWith;
