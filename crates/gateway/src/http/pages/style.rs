//! `GET /pages.css`

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse as _, Response};

const STYLE: &str = include_str!("../../../assets/pages.css");

pub async fn get() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        // It changes with the program, whose version is not in its address.
        (CACHE_CONTROL, "no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, STYLE).into_response()
}
