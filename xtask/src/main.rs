//! `cargo xtask COMMAND`.

use std::process::ExitCode;

#[allow(clippy::print_stderr, reason = "a program for developers: errors go to the terminal")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match xtask::commands::run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
