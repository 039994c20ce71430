//! Starting and stopping.

use std::net::SocketAddr;

use axum::extract::Request;
use axum::http::{Method, Uri};
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::exchange::{Around, exchange};
use crate::handle::SandboxHandle;
use crate::scenario::{self, Furnished, Scenario, ScenarioError};
use crate::timeline::Target;
use crate::world::{Strictness, World};
use crate::{control, meta, snap};

#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// Loopback only.
    pub addr: SocketAddr,
    /// Tokens and coin tosses follow from it.
    pub seed: u64,
    pub strictness: Strictness,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            seed: 1,
            strictness: Strictness::Strict,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "the sandbox listens on loopback only, not on {0}: its tokens are worth nothing and its control has no lock"
    )]
    NotLoopback(SocketAddr),
    #[error("failed to listen on {addr}: {cause}")]
    Listen { addr: SocketAddr, cause: std::io::Error },
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

pub struct Sandbox;

pub struct RunningSandbox {
    addr: SocketAddr,
    handle: SandboxHandle,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// An empty world.
    pub async fn start(settings: SandboxSettings) -> Result<RunningSandbox, StartError> {
        let world = World::new(settings.seed);
        serve(settings, world).await
    }

    /// The world and the timeline of a scenario. Nothing is bound before all of it is known to be
    /// valid. The seed is that of the settings; the caller decides whether the scenario's is to
    /// count.
    pub async fn start_with(
        settings: SandboxSettings,
        scenario: &Scenario,
    ) -> Result<(RunningSandbox, Furnished), StartError> {
        let (world, furnished) = scenario::furnish(scenario, settings.seed)?;
        Ok((serve(settings, world).await?, furnished))
    }
}

async fn serve(settings: SandboxSettings, world: World) -> Result<RunningSandbox, StartError> {
    if !settings.addr.ip().is_loopback() {
        return Err(StartError::NotLoopback(settings.addr));
    }
    let failed = |cause| StartError::Listen { addr: settings.addr, cause };
    let listener = TcpListener::bind(settings.addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let handle = SandboxHandle::new(world, settings.strictness);
    let router = router(&handle);
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!(%error, "the sandbox's listener failed");
        }
    });
    Ok(RunningSandbox { addr, handle, stop, server })
}

/// Each platform's routes under what happens around every exchange; the control API beside them,
/// which never misbehaves.
fn router(handle: &SandboxHandle) -> Router {
    let meta = platform(meta::router(handle), handle, meta::target);
    let snap = platform(snap::router(), handle, snap::target);
    let by_path = tower::service_fn(move |request: Request| {
        let is_snap = snap::is_ours(request.uri().path());
        if is_snap { snap.clone() } else { meta.clone() }.oneshot(request)
    });
    control::router()
        .merge(meta::control())
        .merge(snap::control())
        .with_state(handle.clone())
        .fallback_service(by_path)
}

fn platform(
    routes: Router<SandboxHandle>,
    handle: &SandboxHandle,
    target: fn(&Method, &Uri) -> Target,
) -> Router {
    let around = Around { sandbox: handle.clone(), target };
    routes.layer(middleware::from_fn_with_state(around, exchange)).with_state(handle.clone())
}

impl RunningSandbox {
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:PORT`
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn handle(&self) -> &SandboxHandle {
        &self.handle
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.server.abort();
        // An aborted task answers with an error that says just that.
        let _ = self.server.await;
    }
}
