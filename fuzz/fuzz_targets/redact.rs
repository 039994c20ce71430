#![no_main]

use holdfast_fuzz::{redact, seeds};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: seeds::write(&redact::seeds()),
    |data: &[u8]| redact::check(data)
);
