//! What happens around every exchange, whatever the platform: the timeline is asked, the
//! connection suffers, the request is logged.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::handle::SandboxHandle;
use crate::inspect::{ProofSeen, RequestRecord, TokenSeen, cut};
use crate::timeline::{Endpoint, Misbehaviour, Plan, Target};
use crate::transmit::{self, http_date};
use crate::world::Strictness;

/// What a platform's handler tells about the request it answered, for the log.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub token: Option<TokenSeen>,
    pub proof: ProofSeen,
    pub test_event_code: Option<String>,
    pub events: u64,
    /// What it was refused with, as the platform numbers it: `190/463`, `507`.
    pub refusal: Option<String>,
    /// Whether some events of a refused request were accepted nevertheless.
    pub is_partial: bool,
    /// Where only the body says it.
    pub asset: Option<String>,
}

/// The sandbox and how the platform behind reads a path.
#[derive(Clone)]
pub struct Around {
    pub sandbox: SandboxHandle,
    pub target: fn(&Method, &Uri) -> Target,
}

pub async fn exchange(State(around): State<Around>, mut request: Request, next: Next) -> Response {
    let Around { sandbox, target } = around;
    let is_sink = sandbox.strictness() == Strictness::NullSink;
    if is_sink && sandbox.world().schedule.is_empty() {
        return next.run(request).await;
    }
    let target = target(request.method(), request.uri());
    let plan = sandbox.world().begin(&target);
    let mut record = record(&sandbox, &request, &target, &plan);
    pause(&plan).await;
    if plan.has(&Misbehaviour::CutBefore) {
        log(&sandbox, is_sink, record);
        hang_up();
    }
    let response = match in_place_of_platform(&sandbox, &target, &plan) {
        Some(response) => response,
        None => {
            request.extensions_mut().insert(plan.clone());
            let response = next.run(request).await;
            describe(&mut record, &response);
            page_after(&plan).unwrap_or(response)
        }
    };
    record.status = response.status().as_u16();
    log(&sandbox, is_sink, record);
    if plan.has(&Misbehaviour::CutAfter) {
        hang_up();
    }
    let (now, is_real) = {
        let world = sandbox.world();
        (world.clock.unix_seconds(), world.clock.is_real())
    };
    transmit::dress(response, &plan, now, is_real).await
}

/// Ends the connection without an answer.
fn hang_up() -> ! {
    // Unwinding ends the task that serves this connection, and with it the socket. Unlike a panic
    // this prints nothing: it is what was asked for.
    std::panic::resume_unwind(Box::new("the connection is cut on purpose"))
}

async fn pause(plan: &Plan) {
    for what in plan.iter() {
        if let Misbehaviour::Slow { ms } = what {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
        }
    }
}

/// What a proxy in front of the platform would answer: the platform never sees the request.
fn in_place_of_platform(sandbox: &SandboxHandle, target: &Target, plan: &Plan) -> Option<Response> {
    let now = sandbox.world().clock.unix_seconds();
    let response = plan.iter().find_map(|what| match what {
        Misbehaviour::TooMany { retry_after_seconds, as_date } => {
            let wait = if *as_date {
                http_date(now.saturating_add_unsigned(*retry_after_seconds))
            } else {
                retry_after_seconds.to_string()
            };
            Some((StatusCode::TOO_MANY_REQUESTS, [("retry-after", wait)], "").into_response())
        }
        Misbehaviour::Html { status } => Some(html(*status)),
        Misbehaviour::Empty { status } => Some(status_of(*status).into_response()),
        Misbehaviour::Redirect { status, location } => {
            let headers = [("location", location.clone())];
            Some((status_of(*status), headers, "").into_response())
        }
        _ => None,
    })?;
    if let (Endpoint::Events, Some(asset)) = (target.endpoint, &target.asset) {
        let status = response.status().as_u16();
        sandbox.world().inspection.refused(asset, &status.to_string());
    }
    Some(response)
}

fn page_after(plan: &Plan) -> Option<Response> {
    plan.iter().find_map(|what| match what {
        Misbehaviour::HtmlAfter { status } => Some(html(*status)),
        _ => None,
    })
}

fn html(status: u16) -> Response {
    let page =
        "<html><head><title>Error</title></head><body>Sorry, something went wrong.</body></html>";
    (status_of(status), [("content-type", "text/html")], page).into_response()
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn log(sandbox: &SandboxHandle, is_sink: bool, record: RequestRecord) {
    // Measuring is not to be slowed down by remembering.
    if !is_sink {
        sandbox.world().inspection.log(record);
    }
}

fn record(
    sandbox: &SandboxHandle,
    request: &Request,
    target: &Target,
    plan: &Plan,
) -> RequestRecord {
    let headers = request.headers();
    RequestRecord {
        number: 0,
        at_unix_s: sandbox.world().clock.unix_seconds(),
        method: request.method().to_string(),
        path: RequestRecord::path_of(request.uri().path()),
        endpoint: target.endpoint,
        asset: target.asset.as_deref().map(cut),
        user_agent: text_of(headers, "user-agent"),
        content_type: text_of(headers, "content-type"),
        body_bytes: text_of(headers, "content-length").and_then(|length| length.parse().ok()),
        token: None,
        proof: ProofSeen::None,
        test_event_code: None,
        events: 0,
        status: 0,
        refusal: None,
        misbehaved: plan.iter().map(Misbehaviour::name).collect(),
    }
}

fn describe(record: &mut RequestRecord, response: &Response) {
    let Some(outcome) = response.extensions().get::<Outcome>() else { return };
    record.token.clone_from(&outcome.token);
    record.proof = outcome.proof;
    record.test_event_code.clone_from(&outcome.test_event_code);
    record.events = outcome.events;
    record.refusal.clone_from(&outcome.refusal);
    record.asset = record.asset.take().or_else(|| outcome.asset.clone());
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(cut)
}
