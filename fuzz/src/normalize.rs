//! Normalizers: what comes out has the documented shape, and giving it in again changes nothing.
//!
//! The first byte chooses the field, the second what is known besides; the rest is the value.

use std::ops::RangeInclusive;

use holdfast_model::destination::NormalizationProfile as Profile;
use holdfast_model::time::UnixSeconds;
use holdfast_platforms::meta::{Normalized, Surroundings, normalize_field};

const FIELDS: [&str; 18] = [
    "em",
    "ph",
    "fn",
    "ln",
    "db",
    "ge",
    "ct",
    "st",
    "zp",
    "country",
    "external_id",
    "f5first",
    "f5last",
    "fi",
    "dobd",
    "dobm",
    "doby",
    "app_user_id",
];

const CALLING_CODES: [Option<&str>; 4] = [None, Some("1"), Some("49"), Some("971")];

/// In 2026.
const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const THIS_YEAR: u32 = 2026;

pub fn check(data: &[u8]) {
    let [field, around, value @ ..] = data else { return };
    let field = FIELDS[usize::from(*field) % FIELDS.len()];
    let around = Surroundings {
        profile: Profile::MetaDocs,
        calling_code: CALLING_CODES[usize::from(around % 4)],
        country_is_us: [None, Some(true), Some(false)][usize::from(around / 4 % 3)],
        now: NOW,
    };
    let value = String::from_utf8_lossy(value);
    other_profiles(field, &value, &around);
    let found = normalize_field(field, &value, &around);
    same_with_blanks(field, &value, &around, &found);
    match &found {
        Normalized::Text(text) => {
            shape(field, text, &around);
            same_in_capitals(field, &value, &around, text);
            stable(field, text, &around);
        }
        Normalized::Hashed(hash) => passed_through(field, &value, hash, &around),
        Normalized::Empty => assert!(value.chars().all(is_space), "{field} {value:?} is not blank"),
        Normalized::Invalid(expected) => assert!(!expected.is_empty()),
    }
}

/// They follow libraries that promise little: a text is not empty, and every profile takes the same
/// values for hashes.
fn other_profiles(field: &str, value: &str, around: &Surroundings) {
    let docs = normalize_field(field, value, around);
    for profile in [Profile::ParamBuilder, Profile::SdkLegacy] {
        match normalize_field(field, value, &Surroundings { profile, ..*around }) {
            Normalized::Text(text) => assert!(!text.is_empty(), "{field} {profile:?}"),
            // Those who trim less see fewer hashes.
            hashed @ Normalized::Hashed(_) => assert_eq!(hashed, docs, "{field} {profile:?}"),
            Normalized::Empty => assert_eq!(docs, Normalized::Empty, "{field} {profile:?}"),
            Normalized::Invalid(expected) => assert!(!expected.is_empty()),
        }
    }
}

/// Blanks around a value never matter.
fn same_with_blanks(field: &str, value: &str, around: &Surroundings, found: &Normalized<'_>) {
    for padded in [format!(" {value}\n"), format!("\u{feff}{value}\u{a0}")] {
        assert_eq!(normalize_field(field, &padded, around), *found, "{field} {padded:?}");
    }
}

fn same_in_capitals(field: &str, value: &str, around: &Surroundings, text: &str) {
    let capitals = value.to_ascii_uppercase();
    let found = normalize_field(field, &capitals, around);
    assert_eq!(found, Normalized::Text(text.into()), "{field} {capitals:?}");
}

fn stable(field: &str, once: &str, around: &Surroundings) {
    let again = normalize_field(field, once, around);
    if is_hashed(once) {
        // Taking out punctuation can leave 32 hexadecimal digits; nobody can tell them from a hash.
        assert!(matches!(again, Normalized::Hashed(_)));
        return;
    }
    // Without its plus sign, a number of another country, or one of implausible length, looks as if
    // it lacked the calling code.
    let is_ambiguous = field == "ph"
        && around.calling_code.is_some_and(|code| {
            !once.strip_prefix(code).is_some_and(|national| match code {
                "1" => national.len() == 10,
                _ => national.len() >= 8,
            })
        });
    if !is_ambiguous {
        assert_eq!(again, Normalized::Text(once.into()), "{field}: not stable");
    }
}

fn passed_through(field: &str, value: &str, hash: &str, around: &Surroundings) {
    let value = value.trim_matches(is_space);
    assert!(is_hashed(value), "{field} {value:?} is no hash");
    if value.contains('.') {
        assert_eq!(hash, value, "with an appendix, unchanged");
    } else {
        assert_eq!(hash, value.to_ascii_lowercase());
    }
    assert_eq!(normalize_field(field, hash, around), Normalized::Hashed(hash.into()));
}

