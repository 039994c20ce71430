//! `cargo run --profile dist -p holdfast-bench`: throughput, restart time and memory, each beside
//! what the machine gives.
//!
//! Every figure stands beside an anchor of the same run, because absolute figures drift with the
//! machine. Rounds are interleaved and the median is shown.

mod anchors;
mod append;
mod deliver;
mod ingest;
mod letters;
mod load;
mod outbox;
mod restart;
mod subject;
mod table;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use table::Table;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
pub struct Options {
    #[command(subcommand)]
    role: Option<Role>,
    /// Only these parts. All of them otherwise.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Rounds; the median of each row is shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement of a server under load.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Items delivered in one measurement of delivery.
    #[arg(long, default_value_t = 400_000)]
    backlog: u64,
    /// Items that wait when the gateway is killed and started again.
    #[arg(long, default_value_t = 1_000_000)]
    waiting: u64,
    /// Dead letters among which is looked and from which is put back.
    #[arg(long, default_value_t = 1_000_000)]
    letters: u64,
    /// Where the data goes: the disk that is to be measured.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests per second, beside servers that do less.
    Ingest,
    /// The outbox alone, beside a raw log and SQLite.
    Append,
    /// Delivery to a sink that accepts everything, alone and while taking events in.
    Deliver,
    /// From kill -9 to the first delivery, and resident memory, with items waiting.
    Restart,
    /// Dead letters: written, found, put back, erased.
    Letters,
}

#[derive(Subcommand)]
enum Role {
    /// The gateway that is killed. Started by the benchmark itself.
    #[command(hide = true)]
    Gateway(restart::Role),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    if let Some(Role::Gateway(role)) = &options.role {
        return restart::play(role).await;
    }
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let mut table = Table::default();
    if wanted(Part::Ingest) {
        ingest::measure(&options, &mut table).await?;
    }
    if wanted(Part::Append) {
        append::measure(&options, &mut table).await?;
    }
    if wanted(Part::Deliver) {
        deliver::measure(&options, &mut table).await?;
    }
    if wanted(Part::Restart) {
        restart::measure(&options, &mut table).await?;
    }
    if wanted(Part::Letters) {
        letters::measure(&options, &mut table).await?;
    }
    table.show();
    Ok(())
}
