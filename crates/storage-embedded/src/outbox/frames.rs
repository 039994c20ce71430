//! Reading a segment's frames from its file.

use holdfast_storage::StorageError;

use super::frame::{self, FRAME_HEAD, Frame, Header, Kind, Reader, read_frame};
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

    /// Where a frame begins that was written when all before it and the unreadable place, where
    /// this stopped, was durable: then that place was not torn by a crash, but damaged.
    pub fn later(&mut self) -> Result<Option<u64>, StorageError> {
        let unreadable = self.at;
        while let Some(piece) = self.look((WINDOW_BYTES).min(self.size - self.at).max(MIN_FRAME))? {
            let starts = piece.len() - FRAME_HEAD;
            let begin = piece.start;
            let candidate = (begin..=begin + starts).find(|start| {
                let head = &self.window[*start..start + FRAME_HEAD];
                // Most of what is looked at are zeros.
                head[FRAME_HEAD - 1] != 0
                    && frame::plausible(head).is_some_and(|(length, synced)| {
                        let at = self.window_at + *start as u64;
                        (unreadable + 1..=at).contains(&u64::from(synced))
                            && length <= self.size - at
                    })
            });
            let Some(start) = candidate else {
                self.at += starts as u64 + 1;
                continue;
            };
            self.at = self.window_at + start as u64;
            let begins = self.at;
            if self.next()?.is_some() {
                return Ok(Some(begins));
            }
            self.at = begins + 1;
        }
        Ok(None)
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

/// A head and one byte.
const MIN_FRAME: u64 = FRAME_HEAD as u64 + 1;

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
