//! A load generator that costs little: plain HTTP/1.1 over kept-alive connections, one request in
//! flight on each, the answer read just far enough to know where it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What is sent, over and over.
pub struct Load {
    pub addr: SocketAddr,
    /// Whole requests, head and body. Each connection goes round them from a place of its own.
    pub requests: Arc<Vec<Vec<u8>>>,
    pub connections: usize,
    pub duration: Duration,
}

#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Load {
    #[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub async fn run(&self) -> anyhow::Result<Measured> {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let mut workers = Vec::new();
        for number in 0..self.connections {
            let stream = TcpStream::connect(self.addr).await.context("failed to connect")?;
            stream.set_nodelay(true)?;
            let (requests, stop, done) = (self.requests.clone(), stop.clone(), done.clone());
            workers.push(tokio::spawn(worker(stream, requests, number * 17, stop, done)));
        }
        let start = Instant::now();
        tokio::time::sleep(self.duration).await;
        stop.store(true, Ordering::Relaxed);
        let finished = done.load(Ordering::Relaxed);
        let elapsed = start.elapsed().as_secs_f64();
        let mut latencies_us = Vec::new();
        for worker in workers {
            latencies_us.extend(worker.await??);
        }
        latencies_us.sort_unstable();
        let at = |share: f64| {
            let place = ((latencies_us.len() as f64 - 1.0) * share) as usize;
            latencies_us.get(place).map_or(0.0, |us| f64::from(*us) / 1000.0)
        };
        Ok(Measured {
            requests_per_second: finished as f64 / elapsed,
            p50_ms: at(0.50),
            p99_ms: at(0.99),
        })
    }
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures time")]
async fn worker(
    mut stream: TcpStream,
    requests: Arc<Vec<Vec<u8>>>,
    first: usize,
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
) -> anyhow::Result<Vec<u32>> {
    let mut buffer = vec![0; 1 << 16];
    let mut latencies_us = Vec::new();
    let mut next = first;
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        stream.write_all(&requests[next % requests.len()]).await?;
        read_answer(&mut stream, &mut buffer).await?;
        latencies_us.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
        done.fetch_add(1, Ordering::Relaxed);
        next += 1;
    }
    Ok(latencies_us)
}

/// Sends so many requests over one connection, one after the other.
pub async fn send(addr: SocketAddr, requests: Arc<Vec<Vec<u8>>>, times: u64) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(addr).await.context("failed to connect")?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 1 << 16];
    for request in requests.iter().cycle().take(usize::try_from(times)?) {
        stream.write_all(request).await?;
        read_answer(&mut stream, &mut buffer).await?;
    }
    Ok(())
}

/// Reads one answer with a Content-Length and checks that it is a 2xx.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut filled = 0;
    let (head_end, length) = loop {
        if filled == buffer.len() {
            buffer.resize(buffer.len() * 2, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        filled += read;
        if let Some(head_end) = find(&buffer[..filled], b"\r\n\r\n") {
            break (head_end + 4, content_length(&buffer[..head_end])?);
        }
    };
    if buffer[9] != b'2' {
        let shown = String::from_utf8_lossy(&buffer[..filled.min(600)]).into_owned();
        bail!("the server answered {shown}");
    }
    let mut left = (head_end + length).saturating_sub(filled);
    while left > 0 {
        let read = stream.read(&mut buffer[..]).await?;
        if read == 0 {
            bail!("the server closed the connection inside an answer");
        }
        left = left.saturating_sub(read);
    }
    Ok(())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let head = std::str::from_utf8(head)?;
    head.lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        })
        .context("the answer has no Content-Length")
}

/// A POST request, ready to be written.
pub fn post(path: &str, key: Option<&str>, body: &[u8]) -> Vec<u8> {
    let authorization =
        key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}
