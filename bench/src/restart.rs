//! kill -9 with items waiting: how long until the first is delivered, and what the process weighs.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use holdfast_gateway::services::holds;

use crate::Options;
use crate::deliver::{delivered, fill, until};
use crate::subject::{self, Platform, Subject};
use crate::table::Table;

/// How the benchmark starts itself as the gateway.
#[derive(Args)]
pub struct Role {
    #[arg(long)]
    dir: PathBuf,
    #[arg(long)]
    platform_url: String,
    /// The token of a gateway that is set up anew. Made up for a sandbox a moment ago.
    #[arg(long, env = "HOLDFAST_BENCH_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Begins to deliver as soon as it is up.
    #[arg(long)]
    deliver: bool,
}

pub async fn measure(options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let dir = tempfile::tempdir_in(&options.dir)?;
    let (sink, platform) = subject::null_sink().await?;
    let start = |deliver, token| Gateway::start(dir.path(), &platform, deliver, token);

    let first = start(false, true)?;
    until_settled().await;
    table.note("resident, idle", "MB", first.resident_mb()?);
    fill(first.addr, &first.key, options.waiting).await?;
    first.kill()?;
    for _ in 0..options.rounds {
        let waiting = start(false, false)?;
        until_settled().await;
        table.note("resident, items waiting", "MB", waiting.resident_mb()?);
        waiting.kill()?;

        let before = delivered(&sink);
        let started = now();
        let delivering = start(true, false)?;
        table.note("ready after kill -9", "ms", started.elapsed().as_secs_f64() * 1_000.0);
        until(|| delivered(&sink) > before).await?;
        let elapsed = started.elapsed().as_secs_f64() * 1_000.0;
        table.note("first delivery after kill -9", "ms", elapsed);
        delivering.kill()?;
    }
    sink.stop().await;
    Ok(())
}

/// The gateway as a process of its own.
struct Gateway {
    child: Child,
    addr: SocketAddr,
    key: String,
    _output: BufReader<ChildStdout>,
}

impl Gateway {
    fn start(dir: &Path, platform: &Platform, deliver: bool, set_up: bool) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("gateway").arg("--dir").arg(dir).arg("--platform-url").arg(&platform.url);
        if deliver {
            command.arg("--deliver");
        }
        if set_up {
            command.env("HOLDFAST_BENCH_TOKEN", &platform.token);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().context("failed to start")?;
        let mut output = BufReader::new(child.stdout.take().context("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let (addr, key) = line.trim_end().split_once(' ').context("it did not say where it is")?;
        Ok(Self { child, addr: addr.parse()?, key: key.to_owned(), _output: output })
    }

    fn resident_mb(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)).context("no VmRSS")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    /// kill -9.
    fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

/// What that process does, until it is killed.
#[allow(clippy::print_stdout, reason = "tells the benchmark where it is")]
pub async fn play(role: &Role) -> anyhow::Result<()> {
    if let Some(token) = &role.token {
        let platform = Platform { url: role.platform_url.clone(), token: token.clone() };
        let subject = Subject::start(&role.dir, Some(&platform)).await?;
        subject.pause().await?;
        println!("{} {}", subject.addr(), subject.key);
        std::future::pending::<()>().await;
    }
    let running = subject::open(&role.dir, Some(&role.platform_url)).await?;
    if role.deliver {
        subject::resume(&running).await?;
    } else if holds::list(&running.gateway, false).await?.is_empty() {
        subject::pause(&running).await?;
    }
    println!("{} -", running.addr);
    std::future::pending::<()>().await;
    Ok(())
}

/// Memory is looked at when what was needed for the start only is given back.
async fn until_settled() {
    tokio::time::sleep(Duration::from_secs(12)).await;
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn now() -> Instant {
    Instant::now()
}
