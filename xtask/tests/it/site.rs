//! The website of the fault catalog: complete, at one with itself, and silent towards the network.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_platforms::catalog;
use xtask::pages;

fn files() -> BTreeMap<String, String> {
    pages::site().into_iter().map(|file| (file.path, file.html)).collect()
}

/// The values of an attribute, wherever it stands.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let opening = format!(" {attribute}=\"");
    let rests = html.split(opening.as_str()).skip(1);
    rests.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn every_fault_has_a_file_and_is_linked_from_the_index() {
    let files = files();
    let linked: BTreeSet<&str> = values(&files["index.html"], "href").into_iter().collect();
    let mut expected = BTreeSet::from(["index.html".to_owned()]);
    for entry in catalog::all().flat_map(|(_, catalog)| catalog.entries()) {
        let path = format!("{}.html", entry.name.replacen('.', "/", 1));
        assert!(linked.contains(path.as_str()), "{path} is not linked");
        assert!(files[&path].contains(&format!("<h1>{}</h1>", entry.name)), "{path}");
        assert_eq!(files[&path].matches("<h2 ").count(), 6, "{path}: sections");
        assert!(files[&path].matches("<h3>").count() >= 2, "{path}: questions");
        expected.insert(path);
    }
    assert_eq!(files.keys().cloned().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn every_link_leads_somewhere() {
    let files = files();
    for (path, html) in &files {
        for link in values(html, "href") {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = resolve(path, file);
            let found = files.get(&target);
            let found = found.unwrap_or_else(|| panic!("{path} links to {link}, which is not"));
            let is_there = fragment.is_empty() || values(found, "id").contains(&fragment);
            assert!(is_there, "{path} links to {link}, where nothing has that id");
        }
    }
}

fn resolve(from: &str, link: &str) -> String {
    if link.is_empty() {
        return from.to_owned();
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    match link.strip_prefix("../") {
        Some(rest) if !folder.contains('/') => rest.to_owned(),
        Some(_) => panic!("{link} leaves the site"),
        None if folder.is_empty() => link.to_owned(),
        None => format!("{folder}/{link}"),
    }
}

#[test]
fn nothing_is_fetched_from_elsewhere_and_nothing_runs() {
    for (path, html) in files() {
        let lower = html.to_lowercase();
        for forbidden in [
            "<script",
            "<link",
            "<img",
            "<iframe",
            "@import",
            "url(",
            " src=",
            " onload=",
            "href=\"http",
            "href=\"//",
        ] {
            assert!(!lower.contains(forbidden), "{path} has {forbidden}");
        }
        let ids = values(&html, "id");
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{path}: an id stands twice");
    }
}
