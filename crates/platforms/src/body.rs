//! The body that the conversion APIs have in common: a list of events under `data`.

/// `{"data":[…],…}` with the group's keys beside `data`. The group is a JSON object in canonical
/// form, or empty.
pub fn with_data(fragments: &[&[u8]], group: &str) -> Vec<u8> {
    let events: usize = fragments.iter().map(|fragment| fragment.len() + 1).sum();
    let mut body = Vec::with_capacity(events + group.len() + 16);
    body.extend_from_slice(b"{\"data\":[");
    for (position, fragment) in fragments.iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        body.extend_from_slice(fragment);
    }
    body.push(b']');
    let keys = group.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("");
    if !keys.is_empty() {
        body.push(b',');
        body.extend_from_slice(keys.as_bytes());
    }
    body.push(b'}');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_joined_with_the_groups_keys_beside_them() {
        assert_eq!(with_data(&[b"{}", b"{\"a\":1}"], ""), b"{\"data\":[{},{\"a\":1}]}");
        assert_eq!(
            with_data(&[b"{}"], "{\"partner_agent\":\"x1y\"}"),
            b"{\"data\":[{}],\"partner_agent\":\"x1y\"}"
        );
    }
}
