//! Made-up strings of the recorded shapes (`tokens.md §3`). All are made at run time from the seed
//! and belong to nobody; who decodes one of Graph's reads in it what it is.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::random::Random;

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const URL_SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const MARK: &[u8] = b"FAKE-TEST-TOKEN";

/// Noise gives these tokens the lengths that were observed.
const LEAST_NOISE: usize = 110;
const NOISE_RANGE: u64 = 81;

/// `EA…`: the app's id, the mark and noise, with all four escapes in it.
pub fn graph_token(app: u64, random: &mut Random) -> String {
    loop {
        let noise = LEAST_NOISE + usize::try_from(random.below(NOISE_RANGE)).unwrap_or(0);
        let bytes = [&app.to_be_bytes(), MARK, &random.bytes(noise)].concat();
        let token = format!("E{}", escape(&BASE64_STANDARD.encode(bytes)));
        if ["ZA", "ZB", "ZC", "ZD"].iter().all(|escape| token.contains(escape)) {
            return token;
        }
    }
}

/// `IGAA…`
pub fn instagram_token(random: &mut Random) -> String {
    format!("IGAA{}", random.text(LETTERS, 160))
}

/// A code from the login dialog.
pub fn code(random: &mut Random) -> String {
    format!("AQ{}", random.text(URL_SAFE, 200))
}

/// 32 hexadecimal digits.
pub fn app_secret(random: &mut Random) -> String {
    random.hex(32)
}

/// What follows `APPID|` in an app token that was issued.
pub fn issued_right_half(random: &mut Random) -> String {
    random.text(URL_SAFE, 27)
}

/// How these tokens write base64: only letters and digits.
fn escape(base64: &str) -> String {
    base64.replace('Z', "ZA").replace('+', "ZB").replace('/', "ZC").replace('=', "ZD")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random() -> Random {
        Random::stream(7, "strings")
    }

    #[test]
    fn heads_tell_the_app() {
        for (app, head) in
            [(100_000_000_000_001, "EAABa8xB6QA"), (24_000_000_000_000_001, "EAFVD33KcAA")]
        {
            let token = graph_token(app, &mut random());
            assert!(
                token.starts_with(head) && (174..=320).contains(&token.len()),
                "{}",
                token.len()
            );
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn shapes_are_those_of_their_kinds() {
        let is = |text: &str, length: usize| text.len() == length;
        assert!(is(&app_secret(&mut random()), 32));
        assert!(is(&issued_right_half(&mut random()), 27));
        assert!(code(&mut random()).starts_with("AQ"));
        assert!(instagram_token(&mut random()).starts_with("IGAA"));
    }
}
