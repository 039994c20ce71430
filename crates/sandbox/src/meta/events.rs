//! `POST /{version}/{dataset}/events`

use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::answer::{GraphError, json_response};
use super::caller::{self, Caller, Edge, Presented};
use super::turn::{Turn, token_of};
use super::world::AssetKind;
use super::{validate, wire};
use crate::exchange::Outcome;
use crate::handle::SandboxHandle;
use crate::inspect::{TokenPlace, Verdict};
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
    if let Some((code, subcode)) = response.extensions().get().and_then(Outcome::refusal) {
        world.inspection.refused(&asset, code, subcode);
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
        return Verdict::Anonymous;
    };
    let deduplicates = event["action_source"] != "business_messaging";
    Verdict::Known { key: identity(id, name), window_s: deduplicates.then_some(DEDUP_WINDOW_S) }
}

fn identity(id: &str, name: &str) -> u128 {
    let mut hash = Sha256::new();
    for part in [id, name] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    u128::from_le_bytes(first)
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
        world.inspection.refused(asset, error.code, error.subcode);
        return error.response(&trace_id);
    }
    let events = count_events(&body);
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

    #[test]
    fn only_events_with_an_id_are_told_apart() {
        let event = |id: Value, source: &str| json!({ "event_id": id, "event_name": "Lead", "action_source": source });
        assert_eq!(verdict(&event(Value::Null, "website")), Verdict::Anonymous);
        let Verdict::Known { key, window_s } = verdict(&event(json!("a"), "website")) else {
            panic!("an id makes an event known");
        };
        assert_eq!(window_s, Some(DEDUP_WINDOW_S));
        let chat = verdict(&event(json!("a"), "business_messaging"));
        assert_eq!(chat, Verdict::Known { key, window_s: None });
    }
}
