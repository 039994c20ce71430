//! A sandbox in this process, a gateway in another, and the commands that set it up.

use std::process::{Command, Output};

use holdfast_sandbox::{Proof, RunningSandbox, Sandbox, SandboxSettings, TokenKind};
use holdfast_testkit::ProcessHarness;
use serde_json::Value;
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_holdfast");
pub const APP: u64 = 100_000_000_000_001;
pub const DATASET: &str = "1000000001";

pub struct Rig {
    pub sandbox: RunningSandbox,
    pub gateway: ProcessHarness,
    /// Where the gateway listens.
    pub url: String,
    pub key: String,
    pub token: String,
    pub app_secret: String,
    dir: TempDir,
}

impl Rig {
    /// A running gateway with one destination, `shop`.
    pub async fn start() -> Self {
        Self::start_logging("info").await
    }

    pub async fn start_logging(filter: &str) -> Self {
        Self::start_with(filter, "").await
    }

    /// With more lines of configuration.
    pub async fn start_with(filter: &str, configuration: &str) -> Self {
        let mut rig = Self::start_bare("127.0.0.1:0", filter, configuration, |_| Vec::new()).await;
        let token = rig.token.clone();
        rig.add_token(&token);
        rig.holdfast(&["destination", "add", "shop", "--asset", DATASET, "--credential", "shop"]);
        let created = rig.holdfast(&["--json", "key", "create", "traffic"]);
        rig.key = created["text"].as_str().unwrap().to_owned();
        rig
    }

    /// A running gateway that knows nothing yet, at an address of one's own and with variables that
    /// follow from where the sandbox is.
    pub async fn start_bare(
        listen: &str,
        filter: &str,
        configuration: &str,
        variables: impl FnOnce(&str) -> Vec<(&'static str, String)>,
    ) -> Self {
        let sandbox = Sandbox::start(SandboxSettings::default()).await.unwrap();
        let control = sandbox.handle();
        let app_secret = control.add_app(APP, Proof::Optional);
        control.add_asset(DATASET);
        let token = control.issue_token(APP, TokenKind::SystemUser, &[DATASET]);
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("holdfast.toml");
        let url = sandbox.base_url();
        let platform = format!(
            "[platforms.meta]\nbase_url = \"{url}\"\n[platforms.snap]\nbase_url = \"{url}\"\n"
        );
        std::fs::write(&config, format!("{platform}{configuration}")).unwrap();
        let mut gateway = ProcessHarness::new(BINARY)
            .args(["serve", "--listen", listen, "--data-dir"])
            .arg(dir.path().join("data"))
            .arg("--config")
            .arg(&config)
            .env("HOLDFAST_LOG_FILTER", filter)
            .env("HOLDFAST_DELIVERY_BACKOFF_FIRST_MS", "50")
            .env("HOLDFAST_DELIVERY_BACKOFF_MAX_MS", "1000")
            .ready_when_it_says("holdfast is ready at");
        for (name, value) in variables(&url) {
            gateway = gateway.env(name, value);
        }
        let url = address(&gateway.start().unwrap());
        Self { sandbox, gateway, url, key: String::new(), token, app_secret, dir }
    }

    pub fn data_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    /// Starts the gateway again; it may have another port.
    pub fn restart(&mut self) {
        self.url = address(&self.gateway.restart().unwrap());
    }

    pub fn add_token(&self, token: &str) {
        self.add_credential("shop", token);
    }

    pub fn add_credential(&self, name: &str, token: &str) {
        self.add_credential_of("meta", name, token);
    }

    pub fn add_credential_of(&self, platform: &str, name: &str, token: &str) {
        let add = ["--json", "credential", "add", name, "--platform", platform];
        let output = self
            .command(&[&add[..], &["--token-env", "TEST_TOKEN"]].concat())
            .env("TEST_TOKEN", token)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn add_app(&self, platform: &str, id: &str, label: &str, secret: &str) {
        let add = ["app", "add", id, "--platform", platform, "--label", label];
        let output = self
            .command(&[&add[..], &["--secret-env", "TEST_SECRET"]].concat())
            .env("TEST_SECRET", secret)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a command that must succeed and returns its JSON.
    pub fn holdfast(&self, args: &[&str]) -> Value {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(args).arg("--data-dir").arg(self.data_dir());
        command
    }

    pub fn status(&self) -> Value {
        self.holdfast(&["--json", "status"])
    }

    /// What `status` says of a destination.
    pub fn destination(&self, name: &str) -> Value {
        let status = self.status();
        let rows = status["destinations"].as_array().cloned().unwrap_or_default();
        rows.into_iter().find(|row| row["id"] == name).unwrap_or_default()
    }

    /// Waits until nothing is queued, as `status` tells it.
    pub async fn drained(&self) -> Value {
        for _ in 0..600 {
            let status = self.status();
            if status["ledger"]["queued"] == 0 && status["ledger"]["held"] == 0 {
                return status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the lanes did not drain: {}", self.status());
    }
}

/// The address in `holdfast is ready at http://…`.
fn address(line: &str) -> String {
    let at = line.find("http://").unwrap_or_else(|| panic!("no address in {line:?}"));
    line[at..].trim().to_owned()
}

#[allow(clippy::disallowed_methods, reason = "a client that sends to our own gateway")]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
