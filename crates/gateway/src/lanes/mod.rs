//! One task per destination that executes what the lane state machine commands.
//!
//! [`Lanes`] starts and stops them and shows what they do; `runner` is the task; `sender` makes a
//! request and judges the answer; `settler` writes what became of items, in order, and keeps
//! trying until storage has taken it.

mod background;
mod runner;
mod sender;
pub(crate) use sender::{confirm, observe_date};
mod settler;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_delivery::LaneState;
use holdfast_model::id::LaneId;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::state::Gateway;

/// What a person may want to know of a lane, as the lane last said it.
#[derive(Debug, Clone, Default)]
pub struct LaneView {
    pub state: LaneState,
    pub in_flight_requests: u32,
    pub last_delivery_at: Option<holdfast_model::time::UnixMillis>,
    pub last_fault: Option<holdfast_model::fault::Fault>,
    pub attempts: u64,
    pub poison_found: u64,
    pub poison_extra_requests: u64,
    pub last_recovery_ms: Option<u64>,
}

/// From services to a running lane.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Nudge {
    /// The credential has another active version, or the destination another credential.
    CredentialChanged,
}

struct Handle {
    nudge: mpsc::UnboundedSender<Nudge>,
    view: watch::Receiver<LaneView>,
}

/// All running lanes.
#[derive(Default)]
pub struct Lanes {
    running: Mutex<HashMap<LaneId, Handle>>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Lanes {
    /// Starts a lane for every destination that has none yet.
    pub(crate) fn start_missing(gateway: &Arc<Gateway>) {
        let lanes = &gateway.lanes;
        let mut running = lanes.running.lock().unwrap_or_else(PoisonError::into_inner);
        for destination in gateway.snapshot().destinations.values() {
            if running.contains_key(&destination.lane) || lanes.stop.is_cancelled() {
                continue;
            }
            let Some(platform) = holdfast_platforms::platform(destination.platform) else {
                tracing::warn!(destination = %destination.id, platform = %destination.platform,
                    "this release cannot deliver to the platform; items will wait");
                continue;
            };
            let (nudge, nudges) = mpsc::unbounded_channel();
            let (view_tx, view) = watch::channel(LaneView::default());
            let runner = runner::Runner::new(
                gateway.clone(),
                destination.clone(),
                platform,
                nudges,
                view_tx,
                lanes.stop.clone(),
            );
            lanes.tracker.spawn(runner.run());
            running.insert(destination.lane, Handle { nudge, view });
        }
    }

    pub(crate) fn nudge(&self, lane: LaneId, nudge: Nudge) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = running.get(&lane) {
            // A lane that has stopped needs no nudge.
            let _ = handle.nudge.send(nudge);
        }
    }

    pub(crate) fn view(&self, lane: LaneId) -> Option<LaneView> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(&lane).map(|handle| handle.view.borrow().clone())
    }

    /// Lets every lane finish what is in flight and waits for all of them.
    pub(crate) async fn drain(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
