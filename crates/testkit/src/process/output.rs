//! What a child says, line by line, collected by one thread per stream.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines kept per run; older ones are forgotten. A program in debug logging says a few thousand
/// lines a second, so this is the last half minute at least.
const MAX_LINES: usize = 100_000;

#[derive(Debug, Clone)]
pub(super) struct Output(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    lines: VecDeque<(Stream, String)>,
    /// Streams that are still open.
    open: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

pub(super) enum Found {
    Line(String),
    /// Both streams ended without it.
    Ended,
    Silent,
}

impl Output {
    /// Takes the child's streams and starts reading them.
    pub(super) fn of(child: &mut Child) -> Self {
        let output = Self(Arc::default());
        if let Some(stdout) = child.stdout.take() {
            output.read(Stream::Stdout, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            output.read(Stream::Stderr, stderr);
        }
        output
    }

    pub(super) fn wait_for(&self, text: &str, timeout: Duration) -> Found {
        let find = |said: &Said| said.lines.iter().find(|(_, line)| line.contains(text)).cloned();
        let said = self.wait_while(timeout, |said| find(said).is_none() && said.open > 0);
        match find(&said) {
            Some((_, line)) => Found::Line(line),
            None if said.open == 0 => Found::Ended,
            None => Found::Silent,
        }
    }

    /// Until both streams have ended. A grandchild that keeps one open is not waited for beyond
    /// the timeout.
    pub(super) fn wait_for_end(&self, timeout: Duration) {
        drop(self.wait_while(timeout, |said| said.open > 0));
    }

    pub(super) fn stdout(&self) -> Vec<String> {
        self.lines_of(|stream| stream == Stream::Stdout)
    }

    pub(super) fn stderr(&self) -> Vec<String> {
        self.lines_of(|stream| stream == Stream::Stderr)
    }

    pub(super) fn all(&self) -> String {
        self.lines_of(|_| true).join("\n")
    }

    fn read(&self, stream: Stream, from: impl Read + Send + 'static) {
        self.lock().open += 1;
        let output = self.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(from);
            while let Some(line) = next_line(&mut reader) {
                output.push(stream, line);
            }
            output.lock().open -= 1;
            output.0.changed.notify_all();
        });
    }

    fn push(&self, stream: Stream, line: String) {
        let mut said = self.lock();
        if said.lines.len() == MAX_LINES {
            said.lines.pop_front();
        }
        said.lines.push_back((stream, line));
        drop(said);
        self.0.changed.notify_all();
    }

    fn lines_of(&self, wanted: impl Fn(Stream) -> bool) -> Vec<String> {
        let said = self.lock();
        let lines = said.lines.iter().filter(|(stream, _)| wanted(*stream));
        lines.map(|(_, line)| line.clone()).collect()
    }

    fn wait_while(
        &self,
        timeout: Duration,
        condition: impl Fn(&Said) -> bool,
    ) -> MutexGuard<'_, Said> {
        let waited =
            self.0.changed.wait_timeout_while(self.lock(), timeout, |said| condition(said));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next line without its end, or `None` when the stream ends or fails. Bytes that are not
/// UTF-8 are shown as replacement characters: a test reads this, not a program.
fn next_line(reader: &mut impl BufRead) -> Option<String> {
    let mut bytes = Vec::new();
    let read = reader.read_until(b'\n', &mut bytes).ok()?;
    if read == 0 {
        return None;
    }
    let text = String::from_utf8_lossy(&bytes);
    Some(text.trim_end_matches(['\n', '\r']).to_owned())
}
