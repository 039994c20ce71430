//! `holdfast sandbox`

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use holdfast_sandbox::{
    Furnished, FurnishedSnap, IssuedToken, Sandbox as Server, SandboxSettings, Scenario,
    StartError, Strictness,
};
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::output::Output;

#[derive(Args)]
pub struct Sandbox {
    /// Loopback address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8378")]
    listen: SocketAddr,
    /// World and timeline of what goes wrong, as docs/sandbox.md describes. Without it: one app,
    /// one dataset and one token of Meta, one pixel and one token of Snap, and nothing goes wrong.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Tokens and coin tosses follow from it. [default: the scenario's, else 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Write secrets and tokens to files in this directory, for their owner alone, and print
    /// where they are in place of them.
    #[arg(long, value_name = "DIR")]
    secrets_dir: Option<PathBuf>,
    /// Only check the token and count events, without looking into them.
    #[arg(long)]
    null_sink: bool,
}

/// What a new sandbox knows, so that it can be tried at once.
const USUAL: &str = r#"
[[apps]]
id = 100000000000001

[[assets]]
id = "1000000001"

[[tokens]]
name = "token"
assets = ["1000000001"]

[[snap.organizations]]
id = "organization"

[[snap.assets]]
id = "00000000-0000-4000-8000-000000000001"

[[snap.tokens]]
name = "snap-token"
"#;

const DEFAULT_SEED: u64 = 1;

impl Sandbox {
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let scenario = self.scenario()?;
        let strictness = if self.null_sink { Strictness::NullSink } else { Strictness::Strict };
        let settings = SandboxSettings {
            addr: self.listen,
            seed: self.seed.or(scenario.seed()).unwrap_or(DEFAULT_SEED),
            strictness,
        };
        let (running, furnished) = match Server::start_with(settings, &scenario).await {
            Err(StartError::Scenario(error)) => {
                return Err(Failure::Usage(error.to_string()).into());
            }
            started => started?,
        };
        let secrets = Secrets::new(self.secrets_dir.as_deref())?;
        let printed = printed(&running.base_url(), &furnished, &secrets)?;
        output.note(format!("sandbox is ready at {}", running.base_url()));
        // Worth nothing outside this process; whoever tries the sandbox needs them.
        output.json(&printed)?;
        output.note("control: see /_sandbox/state; stop with Ctrl-C");
        tokio::signal::ctrl_c().await?;
        running.stop().await;
        Ok(())
    }

    fn scenario(&self) -> Result<Scenario, Failure> {
        let read = match &self.scenario {
            Some(path) => Scenario::load(path),
            None => Scenario::parse(USUAL),
        };
        read.map_err(|error| Failure::Usage(error.to_string()))
    }
}

/// The first of each kind under keys of their own, for whoever has only one; then all of them.
fn printed(base_url: &str, made: &Furnished, secrets: &Secrets<'_>) -> anyhow::Result<Value> {
    let mut apps = Vec::new();
    for app in &made.apps {
        let id = app.id.to_string();
        let mut row = json!({ "id": id });
        secrets.put(&mut row, "secret", &format!("app-{id}.secret"), &app.secret)?;
        row["client_token"] = app.client_token.as_str().into();
        apps.push(row);
    }
    let tokens = printed_tokens(&made.tokens, secrets)?;
    let mut printed = json!({ "base_url": base_url });
    if let (Some(app), Some(asset), Some(token)) =
        (apps.first(), made.assets.first(), tokens.first())
    {
        printed["app"] = app["id"].clone();
        printed["dataset"] = asset.as_str().into();
        for (from, key, to) in [(app, "secret", "app_secret"), (token, "token", "token")] {
            for suffix in ["", "_file"] {
                let value = &from[format!("{key}{suffix}")];
                if !value.is_null() {
                    printed[format!("{to}{suffix}")] = value.clone();
                }
            }
        }
    }
    printed["apps"] = apps.into();
    printed["assets"] = made.assets.clone().into();
    printed["tokens"] = tokens.into();
    if !made.snap.organizations.is_empty() {
        printed["snap"] = printed_snap(&made.snap, secrets)?;
    }
    Ok(printed)
}

/// Likewise: the first pixel or app and the first token, then all.
fn printed_snap(made: &FurnishedSnap, secrets: &Secrets<'_>) -> anyhow::Result<Value> {
    let mut organizations = Vec::new();
    for organization in &made.organizations {
        let id = &organization.id;
        let mut row = json!({ "id": id, "client_id": organization.client_id });
        let file = format!("organization-{id}.secret");
        secrets.put(&mut row, "client_secret", &file, &organization.client_secret)?;
        organizations.push(row);
    }
    let tokens = printed_tokens(&made.tokens, secrets)?;
    let mut printed = json!({});
    if let (Some(asset), Some(token)) = (made.assets.first(), tokens.first()) {
        printed["asset"] = asset.as_str().into();
        for key in ["token", "token_file"] {
            if !token[key].is_null() {
                printed[key] = token[key].clone();
            }
        }
    }
    printed["organizations"] = organizations.into();
    printed["assets"] = made.assets.clone().into();
    printed["tokens"] = tokens.into();
    Ok(printed)
}

fn printed_tokens(made: &[IssuedToken], secrets: &Secrets<'_>) -> anyhow::Result<Vec<Value>> {
    let mut rows = Vec::new();
    for token in made {
        let mut row = json!({ "name": token.name, "fingerprint": token.fingerprint });
        secrets.put(&mut row, "token", &format!("{}.token", token.name), &token.text)?;
        if let Some(text) = &token.refresh_token {
            secrets.put(&mut row, "refresh_token", &format!("{}.refresh", token.name), text)?;
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Where secrets go: into what is printed, or into files.
struct Secrets<'a> {
    dir: Option<&'a Path>,
}

impl<'a> Secrets<'a> {
    fn new(dir: Option<&'a Path>) -> anyhow::Result<Self> {
        if let Some(dir) = dir {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.with_context(|| format!("failed to make the directory {}", dir.display()))?;
        }
        Ok(Self { dir })
    }

    /// Puts the text, or the path of the file that now holds it, into the row.
    fn put(&self, row: &mut Value, key: &str, file: &str, text: &str) -> anyhow::Result<()> {
        let Some(dir) = self.dir else {
            row[key] = text.into();
            return Ok(());
        };
        let path = dir.join(file);
        write_privately(&path, text)
            .with_context(|| format!("failed to write {}", path.display()))?;
        row[format!("{key}_file")] = path.display().to_string().into();
        Ok(())
    }
}

/// A file that only its owner may read from its first byte on. One that is there is replaced: its
/// mode may be wider.
fn write_privately(path: &Path, text: &str) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