/// SHA-256 or MD5 in hexadecimal, perhaps with an appendix of the Parameter Builder.
fn is_hashed(text: &str) -> bool {
    let (hash, appendix) = text.rsplit_once('.').map_or((text, None), |(h, a)| (h, Some(a)));
    matches!(hash.len(), 32 | 64)
        && hash.bytes().all(|b| b.is_ascii_hexdigit())
        && appendix.is_none_or(|a| {
            (a.len() == 8 && a.is_ascii()) || ["AQ", "Ag", "Aw", "BA", "BQ", "Bg"].contains(&a)
        })
}

fn shape(field: &str, text: &str, around: &Surroundings) {
    assert!(!text.is_empty(), "{field}");
    assert_eq!(text, text.to_lowercase(), "{field}: not in lower case");
    let all = |test: fn(char) -> bool| text.chars().all(test);
    let is_good = match field {
        "em" => is_address(text),
        "ph" => all(|c| c.is_ascii_digit()) && !text.starts_with('0'),
        "fn" | "ln" => all(|c| !c.is_ascii_punctuation() && !is_space(c)),
        "db" => is_date(text, around),
        "ge" => matches!(text, "f" | "m"),
        "ct" => all(|c| !c.is_ascii() || c.is_ascii_alphanumeric()) && all(|c| !is_space(c)),
        "st" => all(|c| !c.is_ascii() || c.is_ascii_lowercase()) && all(|c| !is_space(c)),
        "zp" => all(|c| c != '-' && !is_space(c)) && is_zip(text, around),
        "country" => text.len() == 2 && all(|c| c.is_ascii_lowercase()),
        "external_id" | "app_user_id" => text == text.trim_matches(is_space),
        "f5first" | "f5last" => text.chars().count() <= 5 && all(|c| !is_space(c)),
        "fi" => text.chars().count() == 1,
        "dobd" => is_number(text, 2, 1..=31),
        "dobm" => is_number(text, 2, 1..=12),
        "doby" => is_number(text, 4, 1900..=THIS_YEAR),
        _ => false,
    };
    assert!(is_good, "{field}: {text:?}");
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty()
        && !domain.contains('@')
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && !text.contains(is_space)
}

fn is_date(text: &str, around: &Surroundings) -> bool {
    assert_eq!(around.now, NOW);
    text.is_ascii()
        && text.len() == 8
        && is_number(&text[..4], 4, 1900..=THIS_YEAR)
        && is_number(&text[4..6], 2, 1..=12)
        && is_number(&text[6..], 2, 1..=31)
}

fn is_zip(text: &str, around: &Surroundings) -> bool {
    let is_digits = text.bytes().all(|b| b.is_ascii_digit());
    !(around.country_is_us == Some(true) && is_digits) || text.len() <= 5
}

fn is_number(text: &str, digits: usize, range: RangeInclusive<u32>) -> bool {
    text.len() == digits
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse().is_ok_and(|number| range.contains(&number))
}

/// White space of JavaScript and of Python.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{1c}'..='\u{1f}')
}

pub fn seeds() -> Vec<Vec<u8>> {
    let values = [
        (0, " John_Smith@gmail.com "),
        (1, "+1 (650) 555-1212"),
        (1, "0049 844 412 4653"),
        (2, "Jean-Luc"),
        (3, "Valéry O'İΣ"),
        (4, "2/16/1997"),
        (4, "19970216"),
        (5, "Female"),
        (6, "São Paulo"),
        (7, "New South Wales"),
        (7, "Washington, D.C."),
        (8, "94035-1234"),
        (8, "SW1A 1AA"),
        (9, "United States"),
        (10, " User-1 "),
        (11, "Margaret"),
        (13, "정"),
        (14, "7"),
        (15, "+07"),
        (16, "1997"),
    ];
    let seed =
        |(field, value): (u8, &str), around: u8| [&[field, around], value.as_bytes()].concat();
    let mut seeds: Vec<Vec<u8>> =
        values.iter().flat_map(|value| [0, 5, 10].map(|around| seed(*value, around))).collect();
    seeds.push(seed((0, &"Ab".repeat(32)), 0));
    seeds.push(seed((9, &format!("{}.AQQCAQMC", "0".repeat(64))), 0));
    seeds.push(seed((10, "550e8400-e29b-41d4-a716-446655440000"), 0));
    seeds
}
