//! Harmless questions that tell whether a token works.

use holdfast_model::credential::{CredentialKind, Expiry};
use holdfast_model::fault::{FaultAction, FaultClass};
use holdfast_model::redact::redact_and_cut;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use holdfast_model::wire::{HttpRequest, HttpResponse, Method};
use serde_json::Value;
use zeroize::Zeroizing;

use super::answer::{self, Answer, ErrorAnswer};
use super::classify::{classify, entry};
use super::judge::fault_of;
use super::{DEFAULT_API_VERSION, proof};
use crate::admission::query::percent_encoded;
use crate::{Learned, Probe, ProbeAnswer, ProbeContext, ProbeKind, ProbeReading, Signing};

/// Best first: the asset itself, what even narrow tokens may read, then what Meta says of the
/// token.
pub fn probes(cx: &ProbeContext<'_>) -> Vec<Probe> {
    let asset = cx.asset.as_str();
    vec![
        Probe { kind: ProbeKind::Asset, request: get(cx, &format!("/{asset}"), "fields=id,name") },
        Probe {
            kind: ProbeKind::Quality,
            request: get(cx, "/dataset_quality", &format!("dataset_id={asset}")),
        },
        Probe { kind: ProbeKind::DebugToken, request: debug_token(cx) },
    ]
}

/// Whose the token is, which every living token may ask.
pub fn examinations(cx: &ProbeContext<'_>) -> Vec<Probe> {
    vec![Probe { kind: ProbeKind::Identity, request: get(cx, "/me", "fields=id,name") }]
}

pub(crate) fn get(cx: &ProbeContext<'_>, path: &str, query: &str) -> HttpRequest {
    let mut query = Zeroizing::new(query.to_owned());
    if let Some(parameters) = proof::parameters(&cx.signing, cx.now) {
        query.push('&');
        query.push_str(&parameters);
    }
    let bearer = Zeroizing::new(format!("Bearer {}", cx.signing.token.expose()));
    request(cx, path, query, bearer)
}

/// A question that only the app itself may ask; `None` where its secret is not known.
pub(crate) fn get_as_app(cx: &ProbeContext<'_>, path: &str, query: &str) -> Option<HttpRequest> {
    let (id, secret) = cx.app?;
    let token = Secret::new(format!("{id}|{}", secret.expose()));
    let signing = Signing { token: &token, app_secret: Some(secret), ..cx.signing };
    Some(get(&ProbeContext { signing, ..*cx }, path, query))
}

/// A list that was asked for. What `pick` makes of each row is kept.
pub(crate) fn read_list(
    response: &HttpResponse,
    pick: impl Fn(&Value) -> Vec<String>,
) -> ProbeReading {
    /// More rows than these say nothing new to a diagnosis.
    const MOST: usize = 200;
    match answer::read(response) {
        Answer::Error(error) => refusal(ProbeKind::Quality, &error),
        Answer::Other(value) if (200..300).contains(&response.status) => {
            let Some(rows) = value["data"].as_array() else {
                return reading(ProbeAnswer::Silent, Learned::default());
            };
            let listed = rows.iter().flat_map(pick).map(|name| redact_and_cut(&name, 100));
            let listed = Some(listed.take(MOST).collect());
            reading(ProbeAnswer::Proved, Learned { listed, ..Learned::default() })
        }
        _ => reading(ProbeAnswer::Silent, Learned::default()),
    }
}

/// Asked with an app token where the app is ours, else with the token itself, which works for
/// some kinds. The token under test can only be given in the query. The proof is one over the
/// caller's token, which the app may require of its own token too.
fn debug_token(cx: &ProbeContext<'_>) -> HttpRequest {
    let mut query =
        Zeroizing::new(format!("input_token={}", percent_encoded(cx.signing.token.expose())));
    let app_token =
        cx.app.map(|(id, secret)| (Secret::new(format!("{id}|{}", secret.expose())), secret));
    let caller = match &app_token {
        Some((token, secret)) => Signing { token, app_secret: Some(secret), ..cx.signing },
        None => cx.signing,
    };
    if let Some(parameters) = proof::parameters(&caller, cx.now) {
        query.push('&');
        query.push_str(&parameters);
    }
    let bearer = Zeroizing::new(format!("Bearer {}", caller.token.expose()));
    request(cx, "/debug_token", query, bearer)
}

fn request(
    cx: &ProbeContext<'_>,
    path: &str,
    query: Zeroizing<String>,
    authorization: Zeroizing<String>,
) -> HttpRequest {
    let version = cx.api_version.unwrap_or(DEFAULT_API_VERSION);
    HttpRequest {
        method: Method::Get,
        base_url: cx.base_url.to_owned(),
        path: format!("/{version}{path}"),
        query,
        headers: vec![("authorization", authorization)],
        body: Vec::new(),
    }
}

pub fn read(kind: ProbeKind, response: &HttpResponse) -> ProbeReading {
    match answer::read(response) {
        Answer::Error(error) => refusal(kind, &error),
        // A page of a proxy's may be JSON too. What it says of itself proves and refutes nothing.
        _ if !(200..300).contains(&response.status) => {
            reading(ProbeAnswer::Silent, Learned::default())
        }
        Answer::Other(value) if kind == ProbeKind::DebugToken => debugged(&value),
        Answer::Other(value) if is_what_was_asked(kind, &value) => {
            reading(ProbeAnswer::Proved, Learned::default())
        }
        _ => reading(ProbeAnswer::Silent, Learned::default()),
    }
}

