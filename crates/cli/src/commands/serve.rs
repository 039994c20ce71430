//! `holdfast serve`

use anyhow::Context as _;
use clap::Args;
use holdfast_gateway::config::{LogFormat, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::Global;
use crate::output::Output;

#[derive(Args)]
pub struct Serve {
    /// Address to listen on, where it differs from the configuration's.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<std::net::SocketAddr>,
}

impl Serve {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let mut settings = global.settings()?;
        if let Some(listen) = self.listen {
            settings.server.listen = listen;
        }
        start_logging(&settings)?;
        // Before anything is opened: a signal during the start must still lead to a clean stop.
        let mut signals = Signals::listen()?;
        let dir = settings.storage.data_dir.clone();
        let running = holdfast_gateway::start(settings).await.context("failed to start")?;
        output.note(format!("holdfast is ready at http://{}", running.addr));
        output.note(format!("data directory: {}", dir.display()));
        signals.wait().await;
        output.note("stopping; what is in flight may finish (a second signal stops at once)");
        tokio::select! {
            stopped = running.stop() => stopped.context("failed to stop cleanly")?,
            () = signals.wait() => output.note("stopped at once; nothing accepted is lost"),
        }
        Ok(())
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Log lines go to standard error.
fn start_logging(settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.log.filter.0).context("log.filter")?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.log.format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("failed to start logging: {e}"))
}
