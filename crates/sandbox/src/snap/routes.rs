//! Which path is what.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::json;

use super::answer::json_response;
use super::turn::MAX_BODY_BYTES;
use super::{ads, oauth, send, test_events};
use crate::handle::SandboxHandle;
use crate::timeline::{Endpoint, Target};

/// Snap's versions have no minor number; Meta's have one. That tells their paths apart.
pub fn is_ours(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    matches!(first, "v1" | "v2" | "v3" | "login" | "accounts")
}

pub fn router() -> Router<SandboxHandle> {
    Router::new()
        .route("/v3/{asset}/events", post(send::events))
        .route("/v3/{asset}/events/validate", post(send::validate))
        .route("/v3/{asset}/events/validate/logs", get(test_events::logs))
        .route("/v3/{asset}/events/validate/stats", get(test_events::stats))
        .route("/v2/conversion", post(send::conversion))
        .route("/v2/conversion/validate", post(send::conversion_validate))
        .route("/v2/conversion/validate/logs", get(test_events::conversion_logs))
        .route("/v2/conversion/validate/stats", get(test_events::conversion_stats))
        .route("/login/oauth2/authorize", get(oauth::authorize).post(oauth::decide))
        .route("/login/oauth2/access_token", post(oauth::access_token))
        .route("/accounts/oauth2/auth", get(oauth::authorize).post(oauth::decide))
        .route("/accounts/oauth2/token", post(oauth::access_token))
        .route("/v1/me", get(ads::me))
        .route("/v1/me/organizations", get(ads::organizations))
        .route("/v1/adaccounts/{id}/pixels", get(ads::pixels))
        .fallback(unknown_path)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// What a request is for. Looks at the path and the query alone: a delivery of version 2 names its
/// asset in the body, and is for none here.
pub fn target(_method: &Method, uri: &Uri) -> Target {
    let segments: Vec<&str> = uri.path().split('/').skip(1).collect();
    let (endpoint, asset) = match segments[..] {
        ["v3", asset, "events"] => (Endpoint::Events, Some(asset.to_owned())),
        ["v3", asset, "events", ..] => (Endpoint::Reads, Some(asset.to_owned())),
        ["v2", "conversion"] => (Endpoint::Events, None),
        ["login" | "accounts", ..] => (Endpoint::Tokens, None),
        _ => (Endpoint::Reads, in_query(uri)),
    };
    Target { endpoint, asset }
}

fn in_query(uri: &Uri) -> Option<String> {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let mut named = pairs.filter(|(key, _)| key == "asset_id");
    named.next().map(|(_, value)| value.into_owned())
}

async fn unknown_path() -> Response {
    let body = json!({ "status": "INVALID", "reason": "Not found" });
    json_response(StatusCode::NOT_FOUND, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_is_for_shows_in_its_path() {
        for (uri, endpoint, asset) in [
            ("/v3/p/events?access_token=x", Endpoint::Events, Some("p")),
            ("/v3/p/events/validate", Endpoint::Reads, Some("p")),
            ("/v3/p/events/validate/stats", Endpoint::Reads, Some("p")),
            ("/v2/conversion", Endpoint::Events, None),
            ("/v2/conversion/validate/logs?asset_id=p", Endpoint::Reads, Some("p")),
            ("/login/oauth2/access_token", Endpoint::Tokens, None),
            ("/v1/me", Endpoint::Reads, None),
        ] {
            let found = target(&Method::POST, &uri.parse().unwrap());
            assert_eq!(found, Target { endpoint, asset: asset.map(str::to_owned) }, "{uri}");
            assert!(is_ours(uri.split('?').next().unwrap()), "{uri}");
        }
        for path in ["/v3.0/p/events", "/v25.0/me", "/me/accounts", "/oauth/access_token", "/v4/x"]
        {
            assert!(!is_ours(path), "{path}");
        }
    }
}
