//! The bodies that clients of Meta's Conversions API send (Meta: conversions, the wire shapes of
//! the official SDKs): JSON, urlencoded and multipart forms, with `data` as an array of objects,
//! as an array of JSON texts, or repeated with one object each. Parameters may be in the query too,
//! as everywhere at Meta: a `test_event_code` that was overlooked there would make test events count
//! as real ones.

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use holdfast_model::secret::Secret;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::IngestError;
use super::form;
use super::offload::in_reasonable_time;
use super::split::{elements, malformed};

/// What was posted.
#[derive(Debug, Default)]
pub struct Posted {
    /// The text of each event, in order.
    pub events: Vec<Bytes>,
    /// Keys beside `data`, without those that authenticate.
    pub keys: Map<String, Value>,
    /// The key of ours that the client takes for a token, if the body holds one.
    pub token: Option<Secret>,
}

/// Most fields of a form that are not events. Meta knows about fifteen.
const MAX_OTHER_FIELDS: usize = 64;

/// Reads a query and a body. What the body is, is decided by the Content-Type, except that a form
/// which starts like a JSON object is one: curl sends JSON as a form unless it is told otherwise.
pub async fn read(
    query: Option<&str>,
    content_type: Option<&str>,
    body: Bytes,
    max_events: usize,
) -> Result<Posted, IngestError> {
    let query = query.unwrap_or_default().to_owned();
    let content_type = content_type.unwrap_or_default().to_owned();
    in_reasonable_time(body, move |body| decode(&query, &content_type, body, max_events)).await
}

/// The same, at once.
pub fn decode(
    query: &str,
    content_type: &str,
    body: &Bytes,
    max_events: usize,
) -> Result<Posted, IngestError> {
    let mut reader = Reader::new(max_events);
    reader.query(query)?;
    if let Ok(boundary) = multer::parse_boundary(content_type) {
        let form = multipart(reader, body.clone(), boundary).now_or_never();
        // Everything is here already, so there is nothing that could be waited for.
        return form.unwrap_or_else(|| Err(malformed_multipart()));
    }
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_json = match body.trim_ascii_start().first() {
        Some(first) => *first == b'{' || essence.eq_ignore_ascii_case("application/json"),
        // Everything is in the query.
        None => false,
    };
    if is_json { json(reader, body) } else { urlencoded(reader, body) }
}

fn json(mut reader: Reader, body: &[u8]) -> Result<Posted, IngestError> {
    let text =
        std::str::from_utf8(body).map_err(|e| IngestError::NotUtf8 { offset: e.valid_up_to() })?;
    // Not a map of ours: the order of events matters, and a key that comes twice must be noticed.
    let fields: Fields<'_> = serde_json::from_str(text)
        .map_err(|error| if error.is_data() { NOT_AN_OBJECT } else { malformed(&error) })?;
    for (name, value) in fields.0 {
        match name.as_ref() {
            "data" => reader.data(value.get())?,
            _ => reader.other(&name, parse(value)?)?,
        }
    }
    Ok(reader.posted)
}

const NOT_AN_OBJECT: IngestError =
    IngestError::Shape { field: "body", expected: "an object with the events in data" };

fn parse(value: &RawValue) -> Result<Value, IngestError> {
    serde_json::from_str(value.get()).map_err(|error| malformed(&error))
}

fn urlencoded(mut reader: Reader, body: &[u8]) -> Result<Posted, IngestError> {
    for pair in form::pairs(body) {
        let pair = pair.map_err(|e| IngestError::MalformedForm { what: e.to_string() })?;
        reader.field(&pair.name, &pair.value)?;
    }
    Ok(reader.posted)
}

async fn multipart(
    mut reader: Reader,
    body: Bytes,
    boundary: String,
) -> Result<Posted, IngestError> {
    let bad = |_: multer::Error| malformed_multipart();
    let arrived = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut form = multer::Multipart::new(arrived, boundary);
    while let Some(field) = form.next_field().await.map_err(bad)? {
        let Some(name) = field.name().map(str::to_owned) else { continue };
        let value = field.bytes().await.map_err(bad)?;
        let value = std::str::from_utf8(&value).map_err(|_| IngestError::MalformedForm {
            what: format!("field {:?} is not valid UTF-8", shown(&name)),
        })?;
        reader.field(&name, value)?;
    }
    Ok(reader.posted)
}

fn malformed_multipart() -> IngestError {
    let what = "it is not the multipart form that its Content-Type announces";
    IngestError::MalformedForm { what: what.to_owned() }
}

