//! Where the fuzzer starts from: inputs made by the builders that the tests use.

use std::path::PathBuf;

/// The directory that seeds are written to, if it is set. `scripts/fuzz` sets it to the corpus.
pub const DIRECTORY: &str = "HOLDFAST_FUZZ_SEEDS";

/// Writes the seeds into the corpus before libFuzzer reads it.
///
/// # Panics
/// If the directory cannot be written: a run without its seeds would look like one with them.
pub fn write(seeds: &[Vec<u8>]) {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    std::fs::create_dir_all(&directory).expect("the corpus directory can be made");
    for (number, seed) in seeds.iter().enumerate() {
        let file = directory.join(format!("seed-{number:03}"));
        std::fs::write(file, seed).expect("the corpus directory can be written");
    }
}
