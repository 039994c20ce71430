//! Every row has a page, every page a row.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_model::fault::FaultAction;
use holdfast_model::platform::PlatformId;
use holdfast_platforms::catalog::{self, Catalog};
use holdfast_platforms::platform;

fn check(catalog: &Catalog, prefix: &str) {
    let mut names = BTreeSet::new();
    for entry in catalog.entries {
        let short = entry.name.strip_prefix(prefix).unwrap_or_else(|| panic!("{}", entry.name));
        assert!(names.insert(format!("{short}.md")), "{} stands twice", entry.name);
        let title = format!("# {}\n", entry.name);
        assert!(entry.page.starts_with(&title), "the page of {} has another title", entry.name);
        for section in ["## Cause", "## Evidence", "## What Holdfast does", "## What to do"] {
            assert!(entry.page.contains(section), "{}: {section} is missing", entry.name);
        }
        let holds = matches!(entry.action, FaultAction::Hold | FaultAction::RetryThenHold);
        assert!(!holds || !entry.selectors.is_empty(), "{} would hold nothing", entry.name);
    }
    let dir =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("faults").join(prefix.trim_end_matches('.'));
    let files: BTreeSet<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, names);
}

#[test]
fn rows_and_pages_belong_together() {
    for platform in PlatformId::ALL.into_iter().filter_map(platform) {
        check(platform.catalog(), &format!("{}.", platform.id()));
    }
    check(catalog::own(), "holdfast.");
}
