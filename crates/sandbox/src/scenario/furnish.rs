//! From a scenario to a world.
//!
//! Checking and building are the same walk: a world is furnished entry by entry, and what an
//! entry names must be there by then.

use super::snap::FurnishedSnap;
use super::{KeyError, Scenario, ScenarioError, Shaped};
use crate::entry::{EntryError, check_name};
use crate::inspect::fingerprint;
use crate::timeline::StepError;
use crate::world::World;

/// What was made for a scenario. The texts are worth nothing outside of this sandbox.
#[derive(Debug, Clone, Default)]
pub struct Furnished {
    pub apps: Vec<IssuedApp>,
    /// Ids of assets in the order of the file.
    pub assets: Vec<String>,
    pub tokens: Vec<IssuedToken>,
    pub snap: FurnishedSnap,
}

#[derive(Debug, Clone)]
pub struct IssuedApp {
    pub id: u64,
    pub secret: String,
    pub client_token: String,
}

#[derive(Debug, Clone)]
pub struct IssuedToken {
    pub name: String,
    /// What is handed out: damaged, if that was asked for.
    pub text: String,
    pub fingerprint: String,
    /// Of an OAuth token of Snap.
    pub refresh_token: Option<String>,
}

/// The world of a scenario that was read, and what was made for it.
pub fn furnish(scenario: &Scenario, seed: u64) -> Result<(World, Furnished), ScenarioError> {
    let shaped = Shaped {
        head: scenario.head.clone(),
        apps: scenario.apps.iter().cloned().map(Some).collect(),
        assets: scenario.assets.iter().cloned().map(Some).collect(),
        tokens: scenario.tokens.iter().cloned().map(Some).collect(),
        snap: scenario.snap.clone(),
        timeline: scenario.timeline.iter().cloned().map(Some).collect(),
    };
    let mut work = Work::new(seed, &[]);
    work.all(&shaped);
    if work.errors.is_empty() {
        Ok((work.world, work.furnished))
    } else {
        Err(ScenarioError::Keys(work.errors))
    }
}

/// What is wrong with a scenario beyond the shapes of its entries. What an entry names that could
/// itself not be read is no second mistake.
pub fn mistakes(shaped: &Shaped, known: &[KeyError]) -> Vec<KeyError> {
    let mut work = Work::new(0, known);
    work.all(shaped);
    work.errors
}

pub(super) struct Work<'a> {
    pub(super) world: World,
    pub(super) furnished: Furnished,
    errors: Vec<KeyError>,
    /// Mistakes that were found before.
    known: &'a [KeyError],
}

impl<'a> Work<'a> {
    fn new(seed: u64, known: &'a [KeyError]) -> Self {
        let (furnished, errors) = (Furnished::default(), Vec::new());
        Self { world: World::new(seed), furnished, errors, known }
    }

    fn all(&mut self, shaped: &Shaped) {
        if let Some(oldest) = shaped.head.oldest_version {
            self.world.meta.oldest_version = oldest;
        }
        self.apps(shaped);
        self.assets(shaped);
        self.tokens(shaped);
        self.snap(&shaped.snap);
        self.timeline(shaped);
    }

    fn apps(&mut self, shaped: &Shaped) {
        for (index, entry) in shaped.apps.iter().enumerate() {
            let Some(entry) = entry else { continue };
            if self.world.meta.apps.contains_key(&entry.id) {
                self.say(format!("apps[{index}].id"), format!("{} is taken", entry.id));
                continue;
            }
            let secret = self.world.meta.add_app(entry.clone());
            let app = self.world.meta.apps.get(&entry.id);
            let client_token = app.map_or_else(String::new, |app| app.client_token.clone());
            self.furnished.apps.push(IssuedApp { id: entry.id, secret, client_token });
        }
    }

    fn assets(&mut self, shaped: &Shaped) {
        for (index, entry) in shaped.assets.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let key = format!("assets[{index}].id");
            if self.world.meta.assets.contains_key(&entry.id) {
                self.say(key, format!("{:?} is taken", entry.id));
            } else if entry.id.is_empty() || !entry.id.bytes().all(|byte| byte.is_ascii_digit()) {
                self.say(key, format!("expected digits, found {:?}", entry.id));
            } else {
                self.world.inspection.watch(&entry.id);
                self.world.meta.add_asset(entry.clone());
                self.furnished.assets.push(entry.id.clone());
            }
        }
    }

    fn tokens(&mut self, shaped: &Shaped) {
        let now = self.world.clock.unix_seconds();
        for (index, entry) in shaped.tokens.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let Some(name) = entry.name.clone() else {
                self.say(format!("tokens[{index}].name"), "missing".to_owned());
                continue;
            };
            match self.world.meta.add_token(entry.clone(), now) {
                Ok(text) => {
                    let fingerprint = fingerprint(&text);
                    let issued = IssuedToken { name, text, fingerprint, refresh_token: None };
                    self.furnished.tokens.push(issued);
                }
                Err(found) => {
                    for EntryError { key, what, is_unknown_name } in found {
                        if !(is_unknown_name && self.may_be_hidden(key)) {
                            self.say(format!("tokens[{index}].{key}"), what);
                        }
                    }
                    self.stand_in(name);
                }
            }
        }
    }

    /// Lets later entries name a token that has a mistake of its own.
    fn stand_in(&mut self, name: String) {
        let mut unfit = Vec::new();
        check_name(&name, &mut unfit);
        if unfit.is_empty() && self.world.meta.token(&name).is_none() {
            let entry = crate::meta::NewToken { name: Some(name), ..Default::default() };
            let token = self.world.meta.token_from(entry, 0, 0);
            self.world.meta.put_token(token);
        }
    }

    fn timeline(&mut self, shaped: &Shaped) {
        for (index, step) in shaped.timeline.iter().enumerate() {
            let Some(step) = step else { continue };
            for StepError { key, what, is_unknown_name } in self.world.mistakes(step) {
                if !(is_unknown_name && self.may_be_hidden(key)) {
                    self.say(format!("timeline[{index}].{key}"), what);
                }
            }
            let now = self.world.clock.elapsed_ms();
            if self.world.schedule.add(step.clone(), now).is_none() {
                self.say("timeline".to_owned(), "too many steps".to_owned());
                return;
            }
        }
    }

    /// Whether what this key names may be an entry that could not be read.
    pub(super) fn may_be_hidden(&self, key: &str) -> bool {
        let list = match key.rsplit('.').next().unwrap_or(key) {
            "app" => "apps[",
            "token" | "parent" => "tokens[",
            "organization" => "organizations[",
            _ => "assets[",
        };
        let names_list = |error: &KeyError| {
            error.key.strip_prefix("snap.").unwrap_or(&error.key).starts_with(list)
        };
        self.known.iter().chain(&self.errors).any(names_list)
    }

    pub(super) fn say(&mut self, key: String, what: String) {
        self.errors.push(KeyError::new(key, what));
    }
}
