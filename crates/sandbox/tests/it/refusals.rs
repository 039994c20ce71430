//! Every row of the error tables that Meta's endpoints can answer, produced over HTTP and compared
//! with what the sheet records (`tokens.md §8.2`, `§8.3`; `meta-conversions.md §8`).

use holdfast_sandbox::{
    AppState, AssetKind, Change, Damage, Endpoint, Misbehaviour, NewAsset, NewToken, Proof, Step,
    TokenKind, TokenState,
};
use reqwest::Method;
use serde_json::Value;

use crate::rig::{APP, Answer, DATASET, OTHER_APP, Rig, answer, encoded, event};

/// What is expected of an answer: status, code, subcode, type, and words in the message.
struct Expected {
    status: u16,
    code: i64,
    subcode: Option<i64>,
    kind: &'static str,
    words: &'static [&'static str],
}

const fn oauth(
    status: u16,
    code: i64,
    subcode: Option<i64>,
    words: &'static [&'static str],
) -> Expected {
    Expected { status, code, subcode, kind: "OAuthException", words }
}

fn compare(what: &str, (status, body): &Answer, expected: &Expected) {
    let error = &body["error"];
    let found = (*status, error["code"].as_i64(), error["error_subcode"].as_i64());
    assert_eq!(found, (expected.status, Some(expected.code), expected.subcode), "{what}: {body}");
    assert_eq!(error["type"], expected.kind, "{what}: {body}");
    assert!(error["fbtrace_id"].as_str().is_some_and(|id| !id.is_empty()), "{what}: {body}");
    let message = error["message"].as_str().unwrap();
    for words in expected.words {
        assert!(message.contains(words), "{what}: {message:?} lacks {words:?}");
    }
}

/// Rows 10 to 22: the ways in which a token dies, as a delivery and as a read are told.
#[tokio::test]
async fn a_dead_token_is_told_as_recorded() {
    let rig = Rig::start().await;
    for (row, state, subcode, words) in [
        (1, TokenState::Unreadable, None, &["The access token could not be decrypted"][..]),
        (10, TokenState::SessionMismatch, Some(452), &["does not match current stored session"]),
        (11, TokenState::InvalidOrigin, Some(457), &["The session has an invalid origin"]),
        (
            12,
            TokenState::AppRemoved,
            Some(458),
            &[
                "Error validating access token: The user has not authorized application 100000000000001.",
            ],
        ),
        (
            13,
            TokenState::Checkpointed,
            Some(459),
            &["The session is invalid because the user has been checkpointed"],
        ),
        (
            14,
            TokenState::PasswordChanged,
            Some(460),
            &[
                "The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons.",
            ],
        ),
        (
            15,
            TokenState::Expired,
            Some(463),
            &[
                "Error validating access token: Session has expired on ",
                " PDT. The current time is ",
            ],
        ),
        (16, TokenState::Unconfirmed, Some(464), &["not a confirmed user"]),
        (17, TokenState::NotAllowed, Some(465), &["Sessions for the user are not allowed"]),
        (
            18,
            TokenState::Revoked,
            Some(466),
            &["The session was invalidated explicitly using an API call."],
        ),
        (
            19,
            TokenState::LoggedOut,
            Some(467),
            &["The session is invalid because the user logged out."],
        ),
        (20, TokenState::RoleLost, Some(492), &["role"]),
        (
            21,
            TokenState::DataAccessLapsed,
            Some(493),
            &[
                "The access token is invalid since the user hasn't engaged the app in longer than 90 days.",
            ],
        ),
        (
            22,
            TokenState::PagePermission,
            None,
            &[
                "Any of the pages_",
                "permission(s) must be granted before impersonating a user's page.",
            ],
        ),
        (
            22,
            TokenState::NotPageAdmin,
            None,
            &["The user must be an administrator of the page in order to impersonate it."],
        ),
    ] {
        assert!(rig.control().set_token_state(&rig.token, state));
        let what = format!("row {row}");
        compare(&what, &rig.deliver(&[event("x")]).await, &oauth(401, 190, subcode, words));
        let read = rig.get(&format!("/v25.0/{DATASET}"), &rig.token).await;
        compare(&what, &read, &oauth(400, 190, subcode, words));
    }
    rig.control().set_token_state(&rig.token, TokenState::Valid);
    assert_eq!(rig.deliver(&[event("x")]).await.0, 200, "no state is for ever");
}

