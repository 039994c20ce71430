//! `/v1/faults` lists what is explained; `/v1/faults/{platform}/{fault}` and
//! `/v1/faults/{platform}/{code}/{subcode}` explain it. Open to everyone, like any documentation.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use holdfast_model::fault::{FaultAction, FaultClass};
use holdfast_model::scope::SelectorKind;
use holdfast_platforms::catalog::{self, Entry};
use serde::Serialize;

use crate::http::error::ApiError;

/// One row of the list.
#[derive(Serialize)]
pub struct FaultRow {
    name: &'static str,
    class: FaultClass,
    action: FaultAction,
    /// What a hold for it is made of.
    selectors: &'static [SelectorKind],
    /// `190` or `190/463`.
    codes: Vec<String>,
    summary: &'static str,
    remedy: &'static str,
}

#[derive(Serialize)]
pub struct FaultView {
    #[serde(flatten)]
    row: FaultRow,
    /// Markdown.
    page: &'static str,
}

pub async fn list() -> Json<Vec<FaultRow>> {
    Json(catalog::all().flat_map(|(_, catalog)| catalog.entries()).map(row).collect())
}

/// By name, or by code alone.
pub async fn explain(
    Path((platform, fault)): Path<(String, String)>,
) -> Result<Json<Vec<FaultView>>, ApiError> {
    find(&platform, &fault)
}

pub async fn explain_subcode(
    Path((platform, code, subcode)): Path<(String, String, String)>,
) -> Result<Json<Vec<FaultView>>, ApiError> {
    find(&platform, &format!("{code}/{subcode}"))
}

/// More of what was asked for than this is not repeated in an answer.
const MAX_ECHO_CHARS: usize = 60;

fn find(platform: &str, wanted: &str) -> Result<Json<Vec<FaultView>>, ApiError> {
    let found = catalog::named(platform).and_then(|catalog| catalog.find(wanted));
    let found = found.unwrap_or_default();
    if found.is_empty() {
        let asked: String = format!("{platform} {wanted}").chars().take(MAX_ECHO_CHARS).collect();
        let message = format!("{asked} is not in the catalog");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "holdfast.not_found", message).hint(
            "An unknown code gets a bounded number of retries and then a hold; nothing is dropped.",
        ));
    }
    let views = found.into_iter().map(|entry| FaultView { row: row(entry), page: entry.page });
    Ok(Json(views.collect()))
}

fn row(entry: &'static Entry) -> FaultRow {
    FaultRow {
        name: entry.name,
        class: entry.class,
        action: entry.action,
        selectors: entry.selectors,
        codes: entry.codes.iter().map(ToString::to_string).collect(),
        summary: entry.summary,
        remedy: entry.remedy,
    }
}
