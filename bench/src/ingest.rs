//! Taking events in while nothing is delivered, beside servers that do less.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::load::{Load, Measured, post};
use crate::subject::{self, Subject};
use crate::table::Table;
use crate::{Options, anchors};

pub const PARSE_ONLY: &str = "parse only";
const RAW_HUNDRED: &str = "raw log, 100 a request";

pub async fn measure(options: &Options, table: &mut Table) -> anyhow::Result<()> {
    let dir = tempfile::tempdir_in(&options.dir)?;
    let subject = Subject::start(dir.path(), None).await?;
    subject.pause().await?;
    let (single, hundred) = (subject::singles(), subject::hundreds());
    let path = subject::path();
    let of = |bodies: &[Vec<u8>]| requests("/", None, bodies);
    let to_subject = |bodies: &[Vec<u8>]| requests(&path, Some(&subject.key), bodies);
    let bare = anchors::bare().await?;
    let parse_only = anchors::parse_only().await?;
    let raw_log = anchors::raw_log(dir.path()).await?;
    for _ in 0..options.rounds {
        let rate = load(options, bare, of(&single)).await?;
        table.load("bare 202", 1.0, rate);
        let rate = load(options, parse_only, of(&single)).await?;
        table.load(PARSE_ONLY, 1.0, rate);
        let rate = load(options, raw_log, of(&single)).await?;
        table.load("raw log", 1.0, rate);
        let rate = load(options, subject.addr(), to_subject(&single)).await?;
        table.load("durable ingest", 1.0, rate).beside(PARSE_ONLY, 0.60);
        let rate = load(options, raw_log, of(&hundred)).await?;
        table.load(RAW_HUNDRED, 100.0, rate);
        let rate = load(options, subject.addr(), to_subject(&hundred)).await?;
        table.load("durable ingest, 100 a request", 100.0, rate).beside(RAW_HUNDRED, 0.20);
    }
    subject.stop().await
}

pub fn requests(path: &str, key: Option<&str>, bodies: &[Vec<u8>]) -> Vec<Vec<u8>> {
    bodies.iter().map(|body| post(path, key, body)).collect()
}

pub async fn load(
    options: &Options,
    addr: SocketAddr,
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
