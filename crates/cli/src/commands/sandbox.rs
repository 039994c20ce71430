//! `holdfast sandbox`

use std::net::SocketAddr;

use clap::Args;
use holdfast_sandbox::{Proof, Sandbox as Server, SandboxSettings, Strictness, TokenKind};
use serde_json::json;

use crate::output::Output;

#[derive(Args)]
pub struct Sandbox {
    /// Loopback address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8378")]
    listen: SocketAddr,
    /// Tokens and coin tosses follow from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only check the token and count events, without looking into them.
    #[arg(long)]
    null_sink: bool,
}

/// What a new sandbox knows, so that it can be tried at once.
const APP: u64 = 100_000_000_000_001;
const DATASET: &str = "1000000001";

impl Sandbox {
    pub async fn run(self, output: &Output) -> anyhow::Result<()> {
        let strictness = if self.null_sink { Strictness::NullSink } else { Strictness::Strict };
        let settings = SandboxSettings { addr: self.listen, seed: self.seed, strictness };
        let running = Server::start(settings).await?;
        let handle = running.handle();
        let secret = handle.add_app(APP, Proof::Optional);
        handle.add_asset(DATASET);
        let token = handle.issue_token(APP, TokenKind::SystemUser, &[DATASET]);
        output.note(format!("sandbox is ready at {}", running.base_url()));
        // Worth nothing outside this process; whoever tries the sandbox needs them.
        output.json(&json!({
            "base_url": running.base_url(), "app": APP.to_string(), "app_secret": secret,
            "dataset": DATASET, "token": token,
        }))?;
        output.note("control: see /_sandbox/state; stop with Ctrl-C");
        tokio::signal::ctrl_c().await?;
        running.stop().await;
        Ok(())
    }
}
