//! Made-up strings of the recorded shapes (`snap-conversions.md §10`). All are made at run time
//! from the seed; the signatures are noise, as nobody outside of Snap can check one.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;

use super::Environment;
use crate::random::Random;

/// Bytes of an HMAC-SHA-256: 43 characters.
const SIGNATURE: usize = 32;

/// Noise behind the shared head of an OAuth token: as long as the one that was observed.
const OAUTH_NOISE: usize = 48;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A static token: a JWT of four claims, without an expiry.
pub fn static_token(issued_at: i64, environment: Environment, random: &mut Random) -> String {
    let environment = match environment {
        Environment::Production => "PRODUCTION",
        Environment::Staging => "STAGING",
    };
    let header = json!({ "alg": "HS256", "kid": "CanvasS2SHMACProd", "typ": "JWT" });
    let subject = format!("{}~{environment}~{}", uuid(random), uuid(random));
    let payload = json!({
        "aud": "canvas-canvasapi", "iss": "canvas-s2stoken", "nbf": issued_at, "sub": subject,
    });
    let signature = BASE64_URL_SAFE_NO_PAD.encode(random.bytes(SIGNATURE));
    format!("{}.{}.{signature}", segment(&header), segment(&payload))
}

/// An opaque OAuth token, access and refresh alike: `hCgwKCj…`, a message whose first field holds
/// ten digits that all tokens share.
pub fn oauth_token(epoch: &str, random: &mut Random) -> String {
    let head: &[u8] = &[0x0a, 0x0c, 0x0a, 0x0a];
    let bytes = [head, epoch.as_bytes(), &random.bytes(OAUTH_NOISE)].concat();
    format!("h{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// As ids of everything are.
pub fn uuid(random: &mut Random) -> String {
    let variant = char::from(b"89ab"[usize::try_from(random.below(4)).unwrap_or(0)]);
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        random.hex(8),
        random.hex(4),
        random.hex(3),
        random.hex(3),
        random.hex(12)
    )
}

pub fn client_secret(random: &mut Random) -> String {
    random.hex(20)
}

pub fn code(random: &mut Random) -> String {
    random.text(LETTERS, 64)
}

pub fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(is_hex)
}

fn segment(value: &serde_json::Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_those_that_were_recorded() {
        let mut random = Random::stream(7, "strings");
        for (environment, length) in [(Environment::Production, 330), (Environment::Staging, 326)] {
            let token = static_token(1_700_000_000, environment, &mut random);
            let segments: Vec<&str> = token.split('.').collect();
            assert_eq!((segments.len(), segments[2].len(), token.len()), (3, 43, length));
            let payload = BASE64_URL_SAFE_NO_PAD.decode(segments[1]).unwrap();
            let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(payload["nbf"], 1_700_000_000);
            assert_eq!(payload.as_object().unwrap().len(), 4);
        }
        let token = oauth_token("1700000000", &mut random);
        assert!(token.starts_with("hCgwKCjE3MDAwMDAwMD"), "{}", token.len());
        assert_eq!(token.len(), 84);
        assert!(is_uuid(&uuid(&mut random)));
        for text in [
            "",
            "1000000001",
            "e0a7690e5ab54b23b5146f82b97dd49e",
            "g0a7690e-5ab5-4b23-b514-6f82b97dd49e",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
