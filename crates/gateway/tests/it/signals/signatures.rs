//! Only what the platform signed is read, and what is read never breaks anything.

use base64::Engine as _;
use base64::prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use holdfast_testkit::{Seeded, fake_app_secret};
use serde_json::{Value, json};

use super::post::{Post, VERIFY_TOKEN, hmac, signature, signed_request};

const WEBHOOKS: [&str; 2] = ["/webhooks/meta", "/webhooks/whatsapp"];
const CALLBACKS: [&str; 2] = ["/deauthorize/meta", "/data-deletion/meta"];

fn uninstalled() -> Vec<u8> {
    json!({"object": "application", "entry": [{"id": "1", "time": 1, "changes": [
        {"field": "business_integration_uninstall", "value": {"business_manager_id": "77"}}]}]})
    .to_string()
    .into_bytes()
}

/// What a callback says of a person, dated so.
fn person(issued_at: i64) -> Value {
    json!({"algorithm": "HMAC-SHA256", "issued_at": issued_at, "user_id": "400"})
}

fn form(signed: &str) -> Vec<u8> {
    format!("signed_request={signed}").into_bytes()
}

#[tokio::test]
async fn whoever_knows_the_verify_token_gets_the_bare_challenge() {
    let post = Post::open().await;
    let ask = async |query: &[(&str, &str)]| {
        let mut url = url::Url::parse(&post.harness.url(WEBHOOKS[0])).unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        post.harness.call("GET", &path, None, &Value::Null).await
    };
    let good = [("hub.mode", "subscribe"), ("hub.verify_token", VERIFY_TOKEN)];
    let answer = ask(&[good[0], good[1], ("hub.challenge", "1158201444")]).await.expect(200);
    assert_eq!(answer.body, json!(1_158_201_444));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    ask(&[good[0], ("hub.verify_token", "another"), ("hub.challenge", "1")]).await.expect(403);
    ask(&[("hub.mode", "subscribe"), ("hub.challenge", "1")]).await.expect(403);
    ask(&[("hub.mode", "unsubscribe"), good[1], ("hub.challenge", "1")]).await.expect(403);
    let script = "<script>alert(1)</script>";
    ask(&[good[0], good[1], ("hub.challenge", script)]).await.expect(422);
}