/// Rows 1 to 6, 8 and 25 to 27, 35: strings that are no token of this platform, and callers.
#[tokio::test]
async fn a_string_that_is_no_token_is_told_as_recorded() {
    let rig = Rig::start().await;
    let damaged = |damage| {
        let entry = NewToken { damage: Some(damage), ..NewToken::default() };
        rig.issue(NewToken { assets: vec![DATASET.to_owned()], ..entry })
    };
    let unreadable = &["The access token could not be decrypted"][..];
    let unparsed = &["Invalid OAuth access token - Cannot parse access token"][..];
    let (quoted, bearer) = (damaged(Damage::Quoted), damaged(Damage::WithBearer));
    let instagram = rig.issue(NewToken { kind: TokenKind::Instagram, ..NewToken::default() });
    let debug_only = rig.issue(NewToken { kind: TokenKind::DebugOnly, ..NewToken::default() });
    for (row, token, words) in [
        (1, damaged(Damage::CutTail), unreadable),
        (1, damaged(Damage::CaseFlip), unreadable),
        (1, damaged(Damage::InnerSpace), unreadable),
        (1, damaged(Damage::Doubled), unreadable),
        (1, damaged(Damage::Masked), unreadable),
        (2, damaged(Damage::CutHead), unparsed),
        (2, "undefined".to_owned(), unparsed),
        (2, "xxxx".to_owned(), unparsed),
        (2, String::new(), unparsed),
        (2, instagram, unparsed),
        (2, "eyJhbGciOi.eyJzdWIi.c2ln".to_owned(), unparsed),
        (3, quoted, &["Malformed access token \"EA"]),
        (3, bearer, &["Malformed access token Bearer EA"]),
        (4, format!("{APP}|abc"), &["Invalid OAuth access token signature."]),
        (
            5,
            "123|abc".to_owned(),
            &["Error validating application. Cannot get application info due to a system error."],
        ),
        (8, debug_only, &["Invalid OAuth access token - Debug only access token"]),
    ] {
        let sent = rig.delivery_with(&token, DATASET, &[event("x")]).send().await.unwrap();
        let what = format!("row {row}, {} characters", token.len());
        compare(&what, &answer(sent).await, &oauth(401, 190, None, words));
    }
    let nobody = rig.ask("/v25.0/me", &[]).await;
    let words =
        &["An active access token must be used to query information about the current user"];
    compare("row 35", &nobody, &oauth(400, 2500, None, words));
}

/// Rows 6, 23, 24, 31: the app has a say.
#[tokio::test]
async fn an_app_that_objects_is_told_as_recorded() {
    let rig = Rig::start().await;
    let control = rig.control();
    for (row, state, expected) in [
        (
            6,
            AppState::Deleted,
            oauth(401, 190, None, &["Error validating application. Application has been deleted."]),
        ),
        (31, AppState::Blocked, oauth(400, 200, None, &["API access blocked."])),
    ] {
        assert!(control.change(&Change::AppState { app: APP, state }));
        compare(&format!("row {row}"), &rig.deliver(&[event("x")]).await, &expected);
    }
    control.change(&Change::AppState { app: APP, state: AppState::Live });

    let method = |words| Expected { kind: "GraphMethodException", ..oauth(400, 100, None, words) };
    let invalid = method(&["Invalid appsecret_proof provided in the API argument"]);
    control.require_proof(APP, Proof::Required);
    let missing = method(&["API calls from the server require an appsecret_proof argument"]);
    compare("row 23", &rig.deliver(&[event("x")]).await, &missing);
    let wrong = "0".repeat(64);
    for (what, query) in [
        ("another's", vec![("appsecret_proof", wrong.as_str())]),
        ("stale", vec![("appsecret_proof", wrong.as_str()), ("appsecret_time", "1700000000")]),
    ] {
        let path = format!("/v25.0/{DATASET}?{}", encoded(&query));
        compare(what, &rig.get(&path, &rig.token).await, &invalid);
    }
}

