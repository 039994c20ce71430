//! `cargo run --release -p holdfast-bench`: throughput beside what the machine gives.
//!
//! Every figure stands beside an anchor of the same run, because absolute figures drift with the
//! machine. Rounds are interleaved and the median is shown.

mod anchors;
mod load;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use clap::Parser;

use load::{Load, Measured, post};
use subject::Subject;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
struct Options {
    /// Rounds; the median of each row is shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Length of one measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

struct Row {
    name: &'static str,
    events_per_request: f64,
    measured: Vec<Measured>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let dir = tempfile::tempdir()?;
    let subject = Subject::start(dir.path()).await?;
    let single: Vec<Vec<u8>> = (0..256).map(|n| subject::event(n).into_bytes()).collect();
    let hundred: Vec<Vec<u8>> = (0..16).map(subject::hundred_events).collect();
    let anchors = [
        ("bare 202", anchors::bare().await?, 1.0, &single),
        ("parse only", anchors::parse_only().await?, 1.0, &single),
        ("raw log, fsync", anchors::raw_log(dir.path()).await?, 1.0, &single),
        ("raw log, fsync, 100 a request", anchors::raw_log(dir.path()).await?, 100.0, &hundred),
    ];
    let mut rows: Vec<Row> = Vec::new();
    for round in 0..options.rounds {
        let mut column = 0;
        let mut note = |name, events_per_request, measured| {
            if round == 0 {
                rows.push(Row { name, events_per_request, measured: Vec::new() });
            }
            rows[column].measured.push(measured);
            column += 1;
        };
        for (name, addr, events, bodies) in &anchors {
            let requests = bodies.iter().map(|body| post("/", None, body)).collect();
            note(*name, *events, measure(&options, *addr, requests).await?);
        }
        for (name, events, bodies) in
            [("durable ingest", 1.0, &single), ("durable ingest, 100 a request", 100.0, &hundred)]
        {
            let path = format!("/v1/events?destination={}", subject::DESTINATION);
            let requests =
                bodies.iter().map(|body| post(&path, Some(&subject.key), body)).collect();
            note(name, events, measure(&options, subject.addr(), requests).await?);
        }
    }
    show(&rows);
    subject.stop().await
}

async fn measure(
    options: &Options,
    addr: std::net::SocketAddr,
    requests: Vec<Vec<u8>>,
) -> anyhow::Result<Measured> {
    let load = Load {
        addr,
        requests: Arc::new(requests),
        connections: options.connections,
        duration: Duration::from_secs(options.seconds),
    };
    load.run().await
}

#[allow(clippy::print_stdout, reason = "what a benchmark answers")]
fn show(rows: &[Row]) {
    println!("{:32} {:>12} {:>9} {:>9}", "", "events/s", "p50 ms", "p99 ms");
    for row in rows {
        let median = |value: fn(&Measured) -> f64| {
            let mut values: Vec<f64> = row.measured.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        println!(
            "{:32} {:>12.0} {:>9.2} {:>9.2}",
            row.name,
            median(|m| m.requests_per_second) * row.events_per_request,
            median(|m| m.p50_ms),
            median(|m| m.p99_ms)
        );
    }
}
