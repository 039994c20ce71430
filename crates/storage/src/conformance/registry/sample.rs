//! Values the cases are made of.

use std::sync::Arc;

use holdfast_model::access::{AccessKey, Role};
use holdfast_model::credential::{
    App, Credential, CredentialKind, CredentialVersion, Expiry, Origin, Verification, VersionState,
};
use holdfast_model::fault::{Fault, FaultAction, FaultClass, PlatformCode};
use holdfast_model::hold::{Confirmation, Hold, Lifted, LiftedBy};
use holdfast_model::id::{
    AppId, AssetId, CredentialId, DestinationId, HoldId, InvalidId, KeyId, VersionNo,
};
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::{Scope, SelectorKind};
use holdfast_model::time::{UnixMillis, UnixSeconds};

use crate::{NewDestination, Registry};

pub(super) const AT: UnixMillis = UnixMillis(1_700_000_000_000);

fn valid<T>(id: Result<T, InvalidId>) -> T {
    id.unwrap_or_else(|invalid| panic!("the suite uses a bad id: {invalid}"))
}

pub(super) fn app_id(text: &str) -> AppId {
    valid(AppId::new(text))
}

pub(super) fn credential_id(text: &str) -> CredentialId {
    valid(CredentialId::new(text))
}

pub(super) fn destination_id(text: &str) -> DestinationId {
    valid(DestinationId::new(text))
}

pub(super) fn key_id(text: &str) -> KeyId {
    valid(KeyId::new(text))
}

pub(super) fn app(id: &str) -> App {
    App {
        id: app_id(id),
        platform: PlatformId::Meta,
        label: "Shop".to_owned(),
        secret_version: None,
        created_at: AT,
    }
}

pub(super) fn credential(id: &str) -> Credential {
    Credential {
        id: credential_id(id),
        platform: PlatformId::Meta,
        app: None,
        origin: Origin::Given,
        contact: None,
        created_at: AT,
    }
}

/// A candidate with every optional field filled, so that a field that is not stored is missed.
pub(super) fn version(credential: &str, number: u32) -> CredentialVersion {
    CredentialVersion {
        credential: credential_id(credential),
        version: VersionNo(number),
        state: VersionState::Candidate,
        verification: Verification::Untried,
        kind: CredentialKind::SystemUser,
        fingerprint: format!("{number:032x}"),
        length: 186,
        head: "EAABa8".to_owned(),
        tail: "0ZDZ".to_owned(),
        decoded_app_id: Some(24_000_000_000_000_001),
        expires_at: Expiry::At(UnixSeconds(1_705_184_000)),
        data_access_expires_at: Expiry::Never,
        scopes: vec!["ads_management".to_owned(), "business_management".to_owned()],
        scopes_lost: vec!["catalog_management".to_owned()],
        subject: Some("3003".to_owned()),
        added_at: AT,
        verified_at: Some(AT.plus_millis(1)),
        last_delivery_at: Some(AT.plus_millis(2)),
        made: holdfast_model::credential::Made::Renewed { parent: Some(VersionNo(3)) },
    }
}

pub(super) fn sealed(number: u32) -> Vec<u8> {
    (0u8..200).map(|byte| byte.wrapping_mul(31).wrapping_add(number as u8)).collect()
}

pub(super) fn new_destination(id: &str, credential: &str) -> NewDestination {
    NewDestination {
        id: destination_id(id),
        platform: PlatformId::Meta,
        asset: valid(AssetId::new("1234567890")),
        credential: credential_id(credential),
        standby: Vec::new(),
        settings: Default::default(),
        created_at: AT,
    }
}

pub(super) fn scope(credential: &str) -> Scope {
    Scope::new([(SelectorKind::Credential, credential.to_owned())])
}

/// A hold whose id is the later the greater `number` is.
pub(super) fn hold(number: u8, scope: Scope) -> Hold {
    let opened_at = AT.plus_millis(i64::from(number));
    Hold {
        id: HoldId::from_parts(opened_at, [number; 10]),
        scope,
        fault: Fault {
            name: "meta.token_expired".to_owned(),
            class: FaultClass::Credential,
            action: FaultAction::Hold,
            selectors: vec![SelectorKind::Credential],
            code: Some(PlatformCode { code: 190, subcode: Some(463) }),
            summary: "the token expired".to_owned(),
            remedy: "add a new token".to_owned(),
            platform_message: "Session has expired".to_owned(),
            trace_id: Some("AbCdEf".to_owned()),
        },
        opened_at,
        confirmation: Confirmation::Confirmed,
        credential_version: Some(VersionNo(2)),
        opened_by: Some("ops".to_owned()),
        lifted: None,
    }
}

pub(super) fn lifted(by: &str) -> Lifted {
    Lifted {
        at: AT.plus_millis(60_000),
        by: LiftedBy::Operator(by.to_owned()),
        reason: "checked by hand".to_owned(),
    }
}

pub(super) fn key(id: &str) -> AccessKey {
    AccessKey {
        id: key_id(id),
        role: Role::Ingest,
        destinations: Vec::new(),
        created_at: AT,
        revoked_at: None,
    }
}

/// Stores a credential with `count` candidate versions.
pub(super) async fn store_credential(registry: &Arc<dyn Registry>, id: &str, count: u32) {
    registry.add_credential(&credential(id)).await.unwrap();
    for number in 1..=count {
        registry.add_credential_version(&version(id, number), &sealed(number)).await.unwrap();
    }
}
