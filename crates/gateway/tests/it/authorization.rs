//! Every route with every kind of caller, and a ratchet for routes that nobody listed.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use holdfast_gateway::{RouteInfo, router, routes};
use holdfast_model::access::Role;
use serde_json::json;
use tower::ServiceExt as _;

use crate::harness::Harness;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A path of the route with something plausible in the place of its parameters.
fn example(path: &str) -> String {
    path.replace("{version}", "v25.0")
        .replace("{platform}", "meta")
        .replace("{fault}", "190")
        .replace("{subcode}", "463")
        .replace("{asset}", "1")
        .replace("{id}", "nothing")
}

#[tokio::test]
async fn every_route_admits_exactly_whom_it_says() {
    let harness = Harness::start().await;
    let mut callers = vec![("nobody", None, None), ("a made-up key", Some("hfk_x".into()), None)];
    for role in [Role::Ingest, Role::Operator, Role::Admin] {
        let text = harness.key(role.as_str(), role, &[]).await.expose().to_owned();
        callers.push((role.as_str(), Some(text), Some(role)));
    }
    let revoked = harness.key("gone", Role::Admin, &[]).await.expose().to_owned();
    harness.revoke("gone").await;
    callers.push(("a revoked key", Some(revoked), None));

    let mut walked = 0;
    for route in routes().filter(|route| !route.is_page) {
        for (name, key, role) in &callers {
            let path = example(route.path);
            let answer = harness.call(route.method, &path, key.as_deref(), &json!({})).await;
            let refused_as = match role {
                None => 401,
                Some(_) => 403,
            };
            let what =
                format!("{} {path} by {name}: {} {:#}", route.method, answer.status, answer.body);
            if route.admits(*role) {
                assert!(!matches!(answer.status, 401 | 403 | 405 | 500), "{what}");
            } else {
                assert_eq!(answer.status, refused_as, "{what}");
                assert_eq!(
                    answer.header("www-authenticate").is_some(),
                    refused_as == 401,
                    "{what}"
                );
            }
            walked += 1;
        }
    }
    assert!(walked >= 150, "only {walked} calls");
}

