//! A clock that moves when it is told to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use holdfast_model::time::{MonoMillis, Now, UnixMillis};

/// Both clocks, shared by all clones. Wall and monotonic time move together unless a test sets the
/// wall clock apart.
#[derive(Debug, Clone)]
pub struct FakeClock(Arc<Mutex<Now>>);

impl FakeClock {
    /// Starts at a wall-clock time, trusted, with the monotonic clock at an odd value: nothing
    /// should depend on it starting at zero.
    pub fn at(wall: UnixMillis) -> Self {
        let now = Now { wall, mono: MonoMillis(1_234_567), wall_is_trusted: true };
        Self(Arc::new(Mutex::new(now)))
    }

    pub fn now(&self) -> Now {
        *self.lock()
    }

    /// Time passes. Returns the new time.
    pub fn advance(&self, by: Duration) -> Now {
        let mut now = self.lock();
        now.wall = now.wall.plus_millis(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        now.mono = now.mono + by;
        *now
    }

    /// Somebody sets the wall clock, also backwards; the monotonic clock does not notice.
    pub fn set_wall(&self, wall: UnixMillis) {
        self.lock().wall = wall;
    }

    /// The wall clock agrees, or no longer agrees, with what the platforms say.
    pub fn trust_wall(&self, trusted: bool) {
        self.lock().wall_is_trusted = trusted;
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        // A panic elsewhere cannot leave a time half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_time_and_only_advancing_moves_the_monotonic_clock() {
        let clock = FakeClock::at(UnixMillis(1_700_000_000_000));
        let other = clock.clone();
        let before = clock.now();
        let after = other.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now(), after);
        assert_eq!(after.wall, UnixMillis(1_700_000_001_500));
        assert_eq!(after.mono.since(before.mono), Duration::from_millis(1_500));

        clock.set_wall(UnixMillis(0));
        clock.trust_wall(false);
        let jumped = other.now();
        assert_eq!((jumped.wall, jumped.mono), (UnixMillis(0), after.mono));
        assert!(!jumped.wall_is_trusted);
    }
}
