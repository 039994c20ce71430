//! What a lane does beside its state machine: leases, requests, probes. The state machine waits for
//! the answer of each, so each has one, also if the task that was to bring it panics.

use std::collections::HashMap;

use holdfast_delivery::{Input, Ticket};
use holdfast_model::id::Seq;
use holdfast_storage::{Lease, StorageError};
use tokio::task::{Id, JoinSet};

use super::sender::Outcome;

/// What finished.
pub enum Done {
    Leased { ticket: Ticket, lease: Result<Lease, StorageError> },
    Sent { ticket: Ticket, items: Vec<Seq>, sent: Outcome },
    Input(Input),
    HoldOpened,
}

#[derive(Default)]
pub struct Background {
    tasks: JoinSet<Done>,
    if_it_panics: HashMap<Id, Done>,
}

impl Background {
    pub fn spawn(&mut self, if_it_panics: Done, task: impl Future<Output = Done> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.if_it_panics.insert(id, if_it_panics);
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The next that finishes; `None` if nothing is under way. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Done> {
        match self.tasks.join_next_with_id().await? {
            Ok((id, done)) => {
                self.if_it_panics.remove(&id);
                Some(done)
            }
            Err(error) => {
                tracing::error!(%error, "a task of a lane failed; it counts as unanswered");
                self.if_it_panics.remove(&error.id())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_still_answers() {
        let mut background = Background::default();
        background.spawn(Done::HoldOpened, async { panic!("on purpose") });
        assert!(matches!(background.next().await, Some(Done::HoldOpened)));
        background.spawn(Done::HoldOpened, async { Done::Input(Input::Tick) });
        assert!(matches!(background.next().await, Some(Done::Input(Input::Tick))));
        assert!(background.next().await.is_none());
        assert!(background.is_empty() && background.if_it_panics.is_empty());
    }
}
