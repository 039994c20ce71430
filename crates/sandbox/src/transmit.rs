//! How an answer travels: compressed, in chunks, slowly, in half, under a wrong date.

use std::io::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::timeline::{Misbehaviour, Plan};

/// Answers are some hundred bytes; the longest list that a read gives is far below this.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// The answer as the plan has it travel. `now` and `is_real` are the sandbox's time and whether
/// the machine's clock agrees.
pub async fn dress(mut response: Response, plan: &Plan, now: i64, is_real: bool) -> Response {
    let skew = plan.iter().find_map(|what| match what {
        Misbehaviour::DateSkew { seconds } => Some(*seconds),
        _ => None,
    });
    if (skew.is_some() || !is_real)
        && let Ok(date) = HeaderValue::from_str(&http_date(now.saturating_add(skew.unwrap_or(0))))
    {
        response.headers_mut().insert(header::DATE, date);
    }
    if !plan.iter().any(shapes_the_body) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let mut bytes = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await.unwrap_or_default();
    if plan.has(&Misbehaviour::Gzip) {
        bytes = compressed(&bytes);
        parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    if !plan.has(&Misbehaviour::Chunked) {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    Response::from_parts(parts, body_of(bytes, plan))
}

/// `Mon, 05 Jan 2026 10:00:00 GMT`
pub fn http_date(unix_s: i64) -> String {
    let at = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn shapes_the_body(what: &Misbehaviour) -> bool {
    matches!(
        what,
        Misbehaviour::Gzip
            | Misbehaviour::Chunked
            | Misbehaviour::SlowBody { .. }
            | Misbehaviour::HalfAnswer
    )
}

fn body_of(bytes: Bytes, plan: &Plan) -> Body {
    let half = plan.has(&Misbehaviour::HalfAnswer);
    let slow = plan.iter().find_map(|what| match what {
        Misbehaviour::SlowBody { chunk_bytes, pause_ms } => Some((*chunk_bytes, *pause_ms)),
        _ => None,
    });
    let (piece, pause_ms) = match slow {
        Some((piece, pause_ms)) => (piece.max(1), pause_ms),
        // Two pieces at least, so that chunks are chunks.
        None => (bytes.len().div_ceil(2).max(1), 0),
    };
    if slow.is_none() && !half && !plan.has(&Misbehaviour::Chunked) {
        return Body::from(bytes);
    }
    let end = if half { bytes.len() / 2 } else { bytes.len() };
    Body::from_stream(stream::unfold(0, move |at| {
        let bytes = bytes.clone();
        async move {
            if at >= end {
                if !half || at == usize::MAX {
                    return None;
                }
                // What was written must be on its way before the connection breaks.
                tokio::task::yield_now().await;
                return Some((Err(std::io::Error::other("cut on purpose")), usize::MAX));
            }
            if pause_ms > 0 {
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
            let next = at.saturating_add(piece).min(end);
            Some((Ok(bytes.slice(at..next)), next))
        }
    }))
}

fn compressed(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().map_or_else(|_| Bytes::new(), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_has_them() {
        for (unix_s, text) in
            [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (1_767_607_200, "Mon, 05 Jan 2026 10:00:00 GMT")]
        {
            assert_eq!(http_date(unix_s), text);
        }
    }
}
