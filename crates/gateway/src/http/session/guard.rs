//! Which session a request belongs to, and whether it may do what it asks for.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::cookie;
use crate::http::auth::listed;
use crate::http::pages::{Frame, Problem, Web, came_from_us, problem, see_other};
use crate::services::ServiceError;
use crate::services::sessions::{self, Session};
use crate::state::Gateway;

/// Looks at every request for a page before its handler does. A route that is in no list is
/// answered to nobody.
pub async fn guard(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let gateway = &web.gateway;
    let frame = Frame::default;
    let Some(route) = listed(&request) else {
        let words = "the route is not listed, so nobody may use it";
        return problem(gateway, (StatusCode::FORBIDDEN, Problem::new(frame(), "No", words)));
    };
    let (method, headers) = (request.method().clone(), request.headers());
    if !came_from_us(&method, headers, &gateway.settings.public_url()) {
        let words = "this form was sent by a page of another site";
        let refused = Problem::new(frame(), "Not accepted", words)
            .hint("Nothing was changed. Open Holdfast's own page and send it from there.");
        return problem(gateway, (StatusCode::FORBIDDEN, refused));
    }
    let Some(least) = route.least_role else { return next.run(request).await };
    let session = match session_of(gateway, headers).await {
        Ok(session) => session,
        Err(error) => return problem(gateway, Problem::of_service(frame(), &error)),
    };
    match session {
        None => nobody(gateway, &method, request.uri().path()),
        Some(session) if !route.admits(Some(session.role)) => {
            let words = format!(
                "{} has the role {}, and this needs the role {}",
                session.name,
                session.role.as_str(),
                least.as_str()
            );
            let refused = Problem::new(Frame::from(&session), "Not allowed", &words)
                .onward("/connect", "Back to the credentials");
            problem(gateway, (StatusCode::FORBIDDEN, refused))
        }
        Some(session) => {
            request.extensions_mut().insert(SessionCaller(Arc::new(session)));
            next.run(request).await
        }
    }
}

/// The living session that a request carries.
pub async fn session_of(
    gateway: &Gateway,
    headers: &HeaderMap,
) -> Result<Option<Session>, ServiceError> {
    match cookie::read(headers, is_secure(gateway)) {
        Some(text) => sessions::find(gateway, &text).await,
        None => Ok(None),
    }
}

/// Whether browsers reach us with TLS.
pub fn is_secure(gateway: &Gateway) -> bool {
    gateway.settings.public_url().starts_with("https://")
}

fn nobody(gateway: &Gateway, method: &Method, path: &str) -> Response {
    if method == Method::GET {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("next", path);
        return see_other(gateway, &format!("/sign-in?{}", query.finish()));
    }
    let refused = Problem::new(Frame::default(), "You are signed out", "your session has ended")
        .hint("Nothing was changed. Sign in and do it again.")
        .onward("/sign-in", "Sign in");
    problem(gateway, (StatusCode::UNAUTHORIZED, refused))
}

/// The person who asks. Only routes behind the guard have one.
#[derive(Debug, Clone)]
pub struct SessionCaller(pub Arc<Session>);

impl<S: Send + Sync> FromRequestParts<S> for SessionCaller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::UNAUTHORIZED)
    }
}
