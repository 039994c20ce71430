//! `/connect/snap`.

use holdfast_sandbox::{Endpoint, Misbehaviour};
use serde_json::{Value, json};

use super::browser::{Browser, location, text};
use super::rig::{ORGANIZATION, PIXEL, Rig};

const OTHER_PIXEL: &str = "1a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const OTHER_ORGANIZATION: &str = "4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

async fn begin(rig: &Rig, browser: &Browser<'_>) -> String {
    let fields = [("credential", "snap"), ("app", rig.snap.client_id.as_str())];
    location(&browser.post("/connect/snap", &fields).await.expect(303))
}

#[tokio::test]
async fn a_person_connects_and_what_it_is_refreshed_with_is_kept() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.agree(&begin(&rig, &browser).await).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("Stored, not yet proved"), "{result}");
    rig.bind("snap", "snap", PIXEL).await;
    let back = rig.agree(&begin(&rig, &browser).await).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("<h1>Connected</h1>"), "{result}");
    for seen in [PIXEL, ORGANIZATION, "snapchat-offline-conversions-api"] {
        assert!(result.contains(seen), "{seen}: {result}");
    }
    let snap = rig.credential("snap").await;
    assert_eq!(snap["origin"]["how"], "granted");
    let version = &snap["versions"][1];
    assert_eq!(
        (&version["kind"], &version["verification"]),
        (&json!("snap_oauth"), &json!("proved"))
    );
    let lives = version["expires_at"]["at"].as_i64().unwrap() - rig.harness.now().0;
    assert!((3_500..=3_600).contains(&lives), "Snap's own word is trusted: {lives}");
    let id = "snap".parse().unwrap();
    let kept = rig.harness.gateway().registry.refresh_token(&id).await.unwrap();
    assert_eq!(kept.unwrap().version.0, 2, "two grants, two refresh tokens");
    rig.nothing_leaked(&[&result]).await;
}

#[tokio::test]
async fn a_pixel_of_somebody_elses_is_named_and_not_proved() {
    let rig = Rig::start().await;
    rig.control().add_organization(OTHER_ORGANIZATION);
    rig.control().add_pixel(OTHER_PIXEL, OTHER_ORGANIZATION);
    let browser = rig.sign_in().await;
    let back = rig.agree(&begin(&rig, &browser).await).await;
    browser.come_back(&back).await;
    rig.bind("snap", "snap", OTHER_PIXEL).await;
    let back = rig.agree(&begin(&rig, &browser).await).await;
    let result = browser.come_back(&back).await;
    assert!(result.contains("<h1>Not active</h1>"), "{result}");
    assert!(result.contains("not among the pixels"), "{result}");
}

#[tokio::test]
async fn cancelling_silence_and_a_wrong_secret_change_nothing() {
    let rig = Rig::start().await;
    let browser = rig.sign_in().await;
    let back = rig.decide(&begin(&rig, &browser).await, "decision=cancel").await;
    let page = text(browser.get(&back).await.expect(409));
    assert!(page.contains("Nothing was granted"), "{page}");

    let back = rig.agree(&begin(&rig, &browser).await).await;
    rig.once(Endpoint::Tokens, Misbehaviour::Html { status: 500 });
    browser.get(&back).await.expect(502);
    assert_eq!(rig.exchanges(), 1);

    rig.add_app("snap", &rig.snap.client_id, &holdfast_testkit::fake_app_secret(3)).await;
    let back = rig.agree(&begin(&rig, &browser).await).await;
    let page = text(browser.get(&back).await.expect(409));
    assert!(page.contains("The platform refuses the app"), "{page}");
    rig.call("GET", "/v1/credentials/snap", &Value::Null).await.expect(404);
}
