//! Harmless questions that tell whether a token works. (`snap-conversions.md` §12)

use holdfast_model::credential::CredentialKind;
use holdfast_model::wire::{HttpRequest, HttpResponse, Method};
use zeroize::Zeroizing;

use super::answer::{self, Answer, Status};
use super::classify::{classify, fault_of};
use super::request::token_query;
use super::{ADS_BASE_URL, API_VERSION, BASE_URL, OAUTH_PREFIX};
use crate::{Learned, Probe, ProbeAnswer, ProbeContext, ProbeKind, ProbeReading};

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
