//! The harness against real processes.

#[cfg(target_os = "linux")]
mod process;
