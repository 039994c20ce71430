//! Names of people and of states.

use std::borrow::Cow;

use super::{Normalized, is_letter, is_space, keep, text_or_invalid};

/// Lower case without ASCII punctuation and white space; other scripts stay as they are.
pub fn person(text: Cow<'_, str>) -> Normalized<'_> {
    let name = keep(text, |c| !c.is_ascii_punctuation() && !is_space(c));
    text_or_invalid(name, "a name")
}

/// The first characters of a name.
pub fn first(text: Cow<'_, str>, characters: usize) -> Normalized<'_> {
    match person(text) {
        Normalized::Text(name) => {
            Normalized::Text(Cow::Owned(name.chars().take(characters).collect()))
        }
        other => other,
    }
}

/// Letters only; names of US states become their codes, unless the country is another.
pub fn state(text: Cow<'_, str>, country_is_us: Option<bool>) -> Normalized<'_> {
    let name = keep(text, is_letter);
    if country_is_us != Some(false)
        && let Ok(at) = US_STATES.binary_search_by_key(&name.as_ref(), |(state, _)| state)
    {
        return Normalized::Text(Cow::Borrowed(US_STATES[at].1));
    }
    text_or_invalid(name, "a state or province")
}

/// ANSI codes of the states, the federal district and the territories, by name. Sorted.
#[rustfmt::skip]
const US_STATES: [(&str, &str); 58] = [
    ("alabama", "al"), ("alaska", "ak"), ("americansamoa", "as"), ("arizona", "az"),
    ("arkansas", "ar"), ("california", "ca"), ("colorado", "co"), ("connecticut", "ct"),
    ("delaware", "de"), ("districtofcolumbia", "dc"), ("florida", "fl"), ("georgia", "ga"),
    ("guam", "gu"), ("hawaii", "hi"), ("idaho", "id"), ("illinois", "il"), ("indiana", "in"),
    ("iowa", "ia"), ("kansas", "ks"), ("kentucky", "ky"), ("louisiana", "la"), ("maine", "me"),
    ("maryland", "md"), ("massachusetts", "ma"), ("michigan", "mi"), ("minnesota", "mn"),
    ("mississippi", "ms"), ("missouri", "mo"), ("montana", "mt"), ("nebraska", "ne"),
    ("nevada", "nv"), ("newhampshire", "nh"), ("newjersey", "nj"), ("newmexico", "nm"),
    ("newyork", "ny"), ("northcarolina", "nc"), ("northdakota", "nd"),
    ("northernmarianaislands", "mp"), ("ohio", "oh"), ("oklahoma", "ok"), ("oregon", "or"),
    ("pennsylvania", "pa"), ("puertorico", "pr"), ("rhodeisland", "ri"), ("southcarolina", "sc"),
    ("southdakota", "sd"), ("tennessee", "tn"), ("texas", "tx"), ("usvirginislands", "vi"),
    ("utah", "ut"), ("vermont", "vt"), ("virginia", "va"), ("virginislands", "vi"),
    ("washington", "wa"), ("washingtondc", "dc"), ("westvirginia", "wv"), ("wisconsin", "wi"),
    ("wyoming", "wy"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_whole() {
        assert!(US_STATES.is_sorted_by(|a, b| a.0 < b.0));
        let codes: std::collections::BTreeSet<_> = US_STATES.iter().map(|(_, code)| code).collect();
        assert_eq!(codes.len(), 50 + 1 + 5, "states, district, territories");
    }
}
