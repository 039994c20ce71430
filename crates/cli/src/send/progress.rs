//! A line on standard error that says how far it is; nothing where nobody looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::journal::Known;

#[derive(Clone)]
pub struct Progress {
    bar: ProgressBar,
    read: Arc<AtomicU64>,
    /// Rows that were known before this process began.
    before: u64,
}

impl Progress {
    pub fn new(total_bytes: Option<u64>, read: Arc<AtomicU64>, known: Known) -> Self {
        let bar = match total_bytes {
            Some(bytes) => ProgressBar::new(bytes),
            None => ProgressBar::no_length(),
        };
        let line = match total_bytes {
            Some(_) => "{bar:20} {percent:>3}%  {msg}  {eta} left",
            None => "{spinner} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(line) {
            bar.set_style(style);
        }
        let progress = Self { bar, read, before: known.rows };
        progress.show(known);
        progress
    }

    pub fn show(&self, known: Known) {
        self.bar.set_position(self.read.load(Ordering::Relaxed));
        let rate = (known.rows - self.before) as f64 / self.bar.elapsed().as_secs_f64().max(0.001);
        let Known { rows, rejected, .. } = known;
        self.bar.set_message(format!("{rows} rows, {rate:.0}/s, {rejected} refused"));
    }

    /// A request is repeated after a pause.
    pub fn waits(&self, why: &str, wait: Duration) {
        let line = format!("{why}; trying again in {} s", wait.as_secs_f64().ceil());
        if self.bar.is_hidden() { eprintln_line(&line) } else { self.bar.println(line) }
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn eprintln_line(line: &str) {
    use std::io::Write as _;
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
