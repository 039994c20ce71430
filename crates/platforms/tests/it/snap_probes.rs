//! What Snap is asked about a token, and what the answers prove, refute, and leave open.

use holdfast_model::credential::CredentialKind;
use holdfast_model::id::AssetId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use holdfast_model::wire::{HttpResponse, Method};
use holdfast_platforms::ProbeAnswer::{Proved, Refuted, Silent, Unprobeable};
use holdfast_platforms::ProbeKind::{Asset, Identity, Quality};
use holdfast_platforms::snap::{ADS_BASE_URL, BASE_URL, OAUTH_PREFIX, Snap};
use holdfast_platforms::{
    Platform, Probe, ProbeAnswer, ProbeContext, ProbeKind, ProbeReading, ProofForm, Signing,
};
use serde_json::json;

fn probes(token: &str, base_url: &str) -> Vec<Probe> {
    let token = Secret::new(token.to_owned());
    Snap.probes(&ProbeContext {
        base_url,
        api_version: None,
        signing: Signing { token: &token, app_secret: None, proof: ProofForm::Classic },
        app: None,
        asset: &AssetId::new("0a1b2c3d").unwrap(),
        now: UnixMillis(0),
    })
}

fn read(kind: ProbeKind, status: u16, body: &str) -> ProbeReading {
    let response = HttpResponse { status, headers: Vec::new(), body: body.into() };
    Snap.read_probe(kind, &response)
}

fn check(kind: ProbeKind, status: u16, body: &str, expected: ProbeAnswer) {
    assert_eq!(read(kind, status, body).answer, expected, "{kind:?} {status} {body}");
}

#[test]
fn the_statistics_are_asked_first_and_create_nothing() {
    let probes = probes("static-token", BASE_URL);
    let asked: Vec<_> = probes.iter().map(|p| (p.kind, p.request.path.as_str())).collect();
    assert_eq!(
        asked,
        [
            (Asset, "/v3/0a1b2c3d/events/validate/stats"),
            (Quality, "/v3/0a1b2c3d/events/validate/logs"),
        ]
    );
    for Probe { request, .. } in &probes {
        assert_eq!(request.method, Method::Get);
        assert_eq!(request.base_url, BASE_URL);
        assert_eq!(request.query.as_str(), "access_token=static-token");
        assert!(request.headers.is_empty() && request.body.is_empty());
    }
}

#[test]
fn only_an_oauth_token_is_asked_whom_it_belongs_to() {
    let token = format!("{OAUTH_PREFIX}{}", "x".repeat(60));
    for (base_url, expected) in
        [(BASE_URL, ADS_BASE_URL), ("https://127.0.0.1:8443", "https://127.0.0.1:8443")]
    {
        let probes = probes(&token, base_url);
        let Some(Probe { kind: Identity, request }) = probes.last() else { panic!("{probes:?}") };
        assert_eq!((request.base_url.as_str(), request.path.as_str()), (expected, "/v1/me"));
        assert!(request.query.is_empty());
        assert!(!format!("{probes:?}").contains("xxxx"));
    }
}

#[test]
fn answers_are_weighed() {
    let good = r#"{"status":"SUCCESS","stats":{"live":{"event_count_past_hour":6}}}"#;
    let me = json!({ "request_status": "SUCCESS", "me": { "id": "1" } }).to_string();
    for kind in [Asset, Quality] {
        check(kind, 200, good, Proved);
        check(kind, 200, r#"{"status":"FAILURE","reason":"Invalid access token"}"#, Refuted);
        check(kind, 200, r#"{"status":"FAILURE","reason":"later"}"#, Silent);
        check(kind, 401, "", Refuted);
        check(kind, 401, r#"{"reason":"x"}"#, Refuted);
        check(kind, 403, "", Refuted);
        check(kind, 404, "{}", Unprobeable);
        check(kind, 400, r#"{"status":"INVALID","reason":"bad id"}"#, Unprobeable);
        check(kind, 400, r#"{"status":"INVALID","reason":"invalid token"}"#, Refuted);
        check(kind, 400, "what?", Unprobeable);
    }
    check(Identity, 200, &me, Proved);
    check(Identity, 200, good, Silent);
    check(Identity, 401, "", Refuted);
    check(Identity, 403, "", Unprobeable);
    assert_eq!(read(Identity, 200, &me).learned.kind, Some(CredentialKind::SnapOauth));
    assert_eq!(read(Asset, 200, good).learned.kind, None);
}

#[test]
fn silence_and_pages_neither_prove_nor_refute() {
    for kind in [Asset, Quality, Identity] {
        for (status, body) in [
            (200, ""),
            (200, "<html>login</html>"),
            (200, "{}"),
            (200, r#"{"status":"PENDING"}"#),
            (302, r#"{"status":"SUCCESS"}"#),
            (401, "<html>proxy</html>"),
            (403, "<html>firewall</html>"),
            (404, "<html>not here</html>"),
            (429, ""),
            (500, r#"{"status":"SUCCESS"}"#),
            (503, "Invalid access token"),
        ] {
            check(kind, status, body, Silent);
        }
    }
}
