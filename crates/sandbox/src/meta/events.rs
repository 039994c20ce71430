//! `POST /{version}/{dataset}/events`

use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{GraphError, json_response};
use super::caller::{self, Caller, Edge, Presented};
use super::turn::{Turn, token_of};
use super::world::AssetKind;
use super::{validate, wire};
use crate::counted;
use crate::exchange::Outcome;
use crate::handle::SandboxHandle;
use crate::inspect::{Mark, TokenPlace, Verdict, key_of};
use crate::timeline::{Misbehaviour, Plan};
use crate::world::{Strictness, World};

/// Within this time a repetition is recognized (`meta-conversions.md §7`).
const DEDUP_WINDOW_S: i64 = 48 * 3_600;

/// The permission a delivery needs.
const SCOPE: &str = "ads_management";

pub async fn post(
    State(sandbox): State<SandboxHandle>,
    Path(path): Path<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let asset = path.into_iter().find(|(key, _)| key == "node").unwrap_or_default().1;
    if sandbox.strictness() == Strictness::NullSink {
        return sink(&sandbox, &asset, request).await;
    }
    let Ok(turn) = Turn::from_request(request, &()).await;
    let mut world = sandbox.world();
    let response = turn.answer(&mut world, Edge::Events, &asset, |world, caller| {
        accept(world, &asset, &turn, caller)
    });
    if let Some(Outcome { refusal: Some(name), .. }) = response.extensions().get() {
        world.inspection.refused(&asset, name);
    }
    response
}

fn accept(
    world: &mut World,
    asset: &str,
    turn: &Turn,
    caller: &Caller,
) -> Result<Value, GraphError> {
    may_send(world, asset, caller)?;
    if let Some(error) = &turn.call.unreadable {
        return Err(error.clone());
    }
    let events = &turn.call.events;
    bite(world, &turn.plan, events)?;
    let now = world.clock.unix_seconds();
    validate::events(events, now)?;
    world.receive(asset, events.iter().map(|event| (event, verdict(event))), now);
    let miscount = u64::from(turn.plan.has(&Misbehaviour::Miscount));
    let messages: Vec<&str> = turn.plan.iter().filter_map(message_of).collect();
    Ok(success(events.len() as u64 - miscount, &messages))
}

fn may_send(world: &World, asset: &str, caller: &Caller) -> Result<(), GraphError> {
    let missing = || GraphError::missing_object("post", asset);
    let token = token_of(world, caller).ok_or_else(missing)?;
    let known = world.meta.assets.get(asset).ok_or_else(missing)?;
    if known.kind != AssetKind::Dataset || !token.assets.contains(asset) {
        return Err(missing());
    }
    if token.scopes.contains(SCOPE) { Ok(()) } else { Err(GraphError::permission(SCOPE)) }
}

/// Refuses the whole request for an event of the poisonous name.
fn bite(world: &mut World, plan: &Plan, events: &[Value]) -> Result<(), GraphError> {
    for applied in &plan.0 {
        let Misbehaviour::Poison { event_name, subcode, with_index } = &applied.what else {
            continue;
        };
        let found = events.iter().position(|event| event["event_name"] == **event_name);
        let Some(index) = found else { continue };
        world.schedule.spend(applied.step);
        let message = if *with_index {
            format!("Server Side Api Parameter Error on param \"$['data'][{index}]\"")
        } else {
            "One of the events is not valid".to_owned()
        };
        return Err(GraphError::parameter(*subcode, message));
    }
    Ok(())
}

fn message_of(what: &Misbehaviour) -> Option<&str> {
    match what {
        Misbehaviour::Messages { text } => Some(text),
        _ => None,
    }
}

fn success(events: u64, messages: &[&str]) -> Value {
    json!({ "events_received": events, "messages": messages, "fbtrace_id": "" })
}

/// How Meta tells events apart: by id and name. Without an id, what servers send is never
/// recognized; nor is business messaging, whatever it has.
fn verdict(event: &Value) -> Verdict {
    let (Some(id), Some(name)) = (event["event_id"].as_str(), event["event_name"].as_str()) else {
        return Verdict::ANONYMOUS;
    };
    let deduplicates = event["action_source"] != "business_messaging";
    let window_s = deduplicates.then_some(DEDUP_WINDOW_S);
    Verdict::by(Mark { key: key_of(&[id, name]), window_s })
}

/// Counts the elements of `data` without building them: the measure is what stands in front.
async fn sink(sandbox: &SandboxHandle, asset: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return json_response(StatusCode::PAYLOAD_TOO_LARGE, &json!({}));
    };
    let mut world = sandbox.world();
    let trace_id = world.trace_id();
    let now = world.clock.unix_seconds();
    if let Err(error) = caller::check(&world.meta, &in_header(&parts.headers), Edge::Events, now) {
        world.inspection.refused(asset, &error.name());
        return error.response(&trace_id);
    }
    let events = counted::events_in(&body);
    world.inspection.sink(asset, events);
    drop(world);
    let mut answer = success(events, &[]);
    answer["fbtrace_id"] = trace_id.into();
    json_response(StatusCode::OK, &answer)
}

/// Larger than a request of 1,000 events ever is.
const MAX_BODY_BYTES: usize = 32 << 20;

fn in_header(headers: &HeaderMap) -> Presented {
    let token = wire::bearer(headers).map(|token| (token, TokenPlace::Header));
    Presented { token, ..Presented::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_with_an_id_are_told_apart() {
        let event = |id: Value, source: &str| json!({ "event_id": id, "event_name": "Lead", "action_source": source });
        assert_eq!(verdict(&event(Value::Null, "website")), Verdict::ANONYMOUS);
        let key = key_of(&["a", "Lead"]);
        for (source, window_s) in [("website", Some(DEDUP_WINDOW_S)), ("business_messaging", None)]
        {
            let found = verdict(&event(json!("a"), source));
            assert_eq!(found, Verdict::by(Mark { key, window_s }), "{source}");
        }
    }
}
