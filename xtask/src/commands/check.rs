//! `cargo xtask check`: all rules of the workspace, all findings at once.

use std::process::ExitCode;

use super::{USAGE, complain, say};
use crate::rules;
use crate::workspace::Workspace;

pub(super) fn run(args: &[String]) -> anyhow::Result<ExitCode> {
    if let Some(unexpected) = args.first() {
        complain(&format!("check takes no arguments, {unexpected:?} was given"));
        return Ok(ExitCode::from(USAGE));
    }
    let findings = rules::all(&Workspace::load()?)?;
    if findings.is_empty() {
        say("the workspace keeps its rules");
        return Ok(ExitCode::SUCCESS);
    }
    for finding in &findings {
        complain(finding);
    }
    Ok(ExitCode::FAILURE)
}
