//! `cargo xtask gen`: documents that are made from the code. `--check` writes nothing and fails
//! where a file differs from what would be written.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use holdfast_platforms::catalog::{self, Entry};

use super::{USAGE, complain, say};
use crate::pages;

pub(super) fn run(args: &[String]) -> anyhow::Result<ExitCode> {
    let only_check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => {
            complain("gen takes nothing, or --check");
            return Ok(ExitCode::from(USAGE));
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stale = false;
    for (path, text) in documents()? {
        let file = root.join(path);
        if std::fs::read_to_string(&file).is_ok_and(|present| present == text) {
            continue;
        }
        if only_check {
            complain(&format!("{path} is not what the code says; run `cargo xtask gen`"));
            stale = true;
        } else {
            std::fs::write(&file, text).with_context(|| format!("failed to write {path}"))?;
            say(&format!("wrote {path}"));
        }
    }
    Ok(if stale { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn documents() -> anyhow::Result<Vec<(&'static str, String)>> {
    Ok(vec![
        ("docs/configuration.md", holdfast_gateway::config::reference_markdown()),
        ("docs/faults.md", faults()),
        ("docs/cli.md", command_line()?),
    ])
}

/// One row per fault; the pages themselves are in `crates/platforms/faults`.
fn faults() -> String {
    let mut page = String::from(
        "# Faults\n\nEvery failure has a stable name and a page: `holdfast explain meta 190/463`, or \
         `GET /v1/faults/meta/190/463`. As a website: `cargo xtask site DIR`.\n\nWhatsApp's codes are explained, \
         and its tokens diagnosed; sending messages is not in this release.\n",
    );
    for (title, catalog) in catalog::all() {
        let _ = write!(
            page,
            "\n## {title}\n\n| fault | codes | what Holdfast does | meaning |\n|---|---|---|---|\n"
        );
        for entry in catalog.entries() {
            let Entry { name, action, summary, .. } = entry;
            let codes = pages::codes(entry);
            let _ = writeln!(page, "| `{name}` | {codes} | {action:?} | {summary} |");
        }
    }
    page
}

/// The help of every subcommand, as the binary prints it.
fn command_line() -> anyhow::Result<String> {
    let mut page = String::from(
        "# Command line\n\nData goes to standard output, everything else to standard error. Secrets come \
         from standard input, a file or the environment, never from an argument.\n\n\
         | exit code | meaning |\n|---|---|\n| 0 | done |\n| 1 | failed |\n| 2 | the command line or the \
         configuration is wrong |\n| 3 | no gateway answers |\n| 4 | the gateway refused |\n| 5 | what was \
         named does not exist |\n| 6 | a check failed: ledger not conserved, token refuted, setting unsound |\n",
    );
    help(&built_holdfast()?, &[], &mut page)?;
    Ok(page)
}

fn help(holdfast: &Path, command: &[String], page: &mut String) -> anyhow::Result<()> {
    let text = holdfast_help(holdfast, command)?;
    let _ =
        write!(page, "\n## holdfast {}\n\n```text\n{}\n```\n", command.join(" "), text.trim_end());
    let subcommands = text
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help");
    for name in subcommands {
        let below: Vec<String> = command.iter().cloned().chain([name.to_owned()]).collect();
        help(holdfast, &below, page)?;
    }
    Ok(())
}

/// Built once; this program and the one it asks are built into the same place.
fn built_holdfast() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "holdfast-cli"])
        .status()
        .context("failed to run cargo")?;
    if !built.success() {
        bail!("holdfast cannot be built");
    }
    let xtask = std::env::current_exe().context("failed to find this program")?;
    Ok(xtask.with_file_name(format!("holdfast{}", std::env::consts::EXE_SUFFIX)))
}

fn holdfast_help(holdfast: &Path, command: &[String]) -> anyhow::Result<String> {
    let ran = Command::new(holdfast)
        .args(command)
        .arg("--help")
        .env("COLUMNS", "90")
        .output()
        .context("failed to run holdfast")?;
    if !ran.status.success() {
        bail!("holdfast --help failed: {}", String::from_utf8_lossy(&ran.stderr).trim());
    }
    let text = String::from_utf8(ran.stdout).context("the help is not text")?;
    Ok(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}
