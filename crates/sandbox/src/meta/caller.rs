//! Who asks: the token and its proof (`tokens.md §6, §8.2`).

use axum::http::StatusCode;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::answer::{GraphError, METHOD};
use super::world::{App, MetaWorld, Token, TokenKind, TokenState, UNREADABLE};
use crate::inspect::{ProofSeen, TokenPlace, TokenSeen};
use crate::timeline::{AppState, Proof};

/// What came with the request.
#[derive(Debug, Default)]
pub struct Presented {
    pub token: Option<(String, TokenPlace)>,
    pub proof: Option<String>,
    pub proof_time: Option<i64>,
}

/// Who turned out to be asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    App(u64),
    /// The text of a token in the world.
    Token(String),
}

/// Where it was asked: the same refusal has another HTTP status at the edge that takes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Events,
    Graph,
}

/// A timed proof lives so long.
const PROOF_LIFE_S: i64 = 300;

impl Presented {
    pub fn text(&self) -> &str {
        self.token.as_ref().map_or("", |(text, _)| text)
    }

    pub fn seen(&self, world: &MetaWorld) -> Option<TokenSeen> {
        let (text, place) = self.token.as_ref()?;
        let name = world.tokens.get(text).map(|token| token.name.clone());
        Some(TokenSeen::new(text, name, *place))
    }

    pub fn proof_seen(&self) -> ProofSeen {
        match (&self.proof, self.proof_time) {
            (None, _) => ProofSeen::None,
            (Some(_), None) => ProofSeen::Classic,
            (Some(_), Some(_)) => ProofSeen::Timed,
        }
    }
}

/// The caller, if its token is alive and its app is satisfied.
pub fn check(
    world: &MetaWorld,
    presented: &Presented,
    edge: Edge,
    now: i64,
) -> Result<Caller, GraphError> {
    let text = presented.text();
    let (app, caller) = match text.split_once('|') {
        Some((id, right)) if id.bytes().all(|byte| byte.is_ascii_digit()) => {
            let id = known_app_token(world, id, right).map_err(|e| at(edge, e))?;
            (id, Caller::App(id))
        }
        _ => {
            let token = alive(world, text, now).map_err(|e| at(edge, e))?;
            (token.app, Caller::Token(text.to_owned()))
        }
    };
    if let Some(app) = world.apps.get(&app) {
        check_proof(app, text, presented, now)?;
    }
    Ok(caller)
}

/// The app behind `APPID|…`.
pub fn known_app_token(world: &MetaWorld, id: &str, right: &str) -> Result<u64, GraphError> {
    let unknown = || token_error(None, UNKNOWN_APP);
    let id: u64 = id.parse().map_err(|_| unknown())?;
    let app = world.apps.get(&id).ok_or_else(unknown)?;
    check_app(app)?;
    if !world.is_app_token(id, right) {
        return Err(token_error(None, "Invalid OAuth access token signature."));
    }
    Ok(id)
}

/// The app id is unknown. Meta calls that a system error.
pub const UNKNOWN_APP: &str =
    "Error validating application. Cannot get application info due to a system error.";

/// Refuses the calls of an app that is gone or blocked.
pub fn check_app(app: &App) -> Result<(), GraphError> {
    match app.state {
        AppState::Live => Ok(()),
        AppState::Blocked => Err(GraphError::bad_request(200, None, "API access blocked.")),
        AppState::Deleted => {
            let message = "Error validating application. Application has been deleted.";
            Err(token_error(None, message))
        }
    }
}

fn alive<'a>(world: &'a MetaWorld, text: &str, now: i64) -> Result<&'a Token, GraphError> {
    let Some(token) = world.tokens.get(text) else { return Err(unknown_text(text)) };
    match token.kind {
        // The string is sound, on another host.
        TokenKind::Instagram => return Err(unknown_text(text)),
        TokenKind::DebugOnly => {
            return Err(token_error(None, "Invalid OAuth access token - Debug only access token"));
        }
        _ => {}
    }
    if let Some(app) = world.apps.get(&token.app) {
        check_app(app)?;
    }
    match world.state_of(token, now) {
        TokenState::Valid => Ok(token),
        state => Err(token_error(state.subcode(), death_message(token, state, now))),
    }
}

/// What Meta says of a string that is none of its tokens.
pub fn unknown_text(text: &str) -> GraphError {
    // One edge repeats what it was given.
    let is_wrapped = text.starts_with(['"', '\'', ' ']) || text.starts_with("Bearer");
    if is_wrapped || text.starts_with("AQ") || text.contains("%7C") {
        return token_error(None, format!("Malformed access token {text}"));
    }
    if text.starts_with("EA") {
        return token_error(None, UNREADABLE);
    }
    token_error(None, "Invalid OAuth access token - Cannot parse access token")
}

/// The message for a dead token.
pub fn death_message(token: &Token, state: TokenState, now: i64) -> String {
    let expired = token.expires_at.filter(|at| *at <= now).unwrap_or(token.state_since);
    state.message(token.app, expired, now)
}

fn token_error(subcode: Option<i64>, message: impl Into<String>) -> GraphError {
    let mut error = GraphError::bad_request(190, subcode, message);
    error.details.is_transient = None;
    error
}

fn at(edge: Edge, mut error: GraphError) -> GraphError {
    if edge == Edge::Events && error.code == 190 {
        error.status = StatusCode::UNAUTHORIZED;
    }
    error
}

fn check_proof(app: &App, text: &str, presented: &Presented, now: i64) -> Result<(), GraphError> {
    let refuse = |message| Err(GraphError::bad_request(100, None, message).of_kind(METHOD));
    let invalid = || refuse("Invalid appsecret_proof provided in the API argument");
    let Some(proof) = &presented.proof else {
        return match app.proof {
            Proof::Optional => Ok(()),
            Proof::Required => {
                refuse("API calls from the server require an appsecret_proof argument")
            }
        };
    };
    let message = match presented.proof_time {
        Some(at) if now.saturating_sub(at).saturating_abs() > PROOF_LIFE_S => return invalid(),
        Some(at) => format!("{text}|{at}"),
        None => text.to_owned(),
    };
    if proof_of(&app.secret, &message).as_deref() == Some(proof) { Ok(()) } else { invalid() }
}

fn proof_of(secret: &str, message: &str) -> Option<String> {
    let mut mac = <Hmac<Sha256>>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(message.as_bytes());
    Some(hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_those_of_the_recorded_vectors() {
        for (secret, message, proof) in [
            (
                "s3cret",
                "EAATOKEN",
                "bbbbce7877d1993d1c0fbc4d0e65230e89c8d7e82811d37dd4c06b8df3748a95",
            ),
            (
                "fake-app-secret-0000",
                "FAKE-TOKEN-NOT-REAL",
                "4a4dfdfad425067160b98ae897c4acb4f8392138f7bb8f1e1a28bce82effa74a",
            ),
            (
                "fake-app-secret-0000",
                "FAKE-TOKEN-NOT-REAL|1700000000",
                "3a0b3101215933c88580153fb2ac63496cfe9b0dcccb960ca7401c0e94fddbc2",
            ),
        ] {
            assert_eq!(proof_of(secret, message).as_deref(), Some(proof), "{message}");
        }
    }
}
