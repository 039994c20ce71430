//! Setting everything up, as an operator would: app, credentials, destinations, a key.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use holdfast_gateway::config::{PlatformUrl, Settings};
use holdfast_gateway::services::credentials::{self, AddRequest, VersionOutcome};
use holdfast_gateway::services::destinations::{self, DestinationRequest};
use holdfast_gateway::services::status::{self, Status};
use holdfast_gateway::services::{Actor, apps, keys};
use holdfast_gateway::{Gateway, Running};
use holdfast_model::access::Role;
use holdfast_model::destination::DestinationSettings;
use holdfast_model::id::{AppId, AssetId, CredentialId, DestinationId, KeyId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_sandbox::{Proof, RunningSandbox, Sandbox, SandboxSettings, TokenKind};
use tempfile::TempDir;

const APP: u64 = 100_000_000_000_001;
const OPERATOR: Actor<'static> = Actor("demo");

/// The two destinations: name and dataset.
pub const SHOP: (&str, &str) = ("shop", "1000000001");
pub const BRAND: (&str, &str) = ("brand", "1000000002");

pub struct Stage {
    pub sandbox: RunningSandbox,
    pub gateway: Arc<Gateway>,
    running: Running,
    /// The ingest key of the traffic.
    pub key: String,
    shop_token: String,
    _dir: TempDir,
}

impl Stage {
    pub async fn build() -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(SandboxSettings::default()).await?;
        let dir = tempfile::tempdir().context("failed to make a directory for the demo")?;
        let running = holdfast_gateway::start(settings(&sandbox, &dir)?).await?;
        let gateway = running.gateway.clone();
        let control = sandbox.handle();
        let secret = control.add_app(APP, Proof::Required);
        let app = AppId::new(APP.to_string())?;
        let label = "Demo app".to_owned();
        let secret = Some(Secret::new(secret));
        apps::put(&gateway, OPERATOR, app.clone(), PlatformId::Meta, label, secret).await?;
        let mut shop_token = String::new();
        for (name, dataset) in [SHOP, BRAND] {
            control.add_asset(dataset);
            let token = control.issue_token(APP, TokenKind::SystemUser, &[dataset]);
            add_token(&gateway, &app, name, &token).await?;
            let request = DestinationRequest {
                id: DestinationId::new(name)?,
                platform: PlatformId::Meta,
                asset: AssetId::new(dataset)?,
                credential: CredentialId::new(name)?,
                settings: DestinationSettings::default(),
            };
            destinations::add(&gateway, OPERATOR, request).await?;
            if name == SHOP.0 {
                shop_token = token;
            }
        }
        let key =
            keys::create(&gateway, OPERATOR, KeyId::new("traffic")?, Role::Ingest, Vec::new());
        let key = key.await?.text.expose().to_owned();
        Ok(Self { sandbox, gateway, running, key, shop_token, _dir: dir })
    }

    pub fn ingest_url(&self, destination: &str) -> String {
        format!("http://{}/v1/events?destination={destination}", self.running.addr)
    }

    pub async fn status(&self) -> anyhow::Result<Status> {
        Ok(status::status(&self.gateway).await?)
    }

    /// The token that is in use at the shop's platform side, to be killed there.
    pub fn shop_token(&self) -> &str {
        &self.shop_token
    }

    /// What an operator does when told that the token died.
    pub async fn add_new_shop_token(&self) -> anyhow::Result<VersionOutcome> {
        let token = self.sandbox.handle().issue_token(APP, TokenKind::SystemUser, &[SHOP.1]);
        add_token(&self.gateway, &AppId::new(APP.to_string())?, SHOP.0, &token).await
    }

    pub async fn is_drained(&self) -> anyhow::Result<bool> {
        let ledger = self.status().await?.ledger;
        Ok(ledger.queued == 0 && ledger.held == 0)
    }

    pub async fn tear_down(self) -> anyhow::Result<()> {
        self.running.stop().await?;
        self.sandbox.stop().await;
        Ok(())
    }
}

fn settings(sandbox: &RunningSandbox, dir: &TempDir) -> anyhow::Result<Settings> {
    let mut settings = Settings::load(None, std::iter::empty())?;
    settings.server.listen = ([127, 0, 0, 1], 0).into();
    settings.storage.data_dir = dir.path().join("data");
    settings.meta.base_url = PlatformUrl(sandbox.base_url());
    // A demo does not wait a second for a hiccup of the sandbox.
    settings.delivery.backoff_first_ms = 100;
    Ok(settings)
}

async fn add_token(
    gateway: &Arc<Gateway>,
    app: &AppId,
    name: &str,
    token: &str,
) -> anyhow::Result<VersionOutcome> {
    let request = AddRequest {
        id: CredentialId::new(name)?,
        platform: PlatformId::Meta,
        app: Some(app.clone()),
        origin: None,
        contact: None,
        accept_unverified: false,
    };
    let outcome =
        credentials::add(gateway, OPERATOR, request, Secret::new(token.to_owned()).into()).await?;
    if !outcome.activated {
        bail!("the demo's token was not activated: {}", outcome.because);
    }
    Ok(outcome)
}
