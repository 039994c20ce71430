//! One fault's page.

use std::fmt::Write as _;

use holdfast_model::fault::FaultAction;
use holdfast_platforms::catalog::Entry;

use super::codes;
use super::html::{escape, frame, markdown};

/// From a page to the site's folder.
const ROOT: &str = "../";

pub(super) fn render(entry: &Entry) -> String {
    let (platform, _) = entry.name.split_once('.').unwrap_or((entry.name, ""));
    let way_back = format!(
        "<nav aria-label=\"Breadcrumb\"><a href=\"{ROOT}index.html\">All faults</a> › \
         <a href=\"{ROOT}index.html#{platform}\">{platform}</a></nav>\n"
    );
    let mut main = format!(
        "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
        escape(entry.name),
        escape(entry.summary)
    );
    main.push_str(&facts(entry));
    // Title, summary and codes are above already.
    for section in entry.page.split("\n## ").skip(1) {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        let id = head.to_lowercase().replace(' ', "-");
        let _ = write!(
            main,
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{}</h2>\n{}</section>\n",
            escape(head),
            markdown(&questions_as_headings(body), ROOT)
        );
    }
    frame(&format!("{}: {}", entry.name, entry.summary), &way_back, &main)
}

/// What a program knows of it, in a box.
fn facts(entry: &Entry) -> String {
    let mut rows = Vec::new();
    if !entry.codes.is_empty() {
        rows.push(("Code", codes(entry)));
    }
    rows.push(("Class", spoken(&format!("{:?}", entry.class))));
    rows.push(("What follows", what_follows(entry)));
    let rows =
        rows.iter().map(|(head, text)| format!("<dt>{head}</dt><dd>{}</dd>\n", escape(text)));
    format!("<dl>\n{}</dl>\n", rows.collect::<String>())
}

fn what_follows(entry: &Entry) -> String {
    let kinds: Vec<String> =
        entry.selectors.iter().map(|kind| kind.to_string().replace('_', " ")).collect();
    let scope = match kinds.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => kinds.join(""),
    };
    match entry.action {
        FaultAction::Hold => format!("A hold on the {scope}"),
        FaultAction::Retry if scope.is_empty() => "Another attempt, later".to_owned(),
        FaultAction::Retry => format!("Another attempt, later; what waits is the {scope}"),
        FaultAction::RetryThenHold => format!("A few attempts, then a hold on the {scope}"),
        FaultAction::DeadLetter => "A dead letter; nothing is held".to_owned(),
        FaultAction::Expire => "The item expires; nothing is held".to_owned(),
        FaultAction::Note => "Nothing is held".to_owned(),
    }
}

/// `TooOld` as `too old`.
fn spoken(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

/// Questions stand bold in the files, where they read well as text; here they are headings, so that
/// one can jump between them.
fn questions_as_headings(body: &str) -> String {
    let lines = body.lines().map(|line| {
        let question = line.strip_prefix("**").and_then(|line| line.strip_suffix("**"));
        question.map_or_else(|| line.to_owned(), |question| format!("### {question}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}