/// Gathers what was posted, field by field.
struct Reader {
    posted: Posted,
    max_events: usize,
    other_fields: usize,
}

impl Reader {
    fn new(max_events: usize) -> Self {
        Self { posted: Posted::default(), max_events, other_fields: 0 }
    }

    /// Parameters in the query. An `access_token` was looked at before the body was read.
    fn query(&mut self, query: &str) -> Result<(), IngestError> {
        for pair in form::pairs(query.as_bytes()) {
            let pair =
                pair.map_err(|e| IngestError::MalformedForm { what: format!("query: {e}") })?;
            if pair.name != "access_token" {
                self.field(&pair.name, &pair.value)?;
            }
        }
        Ok(())
    }

    /// A field of a form.
    fn field(&mut self, name: &str, value: &str) -> Result<(), IngestError> {
        if name == "data" || is_indexed_data(name) {
            return self.data(value);
        }
        self.other(name, form_value(name, value))
    }

    /// The text of one `data`: an array of events, or one event.
    fn data(&mut self, text: &str) -> Result<(), IngestError> {
        let text = text.trim();
        match text.as_bytes().first() {
            Some(b'[') => self.list(text),
            Some(b'{') => self.event(text),
            // A JSON text inside a JSON string: once more.
            Some(b'"') => match serde_json::from_str::<String>(text) {
                Ok(inner) if !inner.trim_start().starts_with('"') => self.data(&inner),
                Ok(_) => Err(NOT_A_LIST),
                Err(error) => Err(malformed(&error)),
            },
            // PHP writes an absent list like this.
            None => Ok(()),
            Some(_) if text == "null" => Ok(()),
            Some(_) => Err(NOT_A_LIST),
        }
    }

    fn list(&mut self, text: &str) -> Result<(), IngestError> {
        let left = self.max_events - self.posted.events.len();
        let found = match elements(text, left) {
            Err(IngestError::TooManyEvents { .. }) => return Err(self.too_many()),
            // That there is no event at all is for the caller to say, with Meta's own words.
            Err(IngestError::NoEvents) => return Ok(()),
            other => other?,
        };
        for element in found {
            let element = element.get();
            if element.starts_with('"') {
                let inner: String = serde_json::from_str(element).map_err(|e| malformed(&e))?;
                self.posted.events.push(inner.into());
            } else {
                self.event(element)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, text: &str) -> Result<(), IngestError> {
        if self.posted.events.len() == self.max_events {
            return Err(self.too_many());
        }
        self.posted.events.push(Bytes::copy_from_slice(text.as_bytes()));
        Ok(())
    }

    /// A key beside `data`. Proofs are made with secrets that we do not have and do not need.
    fn other(&mut self, name: &str, value: Value) -> Result<(), IngestError> {
        self.other_fields += 1;
        if self.other_fields > MAX_OTHER_FIELDS {
            let what = format!("expected at most {MAX_OTHER_FIELDS} fields beside data");
            return Err(IngestError::MalformedForm { what });
        }
        match (name, value) {
            (_, Value::Null) | ("appsecret_proof" | "appsecret_time", _) => {}
            ("access_token" | "accessKey", Value::String(token)) => {
                if !token.is_empty() {
                    self.posted.token = Some(Secret::new(token));
                }
            }
            ("access_token" | "accessKey", _) => {}
            (name, value) => return self.key(name, value),
        }
        Ok(())
    }

    /// A key holds for the whole request, so it cannot be two things: half of the events would be
    /// sent as what they are not.
    fn key(&mut self, name: &str, value: Value) -> Result<(), IngestError> {
        match self.posted.keys.get(name) {
            Some(known) if !is_same(known, &value) => {
                let what = format!("{:?} is given twice, with different values", shown(name));
                Err(IngestError::MalformedForm { what })
            }
            Some(_) => Ok(()),
            None => {
                self.posted.keys.insert(name.to_owned(), value);
                Ok(())
            }
        }
    }

    fn too_many(&self) -> IngestError {
        IngestError::TooManyEvents { bound: self.max_events }
    }
}

const NOT_A_LIST: IngestError =
    IngestError::Shape { field: "data", expected: "an array of events" };

/// `data[]` and `data[7]`, as Ruby and PHP write lists.
fn is_indexed_data(name: &str) -> bool {
    name.strip_prefix("data[")
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|index| index.len() <= 9 && index.bytes().all(|b| b.is_ascii_digit()))
}

/// Forms know only texts. Those keys that Meta wants as something else are sent as JSON in them.
fn form_value(name: &str, text: &str) -> Value {
    let structured = matches!(name, "progress" | "platforms" | "trace");
    let parsed = structured.then(|| serde_json::from_str(text).ok()).flatten();
    parsed.unwrap_or_else(|| Value::from(text))
}

/// A form and a query know only texts; `7` and `"7"` are the same there.
fn is_same(one: &Value, other: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    one == other || text(one) == text(other)
}

fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}

