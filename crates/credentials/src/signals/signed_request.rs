//! `signed_request`: what Meta posts to the deauthorize and data-deletion callbacks.
//!
//! `<base64url(signature)>.<base64url(JSON)>`, neither padded. The signature is HMAC-SHA256 over the
//! *encoded* second half, exactly as it came. It is compared, in constant time, before a byte of the
//! JSON is looked at (`spec/tokens.md §7`).

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use serde_json::Value;
use sha2::Sha256;

/// Longest text. Real ones have some two hundred characters.
const MAX_CHARS: usize = 16 << 10;

/// Longest id of a person. App-scoped ids have 17 digits.
const MAX_ID_CHARS: usize = 64;

/// What callbacks do not carry. Facebook's SDK for JavaScript keeps signed requests of the same form,
/// made with the same secret, in the browser of whoever signs in; they come with a code or a token in
/// them (general knowledge, not of the sheet). Whoever gets hold of one asks for nothing with it.
const FOR_BROWSERS: [&str; 2] = ["code", "oauth_token"];

/// What a callback says, once it is known to be the platform's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The person, by the id that this app knows them by.
    pub user: String,
    /// How old that may be is for the caller to say, who has a clock.
    pub issued_at: UnixSeconds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedRequestError {
    #[error("signed_request is not two unpadded base64url texts with a full stop between them")]
    Malformed,
    #[error("signed_request is longer than {MAX_CHARS} characters")]
    TooLong,
    #[error("the signature is not this app's")]
    Signature,
    #[error("the algorithm is not HMAC-SHA256")]
    Algorithm,
    #[error("the signed payload names no user")]
    Payload,
    #[error("the signed payload does not say when it was issued")]
    Undated,
    #[error("the signed payload carries a code or a token: it was made for a browser")]
    ForBrowser,
}

/// Believes nothing before the signature holds.
pub fn read_signed_request(text: &str, app_secret: &Secret) -> Result<Notice, SignedRequestError> {
    if text.len() > MAX_CHARS {
        return Err(SignedRequestError::TooLong);
    }
    let (signature, payload) = text.split_once('.').ok_or(SignedRequestError::Malformed)?;
    let signature = decoded(signature)?;
    let mut mac = <Hmac<Sha256>>::new_from_slice(app_secret.expose().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(payload.as_bytes());
    mac.verify_slice(&signature).map_err(|_| SignedRequestError::Signature)?;
    let payload: Value =
        serde_json::from_slice(&decoded(payload)?).map_err(|_| SignedRequestError::Payload)?;
    let algorithm = payload["algorithm"].as_str().ok_or(SignedRequestError::Algorithm)?;
    if !algorithm.eq_ignore_ascii_case("HMAC-SHA256") {
        return Err(SignedRequestError::Algorithm);
    }
    if FOR_BROWSERS.iter().any(|field| payload.get(field).is_some()) {
        return Err(SignedRequestError::ForBrowser);
    }
    let user = user_id(&payload["user_id"]).ok_or(SignedRequestError::Payload)?;
    let issued_at = payload["issued_at"].as_i64().ok_or(SignedRequestError::Undated)?;
    Ok(Notice { user, issued_at: UnixSeconds(issued_at) })
}

/// Strictly: no padding, and no spare bits that would let one signature be written in two ways.
fn decoded(text: &str) -> Result<Vec<u8>, SignedRequestError> {
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| SignedRequestError::Malformed)
}

