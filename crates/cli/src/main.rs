//! The `holdfast` binary: one file per subcommand.
//!
//! This file only reads the command line, dispatches, and turns an error into a message and an
//! exit code.

mod client;
mod commands;
mod demo;
mod exit;
mod output;
mod secret_input;
mod send;
mod when;

use std::process::ExitCode;

use clap::Parser;

use commands::Cli;
use output::Output;

/// Under load most of the work is small, short-lived buffers on several threads; jemalloc keeps
/// the resident size of a gateway with a million waiting items near what is live.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.global.json);
    match commands::run(cli, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(exit::code_of(&error))
        }
    }
}
