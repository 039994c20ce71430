//! The rows of a file, as events.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::mapping::{Columns, Mapping};
use crate::commands::SendFormat as Format;

/// How much of the file's beginning tells it from others.
const HEAD_BYTES: usize = 64 << 10;

/// Longest line of NDJSON; larger than any event the gateway takes.
const MAX_LINE_BYTES: u64 = 4 << 20;

/// What our own columns and our own key begin with: they say why a row was refused and are passed
/// over when the row comes again.
pub const OWN_PREFIX: &str = "_holdfast";

/// One row of the file.
pub struct Row {
    /// From 1, blank lines counted.
    pub line: u64,
    pub raw: Raw,
    /// The event, or why there is none.
    pub event: Result<Map<String, Value>, Unusable>,
}

/// A row as it came, for the file of rejected ones.
pub enum Raw {
    Line(String),
    Record(csv::StringRecord),
}

#[derive(Debug)]
pub struct Unusable {
    pub field: String,
    pub message: String,
}

enum Reader {
    Lines {
        input: Box<dyn BufRead + Send>,
        line: u64,
    },
    Records {
        input: csv::Reader<Box<dyn Read + Send>>,
        columns: Columns,
        header: csv::StringRecord,
    },
}

pub struct Rows {
    reader: Reader,
    identity: String,
    is_file: bool,
    total_bytes: Option<u64>,
    read_bytes: Arc<AtomicU64>,
}

impl Rows {
    pub fn open(path: &Path, format: Format, mapping: &Mapping) -> anyhow::Result<Self> {
        let read_bytes = Arc::<AtomicU64>::default();
        let is_file = path != Path::new("-");
        let (input, identity, total_bytes) = if is_file {
            let file =
                File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
            let (identity, size) = identify(&file, path)?;
            (Box::new(file) as Box<dyn Read + Send>, identity, Some(size))
        } else {
            (Box::new(std::io::stdin()) as Box<dyn Read + Send>, own_identity(), None)
        };
        let counted = Counted { input, bytes: read_bytes.clone() };
        let is_gzip = path.extension().is_some_and(|ending| ending == "gz");
        let input: Box<dyn Read + Send> =
            if is_gzip { Box::new(MultiGzDecoder::new(counted)) } else { Box::new(counted) };
        let reader = match format {
            Format::Ndjson => Reader::Lines { input: Box::new(BufReader::new(input)), line: 0 },
            Format::Csv => {
                let mut input = csv::ReaderBuilder::new().flexible(true).from_reader(input);
                let header = input.headers().context("failed to read the header")?.clone();
                let columns = mapping.columns(&header)?;
                Reader::Records { input, columns, header }
            }
        };
        Ok(Self { reader, identity, is_file, total_bytes, read_bytes })
    }

    /// The same for the same file, whenever it is sent.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    pub fn can_be_resumed(&self) -> bool {
        self.is_file
    }

    pub fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    pub fn read_bytes(&self) -> Arc<AtomicU64> {
        self.read_bytes.clone()
    }

    /// The header of a CSV file.
    pub fn header(&self) -> Option<&csv::StringRecord> {
        match &self.reader {
            Reader::Lines { .. } => None,
            Reader::Records { header, .. } => Some(header),
        }
    }

    /// Passes over rows whose fate is known.
    pub fn skip(&mut self, rows: u64) -> anyhow::Result<()> {
        for _ in 0..rows {
            if self.next()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The next row that is not blank.
    pub fn next(&mut self) -> anyhow::Result<Option<Row>> {
        let row = match &mut self.reader {
            Reader::Lines { input, line } => next_line(input, line)?,
            Reader::Records { input, columns, .. } => next_record(input, columns)?,
        };
        Ok(row.map(|mut row| {
            if let Ok(event) = &mut row.event {
                event.retain(|key, _| !key.starts_with(OWN_PREFIX));
                give_id(event, &self.identity, row.line);
            }
            row
        }))
    }
}

/// A row without an id has one that follows from the file and the row, so that the platform
/// recognizes it when it comes again.
fn give_id(event: &mut Map<String, Value>, identity: &str, line: u64) {
    // Version 2 of Snap's API calls it otherwise.
    let has_id = ["event_id", "client_dedup_id"]
        .iter()
        .any(|key| event.get(*key).is_some_and(|id| !id.is_null() && id.as_str() != Some("")));
    if !has_id {
        event.insert("event_id".to_owned(), format!("{identity}-{line}").into());
    }
}

fn next_line(input: &mut dyn BufRead, line: &mut u64) -> anyhow::Result<Option<Row>> {
    loop {
        let mut bytes = Vec::new();
        let read = input.take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes);
        let read = read.with_context(|| format!("failed to read line {}", *line + 1))?;
        if read == 0 {
            return Ok(None);
        }
        *line += 1;
        if read as u64 == MAX_LINE_BYTES && bytes.last() != Some(&b'\n') {
            anyhow::bail!("line {line} is longer than {MAX_LINE_BYTES} bytes");
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        if text.is_empty() {
            continue;
        }
        let event = serde_json::from_str::<Map<String, Value>>(&text).map_err(|e| Unusable {
            field: String::new(),
            message: format!("expected one JSON object on the line: {e}"),
        });
        return Ok(Some(Row { line: *line, raw: Raw::Line(text), event }));
    }
}

fn next_record(
    input: &mut csv::Reader<Box<dyn Read + Send>>,
    columns: &Columns,
) -> anyhow::Result<Option<Row>> {
    let mut record = csv::StringRecord::new();
    if !input.read_record(&mut record).context("failed to read the CSV file")? {
        return Ok(None);
    }
    let line = record.position().map_or(0, csv::Position::line);
    let event = columns.event(&record);
    Ok(Some(Row { line, raw: Raw::Record(record), event }))
}

/// Size and beginning of the content: the same file under another name is the same file.
fn identify(mut file: &File, path: &Path) -> anyhow::Result<(String, u64)> {
    use std::io::Seek as _;
    let size = file.metadata()?.len();
    let mut head = Vec::new();
    file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    file.rewind().with_context(|| format!("{} cannot be read twice", path.display()))?;
    let mut hash = Sha256::new();
    hash.update(size.to_be_bytes());
    hash.update(&head);
    Ok((short(&hash.finalize()), size))
}

/// Standard input is never the same twice.
fn own_identity() -> String {
    let now = holdfast_gateway::Clock::default().wall();
    short(&Sha256::digest(format!("{} {now}", std::process::id())))
}

fn short(hash: &[u8]) -> String {
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Counts what is read of the file itself, before it is decompressed.
struct Counted {
    input: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
