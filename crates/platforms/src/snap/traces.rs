//! What an identifier of a person may be in fragments for Snap: under the keys of version 3, which
//! admission writes, and under those of version 2.

use super::normalize::{Field, Surroundings, normalize};
use crate::subject::{Comparison, IdentifierKind, Traces};

pub fn traces(
    kind: IdentifierKind,
    text: &str,
    calling_codes: &[Option<&'static str>],
    out: &mut Traces,
) {
    match kind {
        IdentifierKind::Email => {
            hashed(&["em", "hashed_email"], Field::Email, text, calling_codes, out);
        }
        IdentifierKind::Phone => {
            hashed(&["ph", "hashed_phone_number"], Field::Phone, text, calling_codes, out);
        }
        IdentifierKind::ExternalId => {
            hashed(&["external_id"], Field::ExternalId, text, calling_codes, out);
            // Destinations may send it as it is.
            out.add("external_id", Comparison::Exact, text);
        }
        IdentifierKind::FbLoginId => {}
        IdentifierKind::Madid => out.add("madid", Comparison::AnyCase, text),
        IdentifierKind::ClickId => {
            for key in ["sc_click_id", "click_id"] {
                out.add(key, Comparison::Exact, text);
            }
        }
    }
}

fn hashed(
    keys: &[&'static str],
    field: Field,
    text: &str,
    calling_codes: &[Option<&'static str>],
    out: &mut Traces,
) {
    for calling_code in calling_codes {
        let around = Surroundings { calling_code: *calling_code, country_is_us: None };
        let normalized = normalize(field, text, &around);
        for key in keys {
            out.add_hashed(key, &normalized);
        }
    }
}
