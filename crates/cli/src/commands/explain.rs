//! `holdfast explain PLATFORM CODE[/SUBCODE]`

use clap::Args;
use holdfast_platforms::catalog::{self, Entry};
use serde_json::json;

use crate::exit::Failure;
use crate::output::Output;

#[derive(Args)]
pub struct Explain {
    /// `meta`, `snap`, `whatsapp`, or `holdfast` for our own faults.
    platform: String,
    /// A code (`190`), code and subcode (`190/463`), or a fault name (`meta.token_expired`, or
    /// `token_expired`).
    code: String,
}

impl Explain {
    pub fn run(self, output: &Output) -> anyhow::Result<()> {
        let found = self.find()?;
        if found.is_empty() {
            let message = format!("{} {} is not in the catalog", self.platform, self.code);
            return Err(Failure::NotFound(message).into());
        }
        if output.json {
            let rows: Vec<_> = found.iter().map(|entry| row(entry)).collect();
            return output.json(&rows);
        }
        for (position, entry) in found.iter().enumerate() {
            if position > 0 {
                output.line("\n---\n");
            }
            output.line(entry.page.trim_end());
        }
        Ok(())
    }

    fn find(&self) -> Result<Vec<&'static Entry>, Failure> {
        let catalog = catalog::named(&self.platform).ok_or_else(|| {
            let names = catalog::all().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
            Failure::Usage(format!("expected one of {names}, found {:?}", self.platform))
        })?;
        catalog.find(&self.code).ok_or_else(|| {
            let wanted = "a code such as 190, 190/463 or a fault name";
            Failure::Usage(format!("expected {wanted}, found {:?}", self.code))
        })
    }
}

fn row(entry: &Entry) -> serde_json::Value {
    json!({
        "name": entry.name, "class": entry.class, "action": entry.action,
        "summary": entry.summary, "remedy": entry.remedy, "page": entry.page,
    })
}
