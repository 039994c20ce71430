//! What is answered where no route is, and where a handler failed in a way nobody foresaw.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use holdfast_model::redact::redact_and_cut;

use super::error::ApiError;
use super::graph::{GraphError, is_graph_path};

/// Longest part of a path that is shown. Ours are shorter.
const MAX_PATH_CHARS: usize = 120;

pub async fn not_found(uri: Uri) -> Response {
    let path = uri.path();
    if is_graph_path(path) {
        let below = path.trim_start_matches('/').split_once('/').map_or("", |(_, below)| below);
        return GraphError::unknown_path(&format!("/{below}")).into_response();
    }
    let shown = redact_and_cut(path, MAX_PATH_CHARS);
    ApiError::new(StatusCode::NOT_FOUND, "holdfast.not_found", format!("no route {shown}"))
        .into_response()
}

pub async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    if is_graph_path(uri.path()) {
        let asset = uri.path().split('/').nth(2).unwrap_or_default();
        return GraphError::method(method.as_str(), asset).into_response();
    }
    let shown = redact_and_cut(uri.path(), MAX_PATH_CHARS);
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "holdfast.method_not_allowed",
        format!("{shown} does not answer {method}"),
    )
    .into_response()
}

/// Turns a panic into a 500 of the shape that the caller expects. Nothing was acknowledged.
pub async fn catch_panic(request: Request, next: Next) -> Response {
    let graph = is_graph_path(request.uri().path());
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        // The message went to the log through the panic hook; it could hold anything.
        Err(_) => {
            tracing::error!("a request handler panicked; the request was answered with 500");
            if graph { GraphError::internal().into_response() } else { internal().into_response() }
        }
    }
}

fn internal() -> ApiError {
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "holdfast.internal",
        "the request failed in a way that nobody foresaw; nothing was accepted",
    )
    .hint("The log of the gateway has the details.")
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(method: &str, path: &str) -> (u16, Value) {
        let broken = || async {
            let parts: Vec<u8> = Vec::new();
            [parts[0]]
        };
        let router: Router = Router::new()
            .route("/v1/broken", get(broken))
            .route("/{version}/{asset}/broken", get(broken))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(axum::middleware::from_fn(catch_panic));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn every_dead_end_answers_in_the_shape_of_its_path() {
        for (method, path, status, fault) in [
            ("GET", "/v1/nothing", 404, "holdfast.not_found"),
            ("POST", "/v1/broken", 405, "holdfast.method_not_allowed"),
            ("GET", "/v1/broken", 500, "holdfast.internal"),
        ] {
            let (answered, body) = ask(method, path).await;
            assert_eq!(
                (answered, &body["error"]["fault"]),
                (status, &Value::from(fault)),
                "{path}"
            );
        }
        for (method, path, status, code) in [
            ("GET", "/v25.0/me", 404, 2500),
            ("POST", "/v25.0/123/broken", 405, 100),
            ("GET", "/v25.0/123/broken", 500, 2),
        ] {
            let (answered, body) = ask(method, path).await;
            assert_eq!((answered, &body["error"]["code"]), (status, &Value::from(code)), "{path}");
            assert!(body["error"]["fbtrace_id"].as_str().is_some_and(|id| id.len() == 23));
        }
    }
}
