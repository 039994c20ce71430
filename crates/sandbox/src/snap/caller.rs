//! Who asks (`snap-conversions.md §1, §10, §11`).
//!
//! What is wrong with a token Snap does not tell: unknown, revoked, not active yet and of another
//! organization sound the same. Only the Ads API calls an expired token expired.

use axum::http::StatusCode;

use super::answer::SnapError;
use super::world::{
    CONVERSIONS_SCOPE, Environment, SnapTokenKind, SnapTokenState, SnapWorld, Token,
};
use crate::inspect::{TokenPlace, TokenSeen};

/// The token that came with a request, where the version wants it.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    pub token: Option<(String, TokenPlace)>,
}

impl Presented {
    pub fn text(&self) -> &str {
        self.token.as_ref().map_or("", |(text, _)| text)
    }

    pub fn seen(&self, world: &SnapWorld) -> Option<TokenSeen> {
        let (text, place) = self.token.as_ref()?;
        let name = world.tokens.get(text).map(|token| token.name.clone());
        Some(TokenSeen::new(text, name, *place))
    }
}

/// A token that is alive, whatever it may be used for.
pub fn check<'a>(
    world: &'a SnapWorld,
    presented: &Presented,
    now: i64,
) -> Result<&'a Token, SnapError> {
    let denied = || SnapError::denied(world.habits.dead_token);
    let token = world.tokens.get(presented.text()).ok_or_else(denied)?;
    let is_foreign = token.environment == Environment::Staging;
    let is_alive = world.state_of(token, now) == SnapTokenState::Valid && token.active_at <= now;
    if is_alive && !is_foreign { Ok(token) } else { Err(denied()) }
}

/// Whether the asset is there and the token's to use.
pub fn may_use(world: &SnapWorld, token: &Token, asset: &str) -> Result<(), SnapError> {
    let Some(known) = world.assets.get(asset) else {
        return Err(SnapError::plain(StatusCode::NOT_FOUND, "Asset not found"));
    };
    if known.organization != token.organization || token.denied.contains(asset) {
        return Err(SnapError::denied(world.habits.foreign_asset));
    }
    let needs_scope = token.kind == SnapTokenKind::Oauth;
    if needs_scope && !token.scopes.contains(CONVERSIONS_SCOPE) {
        let reason = "The access token does not have the required scope";
        return Err(SnapError::plain(StatusCode::FORBIDDEN, reason));
    }
    Ok(())
}