/// Rows 20 and 27, 32: what the token may not use.
#[tokio::test]
async fn an_asset_out_of_reach_is_told_as_recorded() {
    let rig = Rig::start().await;
    let gone = |verb: &'static [&'static str]| Expected {
        kind: "GraphMethodException",
        ..oauth(400, 100, Some(33), verb)
    };
    assert!(rig.control().assign(&rig.token, DATASET, false));
    let words = &[
        "Unsupported post request. Object with ID '1000000001' does not exist, cannot be loaded due to missing permissions, or does not support this operation.",
    ];
    compare("row 27", &rig.deliver(&[event("x")]).await, &gone(words));
    let read = rig.get(&format!("/v25.0/{DATASET}"), &rig.token).await;
    compare(
        "row 27, read",
        &read,
        &gone(&["Unsupported get request. Object with ID '1000000001'"]),
    );
    rig.control().assign(&rig.token, DATASET, true);
    assert_eq!(rig.deliver(&[event("x")]).await.0, 200);

    let scopes =
        Change::Scopes { token: rig.token.clone(), scopes: vec!["pages_show_list".into()] };
    assert!(rig.control().change(&scopes));
    let words = &["(#200) Requires ads_management permission to manage the object"];
    compare("row 32", &rig.deliver(&[event("x")]).await, &oauth(403, 200, None, words));
    let events_manager = rig.issue(NewToken {
        kind: TokenKind::EventsManager,
        assets: vec![DATASET.to_owned()],
        ..NewToken::default()
    });
    let read = rig.get(&format!("/v25.0/{DATASET}"), &events_manager).await;
    let words = &["(#10) Application does not have permission for this action"];
    compare("row 32, (#10)", &read, &oauth(403, 10, None, words));
    rig.control().change(&Change::DeleteAsset { asset: DATASET.to_owned() });
    let sent = rig.delivery_with(&events_manager, DATASET, &[event("x")]).send().await.unwrap();
    compare("deleted", &answer(sent).await, &gone(&["Object with ID '1000000001' does not exist"]));
}

/// A page token dies with the token it was derived from.
#[tokio::test]
async fn a_page_token_dies_with_its_parent() {
    let rig = Rig::start().await;
    let page = NewAsset {
        id: "500".into(),
        kind: AssetKind::Page,
        ticked: true,
        name: None,
        account: None,
    };
    rig.control().add(page);
    let assets = vec!["500".to_owned()];
    let user = rig.issue(NewToken { kind: TokenKind::User, assets, ..NewToken::default() });
    let (_, pages) = rig.get("/v25.0/me/accounts", &user).await;
    let page_token = pages["data"][0]["access_token"].as_str().unwrap().to_owned();
    assert_eq!(rig.get("/v25.0/me", &page_token).await.1["id"], "500");
    rig.control().set_token_state(&user, TokenState::PasswordChanged);
    let expected = oauth(400, 190, Some(460), &["changed their password"]);
    compare("row 14", &rig.get("/v25.0/me", &page_token).await, &expected);
}

/// Code, subcode, HTTP status, whether it is called transient, and words of the message.
type Row<'a> = (i64, Option<i64>, u16, Option<bool>, &'a str);

