//! Snap's part of a scenario: `[snap.habits]`, `[[snap.organizations]]`, `[[snap.assets]]`,
//! `[[snap.tokens]]`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::furnish::Work;
use super::{KeyError, read};
use crate::entry::EntryError;
use crate::inspect::fingerprint;
use crate::scenario::IssuedToken;
use crate::snap::{Habits, IssuedOrganization, NewOrganization, NewSnapAsset, NewSnapToken};

/// Entries in the order of the file; those that could not be read are missing.
#[derive(Debug, Clone, Default)]
pub struct SnapPart {
    habits: Habits,
    organizations: Vec<Option<NewOrganization>>,
    assets: Vec<Option<NewSnapAsset>>,
    tokens: Vec<Option<NewSnapToken>>,
}

/// What was made for it.
#[derive(Debug, Clone, Default)]
pub struct FurnishedSnap {
    pub organizations: Vec<IssuedOrganization>,
    /// Ids of assets in the order of the file.
    pub assets: Vec<String>,
    pub tokens: Vec<IssuedToken>,
}

/// The keys of `[snap]` outside of the lists.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Head {
    habits: Habits,
}

/// Takes Snap's part out of the file.
pub fn part(file: &mut Value, errors: &mut Vec<KeyError>) -> SnapPart {
    let mut table = match file.as_object_mut().and_then(|map| map.remove("snap")) {
        None => return SnapPart::default(),
        Some(table @ Value::Object(_)) => table,
        Some(_) => {
            errors.push(KeyError::new("snap", "expected a table"));
            Value::Object(Map::new())
        }
    };
    let mut found = Vec::new();
    let part = SnapPart {
        organizations: read::list(&mut table, "organizations", &mut found),
        assets: read::list(&mut table, "assets", &mut found),
        tokens: read::list(&mut table, "tokens", &mut found),
        habits: read::read::<Head>(table).map(|head| head.habits).unwrap_or_else(|mistakes| {
            found.extend(mistakes);
            Habits::default()
        }),
    };
    let under_snap = |error: KeyError| KeyError::new(format!("snap.{}", error.key), error.what);
    errors.extend(found.into_iter().map(under_snap));
    part
}

impl Work<'_> {
    pub(super) fn snap(&mut self, part: &SnapPart) {
        self.world.snap.habits = part.habits;
        for (index, entry) in part.organizations.iter().enumerate() {
            let Some(entry) = entry else { continue };
            match self.world.snap.add_organization(entry.clone()) {
                Ok(issued) => self.furnished.snap.organizations.push(issued),
                Err(found) => self.say_all(&format!("snap.organizations[{index}]"), found),
            }
        }
        for (index, entry) in part.assets.iter().enumerate() {
            let Some(entry) = entry else { continue };
            match self.world.snap.add_asset(entry.clone()) {
                Ok(()) => {
                    self.world.inspection.watch(&entry.id);
                    self.furnished.snap.assets.push(entry.id.clone());
                }
                Err(found) => self.say_all(&format!("snap.assets[{index}]"), found),
            }
        }
        for (index, entry) in part.tokens.iter().enumerate() {
            let Some(entry) = entry else { continue };
            self.snap_token(&format!("snap.tokens[{index}]"), entry);
        }
    }

    fn snap_token(&mut self, path: &str, entry: &NewSnapToken) {
        let Some(name) = entry.name.clone() else {
            return self.say(format!("{path}.name"), "missing".to_owned());
        };
        let now = self.world.clock.unix_seconds();
        let free = self.world.check_token_name(Some(&name));
        match free.and_then(|()| self.world.snap.add_token(entry.clone(), now)) {
            Ok(issued) => self.furnished.snap.tokens.push(IssuedToken {
                name,
                fingerprint: fingerprint(&issued.text),
                text: issued.text,
                refresh_token: issued.refresh_token,
            }),
            Err(found) => {
                self.say_all(path, found);
                if !self.world.has_token(&name) {
                    self.world.snap.stand_in(name);
                }
            }
        }
    }

    fn say_all(&mut self, path: &str, found: Vec<EntryError>) {
        for EntryError { key, what, is_unknown_name } in found {
            if !(is_unknown_name && self.may_be_hidden(key)) {
                self.say(format!("{path}.{key}"), what);
            }
        }
    }
}
