//! Query strings of the operators' routes, into a typed value.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use holdfast_model::redact::redact_and_cut;
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Longest part of the parser's words that is shown.
const MAX_WORDS: usize = 300;

/// The query string. What it gets wrong is refused like everything else, in JSON.
pub struct TypedQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for TypedQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let read = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| {
            let words = rejection.body_text();
            let words = words.rsplit_once("query string: ").map_or(&*words, |(_, words)| words);
            ApiError::invalid(format!("query: {}", redact_and_cut(words, MAX_WORDS)))
        })?;
        Ok(Self(read.0))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use axum::response::IntoResponse as _;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        limit: Option<u32>,
    }

    async fn read(query: &str) -> Result<Option<u32>, (u16, String)> {
        let (mut parts, ()) = Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
        match TypedQuery::<Page>::from_request_parts(&mut parts, &()).await {
            Ok(TypedQuery(page)) => Ok(page.limit),
            Err(error) => {
                let response = error.into_response();
                let status = response.status().as_u16();
                let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                Err((status, body["error"]["message"].as_str().unwrap().to_owned()))
            }
        }
    }

    #[tokio::test]
    async fn a_refusal_is_json_and_names_the_field() {
        assert_eq!(read("").await, Ok(None));
        assert_eq!(read("limit=7").await, Ok(Some(7)));
        for (query, expected) in
            [("limit=many", "query: limit: "), ("lmit=7", "query: lmit: unknown field")]
        {
            let (status, message) = read(query).await.unwrap_err();
            assert_eq!(status, 422);
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
