//! The open holds, in memory, and whoever wants to hear of changes.

use std::sync::Arc;

use holdfast_model::hold::Hold;
use holdfast_model::scope::ScopeFacts;
use holdfast_storage::{Registry, StorageError};
use tokio::sync::watch;

/// All open holds. The registry is the truth; lanes watch this copy.
#[derive(Debug)]
pub struct HoldBook {
    open: watch::Sender<Arc<Vec<Hold>>>,
}

impl Default for HoldBook {
    fn default() -> Self {
        Self { open: watch::Sender::new(Arc::default()) }
    }
}

impl HoldBook {
    pub fn open(&self) -> Arc<Vec<Hold>> {
        self.open.borrow().clone()
    }

    pub fn watch(&self) -> watch::Receiver<Arc<Vec<Hold>>> {
        self.open.subscribe()
    }

    pub fn covering(&self, facts: &ScopeFacts) -> Vec<Hold> {
        self.open.borrow().iter().filter(|hold| hold.scope.covers(facts)).cloned().collect()
    }

    pub fn covers(&self, facts: &ScopeFacts) -> bool {
        self.open.borrow().iter().any(|hold| hold.scope.covers(facts))
    }

    pub async fn reload(&self, registry: &dyn Registry) -> Result<(), StorageError> {
        let open = registry.open_holds().await?;
        self.open.send_replace(Arc::new(open));
        Ok(())
    }
}
