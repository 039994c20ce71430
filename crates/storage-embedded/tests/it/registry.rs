//! The registry on SQLite: the suite of every backend, and what only a file on disk can do wrong.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use holdfast_model::credential::{
    Credential, CredentialKind, CredentialVersion, Expiry, Origin, Verification, VersionState,
};
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixMillis;
use holdfast_storage::conformance::registry::RegistryFactory;
use holdfast_storage::{AuditEntry, Registry, StorageError};
use holdfast_storage_embedded::EmbeddedRegistry;
use rusqlite::Connection;
use tempfile::TempDir;

const AT: UnixMillis = UnixMillis(1_700_000_000_000);

/// A data directory that is removed with it.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn registry(&self) -> EmbeddedRegistry {
        EmbeddedRegistry::open(self.path()).unwrap()
    }

    /// The file as an intruder or a failing disk would reach it.
    fn raw(&self) -> Connection {
        Connection::open(self.path().join("registry.sqlite")).unwrap()
    }
}

#[async_trait]
impl RegistryFactory for Directory {
    async fn open(&self) -> Arc<dyn Registry> {
        Arc::new(self.registry())
    }
}

holdfast_storage::registry_conformance!(Directory::new());

fn entry(number: i64) -> AuditEntry {
    AuditEntry {
        at: UnixMillis(AT.0 + number),
        actor: "ops".to_owned(),
        action: "hold.lift".to_owned(),
        subject: format!("hold:{number}"),
        detail: "checked by hand".to_owned(),
    }
}

async fn audited(directory: &Directory, count: i64) {
    let registry = directory.registry();
    for number in 1..=count {
        registry.append_audit(&entry(number)).await.unwrap();
    }
}

/// Changes the trail behind the registry's back, then verifies it.
async fn verify_after(sql: &str) -> Result<u64, String> {
    let directory = Directory::new();
    audited(&directory, 4).await;
    let raw = directory.raw();
    raw.execute_batch("DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_deleted;")
        .unwrap();
    raw.execute_batch(sql).unwrap();
    drop(raw);
    let verified = directory.registry().verify_audit().await;
    verified.map(|chain| chain.entries).map_err(|error| error.to_string())
}

#[tokio::test]
async fn an_untouched_trail_verifies_and_its_head_moves() {
    let directory = Directory::new();
    let empty = directory.registry().verify_audit().await.unwrap();
    assert_eq!((empty.entries, empty.head), (0, [0; 32]));
    audited(&directory, 3).await;
    let three = directory.registry().verify_audit().await.unwrap();
    directory.registry().append_audit(&entry(4)).await.unwrap();
    let four = directory.registry().verify_audit().await.unwrap();
    assert_eq!((three.entries, four.entries), (3, 4));
    assert_ne!(three.head, four.head);
}

