//! Reading a segment's frames from its file.

use holdfast_storage::StorageError;

use super::frame::{self, FRAME_HEAD, Frame, Header, Kind, LAST_KIND, Reader, read_frame};
use super::segments::io;
use crate::disk::DiskFile;

/// A frame and where its payload is in the file.
pub struct FrameAt<'a> {
    pub frame: Frame<'a>,
    pub offset: u64,
}

/// The frames of a file, through a window that moves over it. A small window is read and checked
/// while it is in the processor's cache, and a start takes no more memory than what comes after.
pub struct Frames<'a> {
    file: &'a dyn DiskFile,
    segment: u32,
    size: u64,
    /// Where the next frame begins.
    at: u64,
    window: &'a mut Vec<u8>,
    /// Where the window begins.
    window_at: u64,
}

/// As much as a second-level cache holds beside what else is needed.
const WINDOW_BYTES: u64 = 512 << 10;

/// Offsets have 32 bits. No segment is ever made this large; a file that is, is not ours.
const MAX_SEGMENT_BYTES: u64 = u32::MAX as u64;

impl<'a> Frames<'a> {
    pub fn new(
        file: &'a dyn DiskFile,
        segment: u32,
        window: &'a mut Vec<u8>,
    ) -> Result<Self, StorageError> {
        let size = file.size().map_err(io("read the outbox log"))?;
        if size > MAX_SEGMENT_BYTES {
            return Err(damaged(format!("segment {segment} has {size} bytes")));
        }
        window.clear();
        Ok(Self { file, segment, size, at: 0, window, window_at: 0 })
    }

    /// Goes on from a place where a frame begins.
    pub fn skip_to(&mut self, at: u64) {
        self.at = at;
    }

    /// Where the next frame begins, or where the last one that is sound ended.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next frame, if it is whole and sound.
    pub fn next(&mut self) -> Result<Option<FrameAt<'_>>, StorageError> {
        let Some(head) = self.look(FRAME_HEAD as u64)? else { return Ok(None) };
        let length = Reader(&self.window[head]).u32().unwrap_or(0);
        let Some(frame) = self.look(FRAME_HEAD as u64 + u64::from(length))? else {
            return Ok(None);
        };
        let frame = read_frame(&self.window[frame], self.segment);
        Ok(frame.map(|frame| {
            let offset = self.at + FRAME_HEAD as u64;
            self.at = offset + frame.payload.len() as u64;
            FrameAt { frame, offset }
        }))
    }

    /// Where a frame begins that was written when the unreadable place, where this stopped, was
    /// durable: then a crash has not torn that place, but something has damaged it.
    pub fn later(&mut self) -> Result<Option<u64>, StorageError> {
        let unreadable = self.at;
        while let Some(head) = self.look(FRAME_HEAD as u64)? {
            let Some(start) = self.candidate(head.start, unreadable) else {
                // The last head's worth of the window may begin a frame that goes on after it.
                self.at = self.window_at + (self.window.len() - FRAME_HEAD) as u64 + 1;
                continue;
            };
            let begins = self.window_at + start as u64;
            self.at = begins;
            if self.next()?.is_some() {
                return Ok(Some(begins));
            }
            self.at = begins + 1;
        }
        Ok(None)
    }

    /// Where in the window, from `start` on, something has the shape of a frame that was written
    /// when `unreadable` was durable.
    fn candidate(&self, start: usize, unreadable: u64) -> Option<usize> {
        const KIND: usize = FRAME_HEAD - 1;
        let mut kind = start + KIND;
        loop {
            kind += before_kind(self.window.get(kind..)?);
            let begins = kind - KIND;
            let (length, synced) = frame::extent(self.window.get(begins..=kind)?)?;
            let at = self.window_at + begins as u64;
            let was_durable = (unreadable + 1..=at).contains(&u64::from(synced));
            if was_durable && length <= self.size - at {
                return Some(begins);
            }
            kind += 1;
        }
    }

    /// Where in the window so many bytes from the position on are, if the file has them.
    fn look(&mut self, bytes: u64) -> Result<Option<std::ops::Range<usize>>, StorageError> {
        if bytes > self.size.saturating_sub(self.at) {
            return Ok(None);
        }
        if self.at + bytes > self.window_at + self.window.len() as u64 {
            self.advance(bytes.max(WINDOW_BYTES).min(self.size - self.at))?;
        }
        let start = (self.at - self.window_at) as usize;
        Ok(Some(start..start + bytes as usize))
    }

    /// Moves the window to the position. What it holds of that already is not read again.
    fn advance(&mut self, bytes: u64) -> Result<(), StorageError> {
        let passed = (self.at - self.window_at) as usize;
        self.window.drain(..passed.min(self.window.len()));
        let kept = self.window.len();
        self.window.resize(bytes as usize, 0);
        self.window_at = self.at;
        let read = self.file.read_exact_at(&mut self.window[kept..], self.at + kept as u64);
        read.map_err(io("read the outbox log"))
    }
}

/// How many bytes in front are no kind of a frame.
fn before_kind(bytes: &[u8]) -> usize {
    /// Compared at once by the processor's wide registers.
    const STRIDE: usize = 64;
    // Kinds are small numbers above zero. Most of what is looked at are zeros.
    let is_kind = |byte: &u8| (1..=LAST_KIND).contains(byte);
    let has_none = |stride: &&[u8]| !stride.iter().fold(false, |found, b| found | is_kind(b));
    let passed = bytes.chunks_exact(STRIDE).take_while(has_none).count() * STRIDE;
    let rest = &bytes[passed..];
    passed + rest.iter().position(is_kind).unwrap_or(rest.len())
}

/// The first frame of a segment's file. It was durable before the file got its name.
pub fn read_header(file: &dyn DiskFile, number: u32) -> Result<Header, StorageError> {
    let mut window = Vec::new();
    let mut frames = Frames::new(file, number, &mut window)?;
    let first = frames.next()?.filter(|first| first.frame.kind == Kind::Header);
    let header = first.and_then(|first| Header::read(first.frame.payload));
    header.ok_or_else(|| {
        damaged(format!("segment {number} has no header that this release can read"))
    })
}

pub fn damaged(detail: String) -> StorageError {
    StorageError::Damaged { what: "the outbox log", detail }
}
