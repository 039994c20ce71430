//! A request's body as pieces of plain bytes, whatever it was compressed with, bounded in size and
//! time.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;

use super::IngestError;
use super::inflate::{Inflate, MAX_PIECE_BYTES};

/// After a refusal, most bytes of the body that are read and thrown away. A client that is still
/// sending would otherwise see a reset connection instead of the answer.
const MAX_LINGER_BYTES: usize = 64 << 20;

/// How long that may take.
const MAX_LINGER: Duration = Duration::from_secs(5);

/// Most memory that is set aside for bytes which a request only announces.
const MAX_BYTES_ON_TRUST: usize = 1 << 20;

pub struct Source {
    body: Body,
    inflate: Option<Inflate>,
    /// Compressed bytes that have arrived and are not decompressed yet.
    pending: Bytes,
}

impl Source {
    pub fn new(headers: &HeaderMap, body: Body) -> Result<Self, IngestError> {
        let inflate = match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
            None => None,
            Some(name) if name.eq_ignore_ascii_case(b"identity") || name.is_empty() => None,
            Some(name) if name.eq_ignore_ascii_case(b"gzip") => Some(Inflate::new()),
            Some(name) if name.eq_ignore_ascii_case(b"x-gzip") => Some(Inflate::new()),
            Some(_) => return Err(IngestError::Encoding),
        };
        Ok(Self { body, inflate, pending: Bytes::new() })
    }

    /// A body that has already arrived.
    pub fn arrived(bytes: Bytes) -> Self {
        Self { body: Body::from(bytes), inflate: None, pending: Bytes::new() }
    }

    /// The next piece, or `None` at the end. Each must arrive within `patience`.
    pub async fn piece(&mut self, patience: Duration) -> Result<Option<Bytes>, IngestError> {
        tokio::time::timeout(patience, self.next()).await.map_err(|_| too_slow(patience))?
    }

    /// The whole body, of at most `max_bytes` after decompression, within `patience`.
    pub async fn whole(
        &mut self,
        max_bytes: u64,
        patience: Duration,
    ) -> Result<Bytes, IngestError> {
        tokio::time::timeout(patience, self.gather(max_bytes))
            .await
            .map_err(|_| too_slow(patience))?
    }

    /// Reads on and throws away, so that a client in the middle of sending gets to the answer.
    pub async fn linger(mut self) {
        let discard = async {
            let mut discarded = 0;
            while let Some(Ok(frame)) = self.body.frame().await {
                discarded += frame.data_ref().map_or(0, Bytes::len);
                if discarded > MAX_LINGER_BYTES {
                    return;
                }
            }
        };
        // Whoever is slower than this learns of the refusal the hard way.
        let _ = tokio::time::timeout(MAX_LINGER, discard).await;
    }

    async fn gather(&mut self, max_bytes: u64) -> Result<Bytes, IngestError> {
        let too_large = IngestError::BodyTooLarge { bound_bytes: max_bytes };
        if self.body.size_hint().lower() > max_bytes {
            return Err(too_large);
        }
        let fits = |length: usize| u64::try_from(length).is_ok_and(|length| length <= max_bytes);
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        if !fits(first.len()) {
            return Err(too_large);
        }
        // The usual request arrives in one piece, which is passed on without a copy.
        let Some(second) = self.next().await? else { return Ok(first) };
        // What is announced is believed only so far: announcing costs nothing.
        let announced = usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX);
        let expected = first.len() + second.len() + announced.min(MAX_BYTES_ON_TRUST);
        let mut whole = BytesMut::with_capacity(expected);
        whole.extend_from_slice(&first);
        let mut piece = second;
        loop {
            if !fits(whole.len() + piece.len()) {
                return Err(too_large);
            }
            whole.extend_from_slice(&piece);
            match self.next().await? {
                Some(next) => piece = next,
                None => return Ok(whole.freeze()),
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, IngestError> {
        loop {
            if let Some(plain) = self.inflate_pending()? {
                return Ok(Some(plain));
            }
            let Some(data) = self.frame().await? else { return self.rest() };
            match &self.inflate {
                None if data.is_empty() => {}
                None => return Ok(Some(data)),
                Some(_) => self.pending = data,
            }
        }
    }

    /// Data off the wire. Trailers carry nothing for us.
    async fn frame(&mut self) -> Result<Option<Bytes>, IngestError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(_)) => return Err(IngestError::Broken),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    fn inflate_pending(&mut self) -> Result<Option<Bytes>, IngestError> {
        let Some(inflate) = &mut self.inflate else { return Ok(None) };
        while !self.pending.is_empty() {
            let length = self.pending.len().min(MAX_PIECE_BYTES);
            let plain = inflate.feed(&self.pending[..length])?;
            self.pending.advance(length);
            if !plain.is_empty() {
                return Ok(Some(plain.into()));
            }
        }
        Ok(None)
    }

    /// After the last frame: whatever the decompressor still has.
    fn rest(&mut self) -> Result<Option<Bytes>, IngestError> {
        let Some(inflate) = &mut self.inflate else { return Ok(None) };
        let plain = inflate.finish()?;
        Ok((!plain.is_empty()).then(|| plain.into()))
    }
}

