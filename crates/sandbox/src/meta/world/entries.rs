//! What an app, an asset, a token or a code is made from. The scenario file and the control API
//! read these types and no others.

use serde::{Deserialize, Serialize};

use super::{App, Asset, Code, MAX_ISSUED, MetaWorld, Token, TokenKind, TokenState, strings};
use crate::damage::Damage;
use crate::entry::{EntryError, check_name, check_seconds, seconds, yes};
use crate::push::Loopback;
use crate::timeline::{AppState, Proof};

/// `[[apps]]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    pub id: u64,
    /// As the platform shows it.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether calls need an `appsecret_proof`.
    #[serde(default)]
    pub proof: Proof,
    #[serde(default)]
    pub state: AppState,
    /// Where it is told that a person removed it: this machine only.
    #[serde(default)]
    pub deauthorize_url: Option<Loopback>,
}

/// `[[assets]]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAsset {
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub kind: AssetKind,
    /// False: the person left it out in the login dialog, and a list shows it without a token.
    #[serde(default = "yes")]
    pub ticked: bool,
    /// The WhatsApp account that a phone number belongs to.
    #[serde(default)]
    pub account: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetKind {
    #[default]
    Dataset,
    Page,
    /// A WhatsApp Business account.
    WhatsappAccount,
    /// A phone number of one.
    PhoneNumber,
}

/// `[[tokens]]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewToken {
    /// By which steps of the timeline name it, and under which it is handed out.
    pub name: Option<String>,
    /// Needed where there is more than one app.
    pub app: Option<u64>,
    pub kind: TokenKind,
    /// What it may use.
    pub assets: Vec<String>,
    /// In place of those that are usual for the kind.
    pub scopes: Option<Vec<String>>,
    /// What the person declined.
    pub declined: Vec<String>,
    /// Seconds until it expires, in place of what is usual for the kind; 0 for never.
    pub lifetime_s: Option<u64>,
    /// Seconds until access to data lapses; 0 for never.
    pub data_access_s: Option<u64>,
    /// Seconds that have passed since it was issued.
    pub age_s: u64,
    /// The id of the user it belongs to.
    pub user: Option<String>,
    /// The page of a page token.
    pub page: Option<String>,
    /// The token that a page token was derived from: it dies with it.
    pub parent: Option<String>,
    /// False: an ordinary user, whose token may not ask `debug_token`.
    pub developer: Option<bool>,
    pub state: TokenState,
    /// What is handed out is this token after an accident.
    pub damage: Option<Damage>,
}

/// A code as the login dialog hands it out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewCode {
    pub app: Option<u64>,
    /// Must be the same, byte for byte, when the code is exchanged.
    pub redirect_uri: Option<String>,
    /// The kind of token it becomes. `short_lived_user` without it.
    pub kind: Option<TokenKind>,
    pub assets: Vec<String>,
    pub scopes: Option<Vec<String>>,
    /// What the person declined.
    pub declined: Vec<String>,
    /// The id of the person, where it is not the usual one.
    pub user: Option<String>,
    /// Seconds until it can no longer be exchanged. 600 without it.
    pub lifetime_s: Option<u64>,
}

/// A code lives this long unless something else is asked for.
const CODE_LIFE_S: u64 = 600;

impl MetaWorld {
    /// Adds an app, or replaces the one of that id; returns its secret.
    pub fn add_app(&mut self, entry: NewApp) -> String {
        let secret = strings::app_secret(&mut self.strings);
        let app = App {
            name: entry.name.unwrap_or_else(|| format!("Sandbox App {}", entry.id)),
            secret: secret.clone(),
            client_token: strings::app_secret(&mut self.strings),
            proof: entry.proof,
            state: entry.state,
            deauthorize_url: entry.deauthorize_url,
            issued: Default::default(),
            subscriptions: Default::default(),
        };
        self.apps.insert(entry.id, app);
        secret
    }

    pub fn add_asset(&mut self, entry: NewAsset) {
        let noun = match entry.kind {
            AssetKind::Dataset => "Dataset",
            AssetKind::Page => "Page",
            AssetKind::WhatsappAccount => "Account",
            AssetKind::PhoneNumber => "Number",
        };
        let name = entry.name.unwrap_or_else(|| format!("{noun} {}", entry.id));
        let asset = Asset {
            name,
            kind: entry.kind,
            is_ticked: entry.ticked,
            account: entry.account,
            subscribed_apps: Default::default(),
        };
        self.assets.insert(entry.id, asset);
    }

    /// Issues a token. Returns its text, damaged if that was asked for, or all that is wrong with
    /// the entry.
    pub fn add_token(&mut self, entry: NewToken, now: i64) -> Result<String, Vec<EntryError>> {
        let mistakes = self.mistakes_of_token(&entry);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let Some(app) = self.app_of(entry.app) else { return Err(mistakes) };
        let damage = entry.damage;
        let token = self.token_from(entry, app, now);
        let text = self.put_token(token);
        Ok(damage.map_or_else(|| text.clone(), |damage| damage.apply(&text, &mut self.strings)))
    }

    /// Puts a token into the world under a fresh text.
    pub fn put_token(&mut self, token: Token) -> String {
        let text = match token.kind {
            TokenKind::Instagram => strings::instagram_token(&mut self.strings),
            _ => strings::graph_token(token.app, &mut self.strings),
        };
        if self.tokens.len() >= MAX_ISSUED {
            tracing::warn!("the sandbox issued {MAX_ISSUED} tokens and forgets them all");
            self.tokens.clear();
            self.names.clear();
        }
        self.names.insert(token.name.clone(), text.clone());
        self.tokens.insert(text.clone(), token);
        text
    }

