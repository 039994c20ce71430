//! What a run decides in cases that the simulator meets too seldom, one at a time.

use std::collections::BTreeSet;

use holdfast_credentials::lifecycle::{
    Attempts, Command, DELIVERIES_BEFORE_REVOKING, Event, Exchanged, Known, Outcome, Parent,
    Rotation, Trouble, Way, policy,
};
use holdfast_model::credential::{
    Credential, CredentialKind, CredentialVersion, Expiry, Made, Origin, Verification, VersionState,
};
use holdfast_model::id::{AppId, CredentialId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::time::{DAY_S, HOUR_S, MINUTE_S, UnixMillis};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn ago(seconds: i64) -> UnixMillis {
    NOW.plus_millis(-seconds * 1_000)
}

fn version(number: u32, state: VersionState) -> CredentialVersion {
    CredentialVersion {
        credential: CredentialId::new("it").unwrap(),
        version: VersionNo(number),
        state,
        verification: Verification::Proved,
        kind: CredentialKind::SystemUser,
        fingerprint: format!("fingerprint-{number}"),
        length: 200,
        head: "EAA".to_owned(),
        tail: "ZD".to_owned(),
        decoded_app_id: None,
        expires_at: Expiry::At(NOW.to_seconds().plus_seconds(50 * DAY_S)),
        data_access_expires_at: Expiry::Unknown,
        scopes: Vec::new(),
        scopes_lost: Vec::new(),
        subject: None,
        added_at: ago(HOUR_S),
        verified_at: None,
        last_delivery_at: None,
        made: Made::Renewed { parent: None },
    }
}

/// Renewed an hour ago, and the new token has shown what it can do.
fn renewed() -> Known {
    Known {
        credential: Credential {
            id: CredentialId::new("it").unwrap(),
            platform: PlatformId::Meta,
            app: Some(AppId::new("1000001").unwrap()),
            origin: Origin::default(),
            contact: None,
            created_at: ago(DAY_S),
        },
        versions: vec![version(1, VersionState::Superseded), version(2, VersionState::Active)],
        has_app_secret: true,
        has_refresh_token: false,
        parent: None,
        children_behind: 0,
        children: 0,
        attempts: None,
        refused_since: None,
        is_held: false,
        kept_elsewhere: BTreeSet::new(),
        revoke_after: None,
        delivered: DELIVERIES_BEFORE_REVOKING,
        active_since: ago(HOUR_S),
    }
}

/// A page's, which the platform refuses.
fn refused_page() -> Known {
    let known = renewed();
    let origin = Origin::Page {
        parent: CredentialId::new("parent").unwrap(),
        page: "5000000001".to_owned(),
    };
    let made = Made::Renewed { parent: Some(VersionNo(7)) };
    Known {
        credential: Credential { origin, ..known.credential },
        versions: vec![CredentialVersion {
            kind: CredentialKind::Page,
            expires_at: Expiry::Never,
            made,
            ..version(1, VersionState::Active)
        }],
        parent: Some(Parent { version: VersionNo(7) }),
        refused_since: Some(ago(MINUTE_S)),
        is_held: true,
        ..renewed()
    }
}

/// The first thing that is done with the lease, or until when is waited.
fn first(known: Known) -> Result<Command, Option<UnixMillis>> {
    let mut rotation = Rotation::begin(known.clone(), NOW)?;
    Ok(rotation.handle(leased(known), NOW))
}

fn leased(known: Known) -> Event {
    Event::Leased { known: Box::new(known), until: NOW.plus_millis(60_000) }
}

#[test]
fn a_token_that_is_kept_under_another_credential_too_is_not_revoked() {
    assert_eq!(first(renewed()), Ok(Command::Revoke { version: VersionNo(1) }));
    let kept_elsewhere = BTreeSet::from(["fingerprint-1".to_owned()]);
    let shared = Known { kept_elsewhere, ..renewed() };
    assert_eq!(first(shared), Ok(Command::Retire { version: VersionNo(1) }));
}

#[test]
fn the_old_version_is_kept_while_anything_is_held_that_the_new_one_was_refused() {
    let held = Known { is_held: true, ..renewed() };
    assert!(first(held.clone()).is_err());
    // What has ended is of no use to anybody.
    let mut ended = held;
    ended.versions[0].expires_at = Expiry::At(ago(1).to_seconds());
    assert_eq!(first(ended), Ok(Command::Retire { version: VersionNo(1) }));
}

#[test]
fn a_revocation_without_an_answer_waits_and_nothing_else_does() {
    let again = NOW.plus_millis(30 * MINUTE_S * 1_000);
    let waiting = Known { revoke_after: Some(again), ..renewed() };
    assert_eq!(first(waiting.clone()), Err(Some(again)));
    let refused = Known { refused_since: Some(ago(1)), ..waiting };
    assert_eq!(first(refused), Ok(Command::GoBack { to: VersionNo(1) }));
}

#[test]
fn a_refused_page_is_read_anew_once_and_then_paced_like_a_failure() {
    let page = refused_page();
    let mut rotation = Rotation::begin(page.clone(), NOW).unwrap();
    let asked = rotation.handle(leased(page.clone()), NOW);
    assert!(matches!(asked, Command::Exchange { way: Way::DerivePage { .. }, .. }), "{asked:?}");
    let same = Event::Exchanged(Exchanged::Same { expires_at: Expiry::Unknown });
    let adopted = rotation.handle(same, NOW);
    assert!(matches!(adopted, Command::Adopt { .. }), "{adopted:?}");
    let Command::End(end) = rotation.handle(Event::Done, NOW) else { panic!("it ends") };
    let attempts = end.record.unwrap();
    assert_eq!((attempts.failures, end.outcome), (1, Outcome::Refused));
    let after = Known { attempts: Some(attempts), ..page };
    let due = policy::due_at(&after, &policy::way(&after), NOW).unwrap();
    assert!(due.0 - NOW.0 > HOUR_S * 1_000, "it is not asked for again at once");
}

#[test]
fn what_was_tried_since_a_refusal_and_brought_no_failure_is_no_reason_to_try_at_once() {
    let attempts = Attempts {
        version: Some(VersionNo(1)),
        tried_at: ago(30),
        renewed_at: None,
        failures: 0,
        next_at: NOW.plus_millis(DAY_S * 1_000),
        outcome: "no gain".to_owned(),
    };
    let next_at = attempts.next_at;
    let tried = Known { attempts: Some(attempts.clone()), ..refused_page() };
    assert_eq!(policy::due_at(&tried, &policy::way(&tried), NOW), Some(next_at));
    let before = Attempts { tried_at: ago(HOUR_S), ..attempts };
    let untried = Known { attempts: Some(before), ..refused_page() };
    assert_eq!(policy::due_at(&untried, &policy::way(&untried), NOW), Some(NOW));
}

#[test]
fn what_fails_here_ends_the_run_with_a_failure_that_is_written_down() {
    for (is_passing, trouble) in [(false, Some(Trouble::Refused)), (true, None)] {
        let page = refused_page();
        let mut rotation = Rotation::begin(page.clone(), NOW).unwrap();
        rotation.handle(leased(page), NOW);
        let broke = Event::Broke { says: "it cannot be opened".to_owned(), is_passing };
        let Command::End(end) = rotation.handle(broke, NOW) else { panic!("it ends") };
        let record = end.record.unwrap();
        assert_eq!((record.failures, record.outcome.as_str()), (1, "it cannot be opened"));
        assert!(record.next_at > NOW);
        assert_eq!(end.trouble.map(|(trouble, _)| trouble), trouble);
    }
}
