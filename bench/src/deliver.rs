//! Delivery to a platform that accepts everything: of a backlog in full batches, and of events
//! while they come in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_sandbox::RunningSandbox;

use crate::Options;
use crate::anchors;
use crate::ingest::{PARSE_ONLY, load, requests};
use crate::load::{Load, post};
use crate::subject::{self, Platform, Subject};
use crate::table::Table;

const SINK: &str = "the sink alone, 1000 a request";

pub async fn measure(options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let dir = tempfile::tempdir_in(&options.dir)?;
    let (sink, platform) = subject::null_sink().await?;
    let subject = Subject::start(dir.path(), Some(&platform)).await?;
    let parse_only = anchors::parse_only().await?;
    for _ in 0..options.rounds {
        table.load(SINK, 1_000.0, sink_alone(options, sink.addr(), &platform).await?);
        let rate = backlog(options, &subject, &sink).await?;
        table.note("delivery of a backlog", "events/s", rate).beside(SINK, 0.0);
        if !options.only.is_empty() && !options.only.contains(&crate::Part::Ingest) {
            let rate = load(options, parse_only, requests("/", None, &subject::singles())).await?;
            table.load(PARSE_ONLY, 1.0, rate);
        }
        let (rate, share) = together(options, &subject, &sink).await?;
        table.note("ingest and delivery together", "events/s", rate).beside(PARSE_ONLY, 0.35);
        table.note("  delivered by the end of it", "%", share * 100.0);
    }
    subject.stop().await?;
    sink.stop().await;
    Ok(())
}

/// What the sink takes when nothing is in front of it.
async fn sink_alone(
    options: &Options,
    addr: SocketAddr,
    platform: &Platform,
) -> anyhow::Result<crate::load::Measured> {
    let mut body = br#"{"data":"#.to_vec();
    body.extend_from_slice(&subject::events(0, 1_000));
    body.push(b'}');
    let request = post(&subject::platform_path(), Some(&platform.token), &body);
    let load = Load {
        addr,
        requests: Arc::new(vec![request]),
        connections: 4,
        duration: Duration::from_secs(options.seconds),
    };
    load.run().await
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
async fn backlog(
    options: &Options,
    subject: &Subject,
    sink: &RunningSandbox,
) -> anyhow::Result<f64> {
    subject.pause().await?;
    fill(subject.addr(), &subject.key, options.backlog).await?;
    let before = delivered(sink);
    let waiting = subject.status().await?.ledger.held;
    let start = Instant::now();
    subject.resume().await?;
    until(|| delivered(sink) - before >= waiting).await?;
    Ok(waiting as f64 / start.elapsed().as_secs_f64())
}

/// Rate of the events taken in, and the share of them that was delivered meanwhile.
async fn together(
    options: &Options,
    subject: &Subject,
    sink: &RunningSandbox,
) -> anyhow::Result<(f64, f64)> {
    let requests = requests(&subject::path(), Some(&subject.key), &subject::singles());
    let accepted_before = subject.status().await?.ledger.accepted;
    let delivered_before = delivered(sink);
    let rate = load(options, subject.addr(), requests).await?.requests_per_second;
    let delivered_meanwhile = delivered(sink) - delivered_before;
    let accepted = subject.status().await?.ledger.accepted - accepted_before;
    until(|| delivered(sink) - delivered_before >= accepted).await?;
    Ok((rate, delivered_meanwhile as f64 / accepted as f64))
}

/// Puts this many events into the lane.
pub async fn fill(addr: SocketAddr, key: &str, events: u64) -> anyhow::Result<()> {
    const PER_REQUEST: u64 = 500;
    const CLIENTS: u64 = 8;
    let bodies: Vec<Vec<u8>> = (0..4).map(|n| subject::events(n * 500, PER_REQUEST)).collect();
    let requests = Arc::new(requests(&subject::path(), Some(key), &bodies));
    let each = events.div_ceil(PER_REQUEST * CLIENTS);
    let clients = (0..CLIENTS).map(|_| crate::load::send(addr, requests.clone(), each));
    futures_util::future::try_join_all(clients).await?;
    Ok(())
}

pub fn delivered(sink: &RunningSandbox) -> u64 {
    sink.handle().state().total.received
}

/// Waits for what is known to come. A benchmark that waits forever measures nothing.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
pub async fn until(is_so: impl Fn() -> bool) -> anyhow::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(120);
    let start = Instant::now();
    while !is_so() {
        anyhow::ensure!(start.elapsed() < PATIENCE, "it did not come within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
