//! The composition root: from settings to a running service, in the order in which things depend
//! on each other.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use holdfast_storage::{Outbox as _, StorageError};
use holdfast_storage_embedded::{DataDir, EmbeddedOutbox};
use holdfast_vault::VaultError;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::alerts::{self, AlertsError, Channels};
use crate::clock::Clock;
use crate::config::Settings;
use crate::directory::Directory;
use crate::egress::Egress;
use crate::hold_book::HoldBook;
use crate::http;
use crate::inbound::{self, Inbound, WebhooksError};
use crate::ingest::routing;
use crate::lanes::Lanes;
use crate::metrics::Metrics;
use crate::renewal::{self, Renewals};
use crate::services::standby;
use crate::state::Gateway;
use crate::stores::Stores;
use crate::watcher;

/// Name of the admin socket inside the data directory. Whoever may open it is an admin, so it is
/// readable by the owner alone.
pub const ADMIN_SOCKET: &str = "admin.sock";

/// How often records that are past their retention are erased.
const RETENTION_PERIOD: Duration = Duration::from_secs(3600);

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("failed to open the data directory {dir}: {cause}")]
    DataDir { dir: PathBuf, cause: String },
    #[error("failed to open the vault: {0}")]
    Vault(#[from] VaultError),
    #[error(
        "the master key does not belong to this data directory: {0}. If `holdfast vault rotate` was \
         interrupted, run it again"
    )]
    WrongKey(VaultError),
    #[error("failed to open storage: {0}")]
    Storage(#[from] StorageError),
    #[error("failed to listen on {address}: {cause}")]
    Listen { address: String, cause: std::io::Error },
    #[error(transparent)]
    Alerts(#[from] AlertsError),
    #[error(transparent)]
    Webhooks(#[from] WebhooksError),
    #[error("failed to prepare outgoing requests: {0}")]
    Egress(String),
}

/// A running service.
pub struct Running {
    pub gateway: Arc<Gateway>,
    /// The address that was bound: the port is real even if 0 was asked for.
    pub addr: SocketAddr,
    pub admin_socket: PathBuf,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
    outbox: Arc<EmbeddedOutbox>,
    _lock: DataDir,
}

/// Starts everything. Nothing is bound before storage and vault are open and agree.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let dir = settings.storage.data_dir.clone();
    let clock = Clock::default();
    let channels = Channels::open(&settings.alerts)?;
    let inbound = Inbound::open(&settings.webhooks)?;
    let Stores { lock, vault, registry, outbox, backups } = Stores::open(&settings, &clock).await?;

    let timeout = Duration::from_millis(settings.delivery.request_timeout_ms);
    let egress = Egress::new(timeout).map_err(|e| StartError::Egress(e.to_string()))?;
    let gateway = Arc::new(Gateway {
        settings,
        clock,
        outbox: outbox.clone(),
        registry,
        backups,
        vault,
        directory: Directory::default(),
        holds: HoldBook::default(),
        lanes: Lanes::default(),
        renewals: Renewals::default(),
        egress,
        metrics: Metrics::default(),
        channels,
        alert_due: Notify::new(),
        watch_due: Notify::new(),
        inbound,
    });
    gateway.reload_directory().await?;
    gateway.holds.reload(&*gateway.registry).await?;
    for broken in routing::broken(&gateway.settings.routes, &gateway.snapshot()) {
        tracing::warn!(%broken, "requests for this route are refused until it exists");
    }
    Lanes::start_missing(&gateway);
    // A hold may have been opened right before the process ended.
    let held = gateway.clone();
    tokio::spawn(async move { standby::take_over(&held).await });

    let stop = CancellationToken::new();
    let router = http::router(gateway.clone());
    let (addr, public) = listen_http(&gateway.settings, router.clone(), stop.clone()).await?;
    let admin_socket = dir.join(ADMIN_SOCKET);
    let admin = listen_admin(&admin_socket, router, stop.clone())?;
    let alerts = tokio::spawn(alerts::run(gateway.clone(), stop.clone()));
    let watcher = tokio::spawn(watcher::run(gateway.clone(), stop.clone()));
    let inbound = tokio::spawn(inbound::run(gateway.clone(), stop.clone()));
    let renewal = tokio::spawn(renewal::run(gateway.clone(), stop.clone()));
    let retention = tokio::spawn(retain(gateway.clone(), outbox.clone(), stop.clone()));
    Ok(Running {
        gateway,
        addr,
        admin_socket,
        stop,
        servers: vec![public, admin, alerts, watcher, renewal, inbound, retention],
        outbox,
        _lock: lock,
    })
}

impl Running {
    /// Stops taking requests, lets what is in flight finish within the configured time, flushes
    /// and closes. Whatever did not finish is still in the outbox.
    pub async fn stop(self) -> Result<(), StorageError> {
        let drain = Duration::from_secs(self.gateway.settings.server.drain_seconds);
        self.stop.cancel();
        let finish = async {
            self.gateway.lanes.drain().await;
            for server in self.servers {
                // A server task only ends by the stop token; a panic in it was logged.
                let _ = server.await;
            }
        };
        if tokio::time::timeout(drain, finish).await.is_err() {
            tracing::warn!(
                seconds = drain.as_secs(),
                "stopped before everything in flight had finished; it stays queued"
            );
        }
        // What the lanes delivered last is counted too.
        if let Err(error) = self.gateway.renewals.flush(&self.gateway).await {
            tracing::warn!(%error, "some deliveries are missing in the counts by version");
        }
        // The socket of a stopped gateway would only puzzle the next command.
        let _ = std::fs::remove_file(&self.admin_socket);
        self.outbox.close().await
    }
}

async fn listen_http(
    settings: &Settings,
    router: Router,
    stop: CancellationToken,
) -> Result<(SocketAddr, JoinHandle<()>), StartError> {
    let address = settings.server.listen;
    let failed = |cause| StartError::Listen { address: address.to_string(), cause };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    if !bound.ip().is_loopback() {
        tracing::warn!(%bound, "listening beyond this machine without TLS; put a proxy in front");
    }
    let server = tokio::spawn(async move {
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Answers are small and complete: waiting to fill a packet only adds latency.
            let _ = stream.set_nodelay(true);
        });
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the HTTP listener failed");
        }
    });
    Ok((bound, server))
}

