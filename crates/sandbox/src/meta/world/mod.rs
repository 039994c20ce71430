//! What the stand-in Meta knows: apps, assets, tokens and the codes that become tokens.
//!
//! * `entries`: what an app, an asset, a token or a code is made from; the scenario file and the
//!   control API read the same types.
//! * `kind`, `state`: which kinds of tokens there are, and the ways in which one stops working.
//! * `strings`: made-up strings of the recorded shapes.

mod entries;
mod kind;
mod state;
mod strings;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use entries::{AssetKind, NewApp, NewAsset, NewCode, NewToken};
pub use kind::{LONG_LIVED_USER_S, SIXTY_DAYS_S, TokenKind};
pub use state::{TokenState, UNREADABLE};

use crate::damage::Damage;
use crate::push::Loopback;
use crate::random::Random;
use crate::timeline::{AppState, Change, Proof};

/// So many tokens and codes are kept: a refresher that runs wild must not fill the memory.
const MAX_ISSUED: usize = 100_000;

#[derive(Debug, Clone)]
pub struct App {
    pub name: String,
    pub secret: String,
    /// The public half of `APPID|CLIENTTOKEN`.
    pub client_token: String,
    pub proof: Proof,
    pub state: AppState,
    /// Where it is told that a person removed it.
    pub deauthorize_url: Option<Loopback>,
    /// Right halves of app tokens that were issued since the last reset of the secret.
    pub issued: BTreeSet<String>,
    /// What it is told of by webhook: fields by object.
    pub subscriptions: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Clone)]
pub struct Asset {
    pub name: String,
    pub kind: AssetKind,
    /// Whether the person ticked it in the login dialog.
    pub is_ticked: bool,
    /// The WhatsApp account that a phone number belongs to.
    pub account: Option<String>,
    /// Apps that are told what happens on a WhatsApp account.
    pub subscribed_apps: BTreeSet<u64>,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub name: String,
    pub app: u64,
    pub kind: TokenKind,
    pub state: TokenState,
    /// When the state was set on command.
    pub state_since: i64,
    pub assets: BTreeSet<String>,
    pub scopes: BTreeSet<String>,
    pub declined: BTreeSet<String>,
    pub user: String,
    /// The page of a page token.
    pub page: Option<String>,
    /// The text of the token that a page token was derived from.
    pub parent: Option<String>,
    pub issued_at: i64,
    pub expires_at: Option<i64>,
    pub data_access_expires_at: Option<i64>,
    /// Whether the person behind it is an owner or developer of the app.
    pub is_developer: bool,
}

#[derive(Debug, Clone)]
pub struct Code {
    pub entry: NewCode,
    pub expires_at: i64,
    pub is_used: bool,
}

/// A user of a business that is no person.
#[derive(Debug, Clone)]
pub struct SystemUser {
    pub business: String,
    pub name: String,
    pub role: String,
    /// The apps that may have tokens of it.
    pub apps: BTreeSet<u64>,
}

pub struct MetaWorld {
    pub apps: BTreeMap<u64, App>,
    pub assets: BTreeMap<String, Asset>,
    pub tokens: HashMap<String, Token>,
    pub codes: HashMap<String, Code>,
    /// By app: what the person declined in the dialog.
    pub declined: BTreeMap<u64, BTreeSet<String>>,
    /// By id: the system users that were made.
    pub system_users: BTreeMap<String, SystemUser>,
    /// Texts by name.
    names: BTreeMap<String, String>,
    /// Versions of the API before this one are refused.
    pub oldest_version: u32,
    strings: Random,
}

/// The oldest version that is still alive (`meta-conversions.md §1`).
pub const OLDEST_VERSION: u32 = 21;

impl MetaWorld {
    pub fn new(seed: u64) -> Self {
        Self {
            apps: BTreeMap::new(),
            assets: BTreeMap::new(),
            tokens: HashMap::new(),
            codes: HashMap::new(),
            declined: BTreeMap::new(),
            system_users: BTreeMap::new(),
            names: BTreeMap::new(),
            oldest_version: OLDEST_VERSION,
            strings: Random::stream(seed, "strings"),
        }
    }

    /// A token by its name or its text.
    pub fn token(&self, name_or_text: &str) -> Option<&Token> {
        self.tokens.get(self.text_of(name_or_text))
    }

    pub fn text_of<'a>(&'a self, name_or_text: &'a str) -> &'a str {
        self.names.get(name_or_text).map_or(name_or_text, String::as_str)
    }

    fn token_mut(&mut self, name_or_text: &str) -> Option<&mut Token> {
        let text = self.text_of(name_or_text).to_owned();
        self.tokens.get_mut(&text)
    }

