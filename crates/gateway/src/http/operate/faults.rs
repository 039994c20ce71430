//! `/v1/faults/{platform}/{code}[/{subcode}]`: what a platform's number means. Open to everyone,
//! like any documentation.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use holdfast_model::fault::{FaultAction, FaultClass, PlatformCode};
use holdfast_model::platform::PlatformId;
use holdfast_platforms::catalog::Entry;
use serde::Serialize;

use super::parse;
use crate::http::error::ApiError;

#[derive(Serialize)]
pub struct FaultView {
    name: &'static str,
    class: FaultClass,
    action: FaultAction,
    summary: &'static str,
    remedy: &'static str,
    /// Markdown.
    page: &'static str,
}

pub async fn explain(
    Path((platform, code)): Path<(String, String)>,
) -> Result<Json<Vec<FaultView>>, ApiError> {
    find(&platform, &code)
}

pub async fn explain_subcode(
    Path((platform, code, subcode)): Path<(String, String, String)>,
) -> Result<Json<Vec<FaultView>>, ApiError> {
    find(&platform, &format!("{code}/{subcode}"))
}

fn find(platform: &str, code: &str) -> Result<Json<Vec<FaultView>>, ApiError> {
    let platform: PlatformId = parse("platform", platform)?;
    let code: PlatformCode = parse("code", code)?;
    let found = holdfast_platforms::platform(platform)
        .map(|platform| platform.catalog().by_code(code))
        .unwrap_or_default();
    if found.is_empty() {
        let message = format!("{platform} code {code} is not in the catalog");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "holdfast.not_found", message).hint(
            "An unknown code gets a bounded number of retries and then a hold; nothing is dropped.",
        ));
    }
    Ok(Json(found.into_iter().map(view).collect()))
}

fn view(entry: &'static Entry) -> FaultView {
    FaultView {
        name: entry.name,
        class: entry.class,
        action: entry.action,
        summary: entry.summary,
        remedy: entry.remedy,
        page: entry.page,
    }
}
