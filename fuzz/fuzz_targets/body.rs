#![no_main]

use holdfast_fuzz::{body, seeds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seeds::write(&body::seeds()),
    |data: &[u8]| body::check(data)
);
