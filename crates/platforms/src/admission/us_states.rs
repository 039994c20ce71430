//! States of the United States by name.

/// The code of a state that is named in lower-case letters alone.
pub fn code_of(name: &str) -> Option<&'static str> {
    let at = US_STATES.binary_search_by_key(&name, |(state, _)| state).ok()?;
    Some(US_STATES[at].1)
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
