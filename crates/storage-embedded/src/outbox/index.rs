//! Where every waiting item is, in memory: 32 bytes an item.
//!
//! Items wait in buckets of one deadline hour and one group, each sorted by sequence number. So
//! "nearest deadline first" and "one group a request" cost a look at the first bucket.

use std::collections::{BTreeMap, HashMap, VecDeque};

use holdfast_model::id::{LaneId, Seq};
use holdfast_model::item::BatchGroup;
use holdfast_model::ledger::LedgerCounts;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_storage::{LaneCounts, LanePeek, LeaseAsk, WakeFn};

use super::erase::Erasing;
use super::runs::SeqRuns;

const HOUR_S: u32 = 3_600;

/// A waiting item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub seq: Seq,
    pub at: Place,
    /// Unix seconds; `u32::MAX` is never.
    expires_at_s: u32,
    /// Unix seconds; 0 is "not deduplicated".
    dedup_until_s: u32,
    pub group: u16,
}

/// Where a record is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub segment: u32,
    pub offset: u32,
    pub length: u32,
}

impl Entry {
    pub fn new(
        seq: Seq,
        at: Place,
        expires_at: UnixSeconds,
        dedup_until: Option<UnixSeconds>,
        group: u16,
    ) -> Self {
        let seconds = |at: UnixSeconds| u32::try_from(at.0.max(0)).unwrap_or(u32::MAX);
        Self {
            seq,
            at,
            expires_at_s: seconds(expires_at),
            dedup_until_s: dedup_until.map_or(0, seconds),
            group,
        }
    }

    fn bucket(&self) -> (u32, u16) {
        (self.expires_at_s / HOUR_S, self.group)
    }

    fn resend_is_safe(&self, now: UnixMillis) -> bool {
        i64::from(self.dedup_until_s) > now.to_seconds().0
    }
}

/// Items of one deadline hour and one group.
struct Bucket {
    entries: VecDeque<Entry>,
    /// No entry expires before this. Exact after a sweep for due items, a lower bound otherwise.
    expires_from_s: u32,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { entries: VecDeque::new(), expires_from_s: u32::MAX }
    }
}

impl Bucket {
    fn insert(&mut self, entry: Entry) {
        self.expires_from_s = self.expires_from_s.min(entry.expires_at_s);
        match self.entries.back() {
            Some(last) if last.seq > entry.seq => {
                let at = self.entries.partition_point(|other| other.seq < entry.seq);
                self.entries.insert(at, entry);
            }
            _ => self.entries.push_back(entry),
        }
    }

    /// Those of the set that are here. Looks up whichever of the two is smaller in the other: a
    /// restart reads a million entries, and usually a handful of runs.
    fn among(&self, set: &SeqRuns) -> SeqRuns {
        let entries = &self.entries;
        if set.len() > entries.len() {
            return entries.iter().map(|e| e.seq).filter(|seq| set.contains(*seq)).collect();
        }
        let place_of = |seq: u64| entries.partition_point(|entry| entry.seq.0 < seq);
        let runs = set.runs().map(|(start, end)| place_of(start)..place_of(end));
        runs.flat_map(|run| entries.range(run)).map(|entry| entry.seq).collect()
    }

    fn find(&mut self, seq: Seq) -> Option<&mut Entry> {
        // What is looked for while the log is read is nearly always new.
        if self.entries.back().is_none_or(|last| last.seq < seq) {
            return None;
        }
        let at = self.entries.partition_point(|other| other.seq < seq);
        self.entries.get_mut(at).filter(|entry| entry.seq == seq)
    }
}

#[derive(Default)]
pub struct LaneIndex {
    ready: BTreeMap<(u32, u16), Bucket>,
    ready_items: u64,
    deferred: BTreeMap<(i64, Seq), Entry>,
    in_flight: HashMap<Seq, Entry>,
    queued_bytes: u64,
    /// Bytes of commits on their way to the disk: they count against the quota already.
    reserved_bytes: u64,
    pub quota_bytes: Option<u64>,
    groups: Vec<BatchGroup>,
    /// Which of the items may have arrived at the platform.
    pub attempted: SeqRuns,
    /// Leased items that are being erased; see `erase`.
    pub erasing: Erasing,
    pub totals: LedgerCounts,
    pub wake: Option<WakeFn>,
}