/// The admin socket: same routes, and whoever can open the file is an admin.
fn listen_admin(
    path: &Path,
    router: Router,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, StartError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |cause| StartError::Listen { address: path.display().to_string(), cause };
    // The directory is locked, so a socket that is still there belongs to nobody.
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let router = router.layer(axum::Extension(http::auth::AdminSocket));
    Ok(tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the admin socket failed");
        }
    }))
}

/// Erases what is past its retention, now and then every hour.
async fn retain(gateway: Arc<Gateway>, outbox: Arc<EmbeddedOutbox>, stop: CancellationToken) {
    const DAY_MS: i64 = 86_400_000;
    loop {
        let now = gateway.clock.wall();
        let storage = &gateway.settings.storage;
        let delivered = now.plus_millis(-DAY_MS * i64::from(storage.delivered_days));
        let dead = now.plus_millis(-DAY_MS * i64::from(storage.dead_letter_days));
        if let Err(error) = outbox.purge(delivered, dead).await {
            tracing::error!(%error, "failed to erase records past their retention");
        }
        if let Err(error) = inbound::purge(&gateway).await {
            tracing::error!(%error, "failed to forget what platforms sent long ago");
        }
        if let Err(error) = gateway.registry.purge_tickets(now).await {
            tracing::error!(%error, "failed to forget sessions and sign-ins that are over");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RETENTION_PERIOD) => {}
        }
    }
}
