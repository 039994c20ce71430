//! One request and its answer: the caller, what goes wrong on purpose, then the work itself.

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::answer::{GraphError, json_response};
use super::caller::{self, Caller, Edge};
use super::refusals::{Gaps, refusal};
use super::usage;
use super::wire::Call;
use super::world::Token;
use crate::exchange::Outcome;
use crate::timeline::{Misbehaviour, Plan};
use crate::world::World;

/// A request as handlers take it.
pub struct Turn {
    pub call: Call,
    pub plan: Plan,
}

impl<S: Send + Sync> FromRequest<S> for Turn {
    type Rejection = std::convert::Infallible;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let plan = request.extensions_mut().remove::<Plan>().unwrap_or_default();
        Ok(Self { call: Call::from_request(request, state).await?, plan })
    }
}

impl Turn {
    /// Checks the caller, then misbehaves or works.
    pub fn answer(
        &self,
        world: &mut World,
        edge: Edge,
        asset: &str,
        work: impl FnOnce(&mut World, &Caller) -> Result<Value, GraphError>,
    ) -> Response {
        let now = world.clock.unix_seconds();
        let done = caller::check(&world.meta, &self.call.presented, edge, now).and_then(|caller| {
            self.misbehave(world, asset)?;
            work(world, &caller)
        });
        self.respond(world, asset, done)
    }

    /// For requests that prove themselves by an app's secret and need no token.
    pub fn answer_unchecked(
        &self,
        world: &mut World,
        work: impl FnOnce(&mut World) -> Result<Value, GraphError>,
    ) -> Response {
        let done = self.misbehave(world, "").and_then(|()| work(world));
        self.respond(world, "", done)
    }

    /// The answer that was asked for in place of the platform's own.
    fn misbehave(&self, world: &World, asset: &str) -> Result<(), GraphError> {
        self.plan.iter().try_for_each(|what| self.in_place_of_work(world, asset, what))
    }

    fn in_place_of_work(
        &self,
        world: &World,
        asset: &str,
        what: &Misbehaviour,
    ) -> Result<(), GraphError> {
        let presented = &self.call.presented;
        let app = world.meta.tokens.get(presented.text()).map_or(0, |token| token.app);
        let gaps = Gaps { app, asset, now: world.clock.unix_seconds() };
        match what {
            Misbehaviour::Error { status, error } => {
                let (code, subcode) = (error["code"].as_i64(), error["error_subcode"].as_i64());
                let mut raw = GraphError::new(status_of(*status), code.unwrap_or(0), subcode, "");
                raw.details.raw = Some(error.clone());
                Err(raw)
            }
            Misbehaviour::Refuse { code, subcode, status } => {
                let mut error = refusal(*code, *subcode, gaps);
                if let Some(status) = status {
                    error.status = status_of(*status);
                }
                Err(error)
            }
            Misbehaviour::Throttle { code, subcode, minutes, usage, retry_after_seconds } => {
                let mut error = refusal(*code, *subcode, gaps);
                error.details.headers.extend(usage::header(*usage, asset, 100, *minutes));
                let wait = retry_after_seconds.map(|wait| ("retry-after", wait.to_string()));
                error.details.headers.extend(wait);
                Err(error)
            }
            Misbehaviour::RefuseToken { status } => {
                let mut error = refusal(190, None, gaps);
                error.status = status_of(*status);
                Err(error)
            }
            Misbehaviour::EchoToken => {
                let message = format!("Malformed access token {}", presented.text());
                Err(GraphError::bad_request(190, None, message))
            }
            _ => Ok(()),
        }
    }

    fn respond(&self, world: &mut World, asset: &str, done: Result<Value, GraphError>) -> Response {
        let trace_id = world.trace_id();
        let mut outcome = self.outcome(world);
        let mut response = match done {
            Ok(mut body) => {
                if self.plan.has(&Misbehaviour::OmitExpiresIn)
                    && let Some(body) = body.as_object_mut()
                {
                    body.remove("expires_in");
                }
                if let Some(body) = body.as_object_mut()
                    && body.contains_key("fbtrace_id")
                {
                    body.insert("fbtrace_id".to_owned(), trace_id.into());
                }
                json_response(StatusCode::OK, &body)
            }
            Err(error) => {
                outcome.refusal = Some(error.name());
                error.response(&trace_id)
            }
        };
        for (name, value) in self.headers(asset) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response.extensions_mut().insert(outcome);
        response
    }

    fn headers(&self, asset: &str) -> Vec<(&'static str, String)> {
        let header = |what: &Misbehaviour| match what {
            Misbehaviour::Usage { usage, percent } => usage::header(*usage, asset, *percent, 0),
            Misbehaviour::VersionWarning => {
                let text = "The call has been auto-upgraded as the version has been deprecated.";
                Some(("x-ad-api-version-warning", text.to_owned()))
            }
            _ => None,
        };
        self.plan.iter().filter_map(header).collect()
    }

    fn outcome(&self, world: &World) -> Outcome {
        Outcome {
            token: self.call.presented.seen(&world.meta),
            proof: self.call.presented.proof_seen(),
            test_event_code: self.call.field("test_event_code").map(crate::inspect::cut),
            events: self.call.events.len() as u64,
            ..Outcome::default()
        }
    }
}

/// The token behind a caller; an app has none.
pub fn token_of<'a>(world: &'a World, caller: &Caller) -> Option<&'a Token> {
    match caller {
        Caller::App(_) => None,
        Caller::Token(text) => world.meta.tokens.get(text),
    }
}

pub fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
