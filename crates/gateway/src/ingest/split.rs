//! One JSON text into single events, each still text.
//!
//! Every event is parsed once more by the platform's admission; here only its place is found. That
//! is done by `serde_json` skipping over values, which checks the whole text on the way and costs
//! 0.6 µs for 1 KiB; counting brackets instead was measured at 0.4 µs, and accepts events out of a
//! text that is no JSON.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Map, Value};

use super::IngestError;

/// What a body holds.
#[derive(Debug, PartialEq)]
pub enum Text {
    Events(Split),
    /// NDJSON that did not say so: one complete object on its first line and more after it.
    Lines,
}

#[derive(Debug, Default, PartialEq)]
pub struct Split {
    /// The text of each event, in order.
    pub events: Vec<Bytes>,
    /// Keys beside `data`.
    pub keys: Map<String, Value>,
}

/// Most keys beside `data`, or of one event sent alone. No platform has as many.
const MAX_KEYS: usize = 512;

/// Splits a body that is one event, an array of events, or `{"data":[…]}` with keys beside it.
pub fn split(body: &Bytes, max_events: usize) -> Result<Text, IngestError> {
    let text = utf8(body)?;
    match text.bytes().next() {
        None => Err(IngestError::NoEvents),
        Some(b'[') => list(body, text, max_events),
        Some(b'{') => object(body, text, max_events),
        Some(_) => match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => Err(NOT_EVENTS),
            Err(error) => Err(malformed(&error)),
        },
    }
}

/// The elements of a JSON array, each still text.
pub fn elements(text: &str, max: usize) -> Result<Vec<&RawValue>, IngestError> {
    let mut found = Elements::at_most(max);
    let mut deserializer = Deserializer::from_str(text);
    let parsed = deserializer.deserialize_seq(&mut found).and_then(|()| deserializer.end());
    found.finish(parsed)
}

const NOT_EVENTS: IngestError = IngestError::Shape {
    field: "body",
    expected: "a JSON object, an array of objects, {\"data\":[…]} or NDJSON",
};

/// The body as text without what surrounds it. Some tools put a byte order mark first.
fn utf8(body: &[u8]) -> Result<&str, IngestError> {
    let text =
        std::str::from_utf8(body).map_err(|e| IngestError::NotUtf8 { offset: e.valid_up_to() })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).trim_matches([' ', '\t', '\r', '\n']))
}

fn list(body: &Bytes, text: &str, max_events: usize) -> Result<Text, IngestError> {
    let events = slices(body, &elements(text, max_events)?);
    Ok(Text::Events(Split { events, keys: Map::new() }))
}

fn slices(body: &Bytes, raw: &[&RawValue]) -> Vec<Bytes> {
    raw.iter().map(|value| body.slice_ref(value.get().as_bytes())).collect()
}

fn object(body: &Bytes, text: &str, max_events: usize) -> Result<Text, IngestError> {
    let mut top = Top::new(max_events);
    let mut deserializer = Deserializer::from_str(text);
    let parsed = deserializer.deserialize_map(&mut top).and_then(|()| deserializer.end());
    if parsed.is_err() && is_lines(text) {
        return Ok(Text::Lines);
    }
    if top.too_many_keys || top.data_twice {
        let expected = "each key once, and at most 512 keys";
        return Err(IngestError::Shape { field: "body", expected });
    }
    let Some(data) = top.data else {
        parsed.map_err(|e| malformed(&e))?;
        let events = vec![body.slice_ref(text.as_bytes())];
        return Ok(Text::Events(Split { events, keys: Map::new() }));
    };
    if !data.is_a_list && parsed.as_ref().is_err_and(|e| e.is_data()) {
        return Err(IngestError::Shape { field: "data", expected: "an array of events" });
    }
    let events = slices(body, &data.finish(parsed)?);
    Ok(Text::Events(Split { events, keys: parsed_keys(top.keys)? }))
}

fn parsed_keys(raw: Vec<(Cow<'_, str>, &RawValue)>) -> Result<Map<String, Value>, IngestError> {
    let parse = |(key, value): (Cow<'_, str>, &RawValue)| {
        let value: Value = serde_json::from_str(value.get()).map_err(|e| malformed(&e))?;
        Ok((key.into_owned(), value))
    };
    raw.into_iter().map(parse).collect()
}

/// Whether the first line that is not blank is a whole object. Asked only when the text as a whole
/// is no JSON.
fn is_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default().trim();
    lines.next().is_some()
        && first.starts_with('{')
        && serde_json::from_str::<&RawValue>(first).is_ok()
}

