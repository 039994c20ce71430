//! `holdfast demo`

use std::time::Duration;

use clap::Args;

use crate::demo;
use crate::exit::Failure;
use crate::output::Output;

/// Sandbox, gateway and traffic in one process: real HTTP, a real outbox in a directory that is
/// removed afterwards. A token dies in the middle.
#[derive(Args)]
pub struct Demo {
    /// How many events are sent.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1_000..=5_000_000))]
    events: u64,
    /// About how long the traffic takes.
    #[arg(long, value_name = "SECONDS", default_value_t = 9)]
    seconds: u64,
}

impl Demo {
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let plan =
            demo::Plan { events: self.events, length: Duration::from_secs(self.seconds.max(1)) };
        let report = demo::run(&plan, output).await?;
        report.show(output)?;
        match report.verdict() {
            Ok(()) => Ok(()),
            Err(wrong) => Err(Failure::CheckFailed(wrong).into()),
        }
    }
}
