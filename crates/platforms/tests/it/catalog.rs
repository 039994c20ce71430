//! Every row has a page, every page a row, and every page says all that people look for.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_model::fault::FaultAction;
use holdfast_platforms::catalog::{self, Catalog, Entry};

const SECTIONS: [&str; 6] = [
    "## Cause",
    "## How sure",
    "## Evidence",
    "## What Holdfast does",
    "## What to do",
    "## Questions",
];

/// What a page may say of where its knowledge comes from.
const SOURCES: [&str; 6] = ["Recorded", "Observed", "Documented", "Reported", "Derived", "Ours"];

fn check(prefix: &str, catalog: &Catalog) {
    let mut names = BTreeSet::new();
    for entry in catalog.entries() {
        let short = entry.name.strip_prefix(prefix).and_then(|name| name.strip_prefix('.'));
        let short = short.unwrap_or_else(|| panic!("{} is in the catalog of {prefix}", entry.name));
        assert!(names.insert(format!("{short}.md")), "{} stands twice", entry.name);
        check_page(entry);
        let holds = matches!(entry.action, FaultAction::Hold | FaultAction::RetryThenHold);
        assert!(!holds || !entry.selectors.is_empty(), "{} would hold nothing", entry.name);
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults").join(prefix);
    let files: BTreeSet<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, names, "rows on one side, pages on the other");
}

fn check_page(entry: &Entry) {
    let name = entry.name;
    let title = format!("# {name}\n\n");
    let rest = entry.page.strip_prefix(&title);
    let rest = rest.unwrap_or_else(|| panic!("the page of {name} has another title"));
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let summary = one_line(rest.split("\n\n").next().unwrap());
    assert_eq!(summary, entry.summary, "{name}: page and row say different things");
    assert_eq!(rest.contains("\nPlatform code: "), !entry.codes.is_empty(), "{name}");
    let found: Vec<&str> = rest.lines().filter(|line| line.starts_with("## ")).collect();
    assert_eq!(found, SECTIONS, "{name}");
    for section in rest.split("\n## ").skip(1) {
        let (head, body) = section.split_once('\n').unwrap();
        assert!(!body.trim().is_empty(), "{name}: {head} is empty");
    }
    check_source(entry);
    check_questions(entry);
}

fn section<'a>(entry: &'a Entry, head: &str) -> &'a str {
    let (_, rest) = entry.page.split_once(&format!("\n{head}\n")).unwrap();
    rest.split("\n## ").next().unwrap().trim()
}

fn check_source(entry: &Entry) {
    let said = section(entry, "## How sure");
    let first = said.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap();
    assert!(SOURCES.contains(&first), "{}: {first:?} is no source", entry.name);
}

/// Each question is bold, ends with its mark or its full stop, and has an answer below it.
fn check_questions(entry: &Entry) {
    let blocks: Vec<&str> = section(entry, "## Questions").split("\n\n").collect();
    let is_question = |block: &str| block.starts_with("**") && block.ends_with("**");
    let questions = blocks.iter().filter(|block| is_question(block)).count();
    assert!(questions >= 2, "{}: {questions} questions", entry.name);
    assert!(is_question(blocks[0]), "{}: an answer without a question", entry.name);
    for pair in blocks.windows(2) {
        assert!(!(is_question(pair[0]) && is_question(pair[1])), "{}: no answer", entry.name);
    }
    assert!(!is_question(blocks[blocks.len() - 1]), "{}: no answer", entry.name);
}

#[test]
fn rows_and_pages_belong_together() {
    for (name, catalog) in catalog::all() {
        check(name, catalog);
    }
}

#[test]
fn no_two_pages_answer_alike() {
    let mut seen = BTreeSet::new();
    for (_, catalog) in catalog::all() {
        for entry in catalog.entries() {
            let questions = section(entry, "## Questions");
            assert!(seen.insert(questions), "{} repeats another page's questions", entry.name);
        }
    }
}

/// What a page refers to by name can be looked up.
#[test]
fn pages_name_faults_that_exist() {
    for (_, catalog) in catalog::all() {
        for entry in catalog.entries() {
            for code in entry.page.split('`').skip(1).step_by(2) {
                let is_name = |name: &str| {
                    let (platform, rest) = name.split_once('.')?;
                    catalog::named(platform)?;
                    rest.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some(())
                };
                if is_name(code).is_some() && !code.ends_with(".toml") {
                    assert!(catalog::entry(code).is_some(), "{} names {code}", entry.name);
                }
            }
        }
    }
}

#[test]
fn faults_are_found_by_name_and_by_code() {
    let names = |platform: &str, wanted: &str| -> Option<Vec<&str>> {
        let found = catalog::named(platform).unwrap().find(wanted)?;
        Some(found.iter().map(|entry| entry.name).collect())
    };
    assert_eq!(names("meta", "190/463"), Some(vec!["meta.token_expired"]));
    assert_eq!(names("meta", "token_expired"), Some(vec!["meta.token_expired"]));
    assert_eq!(names("meta", "meta.token_expired"), Some(vec!["meta.token_expired"]));
    assert_eq!(names("whatsapp", "131047"), Some(vec!["whatsapp.window_closed"]));
    assert_eq!(names("holdfast", "operator_pause"), Some(vec!["holdfast.operator_pause"]));
    assert_eq!(names("snap", "424242"), Some(vec![]));
    assert_eq!(names("snap", "meta.token_expired"), None);
    assert!(catalog::named("myspace").is_none());
}