/// What no state of the world brings about is brought about by command.
#[tokio::test]
async fn a_refusal_on_command_has_the_recorded_words() {
    let rig = Rig::start().await;
    let rows: &[Row<'_>] = &[
        (190, None, 401, None, "Invalid OAuth access token."),
        (190, Some(463), 401, None, "Session has expired on "),
        (101, None, 400, None, "Cannot get application info due to a system error."),
        (102, None, 401, None, "Session key"),
        (104, None, 400, None, "ncorrect signature"),
        (3, None, 403, None, "(#3)"),
        (10, None, 403, None, "(#10) Application does not have permission"),
        (200, None, 403, None, "(#200) Requires ads_management permission to manage the object"),
        (294, None, 403, None, "ads_management"),
        (100, None, 400, None, "Invalid parameter"),
        (100, Some(33), 400, Some(false), "Object with ID '1000000001' does not exist"),
        (100, Some(2_804_003), 400, Some(false), "Invalid parameter"),
        (100, Some(2_804_072), 400, Some(false), "Invalid parameter"),
        (803, None, 404, None, "Some of the aliases you requested do not exist"),
        (2635, None, 400, None, "deprecated version"),
        (3962, None, 400, None, "Provided permission is not valid"),
        (1, None, 500, Some(true), "unknown error"),
        (1, Some(99), 500, Some(false), "unknown error"),
        (2, None, 500, Some(true), "retry your request later"),
        (341, None, 400, Some(true), "(#341)"),
        (368, Some(1_390_008), 400, Some(false), "abusive"),
        (5000, None, 500, Some(true), "(#5000)"),
        (21_009, None, 400, Some(true), "temporarily not ready"),
        (4, None, 403, None, "(#4) Application request limit reached"),
        (17, Some(2_446_079), 400, Some(false), "(#17) User request limit reached"),
        (32, None, 403, None, "(#32)"),
        (
            613,
            Some(1_487_742),
            400,
            Some(false),
            "(#613) Calls to this api have exceeded the rate limit.",
        ),
        (
            80_004,
            None,
            400,
            None,
            "(#80004) There have been too many calls to this ad-account. Wait a bit",
        ),
        (506, None, 400, None, "(#506)"),
    ];
    for (code, subcode, status, is_transient, words) in rows {
        rig.once(Misbehaviour::Refuse { code: *code, subcode: *subcode, status: None });
        let (found, body) = rig.deliver(&[event("x")]).await;
        let error = &body["error"];
        let what = format!("{code}/{subcode:?}: {body}");
        assert_eq!((found, error["code"].as_i64()), (*status, Some(*code)), "{what}");
        assert_eq!(error["error_subcode"].as_i64(), *subcode, "{what}");
        assert_eq!(error["is_transient"].as_bool(), *is_transient, "{what}");
        assert!(error["message"].as_str().unwrap().contains(words), "{what}");
    }
    let state = rig.control().state();
    assert_eq!(state.total.refused_requests, rows.len() as u64);
    assert_eq!(state.refusals_by_code["80004"], 1);
    assert_eq!(state.refusals_by_code["613/1487742"], 1);
    assert_eq!(state.total.received, 0);
}

/// A refusal reaches the other endpoints too, and only those that were asked for.
#[tokio::test]
async fn steps_look_at_the_requests_they_name() {
    let rig = Rig::start().await;
    let read = format!("/v25.0/{DATASET}");
    let debug = format!("/v25.0/debug_token?{}", encoded(&[("input_token", &rig.token)]));
    for (on, hit) in [
        (Endpoint::Events, [true, false, false, false]),
        (Endpoint::Reads, [false, true, false, false]),
        (Endpoint::Debug, [false, false, true, false]),
        (Endpoint::Tokens, [false, false, false, true]),
        (Endpoint::Any, [true, true, true, true]),
    ] {
        let what = Misbehaviour::Refuse { code: 2, subcode: None, status: None };
        let step = rig.control().misbehave(Step { on, misbehave: Some(what), ..Step::default() });
        let id = APP.to_string();
        let grant = [
            ("grant_type", "client_credentials"),
            ("client_id", &id),
            ("client_secret", &rig.secret),
        ];
        let answers: [Value; 4] = [
            rig.deliver(&[event("x")]).await.1,
            rig.get(&read, &rig.token).await.1,
            rig.get(&debug, &rig.app_token()).await.1,
            rig.ask("/v25.0/oauth/access_token", &grant).await.1,
        ];
        assert_eq!(answers.map(|body| body["error"]["code"] == 2), hit, "{on:?}");
        assert!(rig.control().behave(step));
    }
    assert_ne!(APP, OTHER_APP);
    assert_eq!(rig.request(Method::GET, &read).send().await.unwrap().status(), 400);
}
