//! gzip bodies, decompressed as they arrive.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;

use super::IngestError;

/// Most compressed bytes that are decompressed in one go. Deflate grows a byte to at most 1,032,
/// so one piece gives about 1 MiB at worst, whatever the sender made.
pub const MAX_PIECE_BYTES: usize = 1024;

/// A gzip stream of one or more members.
pub struct Inflate {
    decoder: MultiGzDecoder<Vec<u8>>,
    /// An empty body is no gzip stream at all, but neither is it damage.
    fed: bool,
}

impl Inflate {
    pub fn new() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), fed: false }
    }

    /// Takes a piece of at most [`MAX_PIECE_BYTES`] and gives what it decompressed to, perhaps
    /// nothing.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Vec<u8>, IngestError> {
        debug_assert!(piece.len() <= MAX_PIECE_BYTES);
        self.fed |= !piece.is_empty();
        self.decoder.write_all(piece).map_err(damaged)?;
        Ok(std::mem::take(self.decoder.get_mut()))
    }

    /// Checks that the stream is complete and its checksum right, and gives the rest.
    pub fn finish(&mut self) -> Result<Vec<u8>, IngestError> {
        if std::mem::take(&mut self.fed) {
            self.decoder.try_finish().map_err(damaged)?;
        }
        Ok(std::mem::take(self.decoder.get_mut()))
    }
}

fn damaged(_: io::Error) -> IngestError {
    IngestError::DamagedGzip
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(compressed: &[u8]) -> Result<Vec<u8>, IngestError> {
        let mut inflate = Inflate::new();
        let mut plain = Vec::new();
        for piece in compressed.chunks(MAX_PIECE_BYTES) {
            plain.extend(inflate.feed(piece)?);
        }
        plain.extend(inflate.finish()?);
        Ok(plain)
    }

    #[test]
    fn gives_back_what_was_compressed() {
        let plain: Vec<u8> = (0..100_000_u32).flat_map(|n| (n % 1009).to_le_bytes()).collect();
        assert_eq!(inflate(&gzip(&plain)).unwrap(), plain);
        assert_eq!(inflate(&gzip(b"")).unwrap(), b"");
        assert_eq!(inflate(b"").unwrap(), b"");
    }

    #[test]
    fn members_follow_each_other() {
        let both = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(inflate(&both).unwrap(), b"one two");
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let sound = gzip(&b"an event ".repeat(500));
        for cut in 1..sound.len() {
            assert!(inflate(&sound[..cut]).is_err(), "cut to {cut}");
        }
        // The header's time, flags for extra operating systems and the like carry no checksum.
        for position in (10..sound.len()).chain(0..3) {
            let mut damaged = sound.clone();
            damaged[position] ^= 0x55;
            assert!(inflate(&damaged).is_err(), "byte {position}");
        }
    }

    #[test]
    fn one_piece_grows_to_a_bounded_size() {
        let bomb = gzip(&vec![0; 64 << 20]);
        let mut inflate = Inflate::new();
        let most =
            bomb.chunks(MAX_PIECE_BYTES).map(|piece| inflate.feed(piece).unwrap().len()).max();
        assert!(most.is_some_and(|bytes| bytes < 2 << 20), "{most:?}");
    }
}
