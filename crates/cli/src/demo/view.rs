//! The live view: a block of lines that is drawn anew, 80 columns at most. On anything but a
//! terminal only what happens is told, line by line.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use holdfast_gateway::services::status::{DestinationStatus, Status};
use holdfast_model::time::humanize_seconds;

use super::stage::Stage;
use crate::output::{grouped, wrap};

/// Between two drawings.
pub const FRAME: Duration = Duration::from_millis(100);

/// Width of the bar of a destination.
const BAR: usize = 24;

pub struct View {
    is_terminal: bool,
    quiet: bool,
    drawn_lines: usize,
    holds_told: usize,
}

impl View {
    pub fn new(quiet: bool) -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), quiet, drawn_lines: 0, holds_told: 0 }
    }

    /// Something happened. Stays on the screen above the block.
    pub fn say(&mut self, text: impl AsRef<str>) {
        if self.quiet {
            return;
        }
        self.erase();
        let mut lines = wrap(text.as_ref(), 76);
        if let Some(first) = lines.first_mut() {
            first.insert_str(0, "• ");
        }
        for line in lines.iter_mut().skip(1) {
            line.insert_str(0, "  ");
        }
        self.write(&lines.join("\n"));
        self.write("\n");
    }

    pub async fn draw(&mut self, stage: &Stage) -> anyhow::Result<()> {
        let status = stage.status().await?;
        self.tell_holds(&status);
        if self.quiet || !self.is_terminal {
            return Ok(());
        }
        self.erase();
        let lines = block(&status);
        self.drawn_lines = lines.len();
        self.write(&format!("{}\n", lines.join("\n")));
        Ok(())
    }

    pub fn end(&mut self) {
        self.drawn_lines = 0;
        if !self.quiet {
            self.write("\n");
        }
    }

    fn tell_holds(&mut self, status: &Status) {
        if status.holds.len() > self.holds_told {
            let hold = &status.holds[0].hold;
            self.say(format!(
                "HELD {} — {} {} Said: {}",
                hold.scope, hold.fault.summary, hold.fault.remedy, hold.fault.platform_message
            ));
        }
        self.holds_told = status.holds.len();
    }

    fn erase(&mut self) {
        if self.drawn_lines > 0 {
            self.write(&format!("\x1b[{}A\x1b[J", self.drawn_lines));
            self.drawn_lines = 0;
        }
    }

    fn write(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        // A terminal that went away ends the show, not the demo.
        let _ = stderr.write_all(text.as_bytes());
        let _ = stderr.flush();
    }
}

fn block(status: &Status) -> Vec<String> {
    let mut lines = vec![
        String::new(),
        format!(
            "  {:8}{:13}{:BAR$}  {:>9} {:>9} {:>8}",
            "", "STATE", "", "DELIVERED", "WAITING", "REJECTED"
        ),
    ];
    lines.extend(status.destinations.iter().map(row));
    let ledger = status.ledger;
    lines.push(format!(
        "  {} accepted = {} delivered + {} waiting + {} rejected; {} lost",
        grouped(ledger.accepted),
        grouped(ledger.delivered),
        grouped(ledger.queued + ledger.held + ledger.unknown),
        grouped(ledger.rejected + ledger.expired),
        grouped(status.lost)
    ));
    let first = status.holds.iter().filter_map(|hold| hold.first_deadline).min();
    lines.push(match first {
        Some(deadline) => {
            let left = deadline - status.at.to_seconds();
            format!("  First held event expires in {}.", humanize_seconds(left))
        }
        None => String::new(),
    });
    lines
}

fn row(destination: &DestinationStatus) -> String {
    let ledger = destination.ledger;
    let waiting = ledger.queued + ledger.held + ledger.unknown;
    let share = ledger.delivered as f64 / ledger.accepted.max(1) as f64;
    let full = ((share * BAR as f64).round() as usize).min(BAR);
    let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
    format!(
        "  {:8}{:13}{bar}  {:>9} {:>9} {:>8}",
        destination.id,
        destination.state.replace('_', " "),
        grouped(ledger.delivered),
        grouped(waiting),
        grouped(ledger.rejected)
    )
}
