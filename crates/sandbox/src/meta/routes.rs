//! Which path is what.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use super::answer::GraphError;
use super::{
    debug_token, dialog, events, instagram, mint, oauth, permissions, reads, subscriptions,
    system_users, whatsapp,
};
use crate::handle::SandboxHandle;
use crate::timeline::{Endpoint, Target};

/// Larger than a request of 1,000 events ever is.
const MAX_BODY_BYTES: usize = 32 << 20;

pub fn router(sandbox: &SandboxHandle) -> Router<SandboxHandle> {
    // Without a version the platform takes the oldest that lives. The Conversions API alone
    // insists on one.
    let both = Router::new()
        .route("/debug_token", get(debug_token::get).post(debug_token::get))
        .route("/oauth/access_token", get(oauth::access_token).post(oauth::access_token))
        .route("/oauth/revoke", get(oauth::revoke).post(oauth::revoke))
        .route("/oauth/client_code", get(oauth::client_code))
        .route("/dialog/oauth", get(dialog::get).post(dialog::post))
        .route("/refresh_access_token", get(instagram::refresh))
        .route("/access_token", get(instagram::exchange))
        .route("/app", get(reads::app))
        .route("/me", get(reads::me))
        .route("/me/accounts", get(reads::accounts))
        .route("/me/businesses", get(system_users::businesses))
        .route("/me/permissions", get(permissions::list).delete(permissions::remove_own))
        .route("/me/permissions/{permission}", axum::routing::delete(permissions::remove_one_own));
    let versioned = both
        .clone()
        .route("/dataset_quality", get(reads::dataset_quality))
        .route("/{node}", get(reads::node))
        .route("/{node}/events", post(events::post))
        .route("/{node}/stats", get(reads::stats))
        .route("/{node}/subscriptions", get(subscriptions::list))
        .route("/{node}/phone_numbers", get(whatsapp::phone_numbers))
        .route("/{node}/subscribed_apps", get(whatsapp::subscribed_apps))
        .route("/{node}/permissions", get(permissions::list_of).delete(permissions::remove_all))
        .route("/{node}/permissions/{permission}", axum::routing::delete(permissions::remove_one))
        .route("/{node}/access_tokens", post(mint::post).delete(mint::delete))
        .route("/{node}/system_users", get(system_users::list).post(system_users::create))
        .route("/{node}/applications", post(system_users::install))
        .route("/{node}/system_user_access_tokens", post(system_users::client_token));
    both.nest("/{version}", versioned)
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_path)
        .layer(middleware::from_fn_with_state(sandbox.clone(), check_version))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// What a request is for. Looks at the path alone, save for the one read that names its asset in
/// the query.
pub fn target(method: &Method, uri: &Uri) -> Target {
    let mut segments: Vec<&str> = uri.path().split('/').skip(1).collect();
    if segments.first().is_some_and(|first| version_of(first).is_some()) {
        segments.remove(0);
    }
    let (endpoint, asset) = match segments[..] {
        [asset, "events"] => (Endpoint::Events, Some(asset)),
        ["debug_token"] => (Endpoint::Debug, None),
        ["oauth" | "dialog" | "refresh_access_token" | "access_token", ..]
        | [_, "access_tokens" | "system_user_access_tokens"] => (Endpoint::Tokens, None),
        [_, "permissions", ..] if method == Method::DELETE => (Endpoint::Tokens, None),
        ["dataset_quality"] => (Endpoint::Reads, None),
        [node, ..] => (Endpoint::Reads, Some(node)),
        [] => (Endpoint::Reads, None),
    };
    let in_query = || {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut named = pairs.filter(|(key, _)| key == "dataset_id");
        named.next().map(|(_, value)| value.into_owned())
    };
    let is_quality = segments[..] == ["dataset_quality"];
    let asset = if is_quality { in_query() } else { asset.map(str::to_owned) };
    Target { endpoint, asset }
}

/// 25 of `v25.0`.
fn version_of(segment: &str) -> Option<u32> {
    let (major, minor) = segment.strip_prefix('v')?.split_once('.')?;
    minor.parse::<u32>().ok()?;
    major.parse().ok()
}

/// What may be called without a version.
const WITHOUT_VERSION: [&str; 7] =
    ["debug_token", "oauth", "dialog", "app", "me", "refresh_access_token", "access_token"];

async fn check_version(
    State(sandbox): State<SandboxHandle>,
    request: Request,
    next: Next,
) -> Response {
    let first = request.uri().path().split('/').nth(1).unwrap_or_default();
    match version_of(first) {
        Some(version) if version < sandbox.world().meta.oldest_version => {
            let message = "(#2635) You are calling a deprecated version of the Ads API. Please \
                           update to the latest version.";
            let error = GraphError::bad_request(2635, None, message);
            error.response(&sandbox.world().trace_id())
        }
        None if !WITHOUT_VERSION.contains(&first) => unknown(&sandbox, request.uri()),
        _ => next.run(request).await,
    }
}

async fn unknown_path(State(sandbox): State<SandboxHandle>, uri: Uri) -> Response {
    unknown(&sandbox, &uri)
}

fn unknown(sandbox: &SandboxHandle, uri: &Uri) -> Response {
    let message = format!("Unknown path components: {}", uri.path());
    GraphError::bad_request(2500, None, message).response(&sandbox.world().trace_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_is_for_shows_in_its_path() {
        for (method, uri, endpoint, asset) in [
            ("POST", "/v25.0/12/events", Endpoint::Events, Some("12")),
            ("GET", "/v25.0/12?fields=id", Endpoint::Reads, Some("12")),
            ("GET", "/v25.0/12/stats", Endpoint::Reads, Some("12")),
            ("GET", "/v25.0/dataset_quality?x=1&dataset_id=12", Endpoint::Reads, Some("12")),
            ("GET", "/v25.0/debug_token", Endpoint::Debug, None),
            ("GET", "/debug_token", Endpoint::Debug, None),
            ("POST", "/oauth/access_token", Endpoint::Tokens, None),
            ("GET", "/v25.0/oauth/revoke", Endpoint::Tokens, None),
            ("POST", "/v25.0/122/access_tokens", Endpoint::Tokens, None),
            ("DELETE", "/v25.0/me/permissions", Endpoint::Tokens, None),
            ("GET", "/v25.0/me/permissions", Endpoint::Reads, Some("me")),
        ] {
            let method: Method = method.parse().unwrap();
            let found = target(&method, &uri.parse().unwrap());
            let expected = Target { endpoint, asset: asset.map(str::to_owned) };
            assert_eq!(found, expected, "{method} {uri}");
        }
    }
}
