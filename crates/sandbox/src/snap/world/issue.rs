//! Making organizations, assets, tokens, grants and codes.

use std::collections::BTreeSet;

use super::{
    Activity, Asset, Code, Environment, Grant, IssuedOrganization, IssuedSnapToken, MAX_ISSUED,
    NewOrganization, NewSnapAsset, NewSnapCode, NewSnapToken, Organization, SnapTokenKind,
    SnapTokenState, SnapWorld, Token, strings,
};
use crate::damage::Damage;
use crate::entry::{EntryError, check_name, check_seconds, seconds};

/// An access token lives this long.
pub const ACCESS_LIFE_S: i64 = 3_600;

/// The permission a delivery needs.
pub const CONVERSIONS_SCOPE: &str = "snapchat-offline-conversions-api";

const USUAL_SCOPES: [&str; 2] = [CONVERSIONS_SCOPE, "snapchat-marketing-api"];

/// A code lives this long unless something else is asked for.
const CODE_LIFE_S: u64 = 600;

impl SnapWorld {
    pub fn add_organization(
        &mut self,
        entry: NewOrganization,
    ) -> Result<IssuedOrganization, Vec<EntryError>> {
        let mut mistakes = Vec::new();
        if self.organizations.contains_key(&entry.id) {
            mistakes.push(EntryError::new("id", format!("{:?} is taken", entry.id)));
        }
        let mut unfit = Vec::new();
        check_name(&entry.id, &mut unfit);
        mistakes.extend(unfit.into_iter().map(|error| EntryError { key: "id", ..error }));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let organization = Organization {
            name: entry.name.unwrap_or_else(|| format!("Organization {}", entry.id)),
            ad_account: strings::uuid(&mut self.strings),
            client_id: strings::uuid(&mut self.strings),
            client_secret: strings::client_secret(&mut self.strings),
        };
        let issued = IssuedOrganization {
            id: entry.id.clone(),
            client_id: organization.client_id.clone(),
            client_secret: organization.client_secret.clone(),
        };
        self.organizations.insert(entry.id, organization);
        Ok(issued)
    }

    pub fn add_asset(&mut self, entry: NewSnapAsset) -> Result<(), Vec<EntryError>> {
        let mut mistakes = Vec::new();
        if self.assets.contains_key(&entry.id) {
            mistakes.push(EntryError::new("id", format!("{:?} is taken", entry.id)));
        } else if !strings::is_uuid(&entry.id) {
            let what = format!("expected a UUID, found {:?}", entry.id);
            mistakes.push(EntryError::new("id", what));
        }
        let organization = self.organization_of(entry.organization.as_deref(), &mut mistakes);
        let Some(organization) = organization.filter(|_| mistakes.is_empty()) else {
            return Err(mistakes);
        };
        let asset = Asset { organization, kind: entry.kind, activity: Activity::default() };
        self.assets.insert(entry.id, asset);
        Ok(())
    }

    /// Issues a token, or says all that is wrong with the entry.
    pub fn add_token(
        &mut self,
        entry: NewSnapToken,
        now: i64,
    ) -> Result<IssuedSnapToken, Vec<EntryError>> {
        let mut mistakes = Vec::new();
        let organization = self.organization_of(entry.organization.as_deref(), &mut mistakes);
        check_token(&entry, &mut mistakes);
        let Some(organization) = organization.filter(|_| mistakes.is_empty()) else {
            return Err(mistakes);
        };
        let damage = entry.damage;
        let mut token = self.token_from(entry, organization, now);
        if token.kind == SnapTokenKind::Oauth {
            let grant = Grant {
                name: token.name.clone(),
                organization: token.organization.clone(),
                scopes: token.scopes.clone(),
                is_revoked: token.state == SnapTokenState::Revoked,
            };
            token.refresh_token = Some(self.put_grant(grant));
        }
        let (name, refresh_token) = (token.name.clone(), token.refresh_token.clone());
        let text = self.put_token(token);
        let text = damage.map_or_else(|| text.clone(), |d| d.apply(&text, &mut self.strings));
        Ok(IssuedSnapToken { name, text, refresh_token })
    }

    /// An access token of a grant. It takes over the name: whoever names it means the last one.
    pub fn access_token(&mut self, refresh_token: &str, now: i64) -> Option<String> {
        let grant = self.grants.get(refresh_token)?.clone();
        let entry = NewSnapToken {
            name: Some(grant.name),
            kind: SnapTokenKind::Oauth,
            scopes: Some(grant.scopes.into_iter().collect()),
            ..NewSnapToken::default()
        };
        let mut token = self.token_from(entry, grant.organization, now);
        token.refresh_token = Some(refresh_token.to_owned());
        Some(self.put_token(token))
    }

