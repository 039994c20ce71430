//! The first page: every fault by platform, and every code.

use std::fmt::Write as _;

use holdfast_model::fault::PlatformCode;
use holdfast_platforms::catalog::{self, Catalog, Entry};

use super::html::{escape, frame, link};
use super::{codes, path_of};

pub(super) fn render() -> String {
    let mut main = String::from(
        "<h1>Faults</h1>\n<p class=\"lead\">Every failure that Holdfast knows has a name and a \
         page: what it means, how sure that is, what it does to the system, and what to do.</p>\n",
    );
    let links = catalog::all().map(|(name, _)| format!("<li><a href=\"#{name}\">{name}</a></li>"));
    let _ = writeln!(
        main,
        "<nav aria-label=\"Platforms\"><ul>{}</ul></nav>",
        links.collect::<String>()
    );
    for (name, catalog) in catalog::all() {
        let _ = write!(
            main,
            "<section aria-labelledby=\"{name}\">\n<h2 id=\"{name}\">{name}</h2>\n{}{}</section>\n",
            remark(name),
            table(name, catalog)
        );
        main.push_str(&by_code(name, catalog));
    }
    frame("Faults of Holdfast", "", &main)
}

fn remark(name: &str) -> String {
    let text = match name {
        "whatsapp" => {
            "WhatsApp’s codes are explained, and its tokens diagnosed; sending messages is not in \
             this release."
        }
        catalog::OWN_NAME => "Causes that lie on this side of the wire.",
        _ => return String::new(),
    };
    format!("<p class=\"soft\">{text}</p>\n")
}

fn table(name: &str, catalog: &Catalog) -> String {
    let rows = catalog.entries().map(|entry| {
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n",
            link(entry, ""),
            escape(&codes(entry)),
            escape(entry.summary)
        )
    });
    format!(
        "<table>\n<caption class=\"skip\">Faults of {name}</caption>\n<thead><tr>\
         <th scope=\"col\">Fault</th><th scope=\"col\">Code</th><th scope=\"col\">Meaning</th>\
         </tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        rows.collect::<String>()
    )
}

/// Every code in numerical order, with the faults that it may mean.
fn by_code(name: &str, catalog: &Catalog) -> String {
    let all = |entry: &'static Entry| entry.codes.iter().map(move |code| (*code, entry));
    let mut found: Vec<(PlatformCode, &Entry)> = catalog.entries().flat_map(all).collect();
    if found.is_empty() {
        return String::new();
    }
    found.sort_by_key(|(code, _)| *code);
    let items = found.chunk_by(|(a, _), (b, _)| a == b).map(|same| {
        let faults = same.iter().map(|(_, entry)| {
            let short = entry.name.split_once('.').map_or(entry.name, |(_, short)| short);
            format!("<a href=\"{}\">{}</a>", path_of(entry), short.replace('_', " "))
        });
        format!("<li>{}: {}</li>\n", same[0].0, faults.collect::<Vec<_>>().join(", "))
    });
    format!(
        "<details><summary>Codes of {name}, in order</summary>\n<ul class=\"codes\">\n{}</ul>\n\
         </details>\n",
        items.collect::<String>()
    )
}
