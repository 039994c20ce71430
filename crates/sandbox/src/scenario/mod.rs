//! The scenario file: a world and a timeline of what goes wrong in it.
//!
//! The entries are those of the control API. A file is read and checked as a whole, every mistake
//! at once under its key path, before anything is bound or written.

mod furnish;
mod read;
mod snap;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use furnish::{Furnished, IssuedApp, IssuedToken, furnish};
pub use read::{KeyError, read};
pub use snap::FurnishedSnap;
use snap::SnapPart;

use crate::meta::{NewApp, NewAsset, NewToken};
use crate::timeline::Step;

/// A scenario, shape by shape valid.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    head: Head,
    apps: Vec<NewApp>,
    assets: Vec<NewAsset>,
    tokens: Vec<NewToken>,
    snap: SnapPart,
    timeline: Vec<Step>,
}

/// The keys outside of the lists.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Head {
    /// Strings and coin tosses follow from it.
    seed: Option<u64>,
    /// Versions of the API before this one are refused with 2635.
    oldest_version: Option<u32>,
}

#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("failed to read {path}: {cause}", path = path.display())]
    File { path: PathBuf, cause: std::io::Error },
    #[error("the scenario is no TOML: {0}")]
    Syntax(String),
    #[error("the scenario has {} mistake(s):{}", .0.len(), listed(.0))]
    Keys(Vec<KeyError>),
}

fn listed(errors: &[KeyError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// Longer than any scenario that a person writes.
const MAX_FILE_BYTES: u64 = 4 << 20;

impl Scenario {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let failed = |cause| ScenarioError::File { path: path.to_owned(), cause };
        let length = std::fs::metadata(path).map_err(failed)?.len();
        if length > MAX_FILE_BYTES {
            let what = format!("{length} bytes, expected at most {MAX_FILE_BYTES}");
            return Err(failed(std::io::Error::other(what)));
        }
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?)
    }

    /// Reads and checks a text; every mistake at once.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let table: toml::Table =
            toml::from_str(text).map_err(|e| ScenarioError::Syntax(e.to_string()))?;
        let value =
            serde_json::to_value(&table).map_err(|e| ScenarioError::Syntax(e.to_string()))?;
        let (scenario, mut errors) = Self::shaped(value);
        errors.extend(furnish::mistakes(&scenario, &errors));
        if errors.is_empty() { Ok(scenario.complete()) } else { Err(ScenarioError::Keys(errors)) }
    }

    /// The seed that the file names.
    pub fn seed(&self) -> Option<u64> {
        self.head.seed
    }
}

/// A scenario in which entries that could not be read are missing.
struct Shaped {
    head: Head,
    apps: Vec<Option<NewApp>>,
    assets: Vec<Option<NewAsset>>,
    tokens: Vec<Option<NewToken>>,
    snap: SnapPart,
    timeline: Vec<Option<Step>>,
}

impl Scenario {
    fn shaped(mut value: serde_json::Value) -> (Shaped, Vec<KeyError>) {
        let mut errors = Vec::new();
        let shaped = Shaped {
            apps: read::list(&mut value, "apps", &mut errors),
            assets: read::list(&mut value, "assets", &mut errors),
            tokens: read::list(&mut value, "tokens", &mut errors),
            snap: snap::part(&mut value, &mut errors),
            timeline: read::list(&mut value, "timeline", &mut errors),
            head: read(value).unwrap_or_else(|found| {
                errors.extend(found);
                Head::default()
            }),
        };
        (shaped, errors)
    }
}

impl Shaped {
    fn complete(self) -> Scenario {
        Scenario {
            head: self.head,
            apps: self.apps.into_iter().flatten().collect(),
            assets: self.assets.into_iter().flatten().collect(),
            tokens: self.tokens.into_iter().flatten().collect(),
            snap: self.snap,
            timeline: self.timeline.into_iter().flatten().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