#[tokio::test]
async fn without_an_app_secret_nothing_is_taken() {
    let post = Post::without_secret().await;
    let body = uninstalled();
    let signed = signature(&post.secret, &body);
    for path in WEBHOOKS {
        let answer = post.raw(path, Some(&signed), body.clone()).await.expect(404);
        assert_eq!(answer.fault(), "holdfast.no_app_secret");
    }
    let payload = json!({"algorithm": "HMAC-SHA256", "user_id": "400"});
    for path in CALLBACKS {
        post.raw(path, None, form(&signed_request(&post.secret, &payload))).await.expect(404);
    }
    assert_eq!(post.audit().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_webhook_that_is_not_signed_over_its_very_bytes_is_refused() {
    let post = Post::open().await;
    let body = uninstalled();
    let good = signature(&post.secret, &body);
    let spaced: Vec<u8> = [&body[..], b" "].concat();
    for (what, signed, body, status) in [
        ("no signature", None, &body, 400),
        ("none at all", Some(String::new()), &body, 400),
        ("sha1", Some(good.replace("sha256", "sha1")), &body, 400),
        ("cut", Some(good[..60].to_owned()), &body, 400),
        ("another app's", Some(signature(&fake_app_secret(9), &body)), &body, 403),
        ("another body's", Some(good.clone()), &spaced, 403),
    ] {
        for path in WEBHOOKS {
            let answer = post.raw(path, signed.as_deref(), body.clone()).await;
            assert_eq!(answer.status, status, "{what}: {:#}", answer.body);
        }
    }
    assert_eq!(post.audit().await, Vec::<String>::new(), "nothing was believed");
    post.raw(WEBHOOKS[0], Some(&good), body).await.expect(200);
    post.recorded("signal.receive", "business:77").await;
}

#[tokio::test]
async fn the_secret_before_the_newest_counts_as_long_as_it_is_the_one_before() {
    let post = Post::open().await;
    let (second, third) = (fake_app_secret(2), fake_app_secret(3));
    let send = async |secret: &str| {
        let body = uninstalled();
        post.raw(WEBHOOKS[0], Some(&signature(secret, &body)), body).await.status
    };
    assert_eq!((send(&post.secret).await, send(&second).await), (200, 403));
    post.store_secret(&second).await;
    assert_eq!((send(&post.secret).await, send(&second).await), (200, 200));
    post.store_secret(&third).await;
    assert_eq!((send(&post.secret).await, send(&second).await), (403, 200));
}

#[tokio::test]
async fn the_secret_before_the_newest_counts_for_two_days_and_never_for_callbacks() {
    const HOUR_MS: u64 = 3_600_000;
    let post = Post::open().await;
    let newest = fake_app_secret(2);
    post.store_secret(&newest).await;
    let send = async |secret: &str| {
        let body = uninstalled();
        post.raw(WEBHOOKS[0], Some(&signature(secret, &body)), body).await.status
    };
    let call = async |path: &str, secret: &str| {
        let signed = signed_request(secret, &person(post.harness.now().0));
        post.raw(path, None, form(&signed)).await.status
    };
    for path in CALLBACKS {
        assert_eq!((call(path, &post.secret).await, call(path, &newest).await), (403, 200));
    }
    post.pass(47 * HOUR_MS);
    assert_eq!((send(&post.secret).await, send(&newest).await), (200, 200));
    post.pass(2 * HOUR_MS);
    assert_eq!((send(&post.secret).await, send(&newest).await), (403, 200));
}

#[tokio::test]
async fn a_callback_that_is_old_or_dated_ahead_or_a_browsers_is_refused() {
    const DAY_S: i64 = 86_400;
    let post = Post::open().await;
    let now = post.harness.now().0;
    let with = |field: &str| {
        let mut payload = person(now);
        payload[field] = json!("x");
        payload
    };
    let undated = json!({"algorithm": "HMAC-SHA256", "user_id": "400"});
    for (what, payload, status) in [
        ("old", person(now - 8 * DAY_S), 400),
        ("ahead", person(now + 600), 400),
        ("undated", undated, 400),
        ("with a code", with("code"), 400),
        ("with a token", with("oauth_token"), 400),
        ("late", person(now - 7 * DAY_S), 200),
        ("a little ahead", person(now + 60), 200),
    ] {
        for path in CALLBACKS {
            let signed = signed_request(&post.secret, &payload);
            let answer = post.raw(path, None, form(&signed)).await;
            assert_eq!(answer.status, status, "{what}: {:#}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_callback_is_read_only_under_its_own_signature() {
    let post = Post::open().await;
    let payload = person(post.harness.now().0);
    let good = signed_request(&post.secret, &payload);
    let (sig, encoded) = good.split_once('.').unwrap();
    let padded = BASE64_URL_SAFE.encode(format!("{payload} "));
    let padded =
        if padded.ends_with('=') { padded } else { BASE64_URL_SAFE.encode(payload.to_string()) };
    let unpadded = padded.trim_end_matches('=');
    assert_ne!(unpadded, padded);
    let over_padded = BASE64_URL_SAFE_NO_PAD.encode(hmac(&post.secret, padded.as_bytes()));
    let other = |algorithm: &str| json!({"algorithm": algorithm, "user_id": "400"});
    for (what, signed, status) in [
        ("another app's", signed_request(&fake_app_secret(9), &payload), 403),
        ("a changed payload", format!("{sig}.{encoded}A"), 403),
        ("signed over the padded text", format!("{over_padded}.{unpadded}"), 403),
        ("padded", format!("{over_padded}.{padded}"), 400),
        ("a padded signature", format!("{sig}%3D.{encoded}"), 400),
        ("another algorithm", signed_request(&post.secret, &other("HMAC-SHA1")), 400),
        ("no algorithm at all", signed_request(&post.secret, &other("none")), 400),
        ("nobody", signed_request(&post.secret, &json!({"algorithm": "HMAC-SHA256"})), 400),
        ("no full stop", encoded.to_owned(), 400),
    ] {
        for path in CALLBACKS {
            let answer = post.raw(path, None, form(&signed)).await;
            assert_eq!(answer.status, status, "{what}: {:#}", answer.body);
        }
    }
    for path in CALLBACKS {
        post.raw(path, None, b"something=else".to_vec()).await.expect(422);
    }
    assert_eq!(post.audit().await, Vec::<String>::new(), "nothing was believed");
    post.raw(CALLBACKS[0], None, form(&good)).await.expect(200);
    post.recorded("signal.receive", "a person removed the app").await;
    let everything = format!("{:?}", post.audit().await);
    assert!(!everything.contains("400"), "people are named by a fingerprint: {everything}");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let post = Post::open().await;
    let body = vec![b' '; (3 << 20) + 1];
    let signed = signature(&post.secret, &body);
    post.raw(WEBHOOKS[0], Some(&signed), body).await.expect(413);
    post.raw(CALLBACKS[0], None, form(&"A".repeat(64 << 10))).await.expect(413);
    let largest = vec![b' '; 3 << 20];
    let signed = signature(&post.secret, &largest);
    post.raw(WEBHOOKS[0], Some(&signed), largest).await.expect(400);
}

/// A random value of the words that webhooks are made of.
fn something(random: &mut Seeded, depth: usize) -> Value {
    const WORDS: [&str; 8] = [
        "application",
        "permissions",
        "whatsapp_business_account",
        "account_update",
        "ACCOUNT_RESTRICTION",
        "business_integration_uninstall",
        "DISABLED_UPDATE",
        "77",
    ];
    const NAMES: [&str; 9] = [
        "object",
        "entry",
        "changes",
        "field",
        "value",
        "id",
        "time",
        "event",
        "business_manager_id",
    ];
    match random.below(if depth == 0 { 4 } else { 7 }) {
        0 => Value::Null,
        1 => json!(random.next_u64() as i64),
        2 => json!(*random.pick(&WORDS)),
        3 => json!(String::from_utf8_lossy(&random.bytes(9))),
        4 => (0..random.below(4)).map(|_| something(random, depth - 1)).collect(),
        _ => (0..random.below(6))
            .map(|_| ((*random.pick(&NAMES)).to_owned(), something(random, depth - 1)))
            .collect(),
    }
}

#[tokio::test]
async fn garbage_breaks_nothing_signed_or_not() {
    const SEED: u64 = 20_261_129;
    let post = Post::open().await;
    let mut random = Seeded::new(SEED);
    for round in 0..60 {
        let entry = something(&mut random, 5);
        let body = match round % 3 {
            0 => random.bytes(200),
            1 => entry.to_string().into_bytes(),
            _ => json!({"object": something(&mut random, 0), "entry": [entry]}).to_string().into(),
        };
        let signed = signature(&post.secret, &body);
        for path in WEBHOOKS {
            let taken = post.raw(path, Some(&signed), body.clone()).await;
            assert!(matches!(taken.status, 200 | 400), "seed {SEED}, round {round}: {taken:?}");
            let refused = post.raw(path, None, body.clone()).await;
            assert_eq!(refused.status, 400, "seed {SEED}, round {round}: {refused:?}");
        }
        for path in CALLBACKS {
            let refused = post.raw(path, None, form(&String::from_utf8_lossy(&body))).await;
            assert!(matches!(refused.status, 400 | 403 | 422), "seed {SEED}: {refused:?}");
        }
    }
    post.harness.call("GET", "/readyz", None, &Value::Null).await.expect(200);
}