/// Signs in with a key and returns what the browser would send from then on.
async fn cookie(harness: &Harness, key: &str) -> String {
    let form = format!("key={key}");
    let request = harness.request("POST", "/sign-in").body(form);
    let answer = crate::harness::read(request).await.expect(303);
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_page_admits_exactly_whose_session_it_says() {
    let harness = Harness::start().await;
    let ingest = harness.key("sender", Role::Ingest, &[]).await;
    let mut callers = vec![("nobody", None, None, None)];
    for role in [Role::Operator, Role::Admin] {
        let key = harness.key(role.as_str(), role, &[]).await;
        let cookie = cookie(&harness, key.expose()).await;
        // A key in a header opens no page, and with a session it changes nothing.
        callers.push(("a key in a header", Some(key.expose().to_owned()), None, None));
        callers.push((role.as_str(), Some(ingest.expose().to_owned()), Some(cookie), Some(role)));
    }
    let gone = harness.key("gone", Role::Admin, &[]).await;
    let dead = cookie(&harness, gone.expose()).await;
    harness.revoke("gone").await;
    callers.push(("the session of a revoked key", None, Some(dead), None));

    let mut walked = 0;
    for route in routes().filter(|route| route.is_page) {
        for (name, key, cookie, role) in &callers {
            // Signing out would end the walk.
            if route.path == "/sign-out" && role.is_some() {
                continue;
            }
            let path = example(route.path);
            let mut request = harness.request(route.method, &path);
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            if let Some(cookie) = cookie {
                request = request.header("cookie", cookie);
            }
            let answer = crate::harness::read(request).await;
            let body = answer.body.as_str().unwrap_or_default();
            let what = format!("{} {path} by {name}: {} {body}", route.method, answer.status);
            let is_admitted = route.admits(*role);
            let is_sent_to_sign_in = answer.status == 303;
            match (is_admitted, role, route.method) {
                // That is the route that tries keys, and here it was given none.
                (true, _, "POST") if route.least_role.is_none() => {
                    assert_eq!(answer.status, 401, "{what}");
                }
                // What it is refused for is that its form lacks the session's text.
                (true, _, "POST") => {
                    assert_eq!(answer.status, 403, "{what}");
                    assert!(body.contains("does not carry the text"), "{what}");
                }
                (true, ..) => assert!(matches!(answer.status, 200 | 400 | 404), "{what}"),
                (false, None, "GET") => assert!(is_sent_to_sign_in, "{what}"),
                (false, None, _) => assert_eq!(answer.status, 401, "{what}"),
                (false, Some(_), _) => {
                    assert_eq!(answer.status, 403, "{what}");
                    assert!(body.contains("needs the role"), "{what}");
                }
            }
            walked += 1;
        }
    }
    assert!(walked >= 50, "only {walked} calls");
}

#[tokio::test]
async fn a_session_opens_pages_and_nothing_else() {
    let harness = Harness::start().await;
    let key = harness.key("boss", Role::Admin, &[]).await;
    let cookie = cookie(&harness, key.expose()).await;
    for route in routes().filter(|route| !route.is_page && route.least_role.is_some()) {
        let request = harness.request(route.method, &example(route.path)).header("cookie", &cookie);
        let answer = crate::harness::read(request).await;
        assert_eq!(answer.status, 401, "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn a_key_in_the_query_of_a_native_route_is_no_key() {
    let harness = Harness::start().await;
    let admin = harness.key("boss", Role::Admin, &[]).await;
    for name in ["access_token", "key", "token"] {
        let path = format!("/v1/status?{name}={}", admin.expose());
        harness.call("GET", &path, None, &json!({})).await.expect(401);
    }
}

#[tokio::test]
async fn the_admin_socket_needs_no_key_and_is_the_owners() {
    use std::os::unix::fs::PermissionsExt as _;

    let harness = Harness::start().await;
    let socket = &harness.running.admin_socket;
    let mode = std::fs::metadata(socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    #[allow(clippy::disallowed_methods, reason = "this client talks to the gateway under test")]
    let http = reqwest::Client::builder().unix_socket(socket.as_path()).build().unwrap();
    let answer = http.get("http://holdfast/v1/keys").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let audit = http.get("http://holdfast/v1/audit").send().await.unwrap();
    assert_eq!(audit.status(), 200);
}

/// The paths that the router itself knows, without those of its fallback. It shows them only to a
/// debugger; should that form change, the comparison below fails and says so.
fn paths_of(router: &axum::Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let is_fallback = |path: &str| path == "/" || path.contains("__private__axum_fallback");
    shown
        .split('"')
        .filter(|text| text.starts_with('/') && !is_fallback(text))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_router_answers_nothing_that_is_not_listed() {
    let harness = Harness::start().await;
    let router = router(harness.gateway().clone());
    let listed: Vec<RouteInfo> = routes().copied().collect();
    let listed_paths: BTreeSet<String> = listed.iter().map(|route| route.path.to_owned()).collect();
    assert_eq!(paths_of(&router), listed_paths);
    let ask = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    };
    // The root cannot be told from the fallback by its path.
    assert!(!listed_paths.contains("/"), "the root is listed now: look at it like at the others");
    assert_eq!(ask("GET", "/").await, StatusCode::NOT_FOUND);
    for path in &listed_paths {
        for method in METHODS {
            let status = ask(method, &example(path)).await;
            let answers = status != StatusCode::METHOD_NOT_ALLOWED;
            let is_listed = listed.iter().any(|r| r.path == path && r.method == method);
            assert_eq!(answers, is_listed, "{method} {path}: {status}");
        }
    }
    let pairs: BTreeSet<_> = listed.iter().map(|route| (route.method, route.path)).collect();
    assert_eq!(pairs.len(), listed.len(), "a route is listed twice");
}
