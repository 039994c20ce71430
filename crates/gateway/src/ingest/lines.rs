//! NDJSON into lines, gathered into chunks of bounded size.

use std::ops::Range;

use bytes::Bytes;
use memchr::memchr;

use super::IngestError;

/// Lines of one chunk, hence of one commit: enough to make an fsync cheap, few enough to be
/// admitted in milliseconds.
pub const MAX_CHUNK_LINES: usize = 1_000;

/// Bytes of one chunk. Bounds what a stream keeps in memory; one line of any allowed length fits.
pub const MAX_CHUNK_BYTES: usize = 4 << 20;

/// Lines that belong into one commit.
#[derive(Debug, Default)]
pub struct Chunk {
    text: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    index: u64,
    place: Range<usize>,
    too_long: bool,
}

impl Chunk {
    /// Index of the first line.
    pub fn first_index(&self) -> Option<u64> {
        self.lines.first().map(|line| line.index)
    }

    /// The lines with their zero-based numbers; `None` for one that was too long to keep.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = (u64, Option<&[u8]>)> {
        self.lines.iter().map(|line| {
            let text = (!line.too_long).then(|| &self.text[line.place.clone()]);
            (line.index, text)
        })
    }
}

/// Takes bytes as they come and gives chunks of whole lines. Blank lines count but are left out.
#[derive(Debug)]
pub struct Lines {
    chunk: Chunk,
    /// Where the line that is still arriving starts in the chunk's text.
    start: usize,
    too_long: bool,
    next_index: u64,
    max_line_bytes: usize,
}

impl Lines {
    pub fn new(max_line_bytes: usize) -> Self {
        Self { chunk: Chunk::default(), start: 0, too_long: false, next_index: 0, max_line_bytes }
    }

    /// Number of the first line that was not handed out.
    pub fn first_pending_index(&self) -> u64 {
        self.chunk.first_index().unwrap_or(self.next_index)
    }

    /// Takes from the front of `input` until a chunk is full or nothing is left.
    pub fn push(&mut self, input: &mut &[u8]) -> Option<Chunk> {
        while !input.is_empty() {
            match memchr(b'\n', input) {
                None => {
                    self.keep(input);
                    *input = &[];
                }
                Some(length) => {
                    self.keep(&input[..length]);
                    *input = &input[length + 1..];
                    self.end_line();
                }
            }
            if self.is_full() {
                return Some(self.hand_out());
            }
        }
        None
    }

    /// After the last byte: what is left, with the last line even if no newline ended it.
    pub fn finish(&mut self) -> Chunk {
        if self.too_long || self.chunk.text.len() > self.start {
            self.end_line();
        }
        self.hand_out()
    }

    fn keep(&mut self, part: &[u8]) {
        if self.too_long || self.chunk.text.len() - self.start + part.len() > self.max_line_bytes {
            self.too_long = true;
            self.chunk.text.truncate(self.start);
        } else {
            self.chunk.text.extend_from_slice(part);
        }
    }

    fn end_line(&mut self) {
        let blank = self.chunk.text[self.start..].trim_ascii().is_empty();
        if blank && !self.too_long {
            self.chunk.text.truncate(self.start);
        } else {
            let place = self.start..self.chunk.text.len();
            let (index, too_long) = (self.next_index, self.too_long);
            self.chunk.lines.push(Line { index, place, too_long });
        }
        self.next_index += 1;
        self.start = self.chunk.text.len();
        self.too_long = false;
    }

    fn is_full(&self) -> bool {
        self.chunk.lines.len() >= MAX_CHUNK_LINES || self.start >= MAX_CHUNK_BYTES
    }

    /// Hands out the whole lines and keeps the part of one that is still arriving.
    fn hand_out(&mut self) -> Chunk {
        let mut chunk = std::mem::take(&mut self.chunk);
        self.chunk.text.extend_from_slice(&chunk.text[self.start..]);
        chunk.text.truncate(self.start);
        self.start = 0;
        chunk
    }
}

