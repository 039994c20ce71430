//! What the stand-in Snap knows: organizations, their assets, tokens, and what becomes tokens.
//!
//! * `entries`: what each is made from; the scenario file and the control API read the same types.
//! * `issue`: tokens, grants and codes. `change`: what happens to them.
//! * `habits`: what nobody outside of Snap knows, and can be set.
//! * `strings`: made-up strings of the recorded shapes.
//! * `activity`: test events and live counts of an asset.

mod activity;
mod change;
mod entries;
mod habits;
mod issue;
mod strings;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use activity::{Activity, TestEvent};
pub use entries::{
    Environment, IssuedOrganization, IssuedSnapToken, NewOrganization, NewSnapAsset, NewSnapCode,
    NewSnapToken, SnapAssetKind, SnapTokenKind, SnapTokenState,
};
pub use habits::{Denial, Habits, Refusal};
pub use issue::{ACCESS_LIFE_S, CONVERSIONS_SCOPE};

use crate::random::Random;

/// So many tokens, grants and codes are kept: a refresher that runs wild must not fill the memory.
const MAX_ISSUED: usize = 100_000;

/// Owns assets and generates tokens for them. Each has one OAuth app.
#[derive(Debug, Clone)]
pub struct Organization {
    pub name: String,
    pub ad_account: String,
    pub client_id: String,
    pub client_secret: String,
}

#[derive(Debug)]
pub struct Asset {
    pub organization: String,
    pub kind: SnapAssetKind,
    pub activity: Activity,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub name: String,
    pub organization: String,
    pub kind: SnapTokenKind,
    pub environment: Environment,
    pub state: SnapTokenState,
    pub scopes: BTreeSet<String>,
    pub issued_at: i64,
    /// Refused before that, like any other bad token.
    pub active_at: i64,
    pub expires_at: Option<i64>,
    /// Assets of the organization that it may not use all the same.
    pub denied: BTreeSet<String>,
    /// The refresh token that it was issued with.
    pub refresh_token: Option<String>,
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The name under which its access tokens are known.
    pub name: String,
    pub organization: String,
    pub scopes: BTreeSet<String>,
    pub is_revoked: bool,
}

#[derive(Debug, Clone)]
pub struct Code {
    pub organization: String,
    pub entry: NewSnapCode,
    pub expires_at: i64,
    pub is_used: bool,
}

pub struct SnapWorld {
    pub organizations: BTreeMap<String, Organization>,
    pub assets: BTreeMap<String, Asset>,
    pub tokens: HashMap<String, Token>,
    /// By refresh token.
    pub grants: HashMap<String, Grant>,
    pub codes: HashMap<String, Code>,
    pub habits: Habits,
    /// Texts by name.
    names: BTreeMap<String, String>,
    /// The ten digits that all OAuth tokens share.
    epoch: String,
    strings: Random,
}

impl SnapWorld {
    pub fn new(seed: u64) -> Self {
        let mut strings = Random::stream(seed, "strings of snap");
        Self {
            organizations: BTreeMap::new(),
            assets: BTreeMap::new(),
            tokens: HashMap::new(),
            grants: HashMap::new(),
            codes: HashMap::new(),
            habits: Habits::default(),
            names: BTreeMap::new(),
            epoch: format!("17{}", strings.text(b"0123456789", 8)),
            strings,
        }
    }

    /// A token by its name or its text.
    pub fn token(&self, name_or_text: &str) -> Option<&Token> {
        self.tokens.get(self.text_of(name_or_text))
    }

    pub fn text_of<'a>(&'a self, name_or_text: &'a str) -> &'a str {
        self.names.get(name_or_text).map_or(name_or_text, String::as_str)
    }

    /// What a token's state is by now.
    pub fn state_of(&self, token: &Token, now: i64) -> SnapTokenState {
        let is_past = token.expires_at.is_some_and(|at| at <= now);
        if token.state == SnapTokenState::Valid && is_past {
            SnapTokenState::Expired
        } else {
            token.state
        }
    }

    /// The OAuth app of that id, and whose it is.
    pub fn client(&self, client_id: &str) -> Option<(&String, &Organization)> {
        self.organizations.iter().find(|(_, organization)| organization.client_id == client_id)
    }

    /// Forgets what was received.
    pub fn forget(&mut self) {
        for asset in self.assets.values_mut() {
            asset.activity = Activity::default();
        }
    }

    fn token_mut(&mut self, name_or_text: &str) -> Option<&mut Token> {
        let text = self.text_of(name_or_text).to_owned();
        self.tokens.get_mut(&text)
    }
}
