//! Counting events without building them, for measuring what stands in front of the sandbox.

/// Objects at depth two, `{"data":[{…},{…}]}`.
pub fn events_in(body: &[u8]) -> u64 {
    let (mut depth, mut events, mut in_text, mut escaped) = (0_u32, 0, false, false);
    for byte in body {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' => {
                events += u64::from(depth == 2);
                depth += 1;
            }
            b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_and_what_is_in_them_is_not() {
        for (body, events) in [
            (r#"{"data":[{"a":{"b":[{}]}},{"c":"{[\"}"}]}"#, 2),
            (r#"{"data":[]}"#, 0),
            (r#"{"data":[{}],"x":{}}"#, 1),
        ] {
            assert_eq!(events_in(body.as_bytes()), events, "{body}");
        }
    }
}