impl LaneIndex {
    /// Takes room for a commit, or says how much is used.
    pub fn reserve(&mut self, bytes: u64) -> Result<(), (u64, u64)> {
        let used = self.queued_bytes + self.reserved_bytes;
        match self.quota_bytes {
            Some(quota) if used + bytes > quota => Err((used, quota)),
            _ => {
                self.reserved_bytes += bytes;
                Ok(())
            }
        }
    }

    pub fn unreserve(&mut self, bytes: u64) {
        self.reserved_bytes = self.reserved_bytes.saturating_sub(bytes);
    }

    /// The number of a group in this lane. Groups are few: test codes and partner names.
    pub fn group_number(&mut self, group: &str) -> u16 {
        let at = self.groups.iter().position(|known| known.0 == group).unwrap_or_else(|| {
            self.groups.push(BatchGroup(group.to_owned()));
            self.groups.len() - 1
        });
        // Beyond 65,535 groups the last number is shared; the lease compares the groups themselves.
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    pub fn group(&self, number: u16) -> BatchGroup {
        self.groups.get(usize::from(number)).cloned().unwrap_or_default()
    }

    pub fn insert(&mut self, entry: Entry, not_before: Option<UnixMillis>) {
        self.queued_bytes += u64::from(entry.at.length);
        self.place(entry, not_before);
    }

    fn place(&mut self, entry: Entry, not_before: Option<UnixMillis>) {
        if let Some(at) = not_before {
            self.deferred.insert((at.0, entry.seq), entry);
            return;
        }
        self.ready_items += 1;
        self.ready.entry(entry.bucket()).or_default().insert(entry);
    }

    /// Takes items of one bucket and one kind of resend safety, nearest deadline first.
    pub fn lease(&mut self, ask: &LeaseAsk) -> Vec<Entry> {
        self.wake_deferred(ask.now);
        let mut taken: Vec<Entry> = Vec::new();
        let mut bytes = 0_u64;
        let mut wanted = ask.max_items as usize;
        while taken.len() < wanted {
            let Some(mut bucket) = self.ready.first_entry() else { break };
            let Some(next) = bucket.get().entries.front().copied() else {
                bucket.remove();
                continue;
            };
            let safe = next.resend_is_safe(ask.now);
            match taken.first() {
                None if !safe => wanted = wanted.min(ask.max_unsafe_items as usize).max(1),
                None => {}
                Some(first) => {
                    let unlike = first.group != next.group || first.resend_is_safe(ask.now) != safe;
                    if unlike || bytes + u64::from(next.at.length) > u64::from(ask.max_bytes) {
                        break;
                    }
                }
            }
            bytes += u64::from(next.at.length);
            bucket.get_mut().entries.pop_front();
            if bucket.get().entries.is_empty() {
                bucket.remove();
            }
            self.ready_items -= 1;
            taken.push(next);
        }
        self.in_flight.extend(taken.iter().map(|entry| (entry.seq, *entry)));
        taken
    }

    fn wake_deferred(&mut self, now: UnixMillis) {
        while let Some(first) = self.deferred.first_entry() {
            if first.key().0 > now.0 {
                break;
            }
            let entry = first.remove();
            self.place(entry, None);
        }
    }

    pub fn release(&mut self, seq: Seq, not_before: Option<UnixMillis>) {
        if self.erasing.came_back(seq) {
            return;
        }
        if let Some(entry) = self.in_flight.remove(&seq) {
            self.place(entry, not_before);
        }
    }

    /// Takes a leased item out for good.
    pub fn settle(&mut self, seq: Seq) -> Option<Entry> {
        let entry = self.in_flight.remove(&seq)?;
        self.erasing.end(seq);
        self.queued_bytes = self.queued_bytes.saturating_sub(u64::from(entry.at.length));
        Some(entry)
    }

    pub fn in_flight(&self, seq: Seq) -> Option<Entry> {
        self.in_flight.get(&seq).copied()
    }

    /// Those of the items that are leased and not marked as attempted.
    pub fn not_attempted(&self, items: &[Seq]) -> SeqRuns {
        let leased = items.iter().copied().filter(|seq| self.in_flight.contains_key(seq));
        let mut items: SeqRuns = leased.collect();
        items.subtract(&self.attempted);
        items
    }

    /// Marks items as attempted, as far as they are still leased.
    pub fn mark_attempted(&mut self, items: &SeqRuns) {
        let leased = items.seqs().filter(|seq| self.in_flight.contains_key(seq)).collect();
        self.attempted.extend(&leased);
    }

    pub fn attempted_of(&self, entries: &[Entry]) -> SeqRuns {
        let seqs = entries.iter().map(|entry| entry.seq);
        seqs.filter(|seq| self.attempted.contains(*seq)).collect()
    }

    /// Takes over what a log says was attempted, as far as it still waits.
    pub fn restore_attempted(&mut self, attempted: &SeqRuns) {
        for bucket in self.ready.values() {
            self.attempted.extend(&bucket.among(attempted));
        }
        let deferred = self.deferred.values().map(|entry| entry.seq);
        let deferred = deferred.filter(|seq| attempted.contains(*seq)).collect();
        self.attempted.extend(&deferred);
    }

    /// Leases waiting items whose deadline has come, so that they can be settled as expired. With
    /// each the time it was deferred to.
    pub fn take_due(&mut self, due: UnixSeconds, limit: u32) -> Vec<(Entry, Option<UnixMillis>)> {
        let due_s = u32::try_from(due.0.max(0)).unwrap_or(u32::MAX);
        let limit = limit as usize;
        let mut taken = Vec::new();
        // Buckets of one hour are in order of their group, and so not of their deadlines.
        for bucket in self.ready.range_mut(..=(due_s / HOUR_S, u16::MAX)).map(|(_, bucket)| bucket)
        {
            if taken.len() >= limit {
                break;
            }
            if bucket.expires_from_s > due_s {
                continue;
            }
            let mut left_from_s = u32::MAX;
            bucket.entries.retain(|entry| {
                let is_due = entry.expires_at_s <= due_s && taken.len() < limit;
                if is_due {
                    taken.push((*entry, None));
                } else {
                    left_from_s = left_from_s.min(entry.expires_at_s);
                }
                !is_due
            });
            bucket.expires_from_s = left_from_s;
        }
        self.ready.retain(|_, bucket| !bucket.entries.is_empty());
        self.ready_items -= taken.len() as u64;
        let room = limit - taken.len();
        let deferred = self.deferred.iter().filter(|(_, entry)| entry.expires_at_s <= due_s);
        let deferred: Vec<(i64, Seq)> = deferred.map(|(key, _)| *key).take(room).collect();
        for key in deferred {
            let entry = self.deferred.remove(&key);
            taken.extend(entry.map(|entry| (entry, Some(UnixMillis(key.0)))));
        }
        self.in_flight.extend(taken.iter().map(|(entry, _)| (entry.seq, *entry)));
        taken
    }

    /// Leases one waiting item, with the time it was deferred to. `like` tells its deadline and
    /// group.
    pub fn take(&mut self, seq: Seq, like: &Entry) -> Option<(Entry, Option<UnixMillis>)> {
        let taken = self.take_ready(seq, like.bucket()).map(|entry| (entry, None));
        let taken = taken.or_else(|| {
            let mut deferred = self.deferred.keys();
            let key = *deferred.find(|(_, deferred)| *deferred == seq)?;
            Some((self.deferred.remove(&key)?, Some(UnixMillis(key.0))))
        })?;
        self.in_flight.insert(seq, taken.0);
        Some(taken)
    }

    fn take_ready(&mut self, seq: Seq, key: (u32, u16)) -> Option<Entry> {
        let bucket = self.ready.get_mut(&key)?;
        let at = bucket.entries.partition_point(|other| other.seq < seq);
        let entry = bucket.entries.get(at).copied().filter(|entry| entry.seq == seq)?;
        bucket.entries.remove(at);
        if bucket.entries.is_empty() {
            self.ready.remove(&key);
        }
        self.ready_items -= 1;
        Some(entry)
    }

    /// An item's record was copied elsewhere. False if it has left the queue meanwhile.
    pub fn relocate(&mut self, seq: Seq, bucket_of: &Entry, from: Place, to: Place) -> bool {
        let found = self
            .in_flight
            .get_mut(&seq)
            .or_else(|| self.ready.get_mut(&bucket_of.bucket())?.find(seq))
            .filter(|entry| entry.at == from);
        if let Some(entry) = found {
            entry.at = to;
            return true;
        }
        let deferred =
            self.deferred.values_mut().find(|entry| entry.seq == seq && entry.at == from);
        deferred.is_some_and(|entry| {
            entry.at = to;
            true
        })
    }

    /// The first sequence number of anything that waits or is in flight.
    pub fn oldest(&self) -> Option<Seq> {
        let ready = self.ready.values().filter_map(|bucket| bucket.entries.front());
        let elsewhere = self.deferred.values().chain(self.in_flight.values());
        ready.chain(elsewhere).map(|entry| entry.seq).min()
    }

    /// Everything that waits or is in flight, in no order.
    pub fn seqs(&self) -> impl Iterator<Item = Seq> {
        let ready = self.ready.values().flat_map(|bucket| &bucket.entries);
        let elsewhere = self.deferred.values().chain(self.in_flight.values());
        ready.chain(elsewhere).map(|entry| entry.seq)
    }

    /// A later copy of a waiting item takes the place of the earlier one.
    pub fn replace(&mut self, earlier: &Entry, later: Entry) {
        if let Some(entry) = self.ready.get_mut(&earlier.bucket()).and_then(|b| b.find(earlier.seq))
        {
            *entry = later;
        } else if let Some(entry) = self.deferred.values_mut().find(|e| e.seq == earlier.seq) {
            *entry = later;
        }
    }

    /// Where an item is that may be waiting. `like` tells its deadline and group.
    pub fn find(&mut self, seq: Seq, like: &Entry) -> Option<Entry> {
        if let Some(entry) = self.in_flight.get(&seq) {
            return Some(*entry);
        }
        let ready = self.ready.get_mut(&like.bucket()).and_then(|bucket| bucket.find(seq).copied());
        ready.or_else(|| self.deferred.values().find(|entry| entry.seq == seq).copied())
    }

    /// Whether an item waits, whatever its group.
    pub fn find_anywhere(&mut self, seq: Seq, like: &Entry) -> bool {
        let (hour, _) = like.bucket();
        let mut same_hour = self.ready.range_mut((hour, 0)..=(hour, u16::MAX));
        same_hour.any(|(_, bucket)| bucket.find(seq).is_some()) || self.find(seq, like).is_some()
    }

    pub fn peek(&self) -> LanePeek {
        LanePeek {
            ready: self.ready_items,
            in_flight: self.in_flight.len() as u64,
            next_not_before: self.deferred.first_key_value().map(|((at, _), _)| UnixMillis(*at)),
            first_deadline: self.first_deadline(),
        }
    }

    /// The nearest deadline of anything that waits and is not in flight.
    fn first_deadline(&self) -> Option<UnixSeconds> {
        let ready = self.ready.first_key_value().and_then(|((hour, _), _)| {
            let same_hour = self.ready.range((*hour, 0)..=(*hour, u16::MAX));
            same_hour.map(|(_, bucket)| bucket.expires_from_s).min()
        });
        let deferred = self.deferred.values().map(|entry| entry.expires_at_s).min();
        let first = [ready, deferred].into_iter().flatten().min()?;
        (first != u32::MAX).then_some(UnixSeconds(i64::from(first)))
    }

    pub fn counts(&self) -> LaneCounts {
        let in_flight = self.in_flight.len() as u64;
        let deferred = self.deferred.len() as u64;
        let mut ledger = self.totals;
        ledger.queued = self.ready_items + deferred + in_flight;
        LaneCounts {
            ledger,
            in_flight,
            deferred,
            queued_bytes: self.queued_bytes,
            first_deadline: self.first_deadline(),
        }
    }
}

/// All lanes, by number.
pub type Lanes = HashMap<LaneId, LaneIndex>;
