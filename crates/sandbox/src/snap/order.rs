//! What a delivery asks for, read from its body.

use axum::http::StatusCode;
use serde_json::Value;

use super::answer::{Dialect, SnapError};
use super::validate::{self, Findings, MAX_EVENTS};
use super::world::{Asset, SnapWorld};
use crate::inspect::Verdict;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Send,
    /// Makes test events, which count as nothing.
    Validate,
}

#[derive(Debug)]
pub struct Order {
    pub dialect: Dialect,
    pub purpose: Purpose,
    pub asset: String,
    pub events: Vec<Value>,
    /// Marks events of a production request as a test.
    pub test_event_code: Option<String>,
}

/// What was made of one event.
#[derive(Debug)]
pub struct Checked {
    pub findings: Findings,
    pub verdict: Verdict,
}

impl Order {
    /// `{"data":[…]}`, the asset in the path.
    pub fn of_v3(body: &[u8], asset: String, purpose: Purpose) -> Result<Self, SnapError> {
        let mut body = json(body)?;
        let Some(object) = body.as_object_mut() else {
            return Err(refuse("the request body must be an object with a data array"));
        };
        let Some(Value::Array(events)) = object.remove("data") else {
            return Err(refuse("data is required and must be an array"));
        };
        let test_event_code = match object.remove("test_event_code") {
            None | Some(Value::Null) => None,
            Some(Value::String(code)) => Some(code),
            Some(_) => return Err(refuse("test_event_code must be a string")),
        };
        let order = Self { dialect: Dialect::V3, purpose, asset, events, test_event_code };
        order.within_bounds()
    }

    /// A bare event or an array of events, the asset in each. Of more than one asset nothing is
    /// known; here all events of a request must name the same.
    pub fn of_v2(body: &[u8], purpose: Purpose) -> Result<Self, SnapError> {
        let events = match json(body)? {
            Value::Array(events) => events,
            event @ Value::Object(_) => vec![event],
            _ => return Err(refuse("the request body must be an event or an array of events")),
        };
        let asset = events.first().map(validate::asset_of_v2).unwrap_or_default();
        let order = Self { dialect: Dialect::V2, purpose, asset, events, test_event_code: None };
        let order = order.within_bounds()?;
        if order.asset.is_empty() {
            return Err(refuse("pixel_id or snap_app_id is required"));
        }
        if order.events.iter().any(|event| validate::asset_of_v2(event) != order.asset) {
            return Err(refuse("all records of a request must name the same asset"));
        }
        Ok(order)
    }

    fn within_bounds(self) -> Result<Self, SnapError> {
        match self.events.len() {
            0 => Err(refuse("there is no event in the request")),
            count if count > MAX_EVENTS => {
                Err(refuse(format!("{count} events, expected at most {MAX_EVENTS}")))
            }
            _ => Ok(self),
        }
    }

    /// Whether what is in it counts as conversions.
    pub fn is_live(&self) -> bool {
        self.purpose == Purpose::Send && self.test_event_code.is_none()
    }

    pub fn check(&self, world: &SnapWorld, now: i64) -> Vec<Checked> {
        let kind =
            world.assets.get(&self.asset).map(|asset: &Asset| asset.kind).unwrap_or_default();
        let check = |event| match self.dialect {
            Dialect::V3 => {
                let findings = validate::v3::check(event, kind, now);
                Checked { findings, verdict: validate::v3::verdict(event) }
            }
            Dialect::V2 => {
                let findings = validate::v2::check(event, kind, now);
                Checked { findings, verdict: validate::v2::verdict(event) }
            }
        };
        self.events.iter().map(check).collect()
    }

    /// Under which key events of this version have their name.
    pub fn name_key(&self) -> &'static str {
        match self.dialect {
            Dialect::V3 => "event_name",
            Dialect::V2 => "event_type",
        }
    }
}

fn json(body: &[u8]) -> Result<Value, SnapError> {
    serde_json::from_slice(body).map_err(|_| refuse("the request body is not valid JSON"))
}

/// A request of which no event could be looked at.
fn refuse(reason: impl Into<String>) -> SnapError {
    SnapError::plain(StatusCode::BAD_REQUEST, reason)
}
