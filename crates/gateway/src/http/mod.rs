//! The routes, one file each. They translate between HTTP and what is inside: `ingest` for what
//! callers send, `services` for what operators do.
//!
//! [`router`] is made from the same lists that [`routes`] shows; a test walks the lists with every
//! kind of caller, and another fails when the router answers anything that is in neither.

pub mod auth;
pub mod body;
mod connect;
mod dropin;
mod dropin_meta;
mod dropin_snap;
pub mod error;
mod events;
mod fallback;
mod graph;
mod health;
mod inbound;
mod operate;
mod pages;
mod peer;
mod query;
mod rates;
mod session;
mod snap_answer;
mod validate_snap;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{MethodFilter, on};
use holdfast_model::access::Role;

use crate::state::Gateway;
use auth::Caller;
use rates::Rates;

/// One route and who may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteInfo {
    pub method: &'static str,
    /// With parameters in braces.
    pub path: &'static str,
    /// The least role; `None` is open to everyone. [`Role::Ingest`] stands for routes that take
    /// events: for ingest keys and admins, but not for operators.
    pub least_role: Option<Role>,
    /// A page, for people with a browser: whoever has a role has it by a session, and keys in
    /// headers do not count. Sessions count nowhere else.
    pub is_page: bool,
}

impl RouteInfo {
    pub const fn new(method: &'static str, path: &'static str, least_role: Option<Role>) -> Self {
        Self { method, path, least_role, is_page: false }
    }

    /// A page.
    pub const fn page(method: &'static str, path: &'static str, least_role: Option<Role>) -> Self {
        Self { method, path, least_role, is_page: true }
    }

    /// Whether a caller of this role, or without one, may use the route. The role is that of a
    /// session where the route is a page, else that of a key.
    pub fn admits(&self, caller: Option<Role>) -> bool {
        match (self.least_role, caller) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Role::Ingest), Some(role)) => role != Role::Operator,
            (Some(least), Some(role)) => role >= least,
        }
    }
}

/// Makes the list of routes and the router from the same lines.
macro_rules! routes {
    ($($method:ident $path:literal $least_role:expr => $handler:expr,)*) => {
        const OWN_ROUTES: &[RouteInfo] =
            &[$(RouteInfo::new(stringify!($method), $path, $least_role),)*];

        fn own_router() -> Router<HttpState> {
            Router::new()$(.route($path, on(MethodFilter::$method, $handler)))*
        }
    };
}

routes! {
    POST "/v1/events" Some(Role::Ingest) => events::post,
    POST "/{version}/{asset}/events" Some(Role::Ingest) => dropin::post,
    POST "/v2/conversion" Some(Role::Ingest) => dropin_snap::v2,
    POST "/v3/{asset}/events/validate" Some(Role::Ingest) => validate_snap::v3,
    POST "/v2/conversion/validate" Some(Role::Ingest) => validate_snap::v2,
    GET "/v3/{asset}/events/validate/logs" Some(Role::Ingest) => validate_snap::logs_v3,
    GET "/v3/{asset}/events/validate/stats" Some(Role::Ingest) => validate_snap::stats_v3,
    GET "/v2/conversion/validate/logs" Some(Role::Ingest) => validate_snap::logs_v2,
    GET "/v2/conversion/validate/stats" Some(Role::Ingest) => validate_snap::stats_v2,
    POST "/capi/{asset}/events" Some(Role::Ingest) => dropin_meta::post_capi,
    GET "/webhooks/meta" None => inbound::handshake::answer,
    POST "/webhooks/meta" None => inbound::webhook::post,
    GET "/webhooks/whatsapp" None => inbound::handshake::answer,
    POST "/webhooks/whatsapp" None => inbound::webhook::post,
    POST "/deauthorize/meta" None => inbound::deauthorize::post,
    POST "/data-deletion/meta" None => inbound::deletion::post,
    GET "/data-deletion/meta/{code}" None => inbound::deletion_status::show,
    GET "/healthz" None => health::healthz,
    GET "/readyz" None => health::readyz,
    GET "/metrics" None => health::metrics,
}

/// Every route there is.
pub fn routes() -> impl Iterator<Item = &'static RouteInfo> {
    OWN_ROUTES.iter().chain(operate::ROUTES).chain(session::ROUTES).chain(connect::ROUTES)
}

pub fn router(gateway: Arc<Gateway>) -> Router {
    let per_second = gateway.settings.ingest.max_requests_per_second_per_key;
    let state = HttpState { gateway: gateway.clone(), rates: Arc::new(Rates::new(per_second)) };
    // The handlers check roles too; this comes before a body is read and knows no exception.
    let authorize = axum::middleware::from_fn_with_state(gateway.clone(), auth::authorize);
    own_router()
        .with_state(state)
        .merge(operate::router().route_layer(authorize).with_state(gateway.clone()))
        .merge(pages::router(gateway))
        .fallback(fallback::not_found)
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .layer(axum::middleware::from_fn(fallback::catch_panic))
}

/// What the routes for callers share.
#[derive(Clone)]
struct HttpState {
    gateway: Arc<Gateway>,
    rates: Arc<Rates>,
}

impl HttpState {
    /// Counts a request of this caller, or says how many seconds to wait. The admin socket is not
    /// counted: whoever has it could change the bound.
    fn take_turn(&self, caller: &Caller) -> Result<(), u32> {
        match &caller.key {
            None => Ok(()),
            Some(key) => self.rates.take(&key.id, self.gateway.clock.now().mono),
        }
    }
}

impl FromRef<HttpState> for Arc<Gateway> {
    fn from_ref(state: &HttpState) -> Self {
        state.gateway.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_the_routes_mean_them() {
        let everyone = [None, Some(Role::Ingest), Some(Role::Operator), Some(Role::Admin)];
        for (least, admitted) in [
            (None, [true; 4]),
            (Some(Role::Ingest), [false, true, false, true]),
            (Some(Role::Operator), [false, false, true, true]),
            (Some(Role::Admin), [false, false, false, true]),
        ] {
            let route = RouteInfo::new("GET", "/", least);
            assert_eq!(everyone.map(|caller| route.admits(caller)), admitted, "{least:?}");
        }
    }
}
