//! A small model of the platforms' side: which tokens exist, what is exchanged for what, and what
//! still works. It answers in their wire formats, so that the product's own readers read it.

use std::collections::BTreeMap;

use holdfast_credentials::lifecycle::Way;
use holdfast_model::credential::{CredentialKind, Expiry};
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_model::wire::HttpResponse;
use holdfast_platforms::Learned;
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;
pub const SIXTY_DAYS_MS: i64 = 60 * DAY_MS;
pub const HOUR_MS: i64 = 3_600_000;

#[derive(Debug, Clone)]
pub struct Token {
    pub kind: CredentialKind,
    pub user: String,
    pub issued_at: i64,
    pub expires_at: Option<i64>,
    pub data_access_until: Option<i64>,
    pub is_revoked: bool,
    /// Of a page: the text that it was derived with. It dies with that.
    pub parent: Option<String>,
}

/// What happens to a refresh token when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    Keeps,
    /// Another one comes, and the one before is good until that is used.
    Rotates,
    /// Another one comes, and the one before is dead at once.
    RotatesStrictly,
}

#[derive(Debug, Clone)]
struct Grant {
    user: String,
    habit: Habit,
    is_alive: bool,
    before: Option<String>,
}

#[derive(Debug, Default)]
pub struct Platform {
    tokens: BTreeMap<String, Token>,
    grants: BTreeMap<String, Grant>,
    issued: u64,
    /// Whether Meta's app secret that is stored is the one that is valid.
    pub secret_is_right: bool,
    /// Leave out of the next answer what may be left out.
    pub is_terse: bool,
}

impl Platform {
    pub fn new() -> Self {
        Self { secret_is_right: true, ..Self::default() }
    }

    pub fn issue(&mut self, token: Token) -> String {
        self.issued += 1;
        let text = format!("token-{}", self.issued);
        self.tokens.insert(text.clone(), token);
        text
    }

    pub fn grant(&mut self, user: &str, habit: Habit) -> String {
        self.put_grant(Grant { user: user.to_owned(), habit, is_alive: true, before: None })
    }

    fn put_grant(&mut self, grant: Grant) -> String {
        self.issued += 1;
        let text = format!("refresh-{}", self.issued);
        self.grants.insert(text.clone(), grant);
        text
    }

    pub fn token(&self, text: &str) -> &Token {
        &self.tokens[text]
    }

    pub fn grant_is_alive(&self, text: &str) -> bool {
        self.grants[text].is_alive
    }

    pub fn accepts(&self, text: &str, now: i64) -> bool {
        let token = &self.tokens[text];
        let is_past = |at: Option<i64>| at.is_some_and(|at| at <= now);
        !token.is_revoked
            && !is_past(token.expires_at)
            && !is_past(token.data_access_until)
            && token.parent.as_ref().is_none_or(|parent| self.accepts(parent, now))
    }

    pub fn revoke(&mut self, text: &str) {
        self.tokens.get_mut(text).unwrap().is_revoked = true;
    }

    /// What `with` (a token, or a refresh token) brings.
    pub fn exchange(&mut self, way: &Way, with: &str, now: i64) -> HttpResponse {
        match way {
            Way::RefreshSnap => self.refresh(with, now),
            Way::DerivePage { page } => self.page(with, page, now),
            Way::RefreshInstagram => self.instagram(with, now),
            Way::RefreshSystemUser | Way::ExtendUser => self.extend(with, now),
            Way::None { .. } => panic!("nobody asks for nothing"),
        }
    }

    fn extend(&mut self, with: &str, now: i64) -> HttpResponse {
        if !self.secret_is_right {
            return graph_error(101, 0, "Error validating application. Invalid application ID.");
        }
        if !self.accepts(with, now) {
            return graph_error(190, 463, "Error validating access token: Session has expired");
        }
        let old = self.tokens[with].clone();
        let is_same_day =
            old.kind == CredentialKind::User && now - old.issued_at < DAY_MS && is_long(&old);
        let expires_at = old.expires_at.filter(|_| is_same_day).unwrap_or(now + SIXTY_DAYS_MS);
        let text = self.issue(Token { issued_at: now, expires_at: Some(expires_at), ..old });
        self.answer(text, expires_at - now)
    }

