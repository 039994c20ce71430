//! Meta's routes, as far as the Conversions API and its tokens go.

mod answer;
mod caller;
mod events;
mod reads;
mod validate;
mod wire;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::world::SandboxHandle;

/// Larger than a request of 1,000 events ever is.
const MAX_BODY_BYTES: usize = 32 << 20;

pub fn router() -> Router<SandboxHandle> {
    Router::new()
        .route("/{version}/{asset}/events", post(events::post))
        .route("/{version}/debug_token", get(reads::debug_token))
        .route("/{version}/dataset_quality", get(reads::dataset_quality))
        .route("/{version}/me", get(reads::me))
        .route("/{version}/{asset}", get(reads::asset))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}
