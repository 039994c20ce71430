//! Rows of measurements and how they are shown.

use crate::load::Measured;

/// A figure that is to be read beside another of the same run.
#[derive(Clone, Copy)]
pub struct Budget {
    /// The row it is compared with.
    pub anchor: &'static str,
    /// The least share of it.
    pub at_least: f64,
}

pub struct Row {
    name: &'static str,
    unit: &'static str,
    values: Vec<f64>,
    latencies: Vec<(f64, f64)>,
    budgets: Vec<Budget>,
}

#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a value to a row, which is made when it is first named.
    pub fn note(&mut self, name: &'static str, unit: &'static str, value: f64) -> &mut Row {
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            let (values, latencies, budgets) = (Vec::new(), Vec::new(), Vec::new());
            self.rows.push(Row { name, unit, values, latencies, budgets });
            self.rows.len() - 1
        });
        let row = &mut self.rows[at];
        row.values.push(value);
        row
    }

    /// Adds what a load saw, in events per second.
    pub fn load(&mut self, name: &'static str, events: f64, measured: Measured) -> &mut Row {
        let row = self.note(name, "events/s", measured.requests_per_second * events);
        row.latencies.push((measured.p50_ms, measured.p99_ms));
        row
    }

    #[allow(clippy::print_stdout, reason = "what a benchmark answers")]
    pub fn show(&self) {
        println!(
            "{:34} {:>12} {:<9} {:>8} {:>8}  of anchor (budget)",
            "median", "", "", "p50 ms", "p99 ms"
        );
        for row in &self.rows {
            let latency = |pick: fn(&(f64, f64)) -> f64| {
                let values: Vec<f64> = row.latencies.iter().map(pick).collect();
                median(&values).map_or_else(String::new, |ms| format!("{ms:.2}"))
            };
            let (p50, p99) = (latency(|l| l.0), latency(|l| l.1));
            let value = median(&row.values).unwrap_or(0.0);
            let shares: Vec<String> =
                row.budgets.iter().filter_map(|budget| self.share(row, *budget)).collect();
            println!(
                "{:34} {:>12} {:<9} {p50:>8} {p99:>8}  {}",
                row.name,
                grouped(value),
                row.unit,
                shares.join(", ")
            );
        }
    }

    /// The median of the rounds' ratios: rounds are interleaved, so that what slows the machine
    /// slows both.
    fn share(&self, row: &Row, budget: Budget) -> Option<String> {
        let anchor = self.rows.iter().find(|other| other.name == budget.anchor)?;
        let ratios: Vec<f64> =
            row.values.iter().zip(&anchor.values).map(|(value, of)| value / of).collect();
        let share = median(&ratios)?;
        Some(format!("{share:.2} of {} ({})", budget.anchor, budget.at_least))
    }
}

impl Row {
    /// At least this share of another row.
    pub fn beside(&mut self, anchor: &'static str, at_least: f64) -> &mut Self {
        if !self.budgets.iter().any(|budget| budget.anchor == anchor) {
            self.budgets.push(Budget { anchor, at_least });
        }
        self
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn grouped(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
