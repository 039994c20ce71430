#![no_main]

use holdfast_fuzz::{recover, seeds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seeds::write(&recover::seeds()),
    |data: &[u8]| recover::check(data)
);
