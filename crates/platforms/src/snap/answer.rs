//! Reading Snap's answers, whatever they look like. (`snap-conversions.md` §7)
//!
//! Three dialects occur: that of version 3, that of version 2 with its records, and that of the Ads
//! API. What was meant is in the body; a refusal may come with status 200.

use holdfast_model::redact::redact_and_cut;
use holdfast_model::wire::HttpResponse;
use serde_json::Value;

/// Longest text of Snap's that is kept.
const MAX_MESSAGE_CHARS: usize = 500;

/// More remarks or refused events than these say nothing new.
const MAX_TEXTS: usize = 20;

/// What an answer is, before anyone asks what it means.
#[derive(Debug)]
pub enum Answer {
    Told(Told),
    /// Words that are no JSON: for showing.
    Words(String),
    /// A page for people, as proxies make them.
    Page,
}

/// A JSON object.
#[derive(Debug, Default)]
pub struct Told {
    pub status: Option<Status>,
    /// Events that the answer names, as it counts them.
    pub events: Vec<u64>,
    /// Whether the answer has records of errors.
    pub has_error_records: bool,
    /// The numbers in those records, as they count them.
    pub record_indexes: Vec<u64>,
    pub codes: Vec<String>,
    /// Raw: for classifying, never for showing.
    texts: Vec<String>,
    /// Remarks on what was taken, redacted.
    pub warnings: Vec<String>,
    /// The Ads API's answer to who owns the token.
    pub names_owner: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `VALID`, `SUCCESS`.
    Good,
    /// `INVALID`, `FAILED`, `FAILURE`, `ERROR`.
    Bad,
    /// A word that nobody has described.
    Unknown,
}

pub fn read(response: &HttpResponse) -> Answer {
    match serde_json::from_slice::<Value>(&response.body) {
        Ok(value) if value.is_object() => Answer::Told(Told::read(&value)),
        _ => words(response),
    }
}

fn words(response: &HttpResponse) -> Answer {
    let text = String::from_utf8_lossy(&response.body);
    let text = text.trim();
    let is_html = |kind: &str| kind.to_ascii_lowercase().contains("html");
    if text.starts_with('<') || response.header("content-type").is_some_and(is_html) {
        Answer::Page
    } else {
        Answer::Words(text.to_owned())
    }
}

impl Answer {
    /// Whether Snap's words have this in them, without regard to case.
    pub fn says(&self, lower_case: &str) -> bool {
        match self {
            Self::Told(told) => told.texts.iter().any(|t| t.to_lowercase().contains(lower_case)),
            Self::Words(text) => text.to_lowercase().contains(lower_case),
            Self::Page => false,
        }
    }

    /// Snap's words, masked and cut.
    pub fn shown(&self) -> String {
        let text = match self {
            Self::Told(told) => told.in_words(),
            Self::Words(text) => text.clone(),
            Self::Page => "a page instead of an answer".to_owned(),
        };
        redact_and_cut(text.trim(), MAX_MESSAGE_CHARS)
    }
}

impl Told {
    fn read(value: &Value) -> Self {
        let mut told =
            Self { status: status(value), names_owner: value["me"].is_object(), ..Self::default() };
        told.read_errors(value);
        told.events.extend(value["event"].as_u64());
        for log in list(&value["event_logs"]) {
            told.read_log(log);
        }
        for record in list(&value["error_records"]) {
            told.has_error_records = true;
            told.add_text(&record["reason"]);
            told.add_text(record);
            told.record_indexes.extend(list(&record["record_indexes"]).filter_map(Value::as_u64));
        }
        for name in ["reason", "message", "error", "error_description", "debug_message"] {
            told.add_text(&value[name]);
        }
        // The Ads API keeps its reasons one level down.
        let below = value.as_object().into_iter().flatten().filter_map(|(_, member)| {
            let first = member.as_array()?.first()?;
            Some(&first["sub_request_error_reason"])
        });
        below.for_each(|reason| told.add_text(reason));
        told.read_warnings(&value["warnings"]);
        told.read_warnings(&value["warning_records"]);
        told
    }

    fn read_log(&mut self, log: &Value) {
        self.read_warnings(&log["warnings"]);
        if status(log) == Some(Status::Bad) {
            self.read_errors(log);
            self.events.extend(log["event"].as_u64());
        }
    }

    fn read_errors(&mut self, value: &Value) {
        let errors = &value["errors"];
        let codes = list(&errors["codes"]).filter_map(|code| match code {
            Value::String(code) => Some(code.clone()),
            Value::Number(code) => Some(code.to_string()),
            _ => None,
        });
        self.codes.extend(codes.take(MAX_TEXTS));
        list(&errors["error_msgs"]).for_each(|text| self.add_text(text));
        self.add_text(errors);
    }

    fn read_warnings(&mut self, value: &Value) {
        for warning in list(value) {
            if self.warnings.len() < MAX_TEXTS {
                let text = warning.as_str().or(warning["reason"].as_str());
                let text = text.map_or_else(|| warning.to_string(), str::to_owned);
                self.warnings.push(redact_and_cut(&text, MAX_MESSAGE_CHARS));
            }
        }
    }

    fn add_text(&mut self, value: &Value) {
        let Some(text) = value.as_str().map(str::trim).filter(|text| !text.is_empty()) else {
            return;
        };
        if self.texts.len() < MAX_TEXTS && !self.texts.iter().any(|known| known == text) {
            self.texts.push(text.to_owned());
        }
    }

    /// The first code that is a number.
    pub fn code(&self) -> Option<i64> {
        self.codes.iter().find_map(|code| code.trim().parse().ok())
    }

    fn in_words(&self) -> String {
        let texts = self.texts.join(": ");
        match self.codes.as_slice() {
            [] => texts,
            codes => format!("{texts} ({})", codes.join(", ")),
        }
    }
}

/// `status`, or what the Ads API calls it.
fn status(value: &Value) -> Option<Status> {
    let word = value["status"].as_str().or(value["request_status"].as_str())?;
    Some(match word.to_ascii_uppercase().as_str() {
        "VALID" | "SUCCESS" => Status::Good,
        "INVALID" | "FAILED" | "FAILURE" | "ERROR" => Status::Bad,
        _ => Status::Unknown,
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
