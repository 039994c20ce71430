//! `holdfast explain PLATFORM CODE[/SUBCODE]`

use clap::Args;
use holdfast_model::fault::PlatformCode;
use holdfast_model::platform::PlatformId;
use holdfast_platforms::catalog::{self, Entry};
use serde_json::json;

use crate::exit::Failure;
use crate::output::Output;

#[derive(Args)]
pub struct Explain {
    /// `meta`, `snap`, `whatsapp`, or `holdfast` for our own faults.
    platform: String,
    /// A code (`190`), code and subcode (`190/463`), or a fault name (`meta.token_expired`).
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

    fn find(&self) -> anyhow::Result<Vec<&'static Entry>> {
        let usage = |e: &dyn std::fmt::Display| Failure::Usage(e.to_string());
        let catalog = match self.platform.as_str() {
            "holdfast" => catalog::own(),
            name => {
                let id: PlatformId = name.parse().map_err(|e| usage(&e))?;
                holdfast_platforms::platform(id)
                    .ok_or_else(|| {
                        Failure::Usage(format!("this release does not deliver to {id} yet"))
                    })?
                    .catalog()
            }
        };
        if let Some(entry) = catalog.by_name(&self.code) {
            return Ok(vec![entry]);
        }
        let code: PlatformCode = self.code.parse().map_err(|_| {
            usage(&format_args!(
                "expected a code such as 190, 190/463 or a fault name, found {:?}",
                self.code
            ))
        })?;
        Ok(catalog.by_code(code))
    }
}

fn row(entry: &Entry) -> serde_json::Value {
    json!({
        "name": entry.name, "class": entry.class, "action": entry.action,
        "summary": entry.summary, "remedy": entry.remedy, "page": entry.page,
    })
}
