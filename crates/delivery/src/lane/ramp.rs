//! After a lift: one item first, then requests that grow, then full speed.

use holdfast_model::time::MonoMillis;

use crate::Notice;

#[derive(Debug, Default)]
pub struct Ramp {
    /// Position in the ramp: 0 is the canary. `None` at full speed.
    step: Option<usize>,
    lifted_at: MonoMillis,
    held_for_ms: u64,
}

impl Ramp {
    pub fn start(&mut self, now: MonoMillis, held_for_ms: u64) {
        *self = Self { step: Some(0), lifted_at: now, held_for_ms };
    }

    pub fn stop(&mut self) {
        self.step = None;
    }

    pub fn is_ramping(&self) -> bool {
        self.step.is_some()
    }

    pub fn is_canary(&self) -> bool {
        self.step == Some(0)
    }

    /// Most items of the next request; `None` at full speed.
    pub fn size(&self, ramp: &[u32]) -> Option<u32> {
        match self.step? {
            0 => Some(1),
            step => ramp.get(step - 1).copied(),
        }
    }

    /// The first success after a lift is worth telling.
    pub fn succeeded(&mut self, now: MonoMillis, ramp: &[u32]) -> Option<Notice> {
        let step = self.step?;
        self.step = (step < ramp.len()).then_some(step + 1);
        (step == 0).then(|| Notice::Recovered {
            hold_was_open_ms: self.held_for_ms,
            first_delivery_after_lift_ms: now.since(self.lifted_at).as_millis() as u64,
        })
    }

    /// A transient failure: the same size again.
    pub fn failed(&mut self) {
        if let Some(step) = &mut self.step {
            *step = step.saturating_sub(1);
        }
    }
}