/// Where and why a text is no JSON. The reason is `serde_json`'s, which for syntax names no value.
pub fn malformed(error: &serde_json::Error) -> IngestError {
    let what = match error.classify() {
        Category::Eof => "it ends too early".to_owned(),
        Category::Syntax => {
            let text = error.to_string();
            text.split(" at line ").next().unwrap_or_default().to_owned()
        }
        // Cannot occur where only places are sought; its text could name a value.
        Category::Data | Category::Io => "it has an unexpected shape".to_owned(),
    };
    IngestError::MalformedJson { line: error.line(), column: error.column(), what }
}

/// The places of a list's elements.
struct Elements<'a> {
    found: Vec<&'a RawValue>,
    max: usize,
    is_a_list: bool,
    too_many: bool,
}

impl<'a> Elements<'a> {
    fn at_most(max: usize) -> Self {
        Self { found: Vec::new(), max, is_a_list: false, too_many: false }
    }

    fn finish(
        self,
        parsed: Result<(), serde_json::Error>,
    ) -> Result<Vec<&'a RawValue>, IngestError> {
        if self.too_many {
            return Err(IngestError::TooManyEvents { bound: self.max });
        }
        parsed.map_err(|e| malformed(&e))?;
        if self.found.is_empty() { Err(IngestError::NoEvents) } else { Ok(self.found) }
    }
}

impl<'a> Visitor<'a> for &mut Elements<'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        self.is_a_list = true;
        while let Some(element) = list.next_element()? {
            if self.found.len() == self.max {
                self.too_many = true;
                return Err(A::Error::custom("too many events"));
            }
            self.found.push(element);
        }
        Ok(())
    }
}

/// The places of an object's values, with those of the list in `data`.
struct Top<'a> {
    data: Option<Elements<'a>>,
    keys: Vec<(Cow<'a, str>, &'a RawValue)>,
    max_events: usize,
    data_twice: bool,
    too_many_keys: bool,
}

impl Top<'_> {
    fn new(max_events: usize) -> Self {
        Self { data: None, keys: Vec::new(), max_events, data_twice: false, too_many_keys: false }
    }
}

impl<'a> Visitor<'a> for &mut Top<'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            if key == "data" {
                self.data_twice |= self.data.is_some();
                map.next_value_seed(Data(self))?;
            } else if self.keys.len() < MAX_KEYS {
                self.keys.push((key, map.next_value()?));
            } else {
                self.too_many_keys = true;
                return Err(A::Error::custom("too many keys"));
            }
        }
        Ok(())
    }
}

/// The value of `data`.
struct Data<'t, 'a>(&'t mut Top<'a>);

impl<'a> DeserializeSeed<'a> for Data<'_, 'a> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let mut elements = Elements::at_most(self.0.max_events);
        let parsed = deserializer.deserialize_seq(&mut elements);
        self.0.data = Some(elements);
        parsed
    }
}

/// A key, borrowed unless it holds an escape.
pub struct Key<'a>(pub Cow<'a, str>);

