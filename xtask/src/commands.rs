//! The commands, one file each.

mod check;
mod generate;
mod site;

use std::process::ExitCode;

struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> anyhow::Result<ExitCode>,
}

const COMMANDS: &[Command] = &[
    Command { name: "check", about: "check the rules of the workspace", run: check::run },
    Command {
        name: "gen",
        about: "write the generated documents (--check: are they fresh?)",
        run: generate::run,
    },
    Command { name: "site", about: "write the fault catalog as a website to DIR", run: site::run },
];

/// Exit code for a command line that makes no sense, as in most command-line programs.
const USAGE: u8 = 2;

pub fn run(args: &[String]) -> anyhow::Result<ExitCode> {
    let name = args.first().map(String::as_str);
    if matches!(name, Some("help" | "--help" | "-h")) {
        say(&usage());
        return Ok(ExitCode::SUCCESS);
    }
    match COMMANDS.iter().find(|command| Some(command.name) == name) {
        Some(command) => (command.run)(&args[1..]),
        None => {
            complain(&usage());
            Ok(ExitCode::from(USAGE))
        }
    }
}

fn usage() -> String {
    let lines = COMMANDS.iter().map(|command| format!("\n  {:10} {}", command.name, command.about));
    format!("usage: cargo xtask COMMAND\n\ncommands:{}", lines.collect::<String>())
}

#[allow(clippy::print_stdout, reason = "what a command answers goes to standard output")]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "everything else goes to standard error")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_names_every_command_once() {
        let usage = usage();
        for command in COMMANDS {
            assert_eq!(usage.matches(&format!("\n  {} ", command.name)).count(), 1);
        }
    }
}
