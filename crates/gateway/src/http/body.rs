//! Bodies of the operators' routes: JSON of bounded size into a typed value.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use holdfast_model::redact::redact_and_cut;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::ingest::source::Source;

/// Longest body. The longest that anyone needs holds a thousand item ids.
const MAX_BODY_BYTES: u64 = 1 << 20;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest part of the parser's words that is shown.
const MAX_WORDS: usize = 300;

/// A JSON body. An empty one is `{}`.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let body = Source::new(&parts.headers, body)?.whole(MAX_BODY_BYTES, PATIENCE).await?;
        parse(if body.trim_ascii().is_empty() { b"{}" } else { &body }).map(JsonBody)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| refused(".", &error))?;
    Ok(value)
}

fn refused(path: &str, error: &serde_json::Error) -> ApiError {
    if error.is_data() {
        let field = if path == "." { "body" } else { path };
        let words = redact_and_cut(&without_values(&without_position(error)), MAX_WORDS);
        return ApiError::invalid(format!("{}: {words}", redact_and_cut(field, MAX_WORDS)));
    }
    let (line, column) = (error.line(), error.column());
    let what = if error.is_eof() { "it ends too early".into() } else { without_position(error) };
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "holdfast.malformed_json",
        format!("the body is not valid JSON at line {line}, column {column}: {what}"),
    )
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(words, _)| words.to_owned())
}

/// `invalid type: string "EAAB…", expected a boolean` repeats what was sent, which may be a token:
/// only its type is kept.
fn without_values(words: &str) -> String {
    let Some(rest) = words.strip_prefix("invalid ") else { return words.to_owned() };
    let (Some((kind, given)), Some((_, expected))) =
        (rest.split_once(": "), rest.rsplit_once(", expected "))
    else {
        return words.to_owned();
    };
    let given = given.split([' ', ',']).next().unwrap_or_default();
    format!("invalid {kind}: {given}, expected {expected}")
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::response::IntoResponse;
    use holdfast_model::id::DestinationId;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        text: String,
        inner: Inner,
        name: Option<DestinationId>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        yes: bool,
    }

    async fn read(body: impl Into<Body>) -> Result<Sample, String> {
        let request = Request::new(body.into());
        match JsonBody::from_request(request, &()).await {
            Ok(JsonBody(sample)) => Ok(sample),
            Err(error) => {
                let response = error.into_response();
                let status = response.status().as_u16();
                let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap();
                let text = |key| body["error"][key].as_str().unwrap_or_default();
                Err(format!("{status} {} {}", text("fault"), text("message")))
            }
        }
    }

    #[tokio::test]
    async fn an_empty_body_is_an_empty_object() {
        assert_eq!(read("").await, Ok(Sample::default()));
        assert_eq!(read(" \n").await, Ok(Sample::default()));
        assert!(read(r#"{"inner":{"yes":true}}"#).await.unwrap().inner.yes);
    }

    #[tokio::test]
    async fn a_refusal_names_the_field_and_repeats_no_value() {
        let token = format!("EAA{}", "b".repeat(120));
        for (body, expected) in [
            (
                format!(r#"{{"inner":{{"yes":"{token}"}}}}"#),
                "422 holdfast.invalid_value inner.yes: invalid type: string, expected a boolean",
            ),
            (
                format!(r#"{{"text":["{token}"]}}"#),
                "text: invalid type: sequence, expected a string",
            ),
            (format!(r#"{{"name":"{token}"}}"#), "name: destination"),
            (format!(r#"{{"{token}":1}}"#), "unknown field"),
            (r#"{"text":7}"#.to_owned(), "text: invalid type: integer, expected a string"),
            (format!("\"{token}\""), "body: invalid type: string, expected struct Sample"),
            (
                "{\"text\":\n]}".to_owned(),
                "400 holdfast.malformed_json the body is not valid JSON at line 2, column 1: expected value",
            ),
            ("{".to_owned(), "column 1: it ends too early"),
            ("{} x".to_owned(), "trailing characters"),
        ] {
            let error = read(body).await.unwrap_err();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
            assert!(!error.contains("bbbbbbbb"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_body_is_bounded() {
        let error = read(vec![b' '; (1 << 20) + 1]).await.unwrap_err();
        assert!(error.starts_with("413 holdfast.body_too_large"), "{error}");
    }
}
