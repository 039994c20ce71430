//! Pages for people with a browser: how they look, and the headers they go out with.
//!
//! What they are about is in `session` and `connect`. They need no scripts. A page never holds a
//! token, and every text that came from elsewhere is escaped by the templates.

mod policy;
mod problem;
mod style;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

pub use policy::came_from_us;
pub use problem::{Problem, problem, spans};

use super::{connect, session};
use crate::services::sessions::Session;
use crate::state::Gateway;

/// What the routes for people share.
#[derive(Clone)]
pub struct Web {
    pub gateway: Arc<Gateway>,
    pub attempts: Arc<session::Attempts>,
}

impl axum::extract::FromRef<Web> for Arc<Gateway> {
    fn from_ref(web: &Web) -> Self {
        web.gateway.clone()
    }
}

pub fn router(gateway: Arc<Gateway>) -> Router {
    let web = Web { gateway, attempts: Arc::default() };
    let guard = axum::middleware::from_fn_with_state(web.clone(), session::guard);
    session::router()
        .merge(connect::router())
        .route("/pages.css", get(style::get))
        .route_layer(guard)
        .with_state(web)
}

/// What is around every page.
#[derive(Default)]
pub struct Frame {
    /// Whose session it is. Empty if nobody is signed in.
    pub who: String,
    pub csrf: String,
}

impl From<&Session> for Frame {
    fn from(session: &Session) -> Self {
        Self { who: session.name.clone(), csrf: session.csrf.clone() }
    }
}

/// Whether the address of a page holds something that must not be repeated to anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    Plain,
    Secret,
}

/// A page with its headers.
pub fn page(gateway: &Gateway, status: StatusCode, page: &impl Template) -> Response {
    at(gateway, status, page, Address::Plain)
}

/// The same, where the address holds a code or a link.
pub fn page_at_secret(gateway: &Gateway, status: StatusCode, page: &impl Template) -> Response {
    at(gateway, status, page, Address::Secret)
}

fn at(gateway: &Gateway, status: StatusCode, page: &impl Template, address: Address) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    let mut response = (status, headers, html).into_response();
    policy::protect(&mut response, gateway, address);
    response
}

/// Elsewhere, with a GET.
pub fn see_other(gateway: &Gateway, address: &str) -> Response {
    let Ok(location) = address.parse::<axum::http::HeaderValue>() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"))];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    response.headers_mut().insert(LOCATION, location);
    policy::protect(&mut response, gateway, Address::Secret);
    response
}
