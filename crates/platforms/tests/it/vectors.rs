//! Normalization against recorded vectors, under every profile: what Meta prints, and inputs on which
//! three of Meta's own libraries agree. The vectors are not part of this repository (they stand
//! under Meta's platform license), so the test says so and passes where they are missing.

use std::path::PathBuf;

use holdfast_model::destination::NormalizationProfile as Profile;
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
    for vector in vectors("docs.jsonl", 7) {
        check(&vector, Profile::MetaDocs).unwrap();
    }
}

/// Where a profile departs from what Meta prints, because the library that it follows does.
#[test]
fn documented_vectors_under_the_other_profiles() {
    for vector in vectors("docs.jsonl", 7) {
        for profile in [Profile::ParamBuilder, Profile::SdkLegacy] {
            let normalized = match (profile, vector.field.as_str(), &*vector.input) {
                (_, "ph", "(650)555-1212") => Some("6505551212"),
                (Profile::SdkLegacy, "db", "2/16/1997") => Some("2/16/1997"),
                (Profile::SdkLegacy, "country", "United States") => None,
                _ => vector.normalized.as_deref(),
            };
            let expected = Vector {
                field: vector.field.clone(),
                input: vector.input.clone(),
                normalized: normalized.map(str::to_owned),
                sha256: normalized.map(|text| hex::encode(Sha256::digest(text))),
                default_country: None,
            };
            check(&expected, profile).unwrap();
        }
    }
}

#[test]
fn vectors_on_which_metas_libraries_agree() {
    let vectors = vectors("agreed.jsonl", 824);
    for profile in Profile::ALL {
        let wrong: Vec<_> = vectors.iter().filter_map(|v| check(v, profile).err()).collect();
        let (bad, all) = (wrong.len(), vectors.len());
        assert!(wrong.is_empty(), "{profile:?}: {bad} of {all} differ:\n{}", wrong.join("\n"));
    }
}

/// Nothing, said aloud, where the file is missing.
#[allow(clippy::print_stderr)]
fn vectors(name: &str, rows: usize) -> Vec<Vector> {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/meta").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("the vectors are not there, nothing was compared: {}", path.display());
        return Vec::new();
    };
    let lines = text.split('\n').filter(|line| !line.is_empty());
    let vectors: Vec<Vector> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(vectors.len() >= rows, "{} rows", vectors.len());
    vectors
}

/// Rows of `fn` hold for `ln` too.
fn check(vector: &Vector, profile: Profile) -> Result<(), String> {
    let twin = if vector.field == "fn" { "ln" } else { &vector.field };
    for field in [vector.field.as_str(), twin] {
        let around = Surroundings {
            profile,
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
            return Err(format!(
                "{profile:?} {field} {input:?}: expected {expected:?}, found {normalized:?}"
            ));
        }
    }
    Ok(())
}
