//! The file of rows that were refused: as they came, with the reason beside them, so that they can
//! be corrected and sent as they are.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::chunks::Refused;
use super::rows::{OWN_PREFIX, Raw};

/// What is added to a row of a CSV file.
const COLUMNS: [&str; 4] = ["line", "fault", "field", "message"];

/// The file is made with its first row.
pub struct Rejected {
    path: PathBuf,
    header: Option<csv::StringRecord>,
    file: Option<File>,
    bytes: u64,
}

impl Rejected {
    /// Goes on after so many bytes: what comes after them was not yet known to be complete.
    pub fn open(
        path: &Path,
        header: Option<&csv::StringRecord>,
        known_bytes: u64,
    ) -> anyhow::Result<Self> {
        let mut rejected =
            Self { path: path.to_owned(), header: header.cloned(), file: None, bytes: known_bytes };
        if known_bytes > 0 {
            let mut file = OpenOptions::new().write(true).open(path).with_context(|| {
                format!("{} is missing, though the journal knows it", path.display())
            })?;
            file.set_len(known_bytes)?;
            file.seek(SeekFrom::End(0))?;
            rejected.file = Some(file);
        }
        Ok(rejected)
    }

    /// Returns the length of the file once the rows are on the disk.
    pub fn write(&mut self, refused: &[Refused]) -> anyhow::Result<u64> {
        if refused.is_empty() {
            return Ok(self.bytes);
        }
        let mut text = Vec::new();
        if self.file.is_none() {
            let failed = || format!("failed to make {}", self.path.display());
            self.file = Some(File::create(&self.path).with_context(failed)?);
            if let Some(header) = &self.header {
                let own = |name: &str| format!("{OWN_PREFIX}_{name}");
                let kept = header.iter().filter(|name| !name.starts_with(OWN_PREFIX));
                row(&mut text, kept.map(str::to_owned).chain(COLUMNS.map(own)))?;
            }
        }
        for one in refused {
            self.one(&mut text, one)?;
        }
        let Some(file) = &mut self.file else { return Ok(self.bytes) };
        file.write_all(&text)
            .and_then(|()| file.sync_data())
            .context("failed to write a refused row")?;
        self.bytes += text.len() as u64;
        Ok(self.bytes)
    }

    fn one(&self, text: &mut Vec<u8>, refused: &Refused) -> anyhow::Result<()> {
        let Refused { line, raw, fault, field, message } = refused;
        match raw {
            Raw::Record(record) => {
                let header = self.header.clone().unwrap_or_default();
                let cell = |(at, name): (usize, &str)| {
                    let is_kept = !name.starts_with(OWN_PREFIX);
                    is_kept.then(|| record.get(at).unwrap_or_default().to_owned())
                };
                let cells = header.iter().enumerate().filter_map(cell);
                let why = [line.to_string(), fault.clone(), field.clone(), message.clone()];
                row(text, cells.chain(why))
            }
            Raw::Line(line_text) => {
                let why =
                    json!({ "line": line, "fault": fault, "field": field, "message": message });
                match serde_json::from_str::<Value>(line_text) {
                    Ok(Value::Object(mut event)) => {
                        event.insert(OWN_PREFIX.to_owned(), why);
                        serde_json::to_writer(&mut *text, &event)?;
                    }
                    _ => serde_json::to_writer(
                        &mut *text,
                        &json!({ OWN_PREFIX: why, "text": line_text }),
                    )?,
                }
                text.push(b'\n');
                Ok(())
            }
        }
    }
}

fn row(text: &mut Vec<u8>, cells: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(text);
    writer.write_record(cells)?;
    writer.flush()?;
    Ok(())
}
