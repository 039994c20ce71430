//! No piece of a live token survives in a text, whatever form it travels in and whatever was cut.

use holdfast_model::redact::{LiveSecrets, MIN_PIECE};
use holdfast_testkit::{
    APP_ID, SNAP_PRODUCTION, fake_app_secret, fake_app_token, fake_snap_token, fake_token,
};
use proptest::prelude::*;

/// How a secret is written where it is met.
#[derive(Debug, Clone, Copy)]
enum Form {
    Raw,
    PercentEncoded,
    JsonEscaped,
    /// In a JSON text inside another one.
    EscapedTwice,
}

const FORMS: [Form; 4] = [Form::Raw, Form::PercentEncoded, Form::JsonEscaped, Form::EscapedTwice];

impl Form {
    fn write(self, secret: &str) -> String {
        match self {
            Self::Raw => secret.to_owned(),
            Self::PercentEncoded => percent_encoded(secret),
            Self::JsonEscaped => json_escaped(secret),
            Self::EscapedTwice => json_escaped(&json_escaped(secret)),
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// One of each kind that a gateway may hold.
fn live(seed: u64) -> Vec<String> {
    vec![
        fake_token(APP_ID, seed),
        fake_token(24_000_000_000_000_001, seed),
        fake_snap_token(SNAP_PRODUCTION, 1_700_000_000, seed),
        fake_app_secret(seed),
        fake_app_token(APP_ID, seed),
    ]
}

/// What is put into a text: which secret, how it is written, and which part of that is left.
type Planted = (prop::sample::Index, Form, prop::sample::Index, usize);

fn planted() -> impl Strategy<Value = Vec<(Planted, String)>> {
    let one = (
        any::<prop::sample::Index>(),
        prop::sample::select(&FORMS[..]),
        any::<prop::sample::Index>(),
        MIN_PIECE..400,
    );
    let around = prop_oneof![
        "\\PC{0,30}",
        Just("access_token=".to_owned()),
        Just("\",\"token\":\"".to_owned()),
        Just("Malformed access token ".to_owned()),
        Just(" Bearer ".to_owned()),
        Just("EA".to_owned()),
        Just("%".to_owned()),
        Just("\n".to_owned()),
    ];
    prop::collection::vec((one, around), 1..5)
}

fn part(written: &str, from: prop::sample::Index, length: usize) -> String {
    let characters: Vec<char> = written.chars().collect();
    let last = characters.len().saturating_sub(MIN_PIECE);
    let from = from.index(last + 1);
    characters[from..].iter().take(length).collect()
}

proptest! {
    #[test]
    fn no_piece_survives(seed in 0_u64..200, plants in planted(), end in "\\PC{0,20}") {
        let secrets = live(seed);
        let mut redactor = LiveSecrets::default();
        secrets.iter().for_each(|secret| redactor.add(secret));
        let mut text = String::new();
        for ((which, form, from, length), before) in &plants {
            text.push_str(before);
            text.push_str(&part(&form.write(&secrets[which.index(secrets.len())]), *from, *length));
        }
        text.push_str(&end);
        let shown = redactor.redact(&text);
        for secret in &secrets {
            for form in [Form::Raw, Form::PercentEncoded, Form::JsonEscaped] {
                let written: Vec<char> = form.write(secret).chars().collect();
                for piece in written.windows(MIN_PIECE) {
                    let piece: String = piece.iter().collect();
                    prop_assert!(!shown.contains(&piece), "{form:?}: a piece is left in {shown:?}");
                }
            }
        }
    }

    /// What holds no secret is left as it is, so that masking hides nothing else.
    #[test]
    fn words_stay(words in prop::collection::vec("[a-z]{1,12}", 0..20), seed in 0_u64..50) {
        let mut redactor = LiveSecrets::default();
        live(seed).iter().for_each(|secret| redactor.add(secret));
        let text = words.join(", ");
        prop_assert_eq!(redactor.redact(&text), text);
    }
}
