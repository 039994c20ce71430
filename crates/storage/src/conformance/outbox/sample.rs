//! Values the cases are made of, and short ways of asking.

use std::sync::Arc;

use holdfast_model::credential::SignedWith;
use holdfast_model::fault::{Fault, FaultAction, FaultClass, PlatformCode};
use holdfast_model::id::{BatchId, CredentialId, HoldId, ItemId, LaneId, Seq, VersionNo};
use holdfast_model::item::{Admitted, BatchGroup, ProfileStamp};
use holdfast_model::ledger::LedgerCounts;
use holdfast_model::time::{DAY_S, UnixMillis, UnixSeconds};

use crate::{
    Appended, Commit, DeliveredBatch, ExpiryReason, Idempotency, IdempotencyKey, Lease, LeaseAsk,
    NewItem, Outbox, Settlement,
};

pub(super) const AT: UnixMillis = UnixMillis(1_790_000_000_000);
pub(super) const WEB: LaneId = LaneId(1);
pub(super) const APP: LaneId = LaneId(2);
pub(super) const SHOP: LaneId = LaneId(3);

/// Long after anything the cases do.
pub(super) const DEADLINE: UnixSeconds = UnixSeconds(AT.0 / 1_000 + 6 * DAY_S);

pub(super) fn item_id(number: u32) -> ItemId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    ItemId::from_parts(AT.plus_millis(i64::from(number)), random)
}

/// A resend of it is safe, and nothing about it is special.
pub(super) fn item(number: u32, lane: LaneId) -> NewItem {
    NewItem {
        item_id: item_id(number),
        lane,
        admitted: Admitted {
            fragment: format!("{{\"event_id\":\"e-{number}\"}}").into_bytes(),
            event_id: format!("e-{number}"),
            event_name: "Purchase".to_owned(),
            event_time: UnixSeconds(AT.to_seconds().0 - 60),
            expires_at: DEADLINE,
            dedup_until: Some(DEADLINE),
            group: BatchGroup::default(),
            profile: ProfileStamp::META_DOCS_1,
            warnings: Vec::new(),
        },
        not_before: None,
    }
}

impl NewItem {
    pub(super) fn with(mut self, change: impl FnOnce(&mut Admitted)) -> Self {
        change(&mut self.admitted);
        self
    }

    pub(super) fn of_bytes(self, bytes: usize) -> Self {
        self.with(|admitted| admitted.fragment = vec![b'x'; bytes])
    }

    pub(super) fn due_in(self, seconds: i64) -> Self {
        self.with(|admitted| admitted.expires_at = AT.to_seconds().plus_seconds(seconds))
    }

    pub(super) fn in_group(self, group: &str) -> Self {
        self.with(|admitted| admitted.group = BatchGroup(group.to_owned()))
    }

    pub(super) fn never_deduplicated(self) -> Self {
        self.with(|admitted| admitted.dedup_until = None)
    }

    pub(super) fn not_before(mut self, millis: i64) -> Self {
        self.not_before = Some(AT.plus_millis(millis));
        self
    }
}

pub(super) fn commit(items: Vec<NewItem>) -> Commit {
    Commit { items, idempotency: None, at: AT }
}

pub(super) fn keyed(items: Vec<NewItem>, key: &str, body: u8) -> Commit {
    let idempotency = Idempotency {
        key: IdempotencyKey(key.to_owned()),
        body_sha256: [body; 32],
        receipt: format!("receipt of {key} for {body}").into_bytes(),
    };
    Commit { items, idempotency: Some(idempotency), at: AT }
}

pub(super) fn first_of(appended: Appended) -> Seq {
    match appended {
        Appended::Stored { first } => first,
        Appended::Repeated(remembered) => panic!("not new: {remembered:?}"),
    }
}

/// Appends items `numbers` to the lane in one commit.
pub(super) async fn fill(outbox: &Arc<dyn Outbox>, lane: LaneId, numbers: std::ops::Range<u32>) {
    let items = numbers.map(|number| item(number, lane)).collect();
    first_of(outbox.append(commit(items)).await.unwrap());
}

/// As much as there is.
pub(super) fn everything() -> LeaseAsk {
    LeaseAsk { max_items: 10_000, max_unsafe_items: 10_000, max_bytes: 1 << 30, now: AT }
}

