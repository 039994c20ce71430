//! Who asks: the token and its proof.

use axum::http::StatusCode;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::answer::GraphError;
use crate::clock;
use crate::world::{Token, TokenState, World};

/// What came with the request.
#[derive(Debug, Default)]
pub struct Presented {
    pub token: Option<String>,
    pub proof: Option<String>,
    pub proof_time: Option<i64>,
}

/// A timed proof lives so long.
const PROOF_LIFE_S: i64 = 300;

/// The token, if it is alive and its app is satisfied.
pub fn check<'a>(
    world: &'a World,
    presented: &Presented,
) -> Result<(&'a str, &'a Token), GraphError> {
    let unauthorized =
        |subcode, message: &str| GraphError::new(StatusCode::UNAUTHORIZED, 190, subcode, message);
    let text = presented.token.as_deref().unwrap_or_default();
    if !text.starts_with("EA") {
        let message = "Invalid OAuth access token - Cannot parse access token";
        return Err(unauthorized(None, message));
    }
    let Some((known, token)) = world.tokens.get_key_value(text) else {
        return Err(unauthorized(None, "The access token could not be decrypted"));
    };
    match token.state {
        TokenState::Valid => {}
        TokenState::Expired => {
            return Err(unauthorized(
                Some(463),
                "Error validating access token: Session has expired on Monday, 05-Jan-26 10:00:00 PDT. \
                 The current time is Monday, 05-Jan-26 11:00:00 PDT.",
            ));
        }
        TokenState::Revoked => {
            return Err(unauthorized(
                Some(466),
                "Error validating access token: The session was invalidated explicitly using an API call.",
            ));
        }
        TokenState::Checkpointed => {
            return Err(unauthorized(
                Some(459),
                "Error validating access token: The session is invalid because the user has been checkpointed",
            ));
        }
    }
    check_proof(world, text, token, presented)?;
    Ok((known, token))
}

fn check_proof(
    world: &World,
    text: &str,
    token: &Token,
    presented: &Presented,
) -> Result<(), GraphError> {
    let Some(app) = world.apps.get(&token.app) else { return Ok(()) };
    let refuse = |message: &str| {
        let mut error = GraphError::new(StatusCode::BAD_REQUEST, 100, None, message);
        error.kind = "GraphMethodException";
        Err(error)
    };
    let Some(proof) = &presented.proof else {
        if app.requires_proof {
            return refuse("API calls from the server require an appsecret_proof argument");
        }
        return Ok(());
    };
    let message = match presented.proof_time {
        Some(at) if (clock::unix_seconds() - at).abs() > PROOF_LIFE_S => {
            return refuse("Invalid appsecret_proof provided in the API argument");
        }
        Some(at) => format!("{text}|{at}"),
        None => text.to_owned(),
    };
    // HMAC takes keys of any length.
    let Ok(mut mac) = <Hmac<Sha256>>::new_from_slice(app.secret.as_bytes()) else { return Ok(()) };
    mac.update(message.as_bytes());
    if hex::encode(mac.finalize().into_bytes()) == *proof {
        return Ok(());
    }
    refuse("Invalid appsecret_proof provided in the API argument")
}