/// All lines of a body that has arrived, with their zero-based numbers, blank ones left out.
pub fn all(body: &Bytes, max: usize) -> Result<Vec<(u64, Bytes)>, IngestError> {
    let mut found = Vec::new();
    for (index, line) in (0..).zip(body.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if found.len() == max {
            return Err(IngestError::TooManyEvents { bound: max });
        }
        found.push((index, body.slice_ref(line)));
    }
    if found.is_empty() { Err(IngestError::NoEvents) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = Vec<(u64, Option<Vec<u8>>)>;

    /// Pushes `body` in pieces and gives the chunks.
    fn chunks(body: &[u8], piece: usize, max_line: usize) -> Vec<Owned> {
        let owned = |chunk: &Chunk| -> Owned {
            chunk.lines().map(|(index, line)| (index, line.map(<[u8]>::to_vec))).collect()
        };
        let mut lines = Lines::new(max_line);
        let mut found = Vec::new();
        for mut piece in body.chunks(piece.max(1)) {
            while let Some(chunk) = lines.push(&mut piece) {
                found.push(owned(&chunk));
            }
        }
        found.push(owned(&lines.finish()));
        found
    }

    #[test]
    fn blank_lines_count_but_are_left_out() {
        let body = b"one\n\n  \r\ntwo\r\nthree";
        let line = |index, text: &[u8]| (index, Some(text.to_vec()));
        let expected = vec![line(0, b"one"), line(3, b"two\r"), line(4, b"three")];
        for piece in 1..body.len() {
            assert_eq!(chunks(body, piece, 100).concat(), expected);
        }
        let whole = all(&Bytes::from_static(body), 3).unwrap();
        let indices: Vec<_> = whole.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [0, 3, 4]);
        assert!(matches!(
            all(&Bytes::from_static(body), 2),
            Err(IngestError::TooManyEvents { bound: 2 })
        ));
        assert!(matches!(all(&Bytes::from_static(b"\n \n"), 2), Err(IngestError::NoEvents)));
    }

    #[test]
    fn a_line_that_is_too_long_takes_no_memory_and_no_neighbors() {
        let body = [b"ok\n".to_vec(), vec![b'x'; 10_000_000], b"\nalso ok\n".to_vec()].concat();
        let mut lines = Lines::new(1_000);
        let mut held = 0;
        for mut piece in body.chunks(4_096) {
            assert!(lines.push(&mut piece).is_none());
            held = held.max(lines.chunk.text.capacity());
        }
        assert!(held < 20_000, "{held}");
        let found: Vec<_> = lines.finish().lines().map(|(i, l)| (i, l.map(<[u8]>::len))).collect();
        assert_eq!(found, [(0, Some(2)), (1, None), (2, Some(7))]);
    }

    #[test]
    fn chunks_are_bounded_in_lines_and_bytes() {
        let many = "{}\n".repeat(2_500);
        let lengths: Vec<_> = chunks(many.as_bytes(), 8_192, 100).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1_000, 1_000, 500]);
        let long = format!("{}\n", "x".repeat(1 << 20)).repeat(9);
        let lengths: Vec<_> =
            chunks(long.as_bytes(), 65_536, 2 << 20).iter().map(Vec::len).collect();
        assert_eq!(lengths, [4, 4, 1]);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(body in "[a{}\n\r ]{0,300}", piece in 1..50_usize, max in 1..20_usize) {
            let expected: Owned = (0..)
                .zip(body.split('\n'))
                .filter(|(_, line)| !line.trim_ascii().is_empty() || line.len() > max)
                .map(|(index, line)| (index, (line.len() <= max).then(|| line.as_bytes().to_vec())))
                .collect();
            prop_assert_eq!(chunks(body.as_bytes(), piece, max).concat(), expected);
        }
    }
}