/// Ids are opaque texts; some clients of old had numbers.
fn user_id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (1..=MAX_ID_CHARS).contains(&text.len()).then_some(text)
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_URL_SAFE;
    use proptest::prelude::*;

    use super::*;

    /// Made up; of the sheet.
    const KEY: &str = "fake-app-secret-0000";
    const PAYLOAD: &str =
        r#"{"algorithm":"HMAC-SHA256","issued_at":1700000000,"user_id":"10000000000000001"}"#;
    const SIGNATURE: &str = "k0rNTQdsZ00zLoj_CbDxRH-FEu3dW6RoPPa59Ps_Y7k";

    fn secret() -> Secret {
        Secret::new(KEY.to_owned())
    }

    fn mac(text: &str) -> Vec<u8> {
        let mut mac = <Hmac<Sha256>>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    fn signed(payload: &str) -> String {
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(payload);
        format!("{}.{encoded}", BASE64_URL_SAFE_NO_PAD.encode(mac(&encoded)))
    }

    fn check(text: &str, expected: SignedRequestError) {
        assert_eq!(read_signed_request(text, &secret()), Err(expected), "{text}");
    }

    #[test]
    fn the_sheets_vector_is_read() {
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(PAYLOAD);
        let notice = read_signed_request(&format!("{SIGNATURE}.{encoded}"), &secret()).unwrap();
        let expected =
            Notice { user: "10000000000000001".to_owned(), issued_at: UnixSeconds(1_700_000_000) };
        assert_eq!(notice, expected);
        assert_eq!(signed(PAYLOAD), format!("{SIGNATURE}.{encoded}"));
    }

    #[test]
    fn nothing_is_read_of_what_is_not_signed() {
        let good = signed(PAYLOAD);
        let (signature, payload) = good.split_once('.').unwrap();
        check(&format!("{signature}.{payload}A"), SignedRequestError::Signature);
        check(&format!("{}.{payload}", &signature[1..]), SignedRequestError::Malformed);
        check(&format!(".{payload}"), SignedRequestError::Signature);
        check(payload, SignedRequestError::Malformed);
        check("", SignedRequestError::Malformed);
        check(&"A".repeat(MAX_CHARS + 1), SignedRequestError::TooLong);
        let other = Secret::new("another".to_owned());
        assert_eq!(read_signed_request(&good, &other), Err(SignedRequestError::Signature));
        // Broken JSON under a wrong signature is a wrong signature: it was not parsed.
        check(&format!("{signature}.e30"), SignedRequestError::Signature);
    }

    #[test]
    fn padding_makes_another_text_and_spare_bits_another_signature() {
        // Signed as a popular snippet does it: over the padded text.
        let padded = BASE64_URL_SAFE.encode(PAYLOAD);
        assert!(padded.ends_with('='));
        let unpadded = padded.trim_end_matches('=');
        let over_padded = BASE64_URL_SAFE_NO_PAD.encode(mac(&padded));
        check(&format!("{over_padded}.{unpadded}"), SignedRequestError::Signature);
        // The same bytes written with padding are refused, though the signature covers them.
        check(&format!("{over_padded}.{padded}"), SignedRequestError::Malformed);
        let good = signed(PAYLOAD);
        let (signature, payload) = good.split_once('.').unwrap();
        check(&format!("{signature}=.{payload}"), SignedRequestError::Malformed);
        // 43 characters have two spare bits: another last character means the same 32 bytes.
        let spare = format!("{}l", &SIGNATURE[..42]);
        let encoded = BASE64_URL_SAFE_NO_PAD.encode(PAYLOAD);
        check(&format!("{spare}.{encoded}"), SignedRequestError::Malformed);
    }

    #[test]
    fn only_the_one_algorithm_counts() {
        for algorithm in ["none", "HMAC-SHA1", "HS256", ""] {
            let payload = format!(r#"{{"algorithm":"{algorithm}","user_id":"1"}}"#);
            check(&signed(&payload), SignedRequestError::Algorithm);
        }
        check(&signed(r#"{"user_id":"1"}"#), SignedRequestError::Algorithm);
        check(&signed(r#"{"algorithm":256,"user_id":"1"}"#), SignedRequestError::Algorithm);
    }

    #[test]
    fn a_payload_without_a_person_is_none() {
        for rest in ["", r#","user_id":"""#, r#","user_id":null"#, r#","user_id":{"a":1}"#] {
            let payload = format!(r#"{{"algorithm":"HMAC-SHA256"{rest}}}"#);
            check(&signed(&payload), SignedRequestError::Payload);
        }
        check(&signed("[]"), SignedRequestError::Algorithm);
        check(&signed("not json"), SignedRequestError::Payload);
        let long = format!(r#"{{"algorithm":"HMAC-SHA256","user_id":"{}"}}"#, "1".repeat(65));
        check(&signed(&long), SignedRequestError::Payload);
        let number = signed(r#"{"algorithm":"HMAC-SHA256","user_id":42,"issued_at":1}"#);
        assert_eq!(read_signed_request(&number, &secret()).unwrap().user, "42");
    }

    #[test]
    fn a_payload_without_a_time_or_with_what_is_a_browsers_is_refused() {
        let of =
            |rest: &str| signed(&format!(r#"{{"algorithm":"HMAC-SHA256","user_id":"1"{rest}}}"#));
        for rest in ["", r#","issued_at":null"#, r#","issued_at":"1700000000""#] {
            check(&of(rest), SignedRequestError::Undated);
        }
        for field in FOR_BROWSERS {
            let rest = format!(r#","issued_at":1700000000,"{field}":"x""#);
            check(&of(&rest), SignedRequestError::ForBrowser);
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(text in ".{0,300}") {
            prop_assert!(read_signed_request(&text, &secret()).is_err());
        }

        #[test]
        fn any_signed_payload_is_read_without_a_panic(payload in ".{0,200}") {
            let _ = read_signed_request(&signed(&payload), &secret());
        }

        #[test]
        fn any_other_character_is_refused(at in any::<prop::sample::Index>(), by in 1u8..=25) {
            let mut text = signed(PAYLOAD).into_bytes();
            let at = at.index(text.len());
            text[at] = b'A' + (text[at].wrapping_sub(b'A').wrapping_add(by)) % 26;
            prop_assume!(text != signed(PAYLOAD).into_bytes());
            let text = String::from_utf8(text).unwrap();
            prop_assert!(read_signed_request(&text, &secret()).is_err());
        }
    }
}
