//! Deliveries: `POST /v3/{asset}/events[/validate]`, `POST /v2/conversion[/validate]`.

use axum::extract::{FromRequest as _, Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::answer::{Dialect, SnapError, errors, json_response, success};
use super::caller::{self, Presented};
use super::order::{Checked, Order, Purpose};
use super::turn::{MAX_BODY_BYTES, Turn};
use super::validate::{Fault, POISONED};
use super::world::TestEvent;
use crate::counted;
use crate::exchange::Outcome;
use crate::handle::SandboxHandle;
use crate::inspect::{TokenPlace, cut};
use crate::timeline::{Misbehaviour, Plan};
use crate::world::{Strictness, World};

pub async fn events(
    State(sandbox): State<SandboxHandle>,
    Path(asset): Path<String>,
    request: Request,
) -> Response {
    if sandbox.strictness() == Strictness::NullSink {
        return sink(&sandbox, &asset, request).await;
    }
    let Ok(turn) = Turn::from_request(request, &()).await;
    v3(&sandbox, asset, &turn, Purpose::Send)
}

pub async fn validate(
    State(sandbox): State<SandboxHandle>,
    Path(asset): Path<String>,
    turn: Turn,
) -> Response {
    v3(&sandbox, asset, &turn, Purpose::Validate)
}

pub async fn conversion(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    v2(&sandbox, &turn, Purpose::Send)
}

pub async fn conversion_validate(State(sandbox): State<SandboxHandle>, turn: Turn) -> Response {
    v2(&sandbox, &turn, Purpose::Validate)
}

fn v3(sandbox: &SandboxHandle, asset: String, turn: &Turn, purpose: Purpose) -> Response {
    let mut world = sandbox.world();
    let counted = asset.clone();
    let response = turn.answer(&mut world, Dialect::V3, |world, token, outcome| {
        caller::may_use(&world.snap, token, &asset)?;
        let order = Order::of_v3(&turn.body, asset, purpose)?;
        take(world, &order, &turn.plan, outcome)
    });
    count_refusal(&mut world, &counted, purpose, &response);
    response
}

fn v2(sandbox: &SandboxHandle, turn: &Turn, purpose: Purpose) -> Response {
    let mut world = sandbox.world();
    let response = turn.answer(&mut world, Dialect::V2, |world, token, outcome| {
        let order = Order::of_v2(&turn.body, purpose)?;
        outcome.asset = Some(cut(&order.asset));
        caller::may_use(&world.snap, token, &order.asset)?;
        take(world, &order, &turn.plan, outcome)
    });
    let outcome = response.extensions().get::<Outcome>();
    let asset = outcome.and_then(|outcome| outcome.asset.clone()).unwrap_or_default();
    count_refusal(&mut world, &asset, purpose, &response);
    response
}

/// A request of which some events were taken was counted with them.
fn count_refusal(world: &mut World, asset: &str, purpose: Purpose, response: &Response) {
    let Some(outcome) = response.extensions().get::<Outcome>() else { return };
    let Some(name) = outcome.refusal.as_ref().filter(|_| purpose == Purpose::Send) else { return };
    if outcome.is_partial {
        world.inspection.refused_in_part(asset, name);
    } else {
        world.inspection.refused(asset, name);
    }
}

fn take(
    world: &mut World,
    order: &Order,
    plan: &Plan,
    outcome: &mut Outcome,
) -> Result<Value, SnapError> {
    outcome.events = order.events.len() as u64;
    outcome.test_event_code = order.test_event_code.as_deref().map(cut);
    let now = world.clock.unix_seconds();
    let mut checked = order.check(&world.snap, now);
    let is_indexed = bite(world, plan, order, &mut checked);
    let is_good = |checked: &Checked| checked.findings.errors.is_empty();
    let is_refused = !checked.iter().all(is_good);
    let takes_some = !is_refused || world.snap.habits.takes_neighbors;
    let takes = |checked: &Checked| takes_some && is_good(checked);
    let taken = checked.iter().filter(|checked| takes(checked)).count();
    if order.is_live() {
        let events = order.events.iter().zip(&checked).filter(|(_, checked)| takes(checked));
        let counted: Vec<_> = events.map(|(event, checked)| (event, checked.verdict)).collect();
        count_live(world, &order.asset, counted, now);
    } else {
        log_tests(world, order, &checked, now);
    }
    if !is_refused {
        return Ok(accepted(order, &checked));
    }
    outcome.is_partial = taken > 0 && order.is_live();
    Err(refused(world, order, checked, is_indexed, taken > 0))
}

/// Makes every event of the poisonous name bad. Says whether the refusal is to name it, where that
/// is not a matter of habit.
fn bite(world: &mut World, plan: &Plan, order: &Order, checked: &mut [Checked]) -> Option<bool> {
    let mut is_indexed = None;
    for applied in &plan.0 {
        let Misbehaviour::Poison { event_name, subcode, with_index } = &applied.what else {
            continue;
        };
        let is_poison = |event: &Value| event[order.name_key()] == **event_name;
        let code = subcode.map_or_else(|| POISONED.to_owned(), |code| code.to_string());
        let mut has_bitten = false;
        for (_, checked) in order.events.iter().zip(&mut *checked).filter(|(e, _)| is_poison(e)) {
            checked.findings.errors.push(Fault::new(&code, "the event is not valid"));
            has_bitten = true;
        }
        if has_bitten {
            world.schedule.spend(applied.step);
            is_indexed = Some(*with_index);
        }
    }
    is_indexed
}

fn count_live(
    world: &mut World,
    asset: &str,
    events: Vec<(&Value, crate::inspect::Verdict)>,
    now: i64,
) {
    if events.is_empty() {
        return;
    }
    if let Some(asset) = world.snap.assets.get_mut(asset) {
        asset.activity.count_live(events.len() as u64, now);
    }
    world.receive(asset, events.into_iter(), now);
}

fn log_tests(world: &mut World, order: &Order, checked: &[Checked], now: i64) {
    let Some(asset) = world.snap.assets.get_mut(&order.asset) else { return };
    for (event, checked) in order.events.iter().zip(checked) {
        let shown = super::test_events::shown(order, asset.kind, event, &checked.findings);
        asset.activity.add_test(TestEvent { at_s: now, shown });
    }
}

fn accepted(order: &Order, checked: &[Checked]) -> Value {
    let mut body = success(order.dialect);
    match (order.purpose, order.dialect) {
        (Purpose::Send, _) => {}
        (Purpose::Validate, Dialect::V3) => {
            body["test_event"] = true.into();
            body["event_logs"] = event_logs(checked, Some(1));
        }
        (Purpose::Validate, Dialect::V2) => {
            body["warning_records"] = warning_records(checked);
            body["validated_fields"] = validated_fields(order);
        }
    }
    body
}

fn refused(
    world: &World,
    order: &Order,
    checked: Vec<Checked>,
    is_indexed: Option<bool>,
    is_partial: bool,
) -> SnapError {
    let habits = world.snap.habits;
    let first = usize::from(!habits.counts_from_zero);
    let counts_from = is_indexed.unwrap_or(habits.names_event).then_some(first);
    let logs = event_logs(&checked, counts_from);
    let (warnings, fields) = (warning_records(&checked), validated_fields(order));
    let faults = checked.into_iter().map(|checked| checked.findings.errors).enumerate();
    let events: Vec<(usize, Vec<Fault>)> =
        faults.filter(|(_, faults)| !faults.is_empty()).collect();
    let code = events.first().and_then(|(_, faults)| faults.first());
    let name = code.map(|fault| fault.code.clone()).unwrap_or_default();
    let status = habits.refusal.status();
    let mut error = SnapError::new(status, name, "Some events are not valid.");
    error.details.events = events;
    error.details.counts_from = counts_from;
    error.details.is_partial = is_partial;
    if order.purpose == Purpose::Validate {
        error.details.raw = Some(match order.dialect {
            Dialect::V3 => json!({
                "status": "INVALID", "test_event": true, "reason": error.reason,
                "event_logs": logs,
            }),
            Dialect::V2 => {
                let mut body = error.body(Dialect::V2);
                body["warning_records"] = warnings;
                body["validated_fields"] = fields;
                body
            }
        });
    }
    error
}

fn event_logs(checked: &[Checked], counts_from: Option<usize>) -> Value {
    let log = |(index, checked): (usize, &Checked)| {
        let Checked { findings, .. } = checked;
        let is_good = findings.errors.is_empty();
        let mut log = json!({ "status": if is_good { "VALID" } else { "INVALID" } });
        if let Some(first) = counts_from {
            log["event"] = (index + first).into();
        }
        if !is_good {
            log["errors"] = errors(&findings.errors);
        }
        if !findings.warnings.is_empty() {
            log["warnings"] = findings.warnings.clone().into();
        }
        log
    };
    checked.iter().enumerate().map(log).collect()
}

fn warning_records(checked: &[Checked]) -> Value {
    let records = checked.iter().enumerate().flat_map(|(index, checked)| {
        let record = move |warning| json!({ "reason": warning, "record_indexes": [index] });
        checked.findings.warnings.iter().map(record)
    });
    records.collect()
}

/// The keys that were looked at.
fn validated_fields(order: &Order) -> Value {
    let keys = order.events.iter().filter_map(Value::as_object).flat_map(|event| event.keys());
    keys.collect::<std::collections::BTreeSet<_>>().into_iter().cloned().collect()
}

/// Counts the elements of `data` without building them: the measure is what stands in front.
async fn sink(sandbox: &SandboxHandle, asset: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return json_response(StatusCode::PAYLOAD_TOO_LARGE, &json!({}));
    };
    let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let text = pairs.into_iter().find(|(key, _)| key == "access_token").map(|(_, text)| text);
    let token = text.map(|text| (text.into_owned(), TokenPlace::Query));
    let mut world = sandbox.world();
    let now = world.clock.unix_seconds();
    let allowed = caller::check(&world.snap, &Presented { token }, now)
        .and_then(|token| caller::may_use(&world.snap, token, asset));
    if let Err(error) = allowed {
        world.inspection.refused(asset, &error.name);
        return error.response(Dialect::V3);
    }
    world.inspection.sink(asset, counted::events_in(&body));
    json_response(StatusCode::OK, &success(Dialect::V3))
}
