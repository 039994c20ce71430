//! `GET /connect/result/{id}`: what came of a sign-in, for whoever it belongs to.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use holdfast_model::credential::Expiry;
use holdfast_model::secret::Secret;

use crate::http::pages::{Frame, Problem, Web, page, problem};
use crate::http::session::SessionCaller;
use crate::services::ServiceError;
use crate::services::connect::{GrantReport, kept};

#[derive(Template)]
#[template(path = "result.html")]
struct ResultPage {
    frame: Frame,
    title: &'static str,
    /// How the heading looks: `good`, `waiting` or `bad`.
    mood: &'static str,
    expires: String,
    report: GrantReport,
}

pub async fn show(
    State(web): State<Web>,
    SessionCaller(session): SessionCaller,
    Path(id): Path<String>,
) -> Response {
    let gateway = &web.gateway;
    let frame = Frame::from(&*session);
    let report = match kept(gateway, &session.holder(), &Secret::new(id)).await {
        Ok(Some(report)) => report,
        Ok(None) => {
            let words = "this result is not kept any more, or belongs to another session";
            let gone = Problem::new(frame, "Nothing to show", words)
                .onward("/connect", "To the credentials");
            return problem(gateway, (StatusCode::NOT_FOUND, gone));
        }
        Err(error) => {
            return problem(gateway, Problem::of_service(frame, &ServiceError::from(error)));
        }
    };
    let (title, mood) = match (report.activated, report.proved) {
        (true, true) if report.missing.is_empty() => ("Connected", "good"),
        (true, true) => ("Connected, with less than was asked for", "waiting"),
        (true, false) => ("Stored, not yet proved", "waiting"),
        (false, _) => ("Not active", "bad"),
    };
    let expires = expiry(report.expires_at);
    page(gateway, StatusCode::OK, &ResultPage { frame, title, mood, expires, report })
}

/// When it ends, in words.
pub(super) fn expiry(expires_at: Expiry) -> String {
    match expires_at {
        Expiry::At(at) => {
            let text = at.to_string();
            // `2026-11-29T20:15:00Z`, to the minute.
            let minute = text.get(..16).unwrap_or(&text);
            format!("{} UTC", minute.replace('T', " "))
        }
        Expiry::Never => "never".to_owned(),
        Expiry::Unknown => "not known".to_owned(),
    }
}