    fn instagram(&mut self, with: &str, now: i64) -> HttpResponse {
        if !self.accepts(with, now) || now - self.tokens[with].issued_at < DAY_MS {
            return graph_error(190, 463, "Error validating access token: Session has expired");
        }
        let old = self.tokens[with].clone();
        // Every other time it is the same text, which lives longer.
        if self.issued.is_multiple_of(2) {
            self.issued += 1;
            let token = self.tokens.get_mut(with).unwrap();
            token.expires_at = Some(now + SIXTY_DAYS_MS);
            return self.answer(with.to_owned(), SIXTY_DAYS_MS);
        }
        let expires_at = Some(now + SIXTY_DAYS_MS);
        let text = self.issue(Token { issued_at: now, expires_at, ..old });
        self.answer(text, SIXTY_DAYS_MS)
    }

    fn page(&mut self, with: &str, page: &str, now: i64) -> HttpResponse {
        if !self.accepts(with, now) {
            return graph_error(190, 463, "Error validating access token: Session has expired");
        }
        let known = self
            .tokens
            .iter()
            .find(|(_, token)| token.user == page && token.parent.as_deref() == Some(with));
        let text = match known {
            Some((text, _)) => text.clone(),
            None => self.issue(page_token(page, with, now)),
        };
        ok(json!({ "id": page, "name": "A page", "access_token": text }))
    }

    fn refresh(&mut self, with: &str, now: i64) -> HttpResponse {
        let Some(grant) = self.grants.get(with).filter(|grant| grant.is_alive).cloned() else {
            return respond(400, json!({ "error": "invalid_grant" }));
        };
        if let Some(before) = &grant.before {
            self.grants.get_mut(before).unwrap().is_alive = false;
        }
        let access = self.issue(Token {
            kind: CredentialKind::SnapOauth,
            user: grant.user.clone(),
            issued_at: now,
            expires_at: Some(now + HOUR_MS),
            data_access_until: None,
            is_revoked: false,
            parent: None,
        });
        let next = match grant.habit {
            Habit::Keeps => (!self.is_terse).then(|| with.to_owned()),
            Habit::Rotates | Habit::RotatesStrictly => {
                let is_strict = grant.habit == Habit::RotatesStrictly;
                self.grants.get_mut(with).unwrap().is_alive = !is_strict;
                let before = (!is_strict).then(|| with.to_owned());
                Some(self.put_grant(Grant { before, ..grant }))
            }
        };
        let mut body = json!({ "access_token": access, "token_type": "Bearer" });
        if !self.is_terse {
            body["expires_in"] = (HOUR_MS / 1_000).into();
        }
        if let Some(next) = next {
            body["refresh_token"] = next.into();
        }
        ok(body)
    }

    fn answer(&self, text: String, life_ms: i64) -> HttpResponse {
        let mut body = json!({ "access_token": text, "token_type": "bearer" });
        if !self.is_terse {
            body["expires_in"] = (life_ms / 1_000).into();
        }
        ok(body)
    }

    /// What `debug_token` says of a living token.
    pub fn learned(&self, text: &str) -> Learned {
        let token = &self.tokens[text];
        let date = |at: Option<i64>| match (at, self.is_terse) {
            (_, true) => Expiry::Unknown,
            (Some(at), _) => Expiry::At(UnixMillis(at).to_seconds()),
            (None, _) => Expiry::Never,
        };
        Learned {
            kind: Some(token.kind),
            app_id: Some("1000001".to_owned()),
            subject: (!self.is_terse).then(|| token.user.clone()),
            listed: None,
            expires_at: date(token.expires_at),
            data_access_expires_at: date(token.data_access_until),
            scopes: if self.is_terse { Vec::new() } else { vec!["ads_management".to_owned()] },
        }
    }
}

pub fn page_token(page: &str, parent: &str, now: i64) -> Token {
    Token {
        kind: CredentialKind::Page,
        user: page.to_owned(),
        issued_at: now,
        expires_at: None,
        data_access_until: None,
        is_revoked: false,
        parent: Some(parent.to_owned()),
    }
}

fn is_long(token: &Token) -> bool {
    token.expires_at.is_some_and(|at| at - token.issued_at > DAY_MS)
}

/// The seconds that a date in milliseconds has in an answer.
pub fn seconds(ms: i64) -> UnixSeconds {
    UnixMillis(ms).to_seconds()
}

fn ok(body: Value) -> HttpResponse {
    respond(200, body)
}

pub fn respond(status: u16, body: Value) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

pub fn page_of_a_proxy(status: u16) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: b"<html>Sorry</html>".to_vec() }
}

pub fn graph_error(code: i64, subcode: i64, message: &str) -> HttpResponse {
    let error = json!({ "code": code, "error_subcode": subcode, "message": message });
    respond(400, json!({ "error": error }))
}
