//! Where the master key comes from.
//!
//! A key that is missing, unreadable or another one than before is a reason not to start; nothing
//! is ever kept without one. Where several sources are named they must agree.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_storage_embedded::EmbeddedRegistry;
use holdfast_vault::{MasterKey, Vault, VaultError};
use zeroize::Zeroizing;

use crate::config::{Settings, VariableName};

/// Name of the key file that the first start makes.
pub const MASTER_KEY_FILE: &str = "master.key";

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// The vault under the configured key; else under the one in the data directory, which the first
/// start makes.
pub fn open_vault(settings: &Settings) -> Result<Vault, VaultError> {
    let named = named(settings)?;
    let mut vaults = named.into_iter();
    let Some((first_source, first)) = vaults.next() else { return beside_the_data(settings) };
    for (source, other) in vaults {
        if other.kek_id() != first.kek_id() {
            let problem = format!("it is another one than that from {first_source}");
            return Err(VaultError::KeySource { source_name: source, problem });
        }
    }
    Ok(first)
}

/// Whether the key is found without looking into the data directory.
pub fn is_configured(settings: &Settings) -> bool {
    let vault = &settings.vault;
    vault.master_key_file.is_some()
        || vault.master_key_env.is_some()
        || vault.master_key_command.is_some()
}

fn named(settings: &Settings) -> Result<Vec<(String, Vault)>, VaultError> {
    let mut found = Vec::new();
    if let Some(file) = &settings.vault.master_key_file {
        found.push((file.display().to_string(), Vault::new(MasterKey::from_file(file)?)));
    }
    if let Some(VariableName(variable)) = &settings.vault.master_key_env {
        let source = format!("the variable {variable}");
        let text = std::env::var(variable).map(Zeroizing::new);
        let text = text.map_err(|_| unfit(&source, "it is not set, or is not text"))?;
        found.push((source.clone(), read(&source, &text)?));
    }
    if let Some(program) = &settings.vault.master_key_command {
        let source = format!("the command {}", program.display());
        let text = printed_by(program).map_err(|problem| unfit(&source, &problem))?;
        found.push((source.clone(), read(&source, &text)?));
    }
    Ok(found)
}

fn read(source: &str, text: &str) -> Result<Vault, VaultError> {
    const EXPECTED: &str = "expected 32 bytes as 64 hexadecimal digits or as base64";
    let key = MasterKey::from_text(text).ok_or_else(|| unfit(source, EXPECTED))?;
    Ok(Vault::new(key))
}

fn unfit(source: &str, problem: &str) -> VaultError {
    VaultError::KeySource { source_name: source.to_owned(), problem: problem.to_owned() }
}

#[allow(clippy::disallowed_methods, reason = "how long somebody keeps the start waiting")]
fn printed_by(program: &Path) -> Result<Zeroizing<String>, String> {
    let started = Command::new(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn();
    let mut child = started.map_err(|e| format!("it cannot be started: {e}"))?;
    let begun = Instant::now();
    // What it prints fits into the pipe, so it can end without being read.
    while child.try_wait().map_err(|e| e.to_string())?.is_none() {
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it did not end within {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(PAUSE);
    }
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let printed = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(format!("it failed: {}", output.status));
    }
    std::str::from_utf8(&printed)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| "what it prints is not text".to_owned())
}

fn beside_the_data(settings: &Settings) -> Result<Vault, VaultError> {
    let dir = &settings.storage.data_dir;
    let file = dir.join(MASTER_KEY_FILE);
    let has_data = dir.join(EmbeddedRegistry::FILE_NAME).exists();
    if has_data && !file.exists() {
        return Err(VaultError::KeyFile {
            path: file.display().to_string(),
            problem: "is missing, and what is stored here is sealed with it; put it back, or name \
                      where it is (vault.master_key_file)"
                .to_owned(),
        });
    }
    let (key, created) = MasterKey::load_or_create(&file)?;
    if created {
        tracing::warn!(file = %file.display(),
            "made a new master key beside the data; move it elsewhere and set vault.master_key_file, \
             because who has both can read every token");
    }
    Ok(Vault::new(key))
}
