//! `/connect`: a person lets Holdfast have tokens, by agreeing at the platform.
//!
//! * `home`: what there is, and the forms to begin with. `begin`: off to the platform.
//! * `callback`: back from it. `result`: what came of it. `regrant`: asking again.

mod begin;
mod callback;
mod home;
mod regrant;
mod result;

use axum::Router;
use axum::routing::{get, post};
use holdfast_model::access::Role;

use super::RouteInfo;
use super::pages::Web;

/// The callbacks are open: who comes back may belong to a command line, or have no session any
/// more, and is told so.
pub const ROUTES: &[RouteInfo] = &[
    RouteInfo::page("GET", "/connect", Some(Role::Operator)),
    RouteInfo::page("POST", "/connect/meta", Some(Role::Admin)),
    RouteInfo::page("GET", "/connect/meta/callback", None),
    RouteInfo::page("POST", "/connect/snap", Some(Role::Admin)),
    RouteInfo::page("GET", "/connect/snap/callback", None),
    RouteInfo::page("GET", "/connect/result/{id}", Some(Role::Operator)),
    RouteInfo::page("GET", "/connect/regrant/{id}", Some(Role::Operator)),
    RouteInfo::page("POST", "/connect/regrant/{id}", Some(Role::Admin)),
];

pub fn router() -> Router<Web> {
    Router::new()
        .route("/connect", get(home::show))
        .route("/connect/meta", post(begin::meta))
        .route("/connect/meta/callback", get(callback::meta))
        .route("/connect/snap", post(begin::snap))
        .route("/connect/snap/callback", get(callback::snap))
        .route("/connect/result/{id}", get(result::show))
        .route("/connect/regrant/{id}", get(regrant::show).post(regrant::post))
}
