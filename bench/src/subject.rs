//! The gateway under test, with a lane that is paused: what is measured is taking events in.

use std::net::SocketAddr;
use std::path::Path;

use holdfast_gateway::Running;
use holdfast_gateway::config::{ByteSize, Settings};
use holdfast_gateway::services::credentials::{self, AddRequest};
use holdfast_gateway::services::destinations::{self, DestinationRequest};
use holdfast_gateway::services::{Actor, holds, keys};
use holdfast_model::access::Role;
use holdfast_model::destination::DestinationSettings;
use holdfast_model::id::{AssetId, CredentialId, DestinationId, KeyId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;

pub const DESTINATION: &str = "bench";
const OPERATOR: Actor<'static> = Actor("bench");

pub struct Subject {
    running: Running,
    pub key: String,
}

impl Subject {
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        let mut settings = Settings::load(None, std::iter::empty())?;
        settings.server.listen = ([127, 0, 0, 1], 0).into();
        settings.storage.data_dir = dir.join("data");
        settings.storage.max_disk_bytes = ByteSize(40 << 30);
        let running = holdfast_gateway::start(settings).await?;
        let gateway = &running.gateway;
        let credential = CredentialId::new(DESTINATION)?;
        let request = AddRequest {
            id: credential.clone(),
            platform: PlatformId::Meta,
            app: None,
            accept_unverified: true,
        };
        let token = Secret::new(holdfast_testkit::fake_token(holdfast_testkit::APP_ID, 1));
        credentials::add(gateway, OPERATOR, request, token).await?;
        let request = DestinationRequest {
            id: DestinationId::new(DESTINATION)?,
            platform: PlatformId::Meta,
            asset: AssetId::new("1")?,
            credential,
            settings: DestinationSettings { quota_bytes: 1 << 40, ..Default::default() },
        };
        let destination = destinations::add(gateway, OPERATOR, request).await?;
        holds::pause(gateway, OPERATOR, &destination, "only ingest is measured").await?;
        let key = keys::create(gateway, OPERATOR, KeyId::new("bench")?, Role::Ingest, Vec::new());
        let key = key.await?.text.expose().to_owned();
        Ok(Self { running, key })
    }

    pub fn addr(&self) -> SocketAddr {
        self.running.addr
    }

    pub async fn stop(self) -> anyhow::Result<()> {
        Ok(self.running.stop().await?)
    }
}

/// An event of about 1 KiB with ten identifiers.
pub fn event(number: u64) -> String {
    let now = holdfast_gateway::Clock::default().wall().to_seconds();
    holdfast_testkit::fake_event_at(number, UnixSeconds(now.0 - 60)).to_string()
}

pub fn hundred_events(number: u64) -> Vec<u8> {
    let events: Vec<String> = (0..100).map(|position| event(number * 100 + position)).collect();
    format!("[{}]", events.join(",")).into_bytes()
}
