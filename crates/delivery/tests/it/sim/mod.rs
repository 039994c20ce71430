//! A seeded simulator: one lane, an outbox that survives crashes and power loss, a platform that
//! misbehaves and recognizes repetitions for two days only, an operator who takes days, and clocks
//! that are set. The world keeps books of what truly happened, and every command of the lane is
//! held against them.

mod happenings;
mod house;
mod item;
mod outbox;
mod platform;
mod tally;
mod world;

use house::{House, HouseTally};
use tally::Tally;
use world::World;

/// Seeds of a plain test run: a few seconds without optimization.
const SEEDS: u64 = 400;

/// Fewer, each with four lanes.
const HOUSE_SEEDS: u64 = 150;

#[test]
fn four_destinations_of_two_platforms_keep_out_of_each_others_way() {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match read("HOLDFAST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..read("HOLDFAST_SEEDS").unwrap_or(HOUSE_SEEDS),
    };
    let mut total = HouseTally::default();
    for seed in seeds.clone() {
        match std::panic::catch_unwind(|| House::new(seed).run()) {
            Ok(tally) => total.add(&tally),
            Err(panic) => {
                println!("seed {seed} failed; HOLDFAST_SEED={seed} runs it alone");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{} seeds: {total:?}", seeds.end - seeds.start);
    if seeds.end - seeds.start >= HOUSE_SEEDS {
        total.assert_has_seen_everything();
    }
}

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
