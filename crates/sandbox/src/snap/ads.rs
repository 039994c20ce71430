//! The Ads API, as far as it tells whose an OAuth token is and what belongs to it: `GET /v1/me`,
//! `/v1/me/organizations`, `/v1/adaccounts/{id}/pixels`. It speaks a dialect of its own, and says
//! that a token expired in a header (`snap-conversions.md §7, §10.3, §12`).
//!
//! Static tokens are rejected here, as is reported of the platform.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{Dialect, SnapError, json_response};
use super::caller::Presented;
use super::turn::Turn;
use super::world::{SnapAssetKind, SnapTokenKind, SnapTokenState, SnapWorld, Token};
use crate::exchange::Outcome;
use crate::handle::SandboxHandle;
use crate::world::World;

pub async fn me(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    answer(&sandbox, &turn, |_, token| {
        Ok(json!({ "me": {
            "id": token.name, "display_name": "Sandbox Member", "member_status": "MEMBER",
            "organization_id": token.organization,
        }}))
    })
}

/// With `with_ad_accounts=true` each has its ad account with it.
pub async fn organizations(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    answer(&sandbox, &turn, |world, token| {
        let id = &token.organization;
        let known = world.organizations.get(id).ok_or_else(not_found)?;
        let mut organization = json!({ "id": id, "name": known.name });
        if turn.asked("with_ad_accounts") == Some("true") {
            organization["ad_accounts"] =
                json!([{ "id": known.ad_account, "name": known.name, "organization_id": id }]);
        }
        let row = json!({ "sub_request_status": "SUCCESS", "organization": organization });
        Ok(json!({ "organizations": [row] }))
    })
}

pub async fn pixels(
    State(sandbox): State<SandboxHandle>,
    Path(account): Path<String>,
    turn: Turn,
) -> Response {
    answer(&sandbox, &turn, |world, token| {
        let known = world.organizations.get(&token.organization);
        known.filter(|organization| organization.ad_account == account).ok_or_else(not_found)?;
        let theirs = world.assets.iter().filter(|(_, asset)| {
            asset.kind == SnapAssetKind::Pixel && asset.organization == token.organization
        });
        let rows: Vec<Value> = theirs
            .map(|(id, _)| {
                let pixel = json!({ "id": id, "ad_account_id": account });
                json!({ "sub_request_status": "SUCCESS", "pixel": pixel })
            })
            .collect();
        Ok(json!({ "pixels": rows }))
    })
}

fn answer(
    sandbox: &SandboxHandle,
    turn: &Turn,
    work: impl FnOnce(&SnapWorld, &Token) -> Result<Value, SnapError>,
) -> Response {
    let mut world = sandbox.world();
    // A token in the query is none here.
    let presented = turn.presented(Dialect::V2);
    let mut outcome = Outcome { token: presented.seen(&world.snap), ..Outcome::default() };
    let request_id = world.trace_id();
    let done = check(&world, &presented).and_then(|token| {
        turn.misbehave(presented.text())?;
        work(&world.snap, token)
    });
    let mut response = match done {
        Ok(mut body) => {
            body["request_status"] = "SUCCESS".into();
            body["request_id"] = request_id.into();
            json_response(StatusCode::OK, &body)
        }
        Err(mut error) => {
            outcome.refusal = Some(error.name.clone());
            error.details.raw = Some(error.details.raw.take().unwrap_or_else(|| {
                json!({
                    "request_status": "ERROR", "request_id": request_id,
                    "debug_message": error.reason, "display_message": error.reason,
                })
            }));
            error.response(Dialect::V2)
        }
    };
    response.extensions_mut().insert(outcome);
    response
}

fn check<'a>(world: &'a World, presented: &Presented) -> Result<&'a Token, SnapError> {
    let now = world.clock.unix_seconds();
    let invalid = || unauthorized("The access token is invalid");
    let token = world.snap.tokens.get(presented.text()).ok_or_else(invalid)?;
    let is_oauth = token.kind == SnapTokenKind::Oauth && token.active_at <= now;
    match world.snap.state_of(token, now) {
        SnapTokenState::Valid if is_oauth => Ok(token),
        SnapTokenState::Expired => Err(unauthorized("The access token expired")),
        _ => Err(invalid()),
    }
}

fn unauthorized(description: &str) -> SnapError {
    let mut error = SnapError::plain(StatusCode::UNAUTHORIZED, description);
    let told = format!("Bearer error=\"invalid_token\", error_description=\"{description}\"");
    error.details.headers.push(("www-authenticate", told));
    error
}

fn not_found() -> SnapError {
    SnapError::plain(StatusCode::NOT_FOUND, "Resource can not be found")
}