fn is_what_was_asked(kind: ProbeKind, value: &Value) -> bool {
    if !value["error"].is_null() {
        return false;
    }
    match kind {
        ProbeKind::Asset | ProbeKind::Identity => value["id"].is_string(),
        ProbeKind::Quality => value.is_object(),
        ProbeKind::DebugToken => false,
    }
}

/// What a refused read proves depends on what was refused: a token that may send events may still
/// be refused reads.
fn refusal(kind: ProbeKind, error: &ErrorAnswer) -> ProbeReading {
    let row = classify(error);
    let answer = match (row.action, row.class) {
        (FaultAction::Hold, FaultClass::Credential) => credential_refusal(kind, row.name),
        (FaultAction::Hold, FaultClass::App) if kind != ProbeKind::DebugToken => {
            ProbeAnswer::Refuted
        }
        (FaultAction::Hold, FaultClass::Policy) => ProbeAnswer::Silent,
        (FaultAction::Hold, _) => ProbeAnswer::Unprobeable,
        (FaultAction::DeadLetter | FaultAction::Note, _) => ProbeAnswer::Unprobeable,
        _ => ProbeAnswer::Silent,
    };
    let mut reading = reading(answer, Learned::default());
    reading.fault = Some(fault_of(row, error));
    reading
}

/// A `debug_token` call that is refused as a whole judges its caller, which may be another token.
/// A checkpoint judges the person, not the token.
fn credential_refusal(kind: ProbeKind, name: &str) -> ProbeAnswer {
    match (kind, name) {
        (ProbeKind::DebugToken, _) => ProbeAnswer::Unprobeable,
        (_, "meta.user_checkpoint" | "meta.user_unconfirmed") => ProbeAnswer::Silent,
        _ => ProbeAnswer::Refuted,
    }
}

/// `debug_token` answers 200 even for garbage; `data.is_valid` and `data.error` decide, not the
/// clock.
fn debugged(value: &Value) -> ProbeReading {
    if !value["error"].is_null() {
        return reading(ProbeAnswer::Silent, Learned::default());
    }
    let data = &value["data"];
    let learned = learned(data);
    if data["error"].is_object() {
        let error = ErrorAnswer::read(&data["error"]);
        let row = classify(&error);
        let answer = match row.class {
            FaultClass::Credential => credential_refusal(ProbeKind::Identity, row.name),
            FaultClass::App => ProbeAnswer::Unprobeable,
            _ => ProbeAnswer::Silent,
        };
        let mut reading = reading(answer, learned);
        reading.fault = Some(fault_of(row, &error));
        return reading;
    }
    match data["is_valid"].as_bool() {
        Some(true) => reading(ProbeAnswer::Proved, learned),
        Some(false) => {
            let mut reading = reading(ProbeAnswer::Refuted, learned);
            reading.fault = Some(entry("meta.token_refused").fault());
            reading
        }
        None => reading(ProbeAnswer::Silent, learned),
    }
}

fn learned(data: &Value) -> Learned {
    /// Meta has about a hundred permissions.
    const MAX_SCOPES: usize = 256;
    let mut scopes: Vec<String> = Vec::new();
    let flat = data["scopes"].as_array().into_iter().flatten();
    let granular = data["granular_scopes"].as_array().into_iter().flatten().map(|g| &g["scope"]);
    for scope in flat.chain(granular).filter_map(Value::as_str) {
        let scope = redact_and_cut(scope, 100);
        if scopes.len() < MAX_SCOPES && !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Learned {
        kind: data["type"].as_str().map(|name| match name {
            "USER" => CredentialKind::User,
            "PAGE" => CredentialKind::Page,
            "SYSTEM_USER" => CredentialKind::SystemUser,
            "APP" => CredentialKind::App,
            _ => CredentialKind::Unknown,
        }),
        listed: None,
        app_id: data["app_id"].as_str().map(|id| redact_and_cut(id, 40)),
        expires_at: expiry(&data["expires_at"]),
        data_access_expires_at: expiry(&data["data_access_expires_at"]),
        scopes,
        subject: id(&data["user_id"]),
    }
}

/// An id as the platforms write them: a text, opaque, of bounded length. Some answers have a number.
fn id(value: &Value) -> Option<String> {
    /// App-scoped ids have 17 digits at most.
    const MAX_ID_CHARS: usize = 64;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (1..=MAX_ID_CHARS).contains(&text.len()).then_some(text)
}

/// 0 is never; a missing date is unknown, not never.
fn expiry(value: &Value) -> Expiry {
    match value.as_i64() {
        Some(0) => Expiry::Never,
        Some(at) if at > 0 => Expiry::At(UnixSeconds(at)),
        _ => Expiry::Unknown,
    }
}

fn reading(answer: ProbeAnswer, learned: Learned) -> ProbeReading {
    ProbeReading { answer, fault: None, learned }
}