impl<'a> serde::Deserialize<'a> for Key<'a> {
    fn deserialize<D: serde::Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'a> Visitor<'a> for Text {
            type Value = Key<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn events(body: &str) -> Vec<String> {
        match split(&Bytes::copy_from_slice(body.as_bytes()), 10).unwrap() {
            Text::Events(split) => {
                split.events.iter().map(|e| String::from_utf8(e.to_vec()).unwrap()).collect()
            }
            Text::Lines => panic!("{body} was taken for lines"),
        }
    }

    fn refused(body: &[u8]) -> String {
        let error = split(&Bytes::copy_from_slice(body), 10).unwrap_err();
        format!("{} {error}", error.refusal().fault)
    }

    #[test]
    fn three_shapes_hold_the_same_events() {
        assert_eq!(events(r#" {"a": 1} "#), [r#"{"a": 1}"#]);
        assert_eq!(events(r#"[{"a":1} , {"b":[2,"]"]}]"#), [r#"{"a":1}"#, r#"{"b":[2,"]"]}"#]);
        assert_eq!(events("{\"x\":null,\"data\":[ {} ,7]}\n"), ["{}", "7"]);
        assert_eq!(events("\u{feff}{\"a\":\"\\\"}\"}"), [r#"{"a":"\"}"}"#]);
        assert_eq!(events(r#"{"d\u0061ta":[{}]}"#), ["{}"], "an escaped key is the same key");
    }

    #[test]
    fn keys_beside_data_come_along() {
        let body = br#"{"test_event_code":"T1","data":[{}],"trace":7,"upload_id":null}"#;
        let Text::Events(found) = split(&Bytes::from_static(body), 10).unwrap() else { panic!() };
        let expected = json!({"test_event_code": "T1", "trace": 7, "upload_id": null});
        assert_eq!(Value::Object(found.keys), expected);
    }

    #[test]
    fn lines_are_noticed_only_where_the_first_is_whole() {
        let lines = |body: &'static str| split(&Bytes::from_static(body.as_bytes()), 10).unwrap();
        assert_eq!(lines("{\"a\":1}\n{\"b\":2}"), Text::Lines);
        assert_eq!(lines("\n {\"a\":1} \r\n\nnot JSON"), Text::Lines);
        assert_eq!(lines("{\"data\":[1]}\n{\"data\":[2]}"), Text::Lines);
        assert!(refused(b"{\"a\":1\n}{\"b\":2}").contains("line 2, column 2: trailing characters"));
        assert!(refused(b"{\"a\":1} {\"b\":2}").contains("malformed_json"));
    }

    #[test]
    fn a_refusal_says_where() {
        for (body, expected) in [
            (&b""[..], "holdfast.no_events the body holds no event"),
            (b" \n", "holdfast.no_events the body holds no event"),
            (b"[]", "holdfast.no_events the body holds no event"),
            (b"{\"data\":[]}", "holdfast.no_events the body holds no event"),
            (b"{\"a\":1", "at line 1, column 6: it ends too early"),
            (b"[{},\n{]", "at line 2, column 2: key must be a string"),
            (b"[{} {}]", "at line 1, column 5: expected `,` or `]`"),
            (b"{\"a\":tru}", "at line 1, column 9: expected ident"),
            (b"{\"data\":\"secret\"}", "holdfast.invalid_body data: expected an array of events"),
            (b"{\"data\":null}", "holdfast.invalid_body data: expected an array of events"),
            (b"{\"data\":}", "at line 1, column 9: expected value"),
            (b"{\"data\":[1],\"data\":[2]}", "holdfast.invalid_body body: expected each key once"),
            (b"\"secret\"", "holdfast.invalid_body body: expected a JSON object"),
            (b"secret", "holdfast.malformed_json the body is not valid JSON at line 1, column 1"),
            (b"[\"caf\xe9\"]", "holdfast.not_utf8 the body is not valid UTF-8 at byte 5"),
            (b"[1,2,3,4,5,6,7,8,9,10,11]", "holdfast.too_many_events more than 10 events"),
        ] {
            let error = refused(body);
            assert!(error.contains(expected), "{error} for {}", String::from_utf8_lossy(body));
            assert!(!error.contains("secret"), "{error}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn events_are_what_serde_json_sees(
            wanted in prop::collection::vec(any_json(), 1..10),
            keys in prop::collection::hash_map("[a-c_\"\\\\é]{1,6}", any_json(), 0..4),
            pretty in any::<bool>(),
            wrapped in any::<bool>(),
        ) {
            let keys: Map<String, Value> = keys.into_iter().collect();
            let value = if wrapped {
                let mut envelope = keys;
                envelope.insert("data".to_owned(), Value::from(wanted));
                Value::Object(envelope)
            } else {
                Value::from(wanted)
            };
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
            let text = text.unwrap();
            let Text::Events(found) = split(&Bytes::from(text.clone()), 10).unwrap() else {
                panic!("taken for lines");
            };
            let seen: Vec<Value> =
                found.events.iter().map(|e| serde_json::from_slice(e).unwrap()).collect();
            // Not compared with `wanted`: a number may lose its last digit on the way to text.
            let mut whole: Value = serde_json::from_slice(&text).unwrap();
            if wrapped {
                prop_assert_eq!(Some(Value::from(seen)), whole.as_object_mut().unwrap().remove("data"));
                prop_assert_eq!(Value::Object(found.keys), whole);
            } else {
                prop_assert_eq!(Value::from(seen), whole);
                prop_assert!(found.keys.is_empty());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_what_is_found_is_json(body in prop::collection::vec(any::<u8>(), 0..200)) {
            check_found(body)?;
        }

        #[test]
        fn nearly_json_never_panics_and_what_is_found_is_json(body in r#"[\[\]{}",:\\ \n0-9dat-]{0,40}"#) {
            check_found(body.into_bytes())?;
        }
    }

    fn check_found(body: Vec<u8>) -> Result<(), TestCaseError> {
        let whole = serde_json::from_slice::<&RawValue>(&body).is_ok();
        if let Ok(Text::Events(found)) = split(&Bytes::from(body), 10) {
            prop_assert!(whole, "events were found in what is no JSON");
            for event in found.events {
                prop_assert!(serde_json::from_slice::<&RawValue>(&event).is_ok());
            }
        }
        Ok(())
    }
}
