//! Normalization against recorded vectors: what Meta prints, and inputs on which three of Meta's
//! own libraries agree. The vectors are not part of this repository (they stand under Meta's
//! platform license), so the test says so and passes where they are missing.

use std::path::PathBuf;

use holdfast_model::time::UnixSeconds;
use holdfast_platforms::meta::{Normalized, Surroundings, normalize_field};
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Debug, Deserialize)]
struct Vector {
    field: String,
    input: String,
    normalized: Option<String>,
    sha256: Option<String>,
    default_country: Option<String>,
}

/// November 2026: after every date in the vectors.
const NOW: UnixSeconds = UnixSeconds(1_795_000_000);

#[test]
fn documented_vectors() {
    check_file("docs.jsonl", 7);
}

#[test]
fn vectors_on_which_metas_libraries_agree() {
    check_file("agreed.jsonl", 824);
}

#[allow(clippy::print_stderr)]
fn check_file(name: &str, at_least: usize) {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/meta").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("the vectors are not there, nothing was compared: {}", path.display());
        return;
    };
    let vectors: Vec<Vector> = text
        .split('\n')
        .filter(|l| !l.is_empty())
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert!(vectors.len() >= at_least, "{} rows", vectors.len());
    let wrong: Vec<String> = vectors.iter().filter_map(|vector| check(vector).err()).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

/// Rows of `fn` hold for `ln` too.
fn check(vector: &Vector) -> Result<(), String> {
    let twin = if vector.field == "fn" { "ln" } else { &vector.field };
    for field in [vector.field.as_str(), twin] {
        let around = Surroundings {
            calling_code: vector.default_country.as_ref().map(|country| {
                assert_eq!(country, "US");
                "1"
            }),
            country_is_us: None,
            now: NOW,
        };
        let (normalized, sha256) = match normalize_field(field, &vector.input, &around) {
            Normalized::Text(text) => {
                (Some(text.to_string()), Some(hex::encode(Sha256::digest(&*text))))
            }
            Normalized::Hashed(hash) => (Some(hash.to_string()), Some(hash.to_string())),
            Normalized::Empty | Normalized::Invalid(_) => (None, None),
        };
        if (&normalized, &sha256) != (&vector.normalized, &vector.sha256) {
            let (input, expected) = (&vector.input, &vector.normalized);
            return Err(format!("{field} {input:?}: expected {expected:?}, found {normalized:?}"));
        }
    }
    Ok(())
}
