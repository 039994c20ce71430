//! The shapes in which clients send (`meta-conversions.md §11`).

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use serde_json::{Map, Value};

use super::answer::GraphError;
use super::caller::Presented;
use crate::inspect::TokenPlace;

/// A request, whatever shape it had.
#[derive(Debug, Default)]
pub struct Call {
    pub presented: Presented,
    /// All plain parameters of query and body.
    pub fields: BTreeMap<String, String>,
    pub events: Vec<Value>,
    /// Why it could not be read. It is refused when the caller is known, as by the platform.
    pub unreadable: Option<GraphError>,
}

/// Longest body of anything but events.
const MAX_BODY_BYTES: usize = 32 << 20;

impl<S: Send + Sync> FromRequest<S> for Call {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await;
        let mut call = read(&parts.headers, &query, body.unwrap_or_default()).await;
        // A body that ended early was no request at all; nobody waits for the answer.
        call.presented.token = call.presented.token.filter(|(text, _)| !text.is_empty());
        Ok(call)
    }
}

impl Call {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn take(&mut self, key: &str, value: Value, place: TokenPlace) -> Result<(), GraphError> {
        let text = match &value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        };
        let presented = &mut self.presented;
        match (key, text) {
            ("access_token", text) => {
                let given = text.map(|text| (text, place));
                presented.token = presented.token.take().or(given);
            }
            ("appsecret_proof", text) => presented.proof = presented.proof.take().or(text),
            ("appsecret_time", text) => {
                let time = text.and_then(|text| text.parse().ok());
                presented.proof_time = presented.proof_time.or(time);
            }
            ("data" | "data[]", _) => add_events(&mut self.events, value)?,
            (_, Some(text)) => {
                self.fields.entry(key.to_owned()).or_insert(text);
            }
            (_, None) => {}
        }
        Ok(())
    }
}

pub fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("authorization")?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::to_owned)
}

pub async fn read(headers: &HeaderMap, query: &str, body: Bytes) -> Call {
    let mut call = Call::default();
    call.presented.token = bearer(headers).map(|token| (token, TokenPlace::Header));
    let mut taken = Ok(());
    for (key, value) in form_fields(query.as_bytes()) {
        taken = taken.and(call.take(&key, value, TokenPlace::Query));
    }
    match body_fields(headers, body).await {
        Ok(fields) => {
            for (key, value) in fields {
                taken = taken.and(call.take(&key, value, TokenPlace::Body));
            }
        }
        Err(error) => taken = taken.and(Err(error)),
    }
    call.unreadable = taken.err();
    call
}

async fn body_fields(headers: &HeaderMap, body: Bytes) -> Result<Vec<(String, Value)>, GraphError> {
    let content_type = headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
    if content_type.starts_with("multipart/") {
        multipart(content_type, body).await
    } else if body.first() == Some(&b'{') {
        json_fields(&body)
    } else {
        Ok(form_fields(&body))
    }
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
