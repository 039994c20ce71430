//! Who calls.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use holdfast_model::access::{AccessKey, Role};

use super::error::ApiError;
use super::{RouteInfo, routes};
use crate::directory::Snapshot;
use crate::services::Actor;
use crate::state::Gateway;

/// Marks requests that came over the admin socket, which only the owner of the data directory can
/// open. The listener puts it on every request; nothing off the network carries it.
#[derive(Debug, Clone, Copy)]
pub struct AdminSocket;

const ADMIN_SOCKET_NAME: &str = "admin-socket";

/// An authenticated caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// `None` for the admin socket.
    pub key: Option<Arc<AccessKey>>,
    pub role: Role,
}

impl Caller {
    /// The caller of a native route: by the Authorization header alone, because queries end up in
    /// logs.
    pub fn of(parts: &Parts, snapshot: &Snapshot) -> Result<Self, ApiError> {
        if parts.extensions.get::<AdminSocket>().is_some() {
            return Ok(Self { key: None, role: Role::Admin });
        }
        let presented = bearer(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        Self::with_key(presented, snapshot).ok_or_else(ApiError::unauthorized)
    }

    /// The caller who presents this text as a key. `None` if it is none, or is revoked.
    pub fn with_key(presented: &str, snapshot: &Snapshot) -> Option<Self> {
        let key = snapshot.key(presented)?.clone();
        Some(Self { role: key.role, key: Some(key) })
    }

    /// Refuses callers below `least`. Ingest keys never pass: they send, they do not operate.
    pub fn require(&self, least: Role) -> Result<(), ApiError> {
        if self.role != Role::Ingest && self.role >= least {
            return Ok(());
        }
        let (name, role) = (self.name(), self.role.as_str());
        Err(ApiError::forbidden(format!("{name} has the role {role}")).hint(format!(
            "This needs a key with the role {}.",
            least.max(Role::Operator).as_str()
        )))
    }

    /// Whether the caller may send events: ingest keys, and admins. An operator looks after
    /// deliveries and has no reason to make some.
    pub fn may_ingest(&self) -> bool {
        matches!(self.role, Role::Ingest | Role::Admin)
    }

    pub fn require_ingest(&self) -> Result<(), ApiError> {
        if self.may_ingest() {
            return Ok(());
        }
        let (name, role) = (self.name(), self.role.as_str());
        Err(ApiError::forbidden(format!("{name} has the role {role}"))
            .hint("Sending needs a key with the role ingest or admin."))
    }

    /// For the audit trail and for messages: the key's name, or `admin-socket`.
    pub fn name(&self) -> &str {
        self.key.as_ref().map_or(ADMIN_SOCKET_NAME, |key| key.id.as_str())
    }

    pub fn actor(&self) -> Actor<'_> {
        Actor(self.name())
    }
}

/// Checks the caller against the list of routes before a handler, or the body, is looked at. Laid
/// over the operators' routes; a route that is in no list is answered to nobody.
pub async fn authorize(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(route) = listed(&request) else {
        let message = "the route is not listed, so nobody may use it";
        return ApiError::new(StatusCode::FORBIDDEN, "holdfast.forbidden", message).into_response();
    };
    let Some(least) = route.least_role else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let allowed = Caller::of(&parts, &gateway.snapshot()).and_then(|caller| caller.require(least));
    match allowed {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => refused.into_response(),
    }
}

/// The line in the lists that answers this request.
pub(super) fn listed(request: &Request) -> Option<&'static RouteInfo> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    // Where there is a GET, the router answers HEAD with it.
    let method = match request.method() {
        &Method::HEAD => "GET",
        other => other.as_str(),
    };
    routes().find(|route| route.path == path && route.method == method)
}

/// The text after `Bearer`, if the header is there and has this form.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Arc<Gateway>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Self::of(parts, &Arc::<Gateway>::from_ref(state).snapshot())
    }
}

#[cfg(test)]
mod tests {
    use holdfast_model::id::KeyId;
    use holdfast_model::time::UnixMillis;

    use super::*;

    fn caller(role: Role) -> Caller {
        let key = AccessKey {
            id: KeyId::new("k").unwrap(),
            role,
            destinations: Vec::new(),
            created_at: UnixMillis(0),
            revoked_at: None,
        };
        Caller { key: Some(Arc::new(key)), role }
    }

    #[test]
    fn ingest_keys_send_and_operators_operate() {
        for (role, operates, administers, sends) in [
            (Role::Ingest, false, false, true),
            (Role::Operator, true, false, false),
            (Role::Admin, true, true, true),
        ] {
            let caller = caller(role);
            assert!(caller.require(Role::Ingest).is_ok() == operates, "{role:?}");
            assert!(caller.require(Role::Operator).is_ok() == operates, "{role:?}");
            assert!(caller.require(Role::Admin).is_ok() == administers, "{role:?}");
            assert!(caller.require_ingest().is_ok() == sends, "{role:?}");
        }
    }

    #[test]
    fn the_header_is_read_leniently() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer hfk_x").as_deref(), Some("hfk_x"));
        assert_eq!(read("bearer  hfk_x ").as_deref(), Some("hfk_x"));
        assert_eq!(read("Basic hfk_x"), None);
        assert_eq!(read("hfk_x"), None);
    }
}
