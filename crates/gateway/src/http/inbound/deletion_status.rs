//! `GET /data-deletion/meta/{code}`: what became of a person's wish to be forgotten, for that person.
//!
//! A page without scripts, styles or pictures of ours, which any browser and any screen reader can
//! show. It names nobody, and whoever does not know the code learns nothing from it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse as _, Response};

use crate::http::error::ApiError;
use crate::inbound::deletion::{self, DeletionStatus};
use crate::state::Gateway;

pub async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(code): Path<String>,
) -> Result<Response, ApiError> {
    let status = match deletion::is_code(&code) {
        true => deletion::status(&gateway, &code).await?,
        false => None,
    };
    Ok(match status {
        Some(status) => page(StatusCode::OK, heading(&status), &body(&status)),
        None => page(StatusCode::NOT_FOUND, "Nothing is known under this code", UNKNOWN),
    })
}

const UNKNOWN: &str = "<p>Please check that the address is complete. What became of a request can \
                       be read for a year.</p>";

fn heading(status: &DeletionStatus) -> &'static str {
    match status.finished_at {
        Some(_) => "Your data was deleted",
        None => "Your request was received",
    }
}

fn body(status: &DeletionStatus) -> String {
    let received = status.received_at;
    let Some(finished) = status.finished_at else {
        return format!(
            "<p>It came on <time datetime=\"{received}\">{received}</time> and is being carried \
             out. Please come back in a while.</p>"
        );
    };
    format!(
        "<p>What was known here to be yours is gone. What was passed on to the platform before is with \
         the platform; ask there to have it deleted too.</p>\n\
         <dl>\n\
         <dt>Received</dt><dd><time datetime=\"{received}\">{received}</time></dd>\n\
         <dt>Finished</dt><dd><time datetime=\"{finished}\">{finished}</time></dd>\n\
         <dt>Access tokens deleted</dt><dd>{}</dd>\n\
         <dt>Events deleted</dt><dd>{}</dd>\n\
         </dl>{}",
        status.tokens,
        status.events,
        left(status.unknown)
    )
}

/// What is not known to be theirs was not deleted, and they are told so.
fn left(unknown: u64) -> String {
    if unknown == 0 {
        return String::new();
    }
    format!(
        "\n<p>Access tokens kept beside yours that were left, because nobody told whose they are: \
         {unknown}. Whoever you dealt with here can tell you more.</p>"
    )
}

fn page(code: StatusCode, heading: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         <title>{heading}</title>\n</head>\n<body>\n<main>\n<h1>{heading}</h1>\n{body}\n</main>\n\
         </body>\n</html>\n"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (code, headers, page).into_response()
}
