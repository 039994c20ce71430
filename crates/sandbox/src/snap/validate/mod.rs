//! What Snap refuses (`snap-conversions.md §2, §3, §4, §7`).
//!
//! What the documentation lists as a cause of INVALID is refused: a missing field, a purchase
//! without value or currency, a hashed IP address, a time out of range, identifiers that are not
//! hashed, too little identity. So is a field of another type than the API's description has.
//! What only is unusual (an unknown key, an event name off the list) is a warning.
//!
//! * `fields`: types of fields, and whether a value fits.
//! * `v3`, `v2`: the rules of each version.

mod fields;
pub mod v2;
pub mod v3;

pub use v2::asset_of as asset_of_v2;

use serde_json::{Map, Value};

/// Most events of a request.
pub const MAX_EVENTS: usize = 2_000;

/// The code of an event that a step of the timeline poisoned.
pub const POISONED: &str = "599";

/// No usable identity: the one code that was seen with its meaning. All others here are made up.
const NO_IDENTITY: &str = "507";
const MISSING: &str = "501";
const WRONG_TYPE: &str = "502";
const OUT_OF_TIME: &str = "503";
const NO_IP: &str = "504";
const NOT_HASHED: &str = "505";
const NO_VALUE: &str = "506";
const OFF_THE_LIST: &str = "508";
const OTHER_ASSET: &str = "509";

/// The bound on future times is not known; this much is a clock that is a little off.
const FUTURE_S: i64 = 600;

const DAY_S: i64 = 86_400;

/// One thing that is wrong with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: String,
    pub message: String,
}

impl Fault {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// For a code that somebody asks for.
    pub fn of_code(code: i64) -> Self {
        let code = code.to_string();
        let message = if code == NO_IDENTITY { INSUFFICIENT } else { "the event is not valid" };
        Self { message: message.to_owned(), code }
    }
}

/// The documentation's words for too little identity.
const INSUFFICIENT: &str = "Insufficient PII";

/// All that was found in an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    pub errors: Vec<Fault>,
    pub warnings: Vec<String>,
}

impl Findings {
    fn error(&mut self, code: &str, message: impl Into<String>) {
        self.errors.push(Fault::new(code, message));
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(message.into());
    }

    /// `time_s` must not lie further back than so many days.
    fn check_time(&mut self, time_s: i64, days: i64, now: i64) {
        if time_s < now - days * DAY_S || time_s > now + FUTURE_S {
            let message = format!("the timestamp is out of range: expected the last {days} days");
            self.error(OUT_OF_TIME, message);
        }
    }
}

/// A value that is there: null is nothing.
fn given<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

fn text_at<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    given(object, key).and_then(Value::as_str).filter(|text| !text.is_empty())
}
