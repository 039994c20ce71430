//! The suite of every backend, against the outbox on local disk.

use std::sync::Arc;

use async_trait::async_trait;
use holdfast_model::time::UnixMillis;
use holdfast_storage::Outbox;
use holdfast_storage::conformance::outbox::OutboxFactory;
use holdfast_storage_embedded::{EmbeddedOutbox, OutboxSettings};
use tempfile::TempDir;

use crate::plain_keys::PlainKeys;

const AT: UnixMillis = UnixMillis(1_790_000_000_000);

/// A data directory that is removed with it. Segments are small, so that the cases go through
/// several of them.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }
}

#[async_trait]
impl OutboxFactory for Directory {
    async fn open(&self) -> Arc<dyn Outbox> {
        let settings = OutboxSettings {
            max_bytes: 16 << 20,
            reserve_bytes: 1 << 20,
            segment_bytes: 256 << 10,
            ..OutboxSettings::in_dir(self.0.path())
        };
        Arc::new(EmbeddedOutbox::open(settings, Arc::new(PlainKeys), AT).unwrap())
    }
}

holdfast_storage::outbox_conformance!(Directory::new());