pub(super) async fn lease_all(outbox: &Arc<dyn Outbox>, lane: LaneId) -> Vec<Seq> {
    seqs(&outbox.lease(lane, everything()).await.unwrap())
}

/// Leases until nothing is left, with the numbers of the items of each lease.
pub(super) async fn drain(outbox: &Arc<dyn Outbox>, lane: LaneId, ask: LeaseAsk) -> Vec<Lease> {
    let mut leases = Vec::new();
    loop {
        let lease = outbox.lease(lane, ask).await.unwrap();
        if lease.items.is_empty() {
            return leases;
        }
        leases.push(lease);
    }
}

pub(super) fn seqs(lease: &Lease) -> Vec<Seq> {
    lease.items.iter().map(|leased| leased.meta.seq).collect()
}

/// Which items these are, by the number they were made from.
pub(super) fn numbers(lease: &Lease) -> Vec<u32> {
    let number = |event_id: &str| event_id.trim_start_matches("e-").parse().unwrap();
    lease.items.iter().map(|leased| number(&leased.event_id)).collect()
}

pub(super) async fn totals(outbox: &Arc<dyn Outbox>, lane: LaneId) -> LedgerCounts {
    let counts = outbox.counts(lane).await.unwrap().ledger;
    assert!(counts.is_conserved(), "{lane}: {counts:?}");
    assert_eq!(counts.held, 0, "the outbox knows no holds");
    counts
}

pub(super) fn fault(name: &str) -> Fault {
    Fault {
        name: name.to_owned(),
        class: FaultClass::Payload,
        action: FaultAction::DeadLetter,
        selectors: Vec::new(),
        code: Some(PlatformCode { code: 100, subcode: Some(2_804_050) }),
        summary: "the event was refused".to_owned(),
        remedy: "correct the event".to_owned(),
        platform_message: "Invalid parameter".to_owned(),
        trace_id: Some("AbCdEf".to_owned()),
    }
}

pub(super) fn reason(hold: Option<HoldId>) -> ExpiryReason {
    ExpiryReason { hold, hint: "raise the deadline".to_owned() }
}

pub(super) fn delivered(items: Vec<Seq>) -> Settlement {
    let credential = CredentialId::new("shop").unwrap_or_else(|e| panic!("a bad id: {e}"));
    let number = items.iter().map(|seq| seq.0).sum::<u64>();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Settlement::Delivered(DeliveredBatch {
        batch: BatchId::from_parts(AT, random),
        items,
        signed_with: SignedWith {
            credential,
            version: VersionNo(2),
            fingerprint: format!("{:032x}", 7),
        },
        trace_id: Some("AbCdEf".to_owned()),
        at: AT.plus_millis(5),
    })
}

pub(super) fn rejected(items: Vec<Seq>) -> Settlement {
    let items = items.into_iter().map(|seq| (seq, fault("meta.event_refused"))).collect();
    Settlement::Rejected { items, at: AT.plus_millis(5) }
}

pub(super) fn expired(items: Vec<Seq>) -> Settlement {
    Settlement::Expired { items, reason: reason(None), at: AT.plus_millis(5) }
}

pub(super) fn unknown(items: Vec<Seq>) -> Settlement {
    Settlement::Unknown { items, fault: fault("meta.answer_lost"), at: AT.plus_millis(5) }
}

/// Leases everything of the lane and settles it.
pub(super) async fn settle_all(
    outbox: &Arc<dyn Outbox>,
    lane: LaneId,
    settlement: fn(Vec<Seq>) -> Settlement,
) {
    let leased = lease_all(outbox, lane).await;
    assert!(!leased.is_empty(), "nothing to settle in lane {lane}");
    outbox.settle(lane, settlement(leased)).await.unwrap();
}

/// Polls a future once and drops it, as a caller that goes away does. Gives its answer if there was
/// one already.
pub(super) async fn abandon<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    futures_util::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(answer) => std::task::Poll::Ready(Some(answer)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

/// How often a case looks again at what goes on in the background. Each time it lets others run,
/// so that a backend which never gets there fails the case instead of stopping it.
pub(super) const MANY_LOOKS: u32 = 200_000;

/// Lets other tasks and other threads run.
pub(super) async fn let_others_run() {
    let mut has_yielded = false;
    futures_util::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
    std::thread::yield_now();
}
