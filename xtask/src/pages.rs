//! The fault catalog for readers: codes in words, and the pages as a website.
//!
//! The site is plain: no scripts, nothing fetched from elsewhere, one small style sheet inside each
//! page. It works from a folder, without a server.

mod html;
mod index;
mod page;

use holdfast_platforms::catalog::{self, Entry};

/// One file of the site.
#[derive(Debug)]
pub struct File {
    /// Relative to the site's folder, with `/`.
    pub path: String,
    pub html: String,
}

/// Every file of the site.
pub fn site() -> Vec<File> {
    let entries = catalog::all().flat_map(|(_, catalog)| catalog.entries());
    let pages = entries.map(|entry| File { path: path_of(entry), html: page::render(entry) });
    let index = File { path: "index.html".to_owned(), html: index::render() };
    std::iter::once(index).chain(pages).collect()
}

/// `meta/token_expired.html`.
fn path_of(entry: &Entry) -> String {
    format!("{}.html", entry.name.replacen('.', "/", 1))
}

/// The codes of a row as people write them, ranges in short: `3, 10, 200 to 299`.
pub fn codes(entry: &Entry) -> String {
    let mut shown: Vec<String> = Vec::new();
    let mut at = 0;
    while at < entry.codes.len() {
        let last = end_of_run(entry, at);
        if last - at >= 2 {
            shown.push(format!("{} to {}", entry.codes[at], entry.codes[last]));
        } else {
            shown.extend(entry.codes[at..=last].iter().map(ToString::to_string));
        }
        at = last + 1;
    }
    shown.join(", ")
}

/// The last position of the consecutive codes that begin here.
fn end_of_run(entry: &Entry, first: usize) -> usize {
    let follows = |at: &usize| {
        let (here, next) = (entry.codes[*at], entry.codes.get(at + 1));
        let next = next.filter(|next| here.subcode.is_none() && next.subcode.is_none());
        next.is_some_and(|next| next.code == here.code + 1)
    };
    (first..entry.codes.len()).find(|at| !follows(at)).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &str) {
        assert_eq!(codes(catalog::entry(name).unwrap()), expected);
    }

    #[test]
    fn codes_are_shown_in_short() {
        check("meta.permission_missing", "3, 10, 200 to 299");
        check("meta.token_expired", "190/463");
        check("meta.unknown_code", "");
        check("whatsapp.token_refused", "0, 102, 190");
        check("whatsapp.registration_pin", "133005, 133006, 133008, 133009");
        check("whatsapp.group_message_refused", "131020, 131041, 131200 to 131299");
    }
}
