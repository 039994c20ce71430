//! `cargo xtask site DIR`: the fault catalog as a website, for any folder that is served, or none.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use super::{USAGE, complain, say};
use crate::pages;

pub(super) fn run(args: &[String]) -> anyhow::Result<ExitCode> {
    let [dir] = args else {
        complain("site takes the folder to write to");
        return Ok(ExitCode::from(USAGE));
    };
    let files = pages::site();
    write(Path::new(dir), &files)?;
    say(&format!("wrote {} pages to {dir}", files.len()));
    Ok(ExitCode::SUCCESS)
}

/// Files that are there already and are no part of the site are left alone.
fn write(dir: &Path, files: &[pages::File]) -> anyhow::Result<()> {
    for file in files {
        let path = dir.join(&file.path);
        let parent = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("failed to make {}", parent.display()))?;
        std::fs::write(&path, &file.html)
            .with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_lies_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let files = pages::site();
        write(dir.path(), &files).unwrap();
        for file in files {
            let written = std::fs::read_to_string(dir.path().join(&file.path)).unwrap();
            assert_eq!(written, file.html);
        }
    }
}