fn too_slow(patience: Duration) -> IngestError {
    IngestError::TooSlow { seconds: patience.as_secs() }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write as _;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn in_pieces(bytes: &[u8], length: usize) -> Body {
        let pieces: Vec<_> = bytes
            .chunks(length)
            .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
            .collect();
        Body::from_stream(stream::iter(pieces))
    }

    fn gzip_headers() -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_ENCODING, "gzip".parse().unwrap())])
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    async fn whole(headers: &HeaderMap, body: Body, max: u64) -> Result<Bytes, IngestError> {
        Source::new(headers, body)?.whole(max, PATIENCE).await
    }

    #[tokio::test]
    async fn pieces_make_a_whole_and_the_bound_is_exact() {
        let body: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for length in [1, 7, 9_999, 10_000] {
            let plain = whole(&HeaderMap::new(), in_pieces(&body, length), 10_000).await;
            assert_eq!(plain.unwrap(), body);
            let packed = whole(&gzip_headers(), in_pieces(&gzip(&body), length), 10_000).await;
            assert_eq!(packed.unwrap(), body);
            let over = whole(&HeaderMap::new(), in_pieces(&body, length), 9_999).await;
            assert!(matches!(over, Err(IngestError::BodyTooLarge { bound_bytes: 9_999 })));
        }
    }

    #[tokio::test]
    async fn a_bomb_is_stopped_at_the_bound_and_not_at_its_end() {
        let bomb = gzip(&vec![b' '; 256 << 20]);
        assert!(bomb.len() < 300_000);
        // What comes after the bound would panic if it were read.
        let frames = stream::iter(vec![Ok::<_, Infallible>(Bytes::from(bomb))])
            .chain(stream::once(async { panic!("read beyond the bound") }));
        let result = whole(&gzip_headers(), Body::from_stream(frames), 1 << 20).await;
        assert!(matches!(result, Err(IngestError::BodyTooLarge { .. })));
    }

    #[tokio::test]
    async fn encodings_that_are_not_known_are_refused() {
        for name in ["br", "zstd", "gzip, gzip", "deflate"] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, name.parse().unwrap())]);
            let refused = Source::new(&headers, Body::empty());
            assert!(matches!(refused, Err(IngestError::Encoding)), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_given_up() {
        let stalled = || Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let result = whole(&HeaderMap::new(), stalled(), 10).await;
        assert!(matches!(result, Err(IngestError::TooSlow { seconds: 10 })));
        let mut source = Source::new(&HeaderMap::new(), stalled()).unwrap();
        assert!(matches!(source.piece(PATIENCE).await, Err(IngestError::TooSlow { .. })));
    }
}