    /// Remembers a grant under a fresh refresh token.
    pub fn put_grant(&mut self, grant: Grant) -> String {
        if self.grants.len() >= MAX_ISSUED {
            tracing::warn!("the sandbox issued {MAX_ISSUED} refresh tokens and forgets them all");
            self.grants.clear();
        }
        let text = strings::oauth_token(&self.epoch, &mut self.strings);
        self.grants.insert(text.clone(), grant);
        text
    }

    /// Hands out a code.
    pub fn add_code(&mut self, entry: NewSnapCode, now: i64) -> Result<String, Vec<EntryError>> {
        let mut mistakes = Vec::new();
        let organization = self.organization_of(entry.organization.as_deref(), &mut mistakes);
        let life = entry.lifetime_s.unwrap_or(CODE_LIFE_S);
        check_seconds("lifetime_s", Some(life), &mut mistakes);
        let Some(organization) = organization.filter(|_| mistakes.is_empty()) else {
            return Err(mistakes);
        };
        if self.codes.len() >= MAX_ISSUED {
            self.codes.clear();
        }
        let text = strings::code(&mut self.strings);
        let expires_at = now.saturating_add(seconds(life));
        let code = Code { organization, entry, expires_at, is_used: false };
        self.codes.insert(text.clone(), code);
        Ok(text)
    }

    /// Lets something name a token that has a mistake of its own.
    pub fn stand_in(&mut self, name: String) {
        let entry = NewSnapToken { name: Some(name), ..NewSnapToken::default() };
        let token = self.token_from(entry, String::new(), 0);
        self.put_token(token);
    }

    /// A copy of a token as it arrives after an accident.
    pub fn damaged(&mut self, name_or_text: &str, damage: Damage) -> Option<String> {
        let text = self.text_of(name_or_text).to_owned();
        self.tokens.contains_key(&text).then(|| damage.apply(&text, &mut self.strings))
    }

    /// A name that no token has.
    pub fn free_name(&self) -> String {
        let mut number = self.names.len() + 1;
        while self.names.contains_key(&format!("snap-token-{number}")) {
            number += 1;
        }
        format!("snap-token-{number}")
    }

    /// The organization that is meant: the named one, or the only one.
    fn organization_of(
        &self,
        named: Option<&str>,
        mistakes: &mut Vec<EntryError>,
    ) -> Option<String> {
        let found = match named {
            Some(id) => self.organizations.get_key_value(id).map(|(id, _)| id.clone()),
            None if self.organizations.len() == 1 => self.organizations.keys().next().cloned(),
            None => None,
        };
        if found.is_none() {
            let what = match named {
                Some(id) => format!("there is no organization {id:?}"),
                None => format!("missing: there are {} organizations", self.organizations.len()),
            };
            mistakes.push(EntryError::unknown("organization", what));
        }
        found
    }

    fn token_from(&self, entry: NewSnapToken, organization: String, now: i64) -> Token {
        let issued_at = now.saturating_sub(seconds(entry.age_s));
        let is_oauth = entry.kind == SnapTokenKind::Oauth;
        let life = entry.lifetime_s.map_or(ACCESS_LIFE_S, seconds);
        let usual = || USUAL_SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
        let scopes =
            || entry.scopes.clone().map_or_else(usual, |scopes| scopes.into_iter().collect());
        Token {
            name: entry.name.clone().unwrap_or_else(|| self.free_name()),
            organization,
            kind: entry.kind,
            environment: entry.environment,
            state: entry.state,
            scopes: if is_oauth { scopes() } else { BTreeSet::new() },
            issued_at,
            active_at: now.saturating_add(seconds(entry.active_after_s)),
            expires_at: is_oauth.then(|| issued_at.saturating_add(life)),
            denied: BTreeSet::new(),
            refresh_token: None,
        }
    }

    /// Puts a token into the world under a fresh text.
    fn put_token(&mut self, token: Token) -> String {
        let text = match token.kind {
            SnapTokenKind::Static => {
                strings::static_token(token.issued_at, token.environment, &mut self.strings)
            }
            SnapTokenKind::Oauth => strings::oauth_token(&self.epoch, &mut self.strings),
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
}

fn check_token(entry: &NewSnapToken, mistakes: &mut Vec<EntryError>) {
    if let Some(name) = &entry.name {
        check_name(name, mistakes);
    }
    for (key, value) in [
        ("age_s", Some(entry.age_s)),
        ("active_after_s", Some(entry.active_after_s)),
        ("lifetime_s", entry.lifetime_s),
    ] {
        check_seconds(key, value, mistakes);
    }
    let is_static = entry.kind == SnapTokenKind::Static;
    let is_staging = entry.environment == Environment::Staging;
    for (key, is_misplaced, what) in [
        ("lifetime_s", is_static && entry.lifetime_s.is_some(), "a static token does not expire"),
        ("scopes", is_static && entry.scopes.is_some(), "a static token has no scopes"),
        ("environment", !is_static && is_staging, "only a static token has an environment"),
    ] {
        if is_misplaced {
            mistakes.push(EntryError::new(key, what));
        }
    }
}
