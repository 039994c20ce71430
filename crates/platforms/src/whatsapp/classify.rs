//! From a refusal to a row of the catalog: by code, and where one code stands for several causes by
//! its words. Never by HTTP status. (`whatsapp.md` §6)

use holdfast_model::fault::{Fault, PlatformCode};
use holdfast_model::redact::redact_and_cut;
use serde_json::Value;

use super::faults::CATALOG;
use crate::catalog::Entry;

/// Longest text of WhatsApp's that is kept.
const MAX_MESSAGE_CHARS: usize = 500;

/// What one refusal says. An answer's `error` and an entry of a status's `errors` have the same
/// shape.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// `None` where there is none: 0 is a code with a meaning.
    code: Option<i64>,
    subcode: Option<i64>,
    /// Raw: for classifying, never for showing. Titles in it are to go away.
    message: String,
    /// Raw. What a program may branch on besides the code.
    details: String,
    is_transient: bool,
    trace_id: Option<String>,
}

/// Codes that stand for several causes, and the words that tell them apart, first match first.
const BY_WORDS: [(i64, &[(&str, &str)]); 3] = [
    (
        190,
        &[
            ("could not be decrypted", "whatsapp.token_damaged"),
            ("cannot parse access token", "whatsapp.not_a_token"),
            ("malformed access token", "whatsapp.not_a_token"),
            ("debug only access token", "whatsapp.not_a_token"),
            ("session key", "whatsapp.not_a_token"),
            ("access token signature", "whatsapp.app_invalid"),
            ("error validating application", "whatsapp.app_invalid"),
            ("invalid application id", "whatsapp.app_invalid"),
        ],
    ),
    (
        200,
        &[
            ("provide valid app id", "whatsapp.no_token_seen"),
            ("api access blocked", "whatsapp.api_blocked"),
        ],
    ),
    (
        100,
        &[
            ("appsecret_proof", "whatsapp.proof_refused"),
            ("unsupported post request", "whatsapp.asset_missing"),
            ("unsupported get request", "whatsapp.asset_missing"),
        ],
    ),
];

/// What such a code means where the words tell nothing.
const OTHERWISE: [(i64, &str); 3] = [
    (190, "whatsapp.token_refused"),
    (200, "whatsapp.permission_missing"),
    (100, "whatsapp.parameter_invalid"),
];

/// An unknown code never means that a token is dead.
pub fn classify(refusal: &Refusal) -> &'static Entry {
    let unknown = || {
        let is_passing = refusal.is_transient;
        CATALOG.row(if is_passing { "whatsapp.server_error" } else { "whatsapp.unknown_code" })
    };
    let Some(code) = refusal.platform_code() else { return unknown() };
    if let Some(row) = exact(code) {
        return row;
    }
    if let Some(name) = refusal.by_words(code.code) {
        return CATALOG.row(name);
    }
    CATALOG.by_code(code).first().copied().unwrap_or_else(unknown)
}

/// A subcode that has a row of its own.
fn exact(code: PlatformCode) -> Option<&'static Entry> {
    code.subcode?;
    CATALOG.entries().find(|entry| entry.codes.contains(&code))
}

impl Refusal {
    /// Reads an `error`, or one of `errors`. What is missing or has another type counts as absent.
    pub fn read(error: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            code: number(&error["code"]),
            subcode: number(&error["error_subcode"]),
            message: text(&error["message"]),
            details: text(&error["error_data"]["details"]),
            is_transient: error["is_transient"] == true,
            trace_id: error["fbtrace_id"].as_str().map(|id| redact_and_cut(id, 100)),
        }
    }

    /// The fault of a row with what was said.
    pub fn fault(&self) -> Fault {
        Fault {
            code: self.platform_code(),
            platform_message: self.shown(),
            trace_id: self.trace_id.clone(),
            ..classify(self).fault()
        }
    }

    fn platform_code(&self) -> Option<PlatformCode> {
        self.code.map(|code| PlatformCode { code, subcode: self.subcode })
    }

    fn by_words(&self, code: i64) -> Option<&'static str> {
        let (_, shapes) = BY_WORDS.iter().find(|(of, _)| *of == code)?;
        let said = shapes.iter().find_map(|(words, name)| self.says(words).then_some(*name));
        said.or_else(|| OTHERWISE.iter().find_map(|(of, name)| (*of == code).then_some(*name)))
    }

    fn says(&self, lower_case: &str) -> bool {
        [&self.message, &self.details].iter().any(|text| text.to_lowercase().contains(lower_case))
    }

    /// WhatsApp's words, masked and cut.
    fn shown(&self) -> String {
        let words = match self.details.as_str() {
            "" => self.message.clone(),
            details if self.message.contains(details) => self.message.clone(),
            details => format!("{}: {details}", self.message),
        };
        redact_and_cut(words.trim(), MAX_MESSAGE_CHARS)
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_code_belongs_to_one_row_or_is_told_apart_by_words() {
        for entry in CATALOG.entries() {
            for code in entry.codes {
                let rows = CATALOG.by_code(*code).len();
                let has_words = BY_WORDS.iter().any(|(of, _)| *of == code.code);
                assert!(rows == 1 || has_words, "{code} stands in {rows} rows");
            }
        }
        let shapes = BY_WORDS.iter().flat_map(|(_, shapes)| shapes.iter().map(|(_, name)| name));
        for name in shapes.chain(OTHERWISE.iter().map(|(_, name)| name)) {
            CATALOG.row(name);
        }
    }

    #[test]
    fn a_missing_code_is_not_code_zero() {
        let nothing = Refusal::read(&json!({ "message": "something" }));
        assert_eq!(classify(&nothing).name, "whatsapp.unknown_code");
        let zero = Refusal::read(&json!({ "message": "AuthException", "code": 0 }));
        assert_eq!(classify(&zero).name, "whatsapp.token_refused");
    }

    #[test]
    fn what_is_said_is_masked() {
        let token = format!("EAA{}", "Bc3".repeat(60));
        let details = format!("Malformed access token {token}");
        let error = json!({ "code": 190, "message": "x", "error_data": { "details": details } });
        let fault = Refusal::read(&error).fault();
        assert_eq!(fault.name, "whatsapp.not_a_token");
        assert!(!fault.platform_message.contains(&token[..20]), "{}", fault.platform_message);
    }
}
