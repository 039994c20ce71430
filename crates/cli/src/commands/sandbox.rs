//! `holdfast sandbox`

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use holdfast_sandbox::{
    Furnished, Sandbox as Server, SandboxSettings, Scenario, StartError, Strictness,
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
    /// one dataset, one token, and nothing goes wrong.
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
    let mut tokens = Vec::new();
    for token in &made.tokens {
        let mut row = json!({ "name": token.name, "fingerprint": token.fingerprint });
        secrets.put(&mut row, "token", &format!("{}.token", token.name), &token.text)?;
        tokens.push(row);
    }
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
    Ok(printed)
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
