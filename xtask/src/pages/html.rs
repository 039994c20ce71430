//! What every page of the site shares: the frame, the style sheet, escaping, markdown.

use holdfast_platforms::catalog;
use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd, html};

/// Both themes come from the reader's own setting. Contrast is at least 7:1 for text.
const STYLE: &str = "
:root{color-scheme:light dark;--text:#1c1c1a;--soft:#4a4a45;--ground:#fdfdfb;--box:#f1f1ec;--line:#d5d5cd;--link:#0b4a8f}
@media(prefers-color-scheme:dark){:root{--text:#e9e9e4;--soft:#b9b9b1;--ground:#171716;--box:#232321;--line:#41413d;--link:#9cc8ff}}
body{margin:0 auto;max-width:46rem;padding:1rem 1.25rem 4rem;background:var(--ground);color:var(--text);font:1rem/1.55 system-ui,sans-serif}
h1{font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2rem 0 .4rem}h3{font-size:1rem;margin:1.2rem 0 .2rem}
p{margin:.5rem 0}a{color:var(--link)}a:focus-visible{outline:3px solid var(--link);outline-offset:2px}
code{background:var(--box);padding:.1em .3em;border-radius:3px;font:.92em ui-monospace,monospace;overflow-wrap:break-word}
.lead{font-size:1.15rem}.soft,footer{color:var(--soft);font-size:.92rem}footer{border-top:1px solid var(--line);margin-top:3rem;padding-top:.8rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem;background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.8rem 1rem}
dt{color:var(--soft)}dd{margin:0}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line)}
@media(max-width:40rem){th code{overflow-wrap:anywhere}}
.codes{columns:14rem;padding-left:1.2rem}.skip{position:absolute;left:-99rem}.skip:focus{position:static}
";

/// A whole page around `main`, which is HTML already. The title is not.
pub(super) fn frame(title: &str, way_back: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">Skip to the content</a>\n{way_back}\
         <main id=\"content\">\n{main}</main>\n\
         <footer>Holdfast’s fault catalog. The same text: <code>holdfast explain</code>.</footer>\n\
         </body>\n</html>\n",
        escape(title)
    )
}

/// For text between tags and for attributes in double quotes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A page's markdown as HTML. A fault's name in it becomes a link, `root` being the way from this
/// file to the site's folder. HTML in it is shown, not obeyed, and so are links to elsewhere: the
/// site refers to itself only.
pub(super) fn markdown(text: &str, root: &str) -> String {
    let mut out = String::new();
    html::push_html(&mut out, Parser::new(text).map(|event| own(event, root)));
    out
}

fn own<'a>(event: Event<'a>, root: &str) -> Event<'a> {
    match event {
        Event::Code(code) => match catalog::entry(&code) {
            Some(entry) => Event::InlineHtml(link(entry, root).into()),
            None => Event::Code(code),
        },
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { .. } | Tag::Image { .. })
        | Event::End(TagEnd::Link | TagEnd::Image) => Event::Text(CowStr::Borrowed("")),
        other => other,
    }
}

/// A fault's name that leads to its page.
pub(super) fn link(entry: &catalog::Entry, root: &str) -> String {
    format!("<a href=\"{root}{}\"><code>{}</code></a>", super::path_of(entry), entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_shown_and_not_obeyed() {
        let text = "a <script>alert(1)</script> <b>b</b> & [c](https://example.com) `<i>`";
        let html = markdown(text, "");
        assert_eq!(
            html,
            "<p>a &lt;script&gt;alert(1)&lt;/script&gt; &lt;b&gt;b&lt;/b&gt; &amp; c \
             <code>&lt;i&gt;</code></p>\n"
        );
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
        assert!(frame("<x>", "", "").contains("<title>&lt;x&gt;</title>"));
    }

    #[test]
    fn names_of_faults_are_links() {
        assert_eq!(
            markdown("See `meta.token_expired`.", "../"),
            "<p>See <a href=\"../meta/token_expired.html\"><code>meta.token_expired</code></a>.</p>\n"
        );
        assert_eq!(markdown("`holdfast.toml`", "../"), "<p><code>holdfast.toml</code></p>\n");
    }
}
