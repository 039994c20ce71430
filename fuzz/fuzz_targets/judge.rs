#![no_main]

use holdfast_fuzz::{judge, seeds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seeds::write(&judge::seeds()),
    |data: &[u8]| judge::check(data)
);
