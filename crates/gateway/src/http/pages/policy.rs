//! What browsers are told about pages, and what they tell about requests.

use axum::http::header::{
    CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use super::Address;
use crate::state::Gateway;

/// Nothing runs in a page, nothing is loaded but our style, and nobody frames it. Forms go to us,
/// and from us on to where people sign in: browsers apply the rule to redirects too.
pub fn protect(response: &mut Response, gateway: &Gateway, address: Address) {
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {}; base-uri 'none'; \
         frame-ancestors 'none'",
        form_targets(gateway)
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Without any referrer a browser says `Origin: null` of our own forms, and without TLS it says
    // nothing else of where they come from. So only addresses with a code in them go that far.
    let referrer = match address {
        Address::Plain => "same-origin",
        Address::Secret => "no-referrer",
    };
    headers.insert(REFERRER_POLICY, HeaderValue::from_static(referrer));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
}

/// The platforms' pages for people send them on between hosts of their own.
fn form_targets(gateway: &Gateway) -> String {
    let meta = match gateway.settings.meta_dialog_url() {
        "https://www.facebook.com" => "https://*.facebook.com",
        other => other,
    };
    let snap = match gateway.settings.snap_accounts_url() {
        "https://accounts.snapchat.com" => "https://*.snapchat.com",
        other => other,
    };
    if meta == snap { meta.to_owned() } else { format!("{meta} {snap}") }
}

/// Whether a request comes from a page of ours, as far as the browser says. What says nothing is no
/// browser, and has no cookies of anybody's either.
pub fn came_from_us(method: &Method, headers: &HeaderMap, public_url: &str) -> bool {
    if method == Method::GET || method == Method::HEAD {
        return true;
    }
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(&HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    match text(&ORIGIN) {
        None => true,
        Some(origin) if origin == public_url => true,
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(&HOST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_somebody_elses_is_told_from_ours() {
        let public = "https://holdfast.example.com";
        for (method, pairs, expected) in [
            ("GET", &[("sec-fetch-site", "cross-site")][..], true),
            ("POST", &[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            ("POST", &[("sec-fetch-site", "same-site")], false),
            ("POST", &[("sec-fetch-site", "cross-site")], false),
            ("POST", &[("sec-fetch-site", "none")], false),
            ("POST", &[("origin", "null")], false),
            ("POST", &[("origin", "https://holdfast.example.com")], true),
            ("POST", &[("origin", "http://127.0.0.1:1"), ("host", "127.0.0.1:1")], true),
            ("POST", &[("origin", "http://127.0.0.1:2"), ("host", "127.0.0.1:1")], false),
            ("POST", &[("origin", "https://evil.example.com"), ("host", "127.0.0.1:1")], false),
            ("POST", &[], true),
        ] {
            let headers = pairs.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            let headers: HeaderMap = headers.collect();
            let method: Method = method.parse().unwrap();
            assert_eq!(came_from_us(&method, &headers, public), expected, "{method} {pairs:?}");
        }
    }
}
