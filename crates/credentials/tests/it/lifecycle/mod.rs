//! The life of credentials of every kind against a small model of the platforms, driven by a seed.
//!
//! `HOLDFAST_SEEDS=1000 cargo test -p holdfast-credentials lifecycle` runs as many seeds as you
//! like, `HOLDFAST_SEED=17` one. What decides is the product's own policy and state machine; the
//! model executes commands as the gateway does.

mod decisions;
mod people;
mod platform;
mod run;
mod store;
mod tally;
mod world;

use tally::Tally;
use world::World;

/// More than six lives of sixty days.
const DAYS: i64 = 400;

/// Seeds of a plain test run: one is seventy thousand exchanges.
const SEEDS: u64 = 1;

fn read(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn credentials_of_all_kinds_live_four_hundred_days() {
    let seeds = match read("HOLDFAST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..read("HOLDFAST_SEEDS").unwrap_or(SEEDS),
    };
    let mut total = Tally::default();
    for seed in seeds.clone() {
        match std::panic::catch_unwind(|| World::new(seed).run(DAYS)) {
            Ok(tally) => total.add(&tally),
            Err(panic) => {
                println!("seed {seed} failed; HOLDFAST_SEED={seed} runs it alone");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{} seeds: {total:?}", seeds.end - seeds.start);
    if seeds.end - seeds.start >= SEEDS {
        total.assert_has_seen_everything();
    }
}

/// Each credential alone, without any other misfortune: the process dies after the first effect,
/// in another life after the second, and so on through every step of every rotation.
#[test]
fn every_crash_point_of_every_rotation_is_survived() {
    let mut survived = 0;
    for (id, days) in [
        ("su-60d", 130),
        ("bisu", 130),
        ("user", 130),
        ("user-short", 70),
        ("instagram", 130),
        ("page-of-su", 130),
        ("page-of-user", 130),
        ("snap-keeps", 1),
        ("snap-rotates", 1),
        ("pasted", 130),
    ] {
        let points = World::quiet(id, None).run(days).points;
        assert!(points > 0 || id == "pasted", "{id} was never renewed");
        for point in 0..points {
            let tally = std::panic::catch_unwind(|| World::quiet(id, Some(point)).run(days));
            let tally = tally.unwrap_or_else(|panic| {
                println!("{id} did not survive a crash after effect {point}");
                std::panic::resume_unwind(panic)
            });
            assert_eq!(tally.crashes, 1, "{id} at {point}");
            assert_eq!(tally.wasted, 0, "{id} at {point}: a token that was stored is used");
            survived += 1;
        }
    }
    println!("{survived} crashes survived");
}