#[tokio::test]
async fn a_changed_missing_or_inserted_audit_row_is_found() {
    assert_eq!(verify_after("").await, Ok(4), "the test's own meddling must not matter");
    for (sql, told) in [
        ("UPDATE audit SET detail = 'nothing to see' WHERE seq = 2", "row 2"),
        ("UPDATE audit SET at = at + 1 WHERE seq = 4", "row 4"),
        ("UPDATE audit SET actor = 'op', action = 'shold.lift' WHERE seq = 3", "row 3"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM audit WHERE seq = 3", "row 3 is missing"),
        ("DELETE FROM audit WHERE seq = 4", "4 rows were written"),
        (
            "UPDATE audit SET seq = 9 WHERE seq = 1; UPDATE audit SET seq = 1 WHERE seq = 2;
          UPDATE audit SET seq = 2 WHERE seq = 9;",
            "row 1 is not",
        ),
        (
            "INSERT INTO audit SELECT tenant_id, 5, at, actor, action, subject, detail, hash
          FROM audit WHERE seq = 4",
            "row 5",
        ),
    ] {
        let error = verify_after(sql).await.unwrap_err();
        assert!(error.contains(told), "{sql}: {error}");
    }
}

#[tokio::test]
async fn the_file_itself_refuses_changes_of_the_trail() {
    let directory = Directory::new();
    audited(&directory, 1).await;
    let raw = directory.raw();
    for sql in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit"] {
        let error = raw.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn very_long_audit_texts_are_cut_and_still_verify() {
    let directory = Directory::new();
    let registry = directory.registry();
    let long = AuditEntry { detail: "é".repeat(5_000), ..entry(1) };
    registry.append_audit(&long).await.unwrap();
    let kept = registry.audit(1).await.unwrap().remove(0);
    assert_eq!(kept.detail.chars().count(), 2_001);
    assert!(kept.detail.ends_with('…'));
    assert_eq!(registry.verify_audit().await.unwrap().entries, 1);
}

fn candidate(number: u32) -> CredentialVersion {
    CredentialVersion {
        credential: CredentialId::new("shop").unwrap(),
        version: VersionNo(number),
        state: VersionState::Candidate,
        verification: Verification::Untried,
        kind: CredentialKind::Unknown,
        fingerprint: "0".repeat(32),
        length: 200,
        head: "EAABa8".to_owned(),
        tail: "0ZDZ".to_owned(),
        decoded_app_id: None,
        expires_at: Expiry::Unknown,
        data_access_expires_at: Expiry::Unknown,
        scopes: Vec::new(),
        scopes_lost: Vec::new(),
        subject: None,
        added_at: AT,
        verified_at: None,
        last_delivery_at: None,
        made: holdfast_model::credential::Made::default(),
    }
}

async fn store_two_versions(registry: &EmbeddedRegistry, first: &[u8], second: &[u8]) {
    let shop = Credential {
        id: CredentialId::new("shop").unwrap(),
        platform: PlatformId::Meta,
        app: None,
        origin: Origin::Given,
        contact: None,
        created_at: AT,
    };
    registry.add_credential(&shop).await.unwrap();
    registry.add_credential_version(&candidate(1), first).await.unwrap();
    registry.add_credential_version(&candidate(2), second).await.unwrap();
}

/// Whether the bytes are in any file of the directory.
fn on_disk(directory: &Directory, bytes: &[u8]) -> bool {
    std::fs::read_dir(directory.path()).unwrap().any(|file| {
        let content = std::fs::read(file.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[tokio::test]
async fn a_retired_secret_is_nowhere_in_the_files() {
    // One that fits a page and one that overflows into pages of its own.
    for length in [200, 20_000] {
        let directory = Directory::new();
        let registry = directory.registry();
        let marked = |mark: &str| [mark.as_bytes(), &vec![0xa5; length], mark.as_bytes()].concat();
        let (dead, alive) = (b"sealed-and-retired-0001", b"sealed-and-kept-000002");
        store_two_versions(
            &registry,
            &marked("sealed-and-retired-0001"),
            &marked("sealed-and-kept-000002"),
        )
        .await;
        assert!(on_disk(&directory, dead), "the test must be able to fail");
        let shop = CredentialId::new("shop").unwrap();
        registry.set_version_state(&shop, VersionNo(1), VersionState::Retired).await.unwrap();
        assert!(!on_disk(&directory, dead), "{length} bytes");
        assert!(on_disk(&directory, alive), "{length} bytes");
    }
}

#[tokio::test]
async fn a_reader_in_the_way_of_shredding_is_told_and_can_be_repeated() {
    let directory = Directory::new();
    let registry = directory.registry();
    store_two_versions(&registry, b"sealed-and-retired-0001", b"sealed-and-kept-000002").await;
    let raw = directory.raw();
    raw.execute_batch("BEGIN; SELECT count(*) FROM credential;").unwrap();
    let shop = CredentialId::new("shop").unwrap();
    let retire = || registry.set_version_state(&shop, VersionNo(1), VersionState::Retired);
    let error = retire().await.unwrap_err().to_string();
    assert!(error.contains("another program is reading"), "{error}");
    raw.execute_batch("COMMIT").unwrap();
    retire().await.unwrap();
    assert!(!on_disk(&directory, b"sealed-and-retired-0001"));
}

#[tokio::test]
async fn calls_given_up_by_their_callers_are_done_all_the_same() {
    let directory = Directory::new();
    let registry = directory.registry();
    let mut call = Box::pin(registry.put_once("epoch", b"1"));
    // One poll hands the call over; then its caller loses interest.
    let polled = std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::future::Future::poll(call.as_mut(), cx).is_pending())
    });
    polled.await;
    drop(call);
    assert_eq!(registry.put_once("epoch", b"2").await.unwrap(), b"1");
}

#[tokio::test]
async fn a_missing_directory_and_a_damaged_file_are_named() {
    let directory = Directory::new();
    let missing = directory.path().join("nowhere");
    let error = EmbeddedRegistry::open(&missing).unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");

    std::fs::write(directory.path().join("registry.sqlite"), vec![1u8; 8192]).unwrap();
    let error = EmbeddedRegistry::open(directory.path()).unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_row_of_a_later_release_is_refused() {
    let directory = Directory::new();
    store_two_versions(&directory.registry(), b"one", b"two").await;
    directory.raw().execute("UPDATE credential SET row_v = 2", []).unwrap();
    let error = directory.registry().credentials().await.unwrap_err();
    assert!(matches!(error, StorageError::Damaged { .. }), "{error}");
}
