//! What must not be written anywhere: paths of somebody's machine, and anything that could be a
//! live token.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

/// Split so that this file does not contain what it looks for.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Use", "rs/")];

/// Shortest run of letters and digits after `EA` that is taken for a token. Real ones have at
/// least 170; heads that are quoted as examples have about a dozen.
const TOKEN_RUN: usize = 118;

/// Directories that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", "target", "node_modules"];

pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for file in files(root)? {
        // A file may be listed by git and deleted since.
        let Ok(bytes) = std::fs::read(root.join(&file)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        findings.extend(check_text(&file, &text));
    }
    Ok(findings)
}

fn check_text(file: &Path, text: &str) -> Vec<String> {
    let numbered = (1..).zip(text.lines());
    let complain = |(number, line)| {
        let what = complaint(line)?;
        Some(format!("{}:{number}: {what}", file.display()))
    };
    numbered.filter_map(complain).collect()
}

/// Names the kind, never the text: a finding is printed and may be logged.
fn complaint(line: &str) -> Option<&'static str> {
    if MACHINE_PATHS.iter().any(|path| has_path(line, path)) {
        return Some("a path of somebody's machine, expected a relative or made-up one");
    }
    has_token(line).then_some("something shaped like a live token, expected a generated one")
}

/// A URL's path (`example.com/home/…`) is not meant: there a letter or digit comes before it.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| !ends_in_word(&line[..at]))
}

fn has_token(line: &str) -> bool {
    line.match_indices("EA").any(|(at, _)| {
        let run = line[at + 2..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        run >= TOKEN_RUN && !ends_in_word(&line[..at])
    })
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

/// Relative paths of all files that are or could be committed.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output();
    match listed {
        Ok(answer) if answer.status.success() => {
            let names = String::from_utf8(answer.stdout).context("read what git lists")?;
            Ok(names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
        }
        // No git, or sources without a repository: look at everything.
        _ => {
            let mut found = Vec::new();
            walk(root, Path::new(""), &mut found)?;
            Ok(found)
        }
    }
}

fn walk(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let directory = root.join(below);
    let entries =
        std::fs::read_dir(&directory).with_context(|| format!("list {}", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
            walk(root, &path, found)?;
        } else if kind.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_machine_are_found_and_urls_are_not() {
        for machine in MACHINE_PATHS {
            assert!(complaint(&format!("see {machine}someone/notes")).is_some());
            assert!(complaint(&format!("\"{machine}x\"")).is_some());
            assert!(complaint(&format!("https://example.com{machine}x")).is_none());
        }
        assert_eq!(complaint("/var/lib/holdfast"), None);
    }

    #[test]
    fn tokens_are_found_and_quoted_heads_are_not() {
        let token = |length: usize| format!("EA{}", "aB1Z".repeat(length).split_at(length).0);
        assert!(complaint(&format!("token = \"{}\"", token(180))).is_some());
        assert!(complaint(&token(TOKEN_RUN)).is_some());
        assert_eq!(complaint(&token(TOKEN_RUN - 1)), None);
        assert_eq!(complaint(&format!("x{}", token(180))), None, "inside a longer blob");
        assert_eq!(complaint("EAABa8xB6QA"), None);
    }

    #[test]
    fn findings_name_file_and_line_but_not_the_text() {
        let text = format!("fine\nEA{}\n", "x1".repeat(90));
        let findings = check_text(Path::new("a/b.rs"), &text);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("a/b.rs:2: ") && !findings[0].contains("x1x1"));
    }

    #[test]
    fn without_git_the_directory_is_walked() {
        let root = tempfile::tempdir().unwrap();
        for (directory, file) in [("src", "a.rs"), ("target", "b.rs"), ("node_modules", "c.js")] {
            std::fs::create_dir(root.path().join(directory)).unwrap();
            std::fs::write(root.path().join(directory).join(file), "x").unwrap();
        }
        let mut found = Vec::new();
        walk(root.path(), Path::new(""), &mut found).unwrap();
        assert_eq!(found, [Path::new("src").join("a.rs")]);
    }
}
