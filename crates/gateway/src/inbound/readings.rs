//! Bodies that are being read.
//!
//! Anybody may begin one and take their time over it, so whoever does is counted here and not among
//! those whose signature is being checked. Who comes when too many are being read is told to come
//! again, which platforms do.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most that are read at once. The memory that they may take is this times the longest body.
const MOST_OF_ALL: usize = 64;

/// Most of one address: a few slow ones must not take every place. Platforms push from many
/// addresses; behind a proxy all come from one, and a proxy passes on bodies that it has whole.
const MOST_OF_ONE: usize = 16;

#[derive(Debug, Default)]
pub struct Readings(Mutex<Counts>);

/// Those that are under way. An address is forgotten with its last one, so there are never more
/// addresses than bodies.
#[derive(Debug, Default)]
struct Counts {
    all: usize,
    of: HashMap<Option<IpAddr>, usize>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub struct Reading<'a> {
    readings: &'a Readings,
    peer: Option<IpAddr>,
}

impl Readings {
    /// None if too many are being read.
    pub fn begin(&self, peer: Option<IpAddr>) -> Option<Reading<'_>> {
        let peer = peer.map(neighbourhood);
        let mut counts = self.counts();
        let of_peer = counts.of.get(&peer).copied().unwrap_or(0);
        if counts.all >= MOST_OF_ALL || of_peer >= MOST_OF_ONE {
            return None;
        }
        counts.all += 1;
        counts.of.insert(peer, of_peer + 1);
        Some(Reading { readings: self, peer })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Numbers only: a panic elsewhere cannot leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut counts = self.readings.counts();
        counts.all = counts.all.saturating_sub(1);
        match counts.of.get(&self.peer).copied() {
            Some(of_peer) if of_peer > 1 => {
                counts.of.insert(self.peer, of_peer - 1);
            }
            _ => {
                counts.of.remove(&self.peer);
            }
        }
    }
}

/// Whoever has one address of version 6 has the other 2^64 beside it too.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64))),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_address_leaves_places_for_others_and_gives_its_own_back() {
        let readings = Readings::default();
        let (one, two) = (address("192.0.2.1"), address("192.0.2.2"));
        let mut begun: Vec<_> = (0..MOST_OF_ONE).filter_map(|_| readings.begin(one)).collect();
        assert_eq!(begun.len(), MOST_OF_ONE);
        assert!(readings.begin(one).is_none());
        assert!(readings.begin(address("::ffff:192.0.2.1")).is_none(), "it is the same address");
        assert!(readings.begin(two).is_some());
        begun.pop();
        assert!(readings.begin(one).is_some());
    }

    #[test]
    fn neighbours_of_version_six_count_as_one() {
        let readings = Readings::default();
        let peer = |n: usize| address(&format!("2001:db8::{n:x}"));
        let begun: Vec<_> = (0..MOST_OF_ONE).filter_map(|n| readings.begin(peer(n))).collect();
        assert_eq!(begun.len(), MOST_OF_ONE);
        assert!(readings.begin(peer(99)).is_none());
        assert!(readings.begin(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn there_is_a_bound_for_all_together_and_nothing_stays_behind() {
        let readings = Readings::default();
        let peer = |n: usize| address(&format!("192.0.2.{n}"));
        let begun: Vec<_> = (0..MOST_OF_ALL).filter_map(|n| readings.begin(peer(n))).collect();
        assert_eq!(begun.len(), MOST_OF_ALL);
        assert!(readings.begin(None).is_none());
        drop(begun);
        assert_eq!(readings.counts().all, 0);
        assert!(readings.counts().of.is_empty());
        assert!(readings.begin(None).is_some());
    }
}
