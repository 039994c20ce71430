//! `holdfast send FILE`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Global;
use crate::exit::Failure;
use crate::output::Output;
use crate::send::{self, Plan};

/// Sends the events of a file: NDJSON, or CSV with a header. Interrupted, it goes on where it was
/// when it is called again.
#[derive(Args)]
pub struct Send {
    /// The file; gzip if its name ends with .gz. `-` for standard input, which cannot be resumed.
    file: PathBuf,
    /// Where the events go.
    #[arg(long, conflicts_with = "route", required_unless_present = "route")]
    destination: Option<String>,
    /// The route that says where the events go.
    #[arg(long)]
    route: Option<String>,
    /// What the file is, where its name does not say.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// How the columns of a CSV file become events.
    #[arg(long, value_name = "PATH")]
    mapping: Option<PathBuf>,
    /// Where the progress is kept; FILE.holdfast without it.
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
    /// Where rows go that were refused; FILE.rejected.csv or .ndjson without it.
    #[arg(long, value_name = "PATH")]
    rejected: Option<PathBuf>,
    /// Rows in a request.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    chunk: u32,
    /// Requests at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    in_flight: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Ndjson,
    Csv,
}

impl Send {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let query = match (&self.destination, &self.route) {
            (Some(destination), _) => format!("destination={destination}"),
            (None, Some(route)) => format!("route={route}"),
            (None, None) => return Err(usage("name a --destination or a --route").into()),
        };
        let plan = Plan {
            format: self.format()?,
            file: self.file,
            query,
            mapping: self.mapping,
            journal: self.journal,
            rejected: self.rejected,
            chunk: self.chunk as usize,
            in_flight: self.in_flight as usize,
        };
        send::run(plan, global.client()?, output).await
    }

    fn format(&self) -> Result<Format, Failure> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        let name = self.file.to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        match name.rsplit('.').next() {
            Some("csv") => Ok(Format::Csv),
            Some("ndjson" | "jsonl" | "json") => Ok(Format::Ndjson),
            _ => Err(usage("say what the file is: --format ndjson or --format csv")),
        }
    }
}

fn usage(text: &str) -> Failure {
    Failure::Usage(text.to_owned())
}
