//! `holdfast dead-letter …`

mod change;
mod export;
mod show;
mod which;

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::Global;
use crate::output::Output;
use which::Which;

#[derive(Subcommand)]
pub enum DeadLetter {
    /// List dead letters and expired items, oldest first.
    List {
        #[command(flatten)]
        which: Which,
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Newest first.
        #[arg(long)]
        newest: bool,
    },
    /// Count them by destination, state and fault.
    Count {
        #[command(flatten)]
        which: Which,
    },
    /// Show one, with the platform's words and the event.
    Show { id: String },
    /// Put items back into their lanes.
    Replay {
        /// Item ids. None with --all.
        ids: Vec<String>,
        /// Everything that the filter names.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Say what would be put back, and put nothing back.
        #[arg(long, requires = "all")]
        dry_run: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Send a corrected event in the place of one that was refused. It becomes a new item.
    Edit {
        id: String,
        /// The corrected event, as JSON; `-` is standard input. `show` gives the event as it was.
        #[arg(long, value_name = "FILE")]
        event: PathBuf,
    },
    /// Decide about items of which nobody knows whether they arrived.
    Resolve {
        /// Item ids. None with --all.
        ids: Vec<String>,
        /// What you found out.
        #[arg(long = "as", value_name = "WHAT")]
        resolution: Resolution,
        /// Every unknown item that the filter names.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Write them as NDJSON to a file or to standard output.
    Export {
        #[command(flatten)]
        which: Which,
        /// A new file, which only its owner can read. Standard output if left out.
        #[arg(long, value_name = "PATH")]
        to: Option<PathBuf>,
        /// With the events as they would be sent; identifiers are hashed in them. Audited.
        #[arg(long)]
        events: bool,
        /// Go on where an interrupted export ended; it said where. Adds to the file.
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Resolution {
    /// They arrived: count them as delivered.
    Delivered,
    /// They did not, or once more does no harm: send them.
    Resend,
}

impl DeadLetter {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            Self::List { which, limit, newest } => {
                show::list(&client, &which, limit, newest, output).await
            }
            Self::Count { which } => show::count(&client, &which, output).await,
            Self::Show { id } => show::one(&client, &id, output).await,
            Self::Replay { dry_run: true, which, .. } => {
                show::would_replay(&client, &which, output).await
            }
            Self::Replay { ids, all, which, .. } => {
                let subject = change::Subject::read(ids, all, which)?;
                change::replay(&client, &subject, output).await
            }
            Self::Edit { id, event } => change::edit(&client, &id, &event, output).await,
            Self::Resolve { ids, resolution, all, which } => {
                let subject = change::Subject::read(ids, all, which)?;
                change::resolve(&client, &subject, resolution, output).await
            }
            Self::Export { which, to, events, after } => {
                let wanted = export::Wanted { which, to, with_events: events, after };
                wanted.write(&client, output).await
            }
        }
    }
}
