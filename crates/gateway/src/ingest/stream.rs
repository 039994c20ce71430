//! NDJSON of any length: read, admitted and committed chunk by chunk, so that memory stays
//! bounded however long the stream is.
//!
//! Each chunk is one commit. When something goes wrong between two chunks, what was committed
//! stays committed, and the answer says where the rest begins; a caller sends again from there.

use std::time::Duration;

use super::IngestError;
use super::admission::Admission;
use super::commit::commit;
use super::lines::{Chunk, Lines};
use super::receipts::{Receipts, Stopped};
use super::source::Source;
use super::targets::Target;
use crate::state::Gateway;

/// What became of a stream.
#[derive(Debug)]
pub struct StreamAnswer {
    /// JSON, see [`Receipts`].
    pub body: Vec<u8>,
    pub accepted_any: bool,
    /// The stream was not taken to its end.
    pub stopped: bool,
    pub retry_after_s: Option<u32>,
}

/// Takes a stream to its end, or to where it had to stop. It is an error only if nothing at all
/// was accepted by then.
pub async fn take(
    gateway: &Gateway,
    targets: &[Target],
    source: &mut Source,
) -> Result<StreamAnswer, IngestError> {
    let settings = &gateway.settings.ingest;
    let max_event_bytes = usize::try_from(settings.max_event_bytes.0).unwrap_or(usize::MAX);
    let mut stream = Stream {
        gateway,
        targets,
        lines: Lines::new(max_event_bytes),
        receipts: Receipts::default(),
        any_line: false,
    };
    let patience = Duration::from_secs(settings.read_timeout_seconds);
    match stream.run(source, patience).await {
        Ok(()) if !stream.any_line => Err(IngestError::NoEvents),
        Ok(()) => Ok(stream.answer(None)),
        Err((_, error)) if !stream.receipts.accepted_any() => Err(error),
        Err((first_unprocessed_index, error)) => {
            Ok(stream.answer(Some(Stopped { error: &error, first_unprocessed_index })))
        }
    }
}

struct Stream<'a> {
    gateway: &'a Gateway,
    targets: &'a [Target],
    lines: Lines,
    receipts: Receipts,
    any_line: bool,
}

/// The first line that was not processed, and why.
type Stop = (u64, IngestError);

impl Stream<'_> {
    async fn run(&mut self, source: &mut Source, patience: Duration) -> Result<(), Stop> {
        loop {
            let piece = source.piece(patience).await;
            match piece.map_err(|error| (self.lines.first_pending_index(), error))? {
                None => break,
                Some(piece) => self.take_piece(&piece).await?,
            }
        }
        let last = self.lines.finish();
        self.take_chunk(&last).await
    }

    async fn take_piece(&mut self, piece: &[u8]) -> Result<(), Stop> {
        let mut rest = piece;
        while let Some(chunk) = self.lines.push(&mut rest) {
            self.take_chunk(&chunk).await?;
        }
        Ok(())
    }

    /// One commit. Its receipts count only once it is durable.
    async fn take_chunk(&mut self, chunk: &Chunk) -> Result<(), Stop> {
        let Some(first_index) = chunk.first_index() else { return Ok(()) };
        self.any_line = true;
        let at = self.gateway.clock.wall();
        let max_event_bytes = self.gateway.settings.ingest.max_event_bytes.0;
        let lines = chunk.lines();
        let mut admission = Admission::new(self.targets, at, max_event_bytes, lines.len());
        let mark = self.receipts.mark();
        admission.admit_all(lines, &mut self.receipts).await;
        if !admission.items.is_empty() {
            let committed = commit(self.gateway, admission.items, None, at).await;
            committed.map_err(|error| {
                self.receipts.back_to(&mark);
                (first_index, error)
            })?;
        }
        admission.tally.count_refused(&self.gateway.metrics);
        admission.tally.count_admitted(&self.gateway.metrics);
        Ok(())
    }

    fn answer(self, stopped: Option<Stopped<'_>>) -> StreamAnswer {
        StreamAnswer {
            accepted_any: self.receipts.accepted_any(),
            stopped: stopped.is_some(),
            retry_after_s: stopped.as_ref().and_then(|s| s.error.refusal().retry_after_s),
            body: self.receipts.finish(stopped.as_ref()),
        }
    }
}
