//! What is printed: data on standard output, everything else on standard error.

use std::io::Write;

use serde::Serialize;

use crate::exit;

/// Columns of the terminals that are written for.
const WIDTH: usize = 80;

/// Where a command's result goes.
pub struct Output {
    pub json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// One line of data.
    pub fn line(&self, text: impl AsRef<str>) {
        // A reader that went away (`holdfast … | head`) is no failure of the command.
        let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
    }

    /// One of several lines that belong together: what it is about, and what is said of it.
    pub fn field(&self, name: &str, text: &str) {
        self.hanging(&format!("  {name:<11}"), text);
    }

    /// A sentence that may need more than one line; the others are indented like the text of the
    /// first.
    pub fn hanging(&self, first: &str, text: &str) {
        let indent = first.chars().count();
        for (at, line) in wrap(text, WIDTH - indent).iter().enumerate() {
            let before = if at == 0 { first.to_owned() } else { " ".repeat(indent) };
            self.line(format!("{before}{line}"));
        }
    }

    /// A remark for people; never data.
    pub fn note(&self, text: impl AsRef<str>) {
        let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
    }

    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.line(serde_json::to_string_pretty(value)?);
        Ok(())
    }

    pub fn error(&self, error: &anyhow::Error) {
        self.note(format!("error: {error:#}"));
        if let Some(hint) = exit::hint_of(error) {
            self.note(format!("hint:  {hint}"));
        }
    }

    pub fn table(&self, table: &Table) {
        for line in table.lines() {
            self.line(line);
        }
    }
}

/// Breaks at spaces.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + 1 + word.chars().count() > width
        {
            lines.push(String::new());
        }
        let last = lines.len() - 1;
        if !lines[last].is_empty() {
            lines[last].push(' ');
        }
        lines[last].push_str(word);
    }
    lines
}

/// Columns as wide as their widest cell, two spaces between them. Ids go last, so that nothing
/// follows them and a double-click copies exactly the id.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|cell| (*cell).to_owned()).collect()] }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        self.rows
            .iter()
            .map(|row| {
                let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
                cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
            })
            .collect()
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn columns_line_up_and_nothing_follows_the_last() {
        let mut table = Table::new(&["NAME", "ID"]);
        table.row(vec!["long name".to_owned(), "1".to_owned()]);
        table.row(vec!["x".to_owned(), "22".to_owned()]);
        assert_eq!(table.lines(), ["NAME       ID", "long name  1", "x          22"]);
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
