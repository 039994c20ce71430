//! Harmless questions that tell whether a token works. (`snap-conversions.md` §12)

use holdfast_model::credential::CredentialKind;
use holdfast_model::wire::{HttpRequest, HttpResponse, Method};
use zeroize::Zeroizing;

use super::answer::{self, Answer, Status};
use super::classify::{classify, fault_of};
use super::request::token_query;
use super::{ADS_BASE_URL, API_VERSION, BASE_URL, OAUTH_PREFIX};
use crate::{Learned, Probe, ProbeAnswer, ProbeContext, ProbeKind, ProbeReading, Way};

/// Best first: the statistics of the asset, which create nothing and take tokens of both kinds; the
/// log of test events, with the same rights; and for OAuth tokens whom they belong to. A static
/// token is never sent to the Ads API, which is said to reject every one of them.
pub fn probes(cx: &ProbeContext<'_>) -> Vec<Probe> {
    let mut probes = vec![
        Probe { kind: ProbeKind::Asset, request: get(cx, "stats") },
        Probe { kind: ProbeKind::Quality, request: get(cx, "logs") },
    ];
    if cx.signing.token.expose().starts_with(OAUTH_PREFIX) {
        probes.push(Probe { kind: ProbeKind::Identity, request: me(cx) });
    }
    probes
}

fn get(cx: &ProbeContext<'_>, what: &str) -> HttpRequest {
    let version = cx.api_version.unwrap_or(API_VERSION);
    HttpRequest {
        method: Method::Get,
        base_url: cx.base_url.to_owned(),
        path: format!("/{version}/{}/events/validate/{what}", cx.asset),
        query: token_query(cx.signing.token),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// Both transports in both versions. Which of the four Snap takes is documented for two of them;
/// the others are tried because clients do. (`snap-conversions.md` §1)
pub fn ways(cx: &ProbeContext<'_>) -> Vec<Way> {
    let (v3, v2) =
        (format!("/v3/{}/events/validate/stats", cx.asset), "/v2/conversion/validate/stats");
    let asset = Zeroizing::new(format!("asset_id={}", cx.asset));
    let token = token_query(cx.signing.token);
    let both = Zeroizing::new(format!("{}&{}", asset.as_str(), token.as_str()));
    let none = Zeroizing::new(String::new());
    [
        ("v3", "query", v3.as_str(), token, false),
        ("v3", "bearer", v3.as_str(), none, true),
        ("v2", "bearer", v2, asset, true),
        ("v2", "query", v2, both, false),
    ]
    .into_iter()
    .map(|(api_version, transport, path, query, is_bearer)| {
        let bearer = Zeroizing::new(format!("Bearer {}", cx.signing.token.expose()));
        let request = HttpRequest {
            method: Method::Get,
            base_url: cx.base_url.to_owned(),
            path: path.to_owned(),
            query,
            headers: if is_bearer { vec![("authorization", bearer)] } else { Vec::new() },
            body: Vec::new(),
        };
        Way { transport, api_version, probe: Probe { kind: ProbeKind::Asset, request } }
    })
    .collect()
}

/// Asked of Snap's other fixed host. Where the configuration names another one for Snap, tokens go
/// nowhere but there.
fn me(cx: &ProbeContext<'_>) -> HttpRequest {
    let base_url = if cx.base_url == BASE_URL { ADS_BASE_URL } else { cx.base_url };
    let bearer = Zeroizing::new(format!("Bearer {}", cx.signing.token.expose()));
    HttpRequest {
        method: Method::Get,
        base_url: base_url.to_owned(),
        path: "/v1/me".to_owned(),
        query: Zeroizing::new(String::new()),
        headers: vec![("authorization", bearer)],
        body: Vec::new(),
    }
}

pub fn read(kind: ProbeKind, response: &HttpResponse) -> ProbeReading {
    let answer = answer::read(response);
    if is_what_was_asked(kind, response, &answer) {
        return proved(kind);
    }
    let row = classify(response, &answer);
    let refutes = match row.name {
        // That a token belongs to someone says nothing about this asset, nor does the contrary.
        "snap.forbidden" if kind == ProbeKind::Identity => ProbeAnswer::Unprobeable,
        "snap.token_refused" | "snap.oauth_expired" | "snap.forbidden" => ProbeAnswer::Refuted,
        "snap.asset_unknown" => ProbeAnswer::Unprobeable,
        _ if response.status == 400 => ProbeAnswer::Unprobeable,
        _ => ProbeAnswer::Silent,
    };
    ProbeReading {
        answer: refutes,
        fault: Some(fault_of(row, response, &answer)),
        learned: Learned::default(),
    }
}

fn is_what_was_asked(kind: ProbeKind, response: &HttpResponse, answer: &Answer) -> bool {
    let Answer::Told(told) = answer else { return false };
    let is_good = (200..300).contains(&response.status) && told.status == Some(Status::Good);
    match kind {
        ProbeKind::Asset | ProbeKind::Quality => is_good,
        ProbeKind::Identity => is_good && told.names_owner,
        ProbeKind::DebugToken => false,
    }
}

fn proved(kind: ProbeKind) -> ProbeReading {
    let owner = kind == ProbeKind::Identity;
    let learned =
        Learned { kind: owner.then_some(CredentialKind::SnapOauth), ..Learned::default() };
    ProbeReading { answer: ProbeAnswer::Proved, fault: None, learned }
}
