#![no_main]

use holdfast_fuzz::{normalize, seeds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seeds::write(&normalize::seeds()),
    |data: &[u8]| normalize::check(data)
);
