//! Secrets come from standard input, a file or the environment; never from the command line,
//! where shells and process lists would keep them. So does what people are known by.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use anyhow::Context as _;
use holdfast_model::secret::Secret;

use crate::exit::Failure;

/// Most that is read: a whole file pasted by mistake is recognized without reading all of it.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads a secret from a file (`-` is standard input) or from a variable of the environment.
/// `None` if neither was named.
pub fn read(file: Option<&PathBuf>, variable: Option<&String>) -> anyhow::Result<Option<Secret>> {
    let Some(text) = read_text(file, variable, "secret")? else { return Ok(None) };
    let secret = Secret::new(text.expose().trim_end_matches(['\n', '\r']).to_owned());
    if secret.is_empty() {
        return Err(Failure::Usage("the secret is empty".to_owned()).into());
    }
    Ok(Some(secret))
}

/// Reads what people are known by from a file (`-` is standard input), one a line. Blank lines are
/// left out.
pub fn read_lines(file: &PathBuf, what: &str) -> anyhow::Result<Vec<Secret>> {
    let Some(text) = read_text(Some(file), None, what)? else { return Ok(Vec::new()) };
    let lines: Vec<Secret> = text
        .expose()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| Secret::new(line.to_owned()))
        .collect();
    if lines.is_empty() {
        return Err(Failure::Usage(format!("no {what} was given")).into());
    }
    Ok(lines)
}

fn read_text(
    file: Option<&PathBuf>,
    variable: Option<&String>,
    what: &str,
) -> anyhow::Result<Option<Secret>> {
    let text = match (file, variable) {
        (Some(_), Some(_)) => {
            return Err(Failure::Usage("name a file or a variable, not both".to_owned()).into());
        }
        (None, None) => return Ok(None),
        (None, Some(variable)) => std::env::var(variable).map_err(|_| {
            Failure::Usage(format!("the variable {variable} is not set or not text"))
        })?,
        (Some(file), None) if file.as_os_str() == "-" => from_stdin(what)?,
        (Some(file), None) => {
            let opened = std::fs::File::open(file)
                .with_context(|| format!("failed to read {}", file.display()))?;
            limited(opened).with_context(|| format!("failed to read {}", file.display()))?
        }
    };
    Ok(Some(Secret::new(text)))
}

fn from_stdin(what: &str) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "Paste the {what}, then press Enter and Ctrl-D:");
    }
    limited(stdin.lock()).context("failed to read standard input")
}

fn limited(reader: impl Read) -> anyhow::Result<String> {
    let mut text = String::new();
    reader.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Failure::Usage(format!("a secret has at most {MAX_BYTES} bytes")).into());
    }
    Ok(text)
}

/// One line of standard input: what somebody pastes and ends with Enter.
pub fn line() -> anyhow::Result<Secret> {
    use std::io::BufRead as _;
    let mut text = String::new();
    let mut limited = std::io::stdin().lock().take(MAX_BYTES);
    limited.read_line(&mut text).context("failed to read standard input")?;
    let secret = Secret::new(text.trim().to_owned());
    if secret.is_empty() {
        return Err(Failure::Usage("nothing was pasted".to_owned()).into());
    }
    Ok(secret)
}
