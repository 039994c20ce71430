//! The shapes in which clients send events.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::{Map, Value};

use super::answer::GraphError;
use super::caller::Presented;

/// A request, whatever shape it had.
#[derive(Debug, Default)]
pub struct Received {
    pub presented: Presented,
    pub events: Vec<Value>,
    pub test_event_code: Option<String>,
}

pub fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("authorization")?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

pub async fn read(
    headers: &HeaderMap,
    query: &HashMap<String, String>,
    body: Bytes,
) -> Result<Received, GraphError> {
    let content_type = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
    let fields = if content_type.starts_with("multipart/") {
        multipart(content_type, body).await?
    } else if body.first() == Some(&b'{') {
        json_fields(&body)?
    } else {
        form_fields(&body)
    };
    let mut received = Received {
        presented: Presented {
            token: bearer(headers).or_else(|| query.get("access_token").cloned()),
            proof: query.get("appsecret_proof").cloned(),
            proof_time: query.get("appsecret_time").and_then(|at| at.parse().ok()),
        },
        ..Received::default()
    };
    for (key, value) in fields {
        take(&mut received, &key, value)?;
    }
    Ok(received)
}

fn take(received: &mut Received, key: &str, value: Value) -> Result<(), GraphError> {
    let text = || value.as_str().map(str::to_owned);
    match key {
        "access_token" => received.presented.token = received.presented.token.take().or_else(text),
        "appsecret_proof" => {
            received.presented.proof = received.presented.proof.take().or_else(text);
        }
        "appsecret_time" => {
            received.presented.proof_time = value.as_i64().or_else(|| value.as_str()?.parse().ok());
        }
        "test_event_code" => received.test_event_code = text(),
        "data" | "data[]" => add_events(&mut received.events, value)?,
        _ => {}
    }
    Ok(())
}

/// Events are objects, texts of objects, lists of either, or texts of such lists.
fn add_events(events: &mut Vec<Value>, value: Value) -> Result<(), GraphError> {
    match value {
        Value::Array(list) => list.into_iter().try_for_each(|one| add_events(events, one)),
        Value::String(text) => add_events(events, parse(text.as_bytes())?),
        Value::Object(_) => {
            events.push(value);
            Ok(())
        }
        _ => Err(GraphError::parameter(None, "(#100) param data must be an array.")),
    }
}

fn parse(bytes: &[u8]) -> Result<Value, GraphError> {
    let refuse = |_| GraphError::parameter(None, "(#100) param data must be valid JSON.");
    serde_json::from_slice(bytes).map_err(refuse)
}

fn json_fields(body: &[u8]) -> Result<Vec<(String, Value)>, GraphError> {
    match parse(body)? {
        Value::Object(map) => Ok(Map::into_iter(map).collect()),
        _ => Err(GraphError::parameter(None, "(#100) The parameter data is required.")),
    }
}

fn form_fields(body: &[u8]) -> Vec<(String, Value)> {
    form_urlencoded::parse(body)
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect()
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Vec<(String, Value)>, GraphError> {
    let refuse = |_| GraphError::parameter(None, "(#100) The form could not be read.");
    let boundary = multer::parse_boundary(content_type).map_err(refuse)?;
    let stream = futures_util::stream::once(async move { Ok::<_, std::io::Error>(body) });
    let mut form = multer::Multipart::new(stream, boundary);
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(refuse)? {
        let name = field.name().unwrap_or_default().to_owned();
        fields.push((name, Value::String(field.text().await.map_err(refuse)?)));
    }
    Ok(fields)
}