    /// Hands out a code.
    pub fn add_code(&mut self, entry: NewCode, now: i64) -> Result<String, Vec<EntryError>> {
        let mut mistakes = Vec::new();
        self.check_app(entry.app, &mut mistakes);
        self.check_assets(&entry.assets, &mut mistakes);
        let life = entry.lifetime_s.unwrap_or(CODE_LIFE_S);
        check_seconds("lifetime_s", Some(life), &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        if self.codes.len() >= MAX_ISSUED {
            self.codes.clear();
        }
        let text = strings::code(&mut self.strings);
        let code = Code { entry, expires_at: now + seconds(life), is_used: false };
        self.codes.insert(text.clone(), code);
        Ok(text)
    }

    /// The app that is meant: the named one, or the only one.
    pub fn app_of(&self, named: Option<u64>) -> Option<u64> {
        match named {
            Some(id) => self.apps.contains_key(&id).then_some(id),
            None if self.apps.len() == 1 => self.apps.keys().next().copied(),
            None => None,
        }
    }

    fn mistakes_of_token(&self, entry: &NewToken) -> Vec<EntryError> {
        let mut found = Vec::new();
        self.check_app(entry.app, &mut found);
        self.check_assets(&entry.assets, &mut found);
        if let Some(name) = &entry.name {
            check_name(name, &mut found);
            if self.names.contains_key(name) {
                found.push(EntryError::new("name", format!("{name:?} is taken")));
            }
        }
        let page = entry.page.as_ref();
        match (entry.kind, page) {
            (TokenKind::Page, None) => {
                found.push(EntryError::new("page", "missing: expected the id of the page"));
            }
            (TokenKind::Page, Some(page)) => {
                let known = self.assets.get(page);
                if known.is_none_or(|asset| asset.kind != AssetKind::Page) {
                    found.push(EntryError::unknown("page", format!("there is no page {page:?}")));
                }
            }
            (_, Some(_)) => found.push(EntryError::new("page", "only a page token has a page")),
            (_, None) => {}
        }
        if let Some(parent) = &entry.parent {
            match self.token(parent) {
                None => {
                    let what = format!("there is no token {parent:?} before this one");
                    found.push(EntryError::unknown("parent", what));
                }
                Some(token) if token.kind == TokenKind::Page => {
                    found.push(EntryError::new("parent", "expected a token that is no page token"));
                }
                Some(_) => {}
            }
        }
        for (key, value) in [
            ("lifetime_s", entry.lifetime_s),
            ("data_access_s", entry.data_access_s),
            ("age_s", Some(entry.age_s)),
        ] {
            check_seconds(key, value, &mut found);
        }
        found
    }

    fn check_app(&self, named: Option<u64>, found: &mut Vec<EntryError>) {
        match named {
            Some(id) if !self.apps.contains_key(&id) => {
                found.push(EntryError::unknown("app", format!("there is no app {id}")));
            }
            None if self.apps.len() != 1 => {
                let what = format!("missing: there are {} apps", self.apps.len());
                found.push(EntryError::unknown("app", what));
            }
            _ => {}
        }
    }

    fn check_assets(&self, assets: &[String], found: &mut Vec<EntryError>) {
        for asset in assets.iter().filter(|asset| !self.assets.contains_key(*asset)) {
            found.push(EntryError::unknown("assets", format!("there is no asset {asset:?}")));
        }
    }

    /// The token that a checked entry asks for.
    pub fn token_from(&self, entry: NewToken, app: u64, now: i64) -> Token {
        let kind = entry.kind;
        let issued_at = now - seconds(entry.age_s);
        let ends = |asked: Option<u64>, usual: Option<i64>| match asked {
            Some(0) => None,
            Some(after) => Some(issued_at + seconds(after)),
            None => usual.map(|after| issued_at + after),
        };
        let parent =
            entry.parent.as_ref().and_then(|name| Some((self.text_of(name), self.token(name)?)));
        let expires_at = match parent {
            Some((_, parent)) if entry.lifetime_s.is_none() => parent.page_expiry(),
            _ => ends(entry.lifetime_s, kind.lifetime_s()),
        };
        let data_access_expires_at = match parent {
            Some((_, parent)) if entry.data_access_s.is_none() => parent.data_access_expires_at,
            _ => ends(entry.data_access_s, kind.data_access_s()),
        };
        let usual = || kind.default_scopes().iter().map(|scope| (*scope).to_owned()).collect();
        let mut scopes: std::collections::BTreeSet<String> =
            entry.scopes.map_or_else(usual, |scopes| scopes.into_iter().collect());
        let declined: std::collections::BTreeSet<String> = entry.declined.into_iter().collect();
        scopes.retain(|scope| !declined.contains(scope));
        let user = entry.user.or_else(|| parent.map(|(_, parent)| parent.user.clone()));
        Token {
            name: entry.name.unwrap_or_else(|| self.free_name()),
            app,
            kind,
            state: entry.state,
            state_since: now,
            assets: entry.assets.into_iter().chain(entry.page.clone()).collect(),
            scopes,
            declined,
            user: user.unwrap_or_else(|| kind.default_user().to_owned()),
            page: entry.page,
            parent: parent.map(|(text, _)| text.to_owned()),
            issued_at,
            expires_at,
            data_access_expires_at,
            is_developer: entry.developer.unwrap_or(true),
        }
    }

    /// A name that no token has.
    pub fn free_name(&self) -> String {
        let mut number = self.names.len() + 1;
        while self.names.contains_key(&format!("token-{number}")) {
            number += 1;
        }
        format!("token-{number}")
    }
}

impl Token {
    /// When a page token that is derived from this one expires: with a short-lived parent, never
    /// with any other.
    pub fn page_expiry(&self) -> Option<i64> {
        self.expires_at.filter(|_| self.kind == TokenKind::ShortLivedUser)
    }
}
