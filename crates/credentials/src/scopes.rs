//! Which permissions a platform names no more.
//!
//! Platforms' lists have drifted while tokens went on working, and tokens have lost a permission
//! while the list still named it (`spec/tokens.md §5`). So this is something to tell a person, and
//! whether a token works is found out by asking the asset.

/// Of what it had, what is not there any more; sorted, each once. An answer that names nothing says
/// nothing.
pub fn lost_scopes(had: &[String], now: &[String]) -> Vec<String> {
    if now.is_empty() {
        return Vec::new();
    }
    let mut lost: Vec<String> = had.iter().filter(|one| !now.contains(one)).cloned().collect();
    lost.sort();
    lost.dedup();
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_names_scopes_can_miss_one() {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (had, now, lost) in [
            ("a b", "a b c", ""),
            ("b a b", "c", "a b"),
            ("a", "", ""),
            ("", "a", ""),
            ("a b", "b", "a"),
        ] {
            assert_eq!(lost_scopes(&list(had), &list(now)), list(lost), "{had} -> {now}");
        }
    }
}
