//! What an identifier of a person may be in fragments for Meta.

use holdfast_model::destination::NormalizationProfile as Profile;
use holdfast_model::time::UnixSeconds;

use super::admit::is_digits;
use super::normalize::{Field, Surroundings, normalize};
use crate::subject::{Comparison, IdentifierKind, Traces};

pub fn traces(
    kind: IdentifierKind,
    text: &str,
    calling_codes: &[Option<&'static str>],
    out: &mut Traces,
) {
    match kind {
        IdentifierKind::Email => hashed("em", Field::Email, text, calling_codes, out),
        IdentifierKind::Phone => hashed("ph", Field::Phone, text, calling_codes, out),
        IdentifierKind::ExternalId => {
            hashed("external_id", Field::ExternalId, text, calling_codes, out);
            // Destinations may send it as it is.
            out.add("external_id", Comparison::Exact, text);
        }
        IdentifierKind::FbLoginId if is_digits(text) => {
            out.add("fb_login_id", Comparison::Exact, text);
        }
        IdentifierKind::FbLoginId => {}
        IdentifierKind::Madid => out.add("madid", Comparison::AnyCase, text),
        IdentifierKind::ClickId => out.add("fbc", Comparison::FacebookCookie, text),
    }
}

/// Under every profile: the destination may have had another when the item was admitted.
fn hashed(
    key: &'static str,
    field: Field,
    text: &str,
    calling_codes: &[Option<&'static str>],
    out: &mut Traces,
) {
    for profile in Profile::ALL {
        for calling_code in calling_codes {
            let around = Surroundings {
                profile,
                calling_code: *calling_code,
                country_is_us: None,
                // Looked at for dates alone.
                now: UnixSeconds(0),
            };
            out.add_hashed(key, &normalize(field, text, &around));
        }
    }
}
