//! What came of asking for a token.

use std::fmt;

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::redact::redact_and_cut;
use holdfast_model::secret::Secret;
use serde_json::Value;

/// A token, and what was said with it. What is missing was not said: it erases nothing.
pub struct TokenAnswer {
    pub token: Secret,
    pub expires_in_s: Option<i64>,
    pub refresh_token: Option<Secret>,
    pub scopes: Vec<String>,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer")
            .field("expires_in_s", &self.expires_in_s)
            .field("has_refresh_token", &self.refresh_token.is_some())
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Why there is no token. The words are the platform's, masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// The app, its secret or its address. Neither the token nor the grant is judged.
    #[error("the platform refuses the app: {}", words(.0))]
    App(Box<Fault>),
    /// What was to be exchanged is not accepted, for certain.
    #[error("the platform refuses the exchange: {}", words(.0))]
    Refused(Box<Fault>),
    /// No verdict. It may be asked again, where what was given is not single-use.
    #[error("the platform did not answer the question: {0}")]
    Silent(String),
}

fn words(fault: &Fault) -> &str {
    if fault.platform_message.is_empty() { &fault.summary } else { &fault.platform_message }
}

impl ExchangeError {
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::App(fault) | Self::Refused(fault) => Some(fault),
            Self::Silent(_) => None,
        }
    }

    /// What a fault of the Graph API means where a token was asked for.
    pub(super) fn of_graph(fault: Fault) -> Self {
        match told_by_words(&fault) {
            Some(Told::App) => return Self::App(Box::new(as_row(fault, "meta.app_invalid"))),
            Some(Told::Refused) => {
                return Self::Refused(Box::new(as_row(fault, "meta.exchange_refused")));
            }
            None => {}
        }
        match (fault.class, fault.action) {
            (FaultClass::App | FaultClass::Configuration, _) => Self::App(Box::new(fault)),
            (FaultClass::Throttle | FaultClass::Transient | FaultClass::Policy, _)
            | (FaultClass::Unknown, _)
            | (_, FaultAction::Retry) => {
                let code = fault.code.map_or_else(String::new, |code| format!("{code}: "));
                Self::Silent(format!("{code}{}", words(&fault)))
            }
            (FaultClass::Credential | FaultClass::Permission | FaultClass::Asset, _) => {
                Self::Refused(Box::new(fault))
            }
            // A number that deliveries have for bad events; here it is about the exchange.
            (FaultClass::Payload | FaultClass::TooOld, _) => {
                Self::Refused(Box::new(as_row(fault, "meta.exchange_refused")))
            }
        }
    }
}

/// What a refusal is about although its number, elsewhere, is about nothing or something else.
enum Told {
    App,
    Refused,
}

fn told_by_words(fault: &Fault) -> Option<Told> {
    match fault.code?.code {
        // General knowledge: Meta says of a wrong secret, with the number of unknown errors.
        1 if fault.platform_message.contains("client secret") => Some(Told::App),
        // Issuing a token: no such permission; no such token. `spec/tokens.md §4, §8.2`.
        3962 | 452 => Some(Told::Refused),
        _ => None,
    }
}

/// The platform's numbers and words under a row of the catalog.
fn as_row(fault: Fault, name: &str) -> Fault {
    let meta = holdfast_platforms::platform(holdfast_model::platform::PlatformId::Meta);
    match meta.and_then(|meta| meta.catalog().by_name(name)) {
        Some(row) => Fault {
            code: fault.code,
            platform_message: fault.platform_message,
            trace_id: fault.trace_id,
            ..row.fault()
        },
        None => fault,
    }
}

/// Longest scope and most scopes that are kept of an answer.
const MAX_SCOPE_CHARS: usize = 100;
const MAX_SCOPES: usize = 256;

/// Reads the usual fields. `None` without a token: a success without one is none.
pub(super) fn token_in(body: &[u8]) -> Option<TokenAnswer> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty());
    Some(TokenAnswer {
        token: Secret::new(text("access_token")?.to_owned()),
        expires_in_s: seconds(&value["expires_in"]),
        refresh_token: text("refresh_token").map(|text| Secret::new(text.to_owned())),
        scopes: scopes(text("scope").or(text("permissions")).unwrap_or_default()),
    })
}

/// A number, or a number as text. 0 and what is below are no lifetime.
fn seconds(value: &Value) -> Option<i64> {
    let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    number.filter(|seconds| *seconds > 0)
}

pub(super) fn scopes(text: &str) -> Vec<String> {
    text.split([' ', ','])
        .filter(|scope| !scope.is_empty())
        .take(MAX_SCOPES)
        .map(|scope| redact_and_cut(scope, MAX_SCOPE_CHARS))
        .collect()
}

pub(super) fn silent(status: u16) -> ExchangeError {
    ExchangeError::Silent(format!("HTTP {status} with nothing that can be read"))
}