    /// What a token's state is by now: what was commanded, else what its clocks say, else what
    /// became of the token it was derived from.
    pub fn state_of(&self, token: &Token, now: i64) -> TokenState {
        let is_past = |at: Option<i64>| at.is_some_and(|at| at <= now);
        if token.state != TokenState::Valid {
            return token.state;
        }
        if is_past(token.expires_at) {
            return TokenState::Expired;
        }
        if is_past(token.data_access_expires_at) {
            return TokenState::DataAccessLapsed;
        }
        let parent = token.parent.as_ref().and_then(|text| self.tokens.get(text));
        match parent {
            // A page token's parent is never a page token: the depth is one.
            Some(parent) if parent.kind != TokenKind::Page => self.state_of(parent, now),
            _ => TokenState::Valid,
        }
    }

    /// Whether the half behind `APPID|` makes an app token. The client token does not: it names
    /// the app and proves nothing.
    pub fn is_app_token(&self, app: u64, right: &str) -> bool {
        self.apps.get(&app).is_some_and(|app| app.secret == right || app.issued.contains(right))
    }

    /// A new `APPID|…` of the issued form; none if there is no such app or it has too many.
    pub fn issue_app_token(&mut self, app: u64) -> Option<String> {
        let right = strings::issued_right_half(&mut self.strings);
        let known = self.apps.get_mut(&app).filter(|app| app.issued.len() < MAX_ISSUED)?;
        known.issued.insert(right.clone());
        Some(format!("{app}|{right}"))
    }

    /// A copy of a token as it arrives after an accident.
    pub fn damaged(&mut self, name_or_text: &str, damage: Damage) -> Option<String> {
        let text = self.text_of(name_or_text).to_owned();
        self.tokens.contains_key(&text).then(|| damage.apply(&text, &mut self.strings))
    }

    /// False if something that the change names does not exist.
    pub fn apply(&mut self, change: &Change, now: i64) -> bool {
        match change {
            Change::TokenState { token, state } => self.with_token(token, |token| {
                token.state = *state;
                token.state_since = now;
            }),
            Change::Scopes { token, scopes } => {
                self.with_token(token, |token| token.scopes = scopes.iter().cloned().collect())
            }
            Change::Assign { token, asset } => self.with_token(token, |token| {
                token.assets.insert(asset.clone());
            }),
            Change::Unassign { token, asset } => self.with_token(token, |token| {
                token.assets.remove(asset);
            }),
            Change::DeleteAsset { asset } => self.assets.remove(asset).is_some(),
            Change::Proof { app, proof } => self.with_app(*app, |app| app.proof = *proof),
            Change::ResetAppSecret { app } => {
                let secret = strings::app_secret(&mut self.strings);
                self.with_app(*app, |app| {
                    app.secret = secret;
                    app.issued.clear();
                })
            }
            Change::AppState { app, state } => self.with_app(*app, |app| app.state = *state),
            Change::InactiveFor { .. } | Change::MoveAsset { .. } | Change::SnapHabits(_) => false,
        }
    }

    /// What a change names that does not exist: the key and what was found there.
    pub fn unknown_in(&self, change: &Change) -> Option<(&'static str, String)> {
        let token = |key, name: &String| {
            self.token(name).is_none().then(|| (key, format!("there is no token {name:?}")))
        };
        let asset = |key, id: &String| {
            (!self.assets.contains_key(id)).then(|| (key, format!("there is no asset {id:?}")))
        };
        let app = |key, id: &u64| {
            (!self.apps.contains_key(id)).then(|| (key, format!("there is no app {id}")))
        };
        match change {
            Change::TokenState { token: name, .. } => token("change.token_state.token", name),
            Change::Scopes { token: name, .. } => token("change.scopes.token", name),
            Change::Assign { token: name, asset: id } => {
                token("change.assign.token", name).or_else(|| asset("change.assign.asset", id))
            }
            Change::Unassign { token: name, asset: id } => {
                token("change.unassign.token", name).or_else(|| asset("change.unassign.asset", id))
            }
            Change::DeleteAsset { asset: id } => asset("change.delete_asset.asset", id),
            Change::Proof { app: id, .. } => app("change.proof.app", id),
            Change::ResetAppSecret { app: id } => app("change.reset_app_secret.app", id),
            Change::AppState { app: id, .. } => app("change.app_state.app", id),
            Change::InactiveFor { .. } | Change::MoveAsset { .. } | Change::SnapHabits(_) => None,
        }
    }

    fn with_token(&mut self, name: &str, change: impl FnOnce(&mut Token)) -> bool {
        self.token_mut(name).map(change).is_some()
    }

    fn with_app(&mut self, id: u64, change: impl FnOnce(&mut App)) -> bool {
        self.apps.get_mut(&id).map(change).is_some()
    }
}
