//! Answers made of the fuzzer's bytes.

use arbitrary::{Result, Unstructured};
use holdfast_model::wire::HttpResponse;
use holdfast_testkit::{APP_ID, Seeded, fake_app_token, fake_token};
use serde_json::{Map, Value, json};

pub struct Made {
    pub response: HttpResponse,
    /// What was planted in it.
    pub token: Option<String>,
}

const STATUSES: [u16; 12] = [200, 202, 301, 400, 401, 403, 404, 429, 500, 502, 503, 504];

const HEADERS: [&str; 6] = [
    "retry-after",
    "x-app-usage",
    "x-ad-account-usage",
    "x-business-use-case-usage",
    "date",
    "content-type",
];

const HEADER_VALUES: [&str; 8] = [
    "7",
    "18446744073709551615",
    "Wed, 21 Oct 2026 07:28:00 GMT",
    "{\"call_count\":100}",
    "{\"acc_id_util_pct\":1e300,\"reset_time_duration\":18446744073709551615}",
    "{\"1\":[{\"estimated_time_to_regain_access\":18446744073709551615,\"total_time\":-5}]}",
    "{\"1\":[{\"call_count\":85}]}",
    "",
];

const CODES: [i64; 22] = [
    0, 1, 2, 3, 4, 10, 17, 32, 100, 101, 102, 104, 190, 200, 294, 341, 368, 506, 613, 803, 2_635,
    80_004,
];

const SUBCODES: [i64; 18] = [
    33, 452, 458, 459, 460, 463, 464, 467, 492, 493, 2_804_001, 2_804_003, 2_804_009, 2_804_019,
    2_804_050, 2_804_063, 1, -1,
];

const WORDS: [&str; 16] = [
    "Malformed access token ",
    "Error validating application. ",
    "could not be decrypted",
    "Unsupported post request",
    "Unexpected key \"x\" on param \"$['data'][2]['user_data']\"",
    "$[\"data\"][4294967295]",
    "$['data'][",
    "provide valid app id",
    "API access blocked",
    "appsecret_proof",
    "invalid",
    "session key ",
    "impersonating",
    "Bearer ",
    " expired ",
    "",
];

/// The bytes as they come: status, one header, body.
pub fn raw(bytes: &[u8]) -> HttpResponse {
    let [a, b, body @ ..] = bytes else { return HttpResponse::default() };
    let header = HEADERS[usize::from(*b) % HEADERS.len()].to_owned();
    let value = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
    HttpResponse {
        status: STATUSES[usize::from(*a) % STATUSES.len()],
        headers: vec![(header, value)],
        body: body.to_vec(),
    }
}

pub fn answer(bytes: &[u8]) -> Made {
    let mut made = Made { response: HttpResponse::default(), token: None };
    // When the bytes run out, the answer is what was made until then.
    let _ = fill(&mut Unstructured::new(bytes), &mut made);
    made
}

fn fill(source: &mut Unstructured<'_>, made: &mut Made) -> Result<()> {
    made.response.status =
        if source.ratio(3, 4)? { *source.choose(&STATUSES)? } else { source.arbitrary()? };
    for _ in 0..source.int_in_range(0..=2)? {
        let header = (*source.choose(&HEADERS)?).to_owned();
        made.response.headers.push((header, (*source.choose(&HEADER_VALUES)?).to_owned()));
    }
    let seed = u64::from(source.arbitrary::<u8>()?);
    let token =
        if source.arbitrary()? { fake_token(APP_ID, seed) } else { fake_app_token(APP_ID, seed) };
    made.token = Some(token.clone());
    let mut body = Map::new();
    let kind = source.int_in_range(0..=4)?;
    if kind != 0 {
        body.insert("error".into(), error(source, &token)?);
    }
    if kind == 0 || kind == 4 {
        body.insert("events_received".into(), any(source)?);
        body.insert("messages".into(), json!([words(source, &token)?, any(source)?, any(source)?]));
        body.insert("fbtrace_id".into(), json!(words(source, &token)?));
    }
    if source.arbitrary()? {
        body.insert("data".into(), debug(source, &token)?);
        body.insert("id".into(), any(source)?);
    }
    made.response.body = Value::Object(body).to_string().into_bytes();
    Ok(())
}

