//! `holdfast backup …`

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use futures_util::TryStreamExt as _;
use holdfast_gateway::offline::{self, BackupError, Head, Opened};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::Global;
use crate::exit::{Failure, is_unreachable};
use crate::output::{Output, grouped};

/// What is on the way to the platforms goes on meanwhile. The master key is never part of it.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Backup {
    /// A new file, which only its owner can read; `-` is standard output.
    #[arg(required = true)]
    file: Option<PathBuf>,
    #[command(subcommand)]
    other: Option<Other>,
}

#[derive(Subcommand)]
enum Other {
    /// Read a backup to its end, and say whether every byte is as it was written.
    Verify {
        /// `-` is standard input.
        file: PathBuf,
    },
}

impl Backup {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        match (self.other, self.file) {
            (Some(Other::Verify { file }), _) => verify(file, output).await,
            (None, Some(file)) => take(file, global, output).await,
            (None, None) => Err(Failure::Usage("expected a file".to_owned()).into()),
        }
    }
}

/// The file, or standard input.
pub fn open(file: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(file).with_context(|| format!("failed to open {}", file.display()))?;
    Ok(Box::new(io::BufReader::with_capacity(1 << 20, opened)))
}

/// A backup that is not what it should be is a failed check.
pub fn unsound(error: BackupError) -> anyhow::Error {
    use BackupError as E;
    match error {
        E::NotABackup | E::NewerFormat { .. } | E::CutShort { .. } | E::Damaged { .. } => {
            Failure::CheckFailed(error.to_string()).into()
        }
        other => other.into(),
    }
}

async fn verify(file: PathBuf, output: &Output) -> anyhow::Result<()> {
    let from = open(&file)?;
    let head = tokio::task::spawn_blocking(move || offline::verify(from)).await?;
    let head = head.map_err(unsound)?;
    if output.json {
        return output.json(&head);
    }
    output.line("Every byte is as it was written.");
    describe(&head, |line| output.line(line));
    Ok(())
}

async fn take(file: PathBuf, global: &Global, output: &Output) -> anyhow::Result<()> {
    let target = Target::open(&file)?;
    let (head, bytes) = match request(global).await? {
        Source::Gateway(answer) => {
            let bytes = answer.content_length().unwrap_or(0);
            let stream = answer.bytes_stream().map_err(io::Error::other);
            let from = SyncIoBridge::new(StreamReader::new(stream));
            (target.fill(from, bytes).await?, bytes)
        }
        Source::Directory(opened) => {
            let backup = opened.backup().await?;
            let bytes = backup.bytes();
            let (from, to) = io::pipe()?;
            let written = tokio::task::spawn_blocking(move || backup.write(to));
            let filled = target.fill(from, bytes).await;
            written.await?.context("failed to read the data directory")?;
            opened.close().await?;
            (filled?, bytes)
        }
    };
    if output.json && file != Path::new("-") {
        return output.json(&json!({ "file": file, "bytes": bytes, "head": head }));
    }
    output.note(format!("{} bytes are in {}", grouped(bytes), file.display()));
    describe(&head, |line| output.note(line));
    Ok(())
}

fn describe(head: &Head, line: impl Fn(String)) {
    line(format!("  taken at    {}", head.taken_at));
    line(format!("  contents    {} bytes in {} parts", grouped(head.bytes()), head.parts.len()));
    line(format!("  release     {}, epoch {}", head.release, head.epoch));
    line(format!("  master key  {}; it is not in the backup, keep it elsewhere", head.master_key));
}

enum Source {
    Gateway(reqwest::Response),
    Directory(Box<Opened>),
}

/// The running gateway; the data directory itself if none is running.
async fn request(global: &Global) -> anyhow::Result<Source> {
    match global.client()?.backup().await {
        Ok(answer) => Ok(Source::Gateway(answer)),
        Err(error) if !global.is_remote() && is_unreachable(&error) => {
            let opened = Opened::open(&global.settings()?).await?;
            Ok(Source::Directory(Box::new(opened)))
        }
        Err(error) => Err(error),
    }
}

/// Where the backup goes. A file has its name only when all of it is there.
enum Target {
    StandardOutput,
    File { path: PathBuf, part: PathBuf },
}

impl Target {
    fn open(file: &Path) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            return Ok(Self::StandardOutput);
        }
        if file.exists() {
            return Err(Failure::Usage(format!("{} exists already", file.display())).into());
        }
        let mut part = file.as_os_str().to_owned();
        part.push(format!(".part-{}", std::process::id()));
        Ok(Self::File { path: file.to_owned(), part: part.into() })
    }

    /// Writes what it reads, and reads what it writes: the backup is sound when this returns.
    async fn fill(self, from: impl Read + Send + 'static, bytes: u64) -> anyhow::Result<Head> {
        tokio::task::spawn_blocking(move || self.fill_now(from, bytes)).await?
    }

    fn fill_now(self, from: impl Read, bytes: u64) -> anyhow::Result<Head> {
        let bar = progress(bytes);
        let filled = match &self {
            Self::StandardOutput => {
                copy(bar.wrap_read(from), io::stdout().lock()).map(|(head, _)| head)
            }
            Self::File { path, part } => {
                let filled = fill_file(bar.wrap_read(from), path, part);
                if filled.is_err() {
                    // Whatever became of it, it is no backup.
                    let _ = std::fs::remove_file(part);
                }
                filled
            }
        };
        bar.finish_and_clear();
        filled
    }
}

fn fill_file(from: impl Read, path: &Path, part: &Path) -> anyhow::Result<Head> {
    let writing = || format!("failed to write {}", part.display());
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(part).with_context(writing)?;
    let (head, file) = copy(from, file)?;
    file.sync_all().with_context(writing)?;
    std::fs::rename(part, path).with_context(writing)?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir).and_then(|dir| dir.sync_all()).with_context(writing)?;
    Ok(head)
}

fn copy<W: Write>(from: impl Read, to: W) -> anyhow::Result<(Head, W)> {
    let mut copied = Copied { from, to, failed: None };
    let read = offline::verify(&mut copied);
    if let Some(error) = copied.failed {
        return Err(anyhow::Error::new(error).context("failed to write the backup"));
    }
    let head = read.map_err(unsound).context("the backup was not completed")?;
    copied.to.flush().context("failed to write the backup")?;
    Ok((head, copied.to))
}

/// Hands on what is read from it.
struct Copied<R, W> {
    from: R,
    to: W,
    /// Why it could not be handed on.
    failed: Option<io::Error>,
}

impl<R: Read, W: Write> Read for Copied<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        if let Err(error) = self.to.write_all(&buffer[..read]) {
            let kind = error.kind();
            self.failed = Some(error);
            return Err(kind.into());
        }
        Ok(read)
    }
}

fn progress(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let line = "{bar:20} {percent:>3}%  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(line) {
        bar.set_style(style);
    }
    bar
}
