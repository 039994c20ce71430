//! Reading Meta's answers, whatever they look like.

use holdfast_model::fault::PlatformCode;
use holdfast_model::redact::redact_and_cut;
use holdfast_model::wire::HttpResponse;
use serde_json::Value;

/// Longest text of Meta's that is kept.
const MAX_MESSAGE_CHARS: usize = 500;

/// What an answer is, before anyone asks what it means.
#[derive(Debug)]
pub enum Answer {
    Received {
        events: u64,
        messages: Vec<String>,
        trace_id: Option<String>,
    },
    Error(ErrorAnswer),
    /// JSON of another shape: for probes.
    Other(Value),
    /// No JSON at all: an HTML page, an empty body.
    Unreadable,
}

#[derive(Debug, Clone, Default)]
pub struct ErrorAnswer {
    pub code: i64,
    pub subcode: Option<i64>,
    /// Raw: for classifying, never for showing.
    message: String,
    title: String,
    user_message: String,
    pub is_transient: bool,
    /// Meta says in so many words that it is not transient. Most answers say neither.
    pub is_final: bool,
    pub trace_id: Option<String>,
}

pub fn read(response: &HttpResponse) -> Answer {
    let Ok(value) = serde_json::from_slice::<Value>(&response.body) else {
        return Answer::Unreadable;
    };
    if let Some(error) = value.get("error").filter(|error| error.is_object()) {
        return Answer::Error(ErrorAnswer::read(error));
    }
    match value.get("events_received").and_then(Value::as_u64) {
        Some(events) => Answer::Received {
            events,
            messages: remarks(&value),
            trace_id: text(&value, "fbtrace_id").map(|id| redact_and_cut(&id, 100)),
        },
        None => Answer::Other(value),
    }
}

impl ErrorAnswer {
    pub fn read(error: &Value) -> Self {
        Self {
            code: number(&error["code"]).unwrap_or(0),
            // `debug_token` calls it `subcode`.
            subcode: number(&error["error_subcode"]).or_else(|| number(&error["subcode"])),
            message: text(error, "message").unwrap_or_default(),
            title: text(error, "error_user_title").unwrap_or_default(),
            user_message: text(error, "error_user_msg").unwrap_or_default(),
            is_transient: error["is_transient"] == true,
            is_final: error["is_transient"] == false,
            trace_id: text(error, "fbtrace_id").map(|id| redact_and_cut(&id, 100)),
        }
    }

    pub fn code(&self) -> PlatformCode {
        PlatformCode { code: self.code, subcode: self.subcode }
    }

    /// Whether Meta's (never localized) message has this in it, without regard to case.
    pub fn says(&self, lower_case: &str) -> bool {
        self.message.to_lowercase().contains(lower_case)
    }

    /// Meta's words, masked and cut: message first, then what it would show a person.
    pub fn shown(&self) -> String {
        let mut words = vec![self.message.as_str()];
        for more in [self.title.as_str(), self.user_message.as_str()] {
            if !more.is_empty() && !words.contains(&more) {
                words.push(more);
            }
        }
        redact_and_cut(words.join(": ").trim(), MAX_MESSAGE_CHARS)
    }

    /// The position in `data` that the answer names. The path itself is not translated, so the
    /// localized texts may be searched for it too.
    pub fn index(&self) -> Option<u32> {
        [&self.message, &self.title, &self.user_message].into_iter().find_map(|text| index_in(text))
    }
}

fn index_in(text: &str) -> Option<u32> {
    const PATH: [&str; 2] = ["$['data'][", "$[\"data\"]["];
    PATH.iter().find_map(|path| {
        let rest = &text[text.find(path)? + path.len()..];
        rest[..rest.find(']')?].parse().ok()
    })
}

fn remarks(value: &Value) -> Vec<String> {
    /// More remarks than these say nothing new.
    const MOST: usize = 5;
    let messages = value["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let shown = messages.iter().take(MOST).map(|message| match message.as_str() {
        Some(text) => redact_and_cut(text, MAX_MESSAGE_CHARS),
        None => redact_and_cut(&message.to_string(), MAX_MESSAGE_CHARS),
    });
    shown.collect()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

/// Meta writes codes as numbers; proxies of it have been seen to write texts.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
