//! What the machine gives: servers that do less than Holdfast, measured in the same run.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Reads the body and answers 202.
pub async fn bare() -> anyhow::Result<SocketAddr> {
    serve(Router::new().route("/", post(|_: Bytes| async { StatusCode::ACCEPTED }))).await
}

/// A typed parse of every event, as cheap as a parse can honestly be: nothing is copied that need
/// not be.
pub async fn parse_only() -> anyhow::Result<SocketAddr> {
    serve(Router::new().route("/", post(|body: Bytes| async move { answer(&body) }))).await
}

/// Parse, append to a raw log with group commit and `fdatasync`, answer.
pub async fn raw_log(dir: &Path) -> anyhow::Result<SocketAddr> {
    let file = File::create(dir.join("raw.log"))?;
    let (queue, waiting) = mpsc::channel();
    std::thread::spawn(move || commit(file, &waiting));
    let handler = |State(queue): State<mpsc::Sender<Waiter>>, body: Bytes| async move {
        let status = answer(&body);
        let (durable, wait) = oneshot::channel();
        if queue.send((body, durable)).is_err() || wait.await.is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        status
    };
    serve(Router::new().route("/", post(handler)).with_state(queue)).await
}

type Waiter = (Bytes, oneshot::Sender<()>);

/// Everything that waits goes into one write and one sync; the next group starts when it is done.
fn commit(mut file: File, waiting: &mpsc::Receiver<Waiter>) {
    let mut buffer = Vec::new();
    while let Ok(first) = waiting.recv() {
        let group: Vec<Waiter> = std::iter::once(first).chain(waiting.try_iter()).collect();
        buffer.clear();
        for (body, _) in &group {
            buffer.extend_from_slice(body);
        }
        if file.write_all(&buffer).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for (_, durable) in group {
            // A client that went away waits for nothing.
            let _ = durable.send(());
        }
    }
}

fn answer(body: &[u8]) -> StatusCode {
    let parsed = if body.first() == Some(&b'[') {
        serde_json::from_slice::<Vec<Event<'_>>>(body).map(|events| {
            std::hint::black_box(&events);
        })
    } else {
        serde_json::from_slice::<Event<'_>>(body).map(|event| {
            std::hint::black_box(&event);
        })
    };
    if parsed.is_ok() { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST }
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "parsed for its cost")]
struct Event<'a> {
    event_name: &'a str,
    event_time: i64,
    #[serde(borrow)]
    user_data: &'a serde_json::value::RawValue,
    #[serde(borrow, default)]
    custom_data: Option<&'a serde_json::value::RawValue>,
}

async fn serve(router: Router) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(addr)
}
