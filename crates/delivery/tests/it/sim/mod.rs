//! A seeded simulator: one lane, an outbox that survives crashes and power loss, a platform that
//! misbehaves and recognizes repetitions for two days only, an operator who takes days, and clocks
//! that are set. The world keeps books of what truly happened, and every command of the lane is
//! held against them.

mod happenings;
mod item;
mod outbox;
mod platform;
mod tally;
mod world;

use tally::Tally;
use world::World;

/// Seeds of a plain test run: a few seconds without optimization.
const SEEDS: u64 = 400;

#[test]
fn the_invariants_hold_for_many_seeds() {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = read("HOLDFAST_SEED") {
        World::new(seed).run();
        return;
    }
    let seeds = read("HOLDFAST_SEEDS").unwrap_or(SEEDS);
    let mut total = Tally::default();
    for seed in 0..seeds {
        match std::panic::catch_unwind(|| World::new(seed).run()) {
            Ok(tally) => total.add(&tally),
            Err(panic) => {
                println!("seed {seed} failed; HOLDFAST_SEED={seed} runs it alone");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{seeds} seeds: {total:?}");
    // A simulator that never meets a case proves nothing about it.
    if seeds >= SEEDS {
        total.assert_has_seen_everything();
    }
}
