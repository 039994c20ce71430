//! The routes for operators: one file per noun. They translate; `services` does the work.

mod alerts;
mod apps;
mod audit;
mod backup;
mod connect;
mod credentials;
mod dead_letters;
mod destinations;
mod doctor;
mod erasures;
mod faults;
mod holds;
mod keys;
mod renewals;
mod sign_in_links;
mod status;
mod system_users;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use holdfast_model::access::Role;

use super::RouteInfo;
use super::error::ApiError;
use crate::services::ServiceError;
use crate::state::Gateway;

/// Every route of this module with the least role that may use it. A test walks this list with
/// each kind of caller, and another fails when [`router`] and the list differ.
pub const ROUTES: &[RouteInfo] = &[
    RouteInfo::new("GET", "/v1/status", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/apps", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/apps", Some(Role::Admin)),
    RouteInfo::new("GET", "/v1/credentials", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/credentials", Some(Role::Admin)),
    RouteInfo::new("GET", "/v1/credentials/{id}", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/credentials/{id}/verify", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/credentials/{id}/extend", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/credentials/{id}/rotate", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/credentials/{id}/revoke", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/credentials/{id}/pages", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/connect/{platform}/start", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/connect/{platform}/finish", Some(Role::Admin)),
    RouteInfo::new("GET", "/v1/system-users", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/system-users", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/system-users/{id}/apps", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/system-users/{id}/tokens", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/integrations/{id}/tokens", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/sign-in-links", Some(Role::Admin)),
    RouteInfo::new("GET", "/v1/destinations", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/destinations", Some(Role::Admin)),
    RouteInfo::new("GET", "/v1/destinations/{id}", Some(Role::Operator)),
    RouteInfo::new("PUT", "/v1/destinations/{id}/credential", Some(Role::Admin)),
    RouteInfo::new("PUT", "/v1/destinations/{id}/standby", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/destinations/{id}/pause", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/holds", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/holds/{id}", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/holds/{id}/lift", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/dead-letters", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/dead-letters/counts", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/dead-letters/replay", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/dead-letters/resolve", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/dead-letters/{id}", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/dead-letters/{id}/edit", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/items/{id}", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/keys", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/keys", Some(Role::Admin)),
    RouteInfo::new("DELETE", "/v1/keys/{id}", Some(Role::Admin)),
    RouteInfo::new("GET", "/v1/audit", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/alerts", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/alerts/test", Some(Role::Operator)),
    RouteInfo::new("GET", "/v1/audit/chain", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/doctor", Some(Role::Operator)),
    RouteInfo::new("POST", "/v1/backup", Some(Role::Admin)),
    RouteInfo::new("POST", "/v1/erasures", Some(Role::Admin)),
    RouteInfo::new("GET", "/v1/faults", None),
    RouteInfo::new("GET", "/v1/faults/{platform}/{fault}", None),
    RouteInfo::new("GET", "/v1/faults/{platform}/{fault}/{subcode}", None),
];

pub fn router() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/v1/status", get(status::show))
        .route("/v1/apps", get(apps::list).post(apps::put))
        .route("/v1/credentials", get(credentials::list).post(credentials::add))
        .route("/v1/credentials/{id}", get(credentials::show))
        .route("/v1/credentials/{id}/verify", post(credentials::verify))
        .route("/v1/credentials/{id}/extend", post(renewals::extend))
        .route("/v1/credentials/{id}/rotate", post(renewals::rotate))
        .route("/v1/credentials/{id}/revoke", post(renewals::revoke))
        .route("/v1/credentials/{id}/pages", post(connect::derive_page))
        .route("/v1/connect/{platform}/start", post(connect::start))
        .route("/v1/connect/{platform}/finish", post(connect::finish))
        .route("/v1/system-users", get(system_users::list).post(system_users::create))
        .route("/v1/system-users/{id}/apps", post(system_users::install))
        .route("/v1/system-users/{id}/tokens", post(system_users::issue))
        .route("/v1/integrations/{id}/tokens", post(system_users::fetch_integration))
        .route("/v1/sign-in-links", post(sign_in_links::create))
        .route("/v1/destinations", get(destinations::list).post(destinations::add))
        .route("/v1/destinations/{id}", get(destinations::show))
        .route("/v1/destinations/{id}/credential", put(destinations::rebind))
        .route("/v1/destinations/{id}/standby", put(destinations::standby))
        .route("/v1/destinations/{id}/pause", post(destinations::pause))
        .route("/v1/holds", get(holds::list))
        .route("/v1/holds/{id}", get(holds::show))
        .route("/v1/holds/{id}/lift", post(holds::lift))
        .route("/v1/dead-letters", get(dead_letters::list))
        .route("/v1/dead-letters/counts", get(dead_letters::counts))
        .route("/v1/dead-letters/replay", post(dead_letters::replay))
        .route("/v1/dead-letters/resolve", post(dead_letters::resolve))
        .route("/v1/dead-letters/{id}", get(dead_letters::show))
        .route("/v1/dead-letters/{id}/edit", post(dead_letters::edit))
        .route("/v1/items/{id}", get(dead_letters::find))
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{id}", delete(keys::revoke))
        .route("/v1/audit", get(audit::list))
        .route("/v1/alerts", get(alerts::list))
        .route("/v1/alerts/test", post(alerts::test))
        .route("/v1/audit/chain", get(audit::chain))
        .route("/v1/doctor", post(doctor::examine))
        .route("/v1/backup", post(backup::take))
        .route("/v1/erasures", post(erasures::erase))
        .route("/v1/faults", get(faults::list))
        .route("/v1/faults/{platform}/{fault}", get(faults::explain))
        .route("/v1/faults/{platform}/{fault}/{subcode}", get(faults::explain_subcode))
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        let text = error.to_string();
        match error {
            ServiceError::NotFound { .. } => {
                ApiError::new(StatusCode::NOT_FOUND, "holdfast.not_found", text)
            }
            ServiceError::Exists { .. } => {
                ApiError::new(StatusCode::CONFLICT, "holdfast.exists", text)
            }
            ServiceError::Invalid { .. } => {
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "holdfast.invalid_value", text)
            }
            ServiceError::Refused { hint, .. } => {
                ApiError::new(StatusCode::CONFLICT, "holdfast.refused", text).hint(hint)
            }
            ServiceError::Storage(_) | ServiceError::Vault(_) => {
                tracing::error!(error = %text, "an operation failed");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "holdfast.internal", text)
                    .hint("The log of the gateway has the details.")
            }
        }
    }
}

/// An id from a path, or a clear refusal.
fn parse<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, ApiError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e: T::Err| {
        ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "holdfast.invalid_value",
            format!("{what}: {e}"),
        )
    })
}
