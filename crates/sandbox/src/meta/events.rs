//! `POST /{version}/{asset}/events`

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer::{GraphError, cut, html, json_response};
use super::wire::Received;
use super::{caller, validate, wire};
use crate::clock;
use crate::world::{Misbehaviour, SandboxHandle, Strictness, World};

pub async fn post(
    State(sandbox): State<SandboxHandle>,
    Path((_version, asset)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let misbehaviours = sandbox.world().misbehaviours(&asset);
    for misbehaviour in &misbehaviours {
        match misbehaviour {
            Misbehaviour::Slow { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Misbehaviour::CutBefore => cut(),
            _ => {}
        }
    }
    if sandbox.world().strictness == Strictness::NullSink {
        return sink(&sandbox, &asset, &headers, &body);
    }
    let received = wire::read(&headers, &query, body).await;
    let answer = answer(&mut sandbox.world(), &asset, received, &misbehaviours);
    if misbehaviours.contains(&Misbehaviour::CutAfter) {
        cut();
    }
    answer
}

fn answer(
    world: &mut World,
    asset: &str,
    received: Result<Received, GraphError>,
    misbehaviours: &[Misbehaviour],
) -> Response {
    let trace_id = world.trace_id();
    let checked = received.and_then(|received| {
        let token = caller::check(world, &received.presented)?;
        if !world.has_asset(asset) || !token.1.assets.contains(asset) {
            return Err(GraphError::missing_object(asset));
        }
        Ok(received)
    });
    let received = match checked {
        Ok(received) => received,
        Err(error) => {
            world.refused(asset, error.code, error.subcode);
            return error.response(&trace_id);
        }
    };
    if let Some(response) = misbehave(world, asset, &received, misbehaviours, &trace_id) {
        return response;
    }
    if let Err(error) = validate::events(&received.events, clock::unix_seconds()) {
        world.refused(asset, error.code, error.subcode);
        return error.response(&trace_id);
    }
    world.receive(asset, &received.events);
    let miscount = u64::from(misbehaviours.contains(&Misbehaviour::Miscount));
    success(received.events.len() as u64 - miscount, &trace_id)
}

fn success(events: u64, trace_id: &str) -> Response {
    let body = json!({ "events_received": events, "messages": [], "fbtrace_id": trace_id });
    json_response(StatusCode::OK, &body)
}

fn misbehave(
    world: &mut World,
    asset: &str,
    received: &Received,
    misbehaviours: &[Misbehaviour],
    trace_id: &str,
) -> Option<Response> {
    for misbehaviour in misbehaviours {
        match misbehaviour {
            Misbehaviour::Error { status, error } => {
                let mut error = error.clone();
                error["fbtrace_id"] = trace_id.into();
                let code = error["code"].as_i64().unwrap_or(0);
                world.refused(asset, code, error["error_subcode"].as_i64());
                return Some(json_response(status_of(*status), &json!({ "error": error })));
            }
            Misbehaviour::Throttle { code, minutes } => {
                world.refused(asset, *code, None);
                return Some(throttle(asset, *code, *minutes, trace_id));
            }
            Misbehaviour::TooMany { retry_after_seconds } => {
                world.refused(asset, 429, None);
                let wait = retry_after_seconds.to_string();
                return Some(
                    (StatusCode::TOO_MANY_REQUESTS, [("retry-after", wait)], "").into_response(),
                );
            }
            Misbehaviour::Html { status } => {
                world.refused(asset, i64::from(*status), None);
                return Some(html(status_of(*status)));
            }
            Misbehaviour::Poison { event_name, subcode, with_index } => {
                let Some(index) =
                    received.events.iter().position(|e| e["event_name"] == **event_name)
                else {
                    continue;
                };
                world.refused(asset, 100, *subcode);
                return Some(poison(index, *subcode, *with_index).response(trace_id));
            }
            Misbehaviour::EchoToken => {
                let token = received.presented.token.as_deref().unwrap_or_default();
                let message = format!("Malformed access token {token}");
                world.refused(asset, 190, None);
                return Some(
                    GraphError::new(StatusCode::BAD_REQUEST, 190, None, message).response(trace_id),
                );
            }
            Misbehaviour::Slow { .. }
            | Misbehaviour::CutBefore
            | Misbehaviour::CutAfter
            | Misbehaviour::Miscount => {}
        }
    }
    None
}

fn poison(index: usize, subcode: Option<i64>, with_index: bool) -> GraphError {
    if with_index {
        let message = format!("Server Side Api Parameter Error on param \"$['data'][{index}]\"");
        return GraphError::parameter(subcode, message);
    }
    GraphError::parameter(subcode, "One of the events is not valid")
}

fn throttle(asset: &str, code: i64, minutes: u64, trace_id: &str) -> Response {
    let usage: Value = json!({ asset: [{
        "type": "ads_management", "call_count": 100, "total_cputime": 25, "total_time": 25,
        "estimated_time_to_regain_access": minutes, "ads_api_access_tier": "standard_access",
    }]});
    let message = format!("(#{code}) There have been too many calls. Wait a bit and try again.");
    let mut response =
        GraphError::new(StatusCode::BAD_REQUEST, code, None, message).response(trace_id);
    if let Ok(value) = usage.to_string().parse() {
        response.headers_mut().insert("x-business-use-case-usage", value);
    }
    response
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Counts the elements of `data` without building them: the measure is what stands in front.
fn sink(sandbox: &SandboxHandle, asset: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let mut world = sandbox.world();
    let trace_id = world.trace_id();
    let presented = caller::Presented { token: wire::bearer(headers), ..Default::default() };
    if let Err(error) = caller::check(&world, &presented) {
        world.refused(asset, error.code, error.subcode);
        return error.response(&trace_id);
    }
    let events = count_events(body);
    world.sink(asset, events);
    drop(world);
    success(events, &trace_id)
}

/// Objects at depth two, `{"data":[{…},{…}]}`.
fn count_events(body: &[u8]) -> u64 {
    let (mut depth, mut events, mut in_text, mut escaped) = (0_u32, 0, false, false);
    for byte in body {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' => {
                events += u64::from(depth == 2);
                depth += 1;
            }
            b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_and_what_is_in_them_is_not() {
        for (body, events) in [
            (r#"{"data":[{"a":{"b":[{}]}},{"c":"{[\"}"}]}"#, 2),
            (r#"{"data":[]}"#, 0),
            (r#"{"data":[{}],"x":{}}"#, 1),
        ] {
            assert_eq!(count_events(body.as_bytes()), events, "{body}");
        }
    }
}
