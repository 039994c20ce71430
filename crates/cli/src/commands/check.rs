//! `holdfast check`

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Args;
use holdfast_gateway::config::Settings;
use serde::Serialize;
use serde_json::Value;

use super::Global;
use crate::exit::Failure;
use crate::output::Output;

/// Nothing is changed and nothing is opened that a running gateway owns.
#[derive(Args)]
pub struct Check {}

#[derive(Serialize)]
struct Finding {
    verdict: &'static str,
    what: String,
}

impl Finding {
    fn pass(what: impl Into<String>) -> Self {
        Self { verdict: "PASS", what: what.into() }
    }
    fn warn(what: impl Into<String>) -> Self {
        Self { verdict: "WARN", what: what.into() }
    }
    fn fail(what: impl Into<String>) -> Self {
        Self { verdict: "FAIL", what: what.into() }
    }
}

impl Check {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let settings = global.settings()?;
        let mut findings = vec![Finding::pass("the configuration is sound")];
        findings.extend(data_dir(&settings.storage.data_dir));
        findings.extend(master_key(&settings));
        findings.extend(network(&settings));
        findings.push(gateway(global).await);
        if output.json {
            output.json(&findings)?;
        } else {
            for finding in &findings {
                output.line(format!("{}  {}", finding.verdict, finding.what));
            }
        }
        match findings.iter().filter(|finding| finding.verdict == "FAIL").count() {
            0 => Ok(()),
            failed => Err(Failure::CheckFailed(format!("{failed} check(s) failed")).into()),
        }
    }
}

fn data_dir(dir: &Path) -> Vec<Finding> {
    let shown = dir.display();
    match std::fs::metadata(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            vec![Finding::warn(format!("{shown} does not exist yet; the first start makes it"))]
        }
        Err(e) => vec![Finding::fail(format!("{shown} cannot be read: {e}"))],
        Ok(metadata) if !metadata.is_dir() => {
            vec![Finding::fail(format!("{shown} is not a directory"))]
        }
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => vec![Finding::warn(format!(
            "{shown} can be entered by others; `chmod 700` keeps them out"
        ))],
        Ok(_) => vec![Finding::pass(format!("{shown} is a directory that only its owner enters"))],
    }
}

fn master_key(settings: &Settings) -> Vec<Finding> {
    let Some(file) = &settings.vault.master_key_file else {
        return vec![Finding::warn(
            "the master key lies beside the data; move it elsewhere and set vault.master_key_file",
        )];
    };
    let shown = file.display();
    match std::fs::metadata(file) {
        Err(e) => vec![Finding::fail(format!("the master key {shown} cannot be read: {e}"))],
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            vec![Finding::fail(format!("the master key {shown} can be read by others: chmod 600"))]
        }
        Ok(_) => vec![Finding::pass(format!("the master key {shown} is its owner's alone"))],
    }
}

fn network(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !settings.server.listen.ip().is_loopback() {
        findings.push(Finding::warn(format!(
            "{} is reachable from other machines, without TLS; put a proxy in front",
            settings.server.listen
        )));
    }
    for (whose, base_url, default) in [
        ("Meta", &settings.meta.base_url.0, holdfast_platforms::meta::BASE_URL),
        ("Snap", &settings.snap.base_url.0, holdfast_platforms::snap::BASE_URL),
    ] {
        if base_url != default {
            let text = format!("{whose}'s tokens are sent to {base_url}, not to {whose}");
            findings.push(Finding::warn(text));
        }
    }
    findings
}

async fn gateway(global: &Global) -> Finding {
    let status: anyhow::Result<Value> = match global.client() {
        Ok(client) => client.get("/v1/status").await,
        Err(error) => Err(error),
    };
    match status {
        Err(error) => Finding::warn(format!("{error:#}")),
        Ok(status) if status["lost"] != 0 => {
            Finding::fail(format!("the ledger is not conserved: {} items lost", status["lost"]))
        }
        Ok(status) if status["clock_trusted"] == false => {
            Finding::fail("this machine's clock disagrees with the platforms' clocks")
        }
        Ok(_) => Finding::pass("the gateway answers and its ledger is conserved"),
    }
}
