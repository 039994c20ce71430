//! Signing in and out with a browser.
//!
//! * `sign_in`, `sign_out`: the routes. `attempts`: how often somebody may guess.
//! * `guard`: which session a request belongs to, and whether it may. `form`: forms that carry what
//!   only our own pages know. `cookie`: how a session travels.
//!
//! Sessions open pages and nothing else: the routes under `/v1` know keys in headers alone, so no
//! page of somebody else's can make a browser call them.

mod attempts;
mod cookie;
mod form;
mod guard;
mod sign_in;
mod sign_out;

use axum::Router;
use axum::routing::{get, post};
use holdfast_model::access::Role;

pub use attempts::Attempts;
pub use form::SignedForm;
pub use guard::{SessionCaller, guard, session_of};

use super::RouteInfo;
use super::pages::Web;

pub const ROUTES: &[RouteInfo] = &[
    RouteInfo::page("GET", "/sign-in", None),
    RouteInfo::page("POST", "/sign-in", None),
    RouteInfo::page("POST", "/sign-out", Some(Role::Operator)),
    RouteInfo::page("GET", "/pages.css", None),
];

pub fn router() -> Router<Web> {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::post))
        .route("/sign-out", post(sign_out::post))
}