/// The fields of an object in the order in which they came.
struct Fields<'a>(Vec<(std::borrow::Cow<'a, str>, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> serde::de::Visitor<'de> for Collect {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(super::split::Key(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                    if fields.len() > MAX_OTHER_FIELDS + 1 {
                        return Err(serde::de::Error::custom("too many keys"));
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
    const JSON: Option<&str> = Some("application/json; charset=utf-8");
    const ONE: &str = r#"{"event_name":"A","x":"\"é"}"#;
    const TWO: &str = r#"{"event_name":"B"}"#;

    fn posted(content_type: Option<&str>, body: &str) -> Result<Posted, IngestError> {
        posted_with("", content_type, body)
    }

    fn posted_with(
        query: &str,
        content_type: Option<&str>,
        body: &str,
    ) -> Result<Posted, IngestError> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let read = read(Some(query), content_type, body, 3);
        read.now_or_never().expect("nothing to wait for")
    }

    fn encode(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    #[track_caller]
    fn check(content_type: Option<&str>, body: &str, token: Option<&str>) {
        let posted = posted(content_type, body).unwrap();
        let events: Vec<_> =
            posted.events.iter().map(|e| std::str::from_utf8(e).unwrap()).collect();
        assert_eq!(events, [ONE, TWO], "{body}");
        assert_eq!(posted.token.as_ref().map(Secret::expose), token);
        assert_eq!(Value::Object(posted.keys), json!({"partner_agent": "shop"}));
    }

    #[test]
    fn the_shapes_of_the_sdks() {
        let doubly = serde_json::to_string(&[ONE, TWO]).unwrap();
        let array = format!("[{ONE},{TWO}]");
        let agent = "partner_agent=shop";
        // Python, synchronous; RudderStack; token and proof are in the query.
        check(FORM, &format!("data={}&{agent}", encode(&doubly)), None);
        // Python with a client of its own: repeated, token in the body.
        let repeated = format!("data={}&data={}&{agent}&access_token=k", encode(ONE), encode(TWO));
        check(FORM, &repeated, Some("k"));
        // Python, asynchronous.
        let asynchronous =
            format!("{agent}&data={}&access_token=k&appsecret_proof=ab", encode(&array));
        check(FORM, &asynchronous, Some("k"));
        // Ruby, PHP.
        check(FORM, &format!("data%5B%5D={}&data[]={}&{agent}", encode(ONE), encode(TWO)), None);
        check(FORM, &format!("data[0]={}&data[1]={}&{agent}", encode(ONE), encode(TWO)), None);
    }

    #[test]
    fn the_json_shapes() {
        // Node: explicit nulls, token and proof in the body too.
        let node = format!(
            r#"{{"data":[{ONE},{TWO}],"partner_agent":"shop","upload_id":null,"access_token":"k","appsecret_proof":"ab"}}"#
        );
        check(JSON, &node, Some("k"));
        // curl, without a word about the type.
        check(FORM, &format!("\n {node}"), Some("k"));
        check(None, &node, Some("k"));
        // CAPI Gateway.
        let gateway = format!(r#"{{"partner_agent":"shop","data":[{ONE},{TWO}],"accessKey":"k"}}"#);
        check(JSON, &gateway, Some("k"));
        let texts = serde_json::to_string(&[ONE, TWO]).unwrap();
        check(JSON, &format!(r#"{{"partner_agent":"shop","data":{texts}}}"#), None);
        let text = serde_json::to_string(&texts).unwrap();
        check(JSON, &format!(r#"{{"partner_agent":"shop","data":{text}}}"#), None);
    }

    #[test]
    fn multipart_forms() {
        let part = |name: &str, value: &str| {
            format!("--b0\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = [
            part("data", &format!("[{ONE},{TWO}]")),
            part("access_token", "k"),
            part("partner_agent", "shop"),
            "--b0--\r\n".to_owned(),
        ];
        check(Some("multipart/form-data; boundary=b0"), &body.concat(), Some("k"));
        let cut = body[..2].concat();
        let error = posted(Some("multipart/form-data; boundary=b0"), &cut).unwrap_err();
        assert_eq!(error.refusal().fault, "holdfast.malformed_form");
    }

    #[test]
    fn values_keep_the_type_that_meta_wants() {
        let body = format!("trace=7&progress={}&upload_tag=7", encode(r#"{"start_inclusive":1}"#));
        let expected = json!({"trace": 7, "progress": {"start_inclusive": 1}, "upload_tag": "7"});
        assert_eq!(Value::Object(posted(FORM, &body).unwrap().keys), expected);
    }

    #[test]
    fn the_query_holds_parameters_like_the_body() {
        let query = format!("access_token=k&test_event_code=T1&upload_tag=&data={}", encode(ONE));
        for content_type in [FORM, JSON, None] {
            let posted = posted_with(&query, content_type, "").unwrap();
            assert_eq!(posted.events, [ONE]);
            assert_eq!(
                Value::Object(posted.keys),
                json!({"test_event_code": "T1", "upload_tag": ""})
            );
            assert!(posted.token.is_none(), "whoever looks at the query has seen it");
        }
        let capi = posted_with("accessKey=k", JSON, "{}").unwrap();
        assert_eq!(capi.token.as_ref().map(Secret::expose), Some("k"));
        let body = format!(r#"{{"data":[{TWO}],"test_event_code":"T1","trace":7}}"#);
        let posted = posted_with("test_event_code=T1&trace=7", JSON, &body).unwrap();
        assert_eq!(Value::Object(posted.keys), json!({"test_event_code": "T1", "trace": 7}));
    }

    #[test]
    fn a_key_that_is_two_things_is_refused() {
        let twice = r#"{"data":[],"test_event_code":"T1","test_event_code":"T2"}"#;
        for (query, content_type, body) in [
            ("test_event_code=T1", JSON, r#"{"data":[],"test_event_code":"T2"}"#),
            ("test_event_code=T1", FORM, "test_event_code=T2"),
            ("", FORM, "test_event_code=T1&test_event_code=T2"),
            ("", JSON, twice),
        ] {
            let error = posted_with(query, content_type, body).unwrap_err().to_string();
            assert!(error.contains("\"test_event_code\" is given twice"), "{error}");
        }
        let error = posted_with("x=%ff", FORM, "").unwrap_err().to_string();
        assert!(error.contains("query: field 0 is not valid UTF-8"), "{error}");
    }

    #[test]
    fn nothing_sent_is_nothing_found() {
        for body in ["", "data=", "data=null", "data=[]", "access_token=k"] {
            assert!(posted(FORM, body).unwrap().events.is_empty(), "{body}");
        }
        assert!(posted(JSON, "{}").unwrap().events.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_its_value() {
        for (content_type, body, expected) in [
            (JSON, r#"{"data":"secret"}"#, "data: expected an array of events"),
            (JSON, r#"{"data":7}"#, "data: expected an array of events"),
            (JSON, r#"["secret"]"#, "body: expected an object"),
            (JSON, r#"{"data":[}"#, "line 1, column 10"),
            (JSON, "secret=1", "line 1, column 1"),
            (FORM, "data=secret", "data: expected an array of events"),
            (FORM, "data=[1,2", "ends too early"),
            (FORM, "data=[]&x=%ff", "field 1 is not valid UTF-8"),
            (FORM, "data=[1,2,3,4]", "more than 3 events"),
            (FORM, "data={}&data=[1,2]&data={}", "more than 3 events"),
            (FORM, "data={}&data=[1,2,3]", "more than 3 events"),
        ] {
            let error = posted(content_type, body).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} for {body}");
            assert!(!error.contains("secret"), "{error}");
        }
        let many = "x=1&".repeat(MAX_OTHER_FIELDS + 1);
        assert!(posted(FORM, &many).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_never_panic_and_stay_within_the_bound(
            query in "(data=|x=|&|\\{\\}|%7B|[a-z]){0,8}",
            kind in prop::sample::select(vec![FORM, JSON, None, Some("multipart/form-data; boundary=b0")]),
            body in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                r#"(data(\[[0-9]?\])?=|access_token=|x=|&|[\[\]{}",:%\\ 0-9a-d]){0,60}"#
                    .prop_map(String::into_bytes),
                "(--b0(--)?|\r\n|Content-Disposition: form-data; name=\"(data|x)\"|[\\[\\]{}a]){0,20}"
                    .prop_map(String::into_bytes),
            ],
        ) {
            let read = read(Some(&query), kind, Bytes::from(body), 3);
            if let Ok(posted) = read.now_or_never().expect("nothing to wait for") {
                prop_assert!(posted.events.len() <= 3);
            }
        }
    }
}
