//! `POST /{version}/{asset}/events`: two platforms have this path, and tell themselves apart by how
//! they write a version.

use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::graph::is_version;
use super::{HttpState, dropin_meta, dropin_snap, fallback};

/// The one version of Snap's API that has the asset in its path.
const SNAP_VERSION: &str = "v3";

pub async fn post(
    State(state): State<HttpState>,
    Path((version, asset)): Path<(String, String)>,
    request: Request,
) -> Response {
    if version == SNAP_VERSION {
        dropin_snap::v3(&state, asset, request).await
    } else if is_version(&version) {
        dropin_meta::post(&state, &asset, request).await
    } else {
        fallback::not_found(request.uri().clone()).await
    }
}
