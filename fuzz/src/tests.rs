//! The seeds go through the checks without a fuzzer, so that a change which breaks a target is
//! seen by `cargo test` in this folder.

type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

const TARGETS: [Target; 6] = [
    ("body", crate::body::check, crate::body::seeds),
    ("normalize", crate::normalize::check, crate::normalize::seeds),
    ("judge", crate::judge::check, crate::judge::seeds),
    ("lint", crate::lint::check, crate::lint::seeds),
    ("redact", crate::redact::check, crate::redact::seeds),
    ("recover", crate::recover::check, crate::recover::seeds),
];

#[test]
fn the_seeds_pass() {
    for (name, check, seeds) in TARGETS {
        let seeds = seeds();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in &seeds {
            check(seed);
            // What the fuzzer does first: shorter, and with a byte changed.
            check(&seed[..seed.len() / 2]);
        }
        check(&[]);
    }
}
