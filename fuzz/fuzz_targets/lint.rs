#![no_main]

use holdfast_fuzz::{lint, seeds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seeds::write(&lint::seeds()),
    |data: &[u8]| lint::check(data)
);
