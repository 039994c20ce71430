//! The gateway under test, with one destination.

use std::net::SocketAddr;
use std::path::Path;

use holdfast_gateway::Running;
use holdfast_gateway::config::{ByteSize, PlatformUrl, Settings};
use holdfast_gateway::services::credentials::{self, AddRequest};
use holdfast_gateway::services::destinations::{self, DestinationRequest};
use holdfast_gateway::services::status::{self, Status};
use holdfast_gateway::services::{Actor, holds, keys};
use holdfast_model::access::Role;
use holdfast_model::destination::DestinationSettings;
use holdfast_model::id::{AssetId, CredentialId, DestinationId, KeyId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use holdfast_sandbox::{Proof, RunningSandbox, Sandbox, SandboxSettings, Strictness, TokenKind};

const DESTINATION: &str = "bench";
const DATASET: &str = "1000000001";
const APP: u64 = 100_000_000_000_001;
const OPERATOR: Actor<'static> = Actor("bench");

pub struct Subject {
    running: Running,
    pub key: String,
}

/// Where a gateway delivers to, and the token that works there.
pub struct Platform {
    pub url: String,
    pub token: String,
}

/// A platform that checks the token, counts, and accepts everything.
pub async fn null_sink() -> anyhow::Result<(RunningSandbox, Platform)> {
    let settings = SandboxSettings { strictness: Strictness::NullSink, ..Default::default() };
    let sandbox = Sandbox::start(settings).await?;
    let control = sandbox.handle();
    control.add_app(APP, Proof::Optional);
    control.add_asset(DATASET);
    let token = control.issue_token(APP, TokenKind::SystemUser, &[DATASET]);
    let url = sandbox.base_url();
    Ok((sandbox, Platform { url, token }))
}

impl Subject {
    /// A new gateway. Without a platform its token is a made-up one: nothing is to be delivered.
    pub async fn start(dir: &Path, platform: Option<&Platform>) -> anyhow::Result<Self> {
        let running = open(dir, platform.map(|platform| platform.url.as_str())).await?;
        let gateway = &running.gateway;
        let credential = CredentialId::new(DESTINATION)?;
        let request = AddRequest {
            id: credential.clone(),
            platform: PlatformId::Meta,
            app: None,
            origin: None,
            contact: None,
            accept_unverified: true,
        };
        let token = platform.map_or_else(
            || holdfast_testkit::fake_token(holdfast_testkit::APP_ID, 1),
            |platform| platform.token.clone(),
        );
        credentials::add(gateway, OPERATOR, request, Secret::new(token).into()).await?;
        let request = DestinationRequest {
            id: DestinationId::new(DESTINATION)?,
            platform: PlatformId::Meta,
            asset: AssetId::new(DATASET)?,
            credential,
            settings: DestinationSettings { quota_bytes: 1 << 40, ..Default::default() },
        };
        destinations::add(gateway, OPERATOR, request).await?;
        let key = keys::create(gateway, OPERATOR, KeyId::new("bench")?, Role::Ingest, Vec::new());
        let key = key.await?.text.expose().to_owned();
        Ok(Self { running, key })
    }

    pub fn addr(&self) -> SocketAddr {
        self.running.addr
    }

    pub async fn status(&self) -> anyhow::Result<Status> {
        Ok(status::status(&self.running.gateway).await?)
    }

    pub async fn pause(&self) -> anyhow::Result<()> {
        pause(&self.running).await
    }

    pub async fn resume(&self) -> anyhow::Result<()> {
        resume(&self.running).await
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        Ok(self.running.stop().await?)
    }
}

/// A gateway on a directory, which may be one that an earlier one left.
pub async fn open(dir: &Path, platform_url: Option<&str>) -> anyhow::Result<Running> {
    let mut settings = Settings::load(None, std::iter::empty())?;
    settings.server.listen = ([127, 0, 0, 1], 0).into();
    settings.storage.data_dir = dir.join("data");
    settings.storage.max_disk_bytes = ByteSize(40 << 30);
    if let Some(url) = platform_url {
        settings.meta.base_url = PlatformUrl(url.to_owned());
    }
    Ok(holdfast_gateway::start(settings).await?)
}

/// Holds the destination.
pub async fn pause(running: &Running) -> anyhow::Result<()> {
    let destination = destinations::find(&running.gateway, &DestinationId::new(DESTINATION)?)?;
    holds::pause(&running.gateway, OPERATOR, &destination, "not to be delivered yet").await?;
    Ok(())
}

/// Lifts every hold.
pub async fn resume(running: &Running) -> anyhow::Result<()> {
    for hold in holds::list(&running.gateway, false).await? {
        holds::lift(&running.gateway, OPERATOR, hold.hold.id, "to be delivered now").await?;
    }
    Ok(())
}

/// Where events go.
pub fn path() -> String {
    format!("/v1/events?destination={DESTINATION}")
}

/// Where the platform takes events.
pub fn platform_path() -> String {
    format!("/v25.0/{DATASET}/events")
}

/// Bodies of one event of about 1 KiB with ten identifiers.
pub fn singles() -> Vec<Vec<u8>> {
    (0..256).map(|n| event(n).into_bytes()).collect()
}

pub fn hundreds() -> Vec<Vec<u8>> {
    (0..16).map(|n| events(n * 100, 100)).collect()
}

/// An array of events.
pub fn events(first: u64, count: u64) -> Vec<u8> {
    let events: Vec<String> = (first..first + count).map(event).collect();
    format!("[{}]", events.join(",")).into_bytes()
}

fn event(number: u64) -> String {
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    holdfast_testkit::fake_event_at(number, UnixSeconds(now.0 - 60)).to_string()
}