fn error(source: &mut Unstructured<'_>, token: &str) -> Result<Value> {
    let mut error = Map::new();
    let code = *source.choose(&CODES)?;
    match source.int_in_range(0..=5)? {
        0 => drop(error.insert("code".into(), any(source)?)),
        1 => drop(error.insert("code".into(), json!(code.to_string()))),
        _ => drop(error.insert("code".into(), json!(code))),
    }
    if source.arbitrary()? {
        error.insert("error_subcode".into(), json!(source.choose(&SUBCODES)?));
    }
    for key in ["message", "error_user_title", "error_user_msg", "fbtrace_id", "type"] {
        if source.arbitrary()? {
            error.insert(key.into(), json!(words(source, token)?));
        }
    }
    if source.arbitrary()? {
        error.insert("is_transient".into(), any(source)?);
    }
    Ok(if source.ratio(1, 12)? { any(source)? } else { Value::Object(error) })
}

/// The `data` of `debug_token`.
fn debug(source: &mut Unstructured<'_>, token: &str) -> Result<Value> {
    let mut data = json!({
        "is_valid": any(source)?, "app_id": any(source)?, "expires_at": any(source)?,
        "scopes": [words(source, token)?, any(source)?], "type": "SYSTEM_USER",
        "granular_scopes": [{ "scope": any(source)? }],
    });
    if source.arbitrary()? {
        data["error"] = error(source, token)?;
    }
    Ok(data)
}

/// Sentences, some of which have the token in them.
fn words(source: &mut Unstructured<'_>, token: &str) -> Result<String> {
    let mut text = String::new();
    for _ in 0..source.int_in_range(0..=4)? {
        match source.int_in_range(0..=3)? {
            0 => {
                let length = source.int_in_range(0..=30)?;
                text.push_str(&String::from_utf8_lossy(source.bytes(length)?));
            }
            1 => text.push_str(token),
            _ => text.push_str(source.choose(&WORDS)?),
        }
    }
    Ok(text)
}

fn any(source: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match source.int_in_range(0..=7)? {
        0 => Value::Null,
        1 => json!(source.arbitrary::<bool>()?),
        2 => json!(source.int_in_range(0..=13)?),
        3 => json!(source.arbitrary::<i64>()?),
        4 => json!(source.arbitrary::<f32>()?),
        5 => json!({}),
        6 => json!([1]),
        _ => json!(source.choose(&WORDS)?),
    })
}

/// Fragments of different kinds, so that some stand out as suspects.
const FRAGMENTS: [&str; 4] = [
    r#"{"event_name":"Lead","event_time":1789999000,"user_data":{"em":["0"]}}"#,
    r#"{"event_name":"Purchase","event_time":1789400000,"user_data":{"ct":"x"}}"#,
    r#"{"event_time":1,"user_data":{"fbc":"fb.1.1"},"data_processing_options":[]}"#,
    r#"{"action_source":"business_messaging"}"#,
];

pub fn fragment(at: usize) -> &'static [u8] {
    FRAGMENTS[at % FRAGMENTS.len()].as_bytes()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let bodies = [
        r#"{"events_received":1,"messages":[],"fbtrace_id":"A1"}"#.to_owned(),
        json!({ "error": { "message": "Error validating access token: Session has expired",
            "type": "OAuthException", "code": 190, "error_subcode": 463, "fbtrace_id": "A1" } })
        .to_string(),
        json!({ "error": { "message": "Invalid parameter", "code": 100, "error_subcode": 2_804_019,
            "error_user_msg": "on param \"$['data'][1]['user_data']\"" } })
        .to_string(),
        json!({ "data": { "is_valid": true, "app_id": "1", "expires_at": 0, "scopes": ["x"] } })
            .to_string(),
        json!({ "id": "1" }).to_string(),
        "<html>Bad gateway</html>".to_owned(),
        String::new(),
    ];
    let mut seeds = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        for status in [0, 3, 9] {
            seeds.push([&[2, status, number as u8], body.as_bytes()].concat());
        }
    }
    for n in 0..48_u8 {
        seeds.push([vec![1 + 2 * (n % 12)], Seeded::new(u64::from(n)).bytes(160)].concat());
    }
    seeds
}
