//! One request and its answer: the caller, what goes wrong on purpose, then the work itself.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::answer::{Dialect, INVALID_TOKEN, SnapError, json_response};
use super::caller::{self, Presented};
use super::validate::Fault;
use super::world::Token;
use crate::exchange::Outcome;
use crate::inspect::TokenPlace;
use crate::timeline::{Misbehaviour, Plan};
use crate::world::World;

/// A request as handlers take it.
pub struct Turn {
    pub query: BTreeMap<String, String>,
    pub bearer: Option<String>,
    pub content_type: String,
    pub body: Bytes,
    pub plan: Plan,
}

/// Larger than a request of 2,000 events ever is.
pub const MAX_BODY_BYTES: usize = 32 << 20;

impl<S: Send + Sync> FromRequest<S> for Turn {
    type Rejection = std::convert::Infallible;

    async fn from_request(mut request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let plan = request.extensions_mut().remove::<Plan>().unwrap_or_default();
        let (parts, body) = request.into_parts();
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query = pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
        // A body that ended early was no request at all; nobody waits for the answer.
        let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
        let content_type = header(&parts.headers, "content-type").unwrap_or_default();
        Ok(Self { query, bearer: bearer(&parts.headers), content_type, body, plan })
    }
}

impl Turn {
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The token, where this version takes it and nowhere else.
    pub fn presented(&self, dialect: Dialect) -> Presented {
        let in_query = || Some((self.asked("access_token")?.to_owned(), TokenPlace::Query));
        let in_header = || Some((self.bearer.clone()?, TokenPlace::Header));
        let token = match dialect {
            Dialect::V3 => in_query(),
            Dialect::V2 => in_header(),
        };
        Presented { token }
    }

    /// Checks the caller, then misbehaves or works.
    pub fn answer(
        &self,
        world: &mut World,
        dialect: Dialect,
        work: impl FnOnce(&mut World, &Token, &mut Outcome) -> Result<Value, SnapError>,
    ) -> Response {
        let now = world.clock.unix_seconds();
        let presented = self.presented(dialect);
        let mut outcome = Outcome { token: presented.seen(&world.snap), ..Outcome::default() };
        let done = caller::check(&world.snap, &presented, now).cloned().and_then(|token| {
            self.misbehave(presented.text())?;
            work(world, &token, &mut outcome)
        });
        let mut response = match done {
            Ok(body) => json_response(StatusCode::OK, &body),
            Err(error) => {
                outcome.refusal = Some(error.name.clone());
                error.response(dialect)
            }
        };
        response.extensions_mut().insert(outcome);
        response
    }

    /// The answer that was asked for in place of the platform's own.
    pub fn misbehave(&self, token: &str) -> Result<(), SnapError> {
        self.plan.iter().try_for_each(|what| in_place_of_work(what, token))
    }
}

fn in_place_of_work(what: &Misbehaviour, token: &str) -> Result<(), SnapError> {
    match what {
        Misbehaviour::Error { status, error } => {
            let mut raw = SnapError::plain(status_of(*status), "");
            raw.details.raw = Some(error.clone());
            Err(raw)
        }
        Misbehaviour::Refuse { code, status, .. } => {
            let status = status.map_or(StatusCode::BAD_REQUEST, status_of);
            let mut refused = SnapError::new(status, code.to_string(), "Invalid request");
            refused.details.events = vec![(0, vec![Fault::of_code(*code)])];
            Err(refused)
        }
        Misbehaviour::Throttle { retry_after_seconds, .. } => {
            // No header is documented that would tell how long.
            let mut error = SnapError::plain(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
            let wait = retry_after_seconds.map(|wait| ("retry-after", wait.to_string()));
            error.details.headers.extend(wait);
            Err(error)
        }
        Misbehaviour::RefuseToken { status } => {
            Err(SnapError::plain(status_of(*status), INVALID_TOKEN))
        }
        Misbehaviour::EchoToken => {
            let reason = format!("{INVALID_TOKEN} {token}");
            Err(SnapError::plain(StatusCode::UNAUTHORIZED, reason))
        }
        _ => Ok(()),
    }
}

pub fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = header(headers, "authorization")?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

pub fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
