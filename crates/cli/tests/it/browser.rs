//! A person with a real browser, against a real gateway and the sandbox's own dialogs.

use std::path::Path;
use std::process::Command;

use holdfast_testkit::free_port;

use crate::rig::{APP, DATASET, Rig};

const PIXEL: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const ORGANIZATION: &str = "3a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";

#[tokio::test(flavor = "multi_thread")]
async fn connecting_is_clicked_through() {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    // To a browser the sandbox is another site than the gateway, as platforms are.
    let elsewhere = |sandbox: &str| {
        let url = sandbox.replace("127.0.0.1", "localhost");
        vec![
            ("HOLDFAST_PLATFORMS_META_DIALOG_URL", url.clone()),
            ("HOLDFAST_PLATFORMS_SNAP_ACCOUNTS_URL", url),
        ]
    };
    let rig = Rig::start_bare(&listen, "info", "", elsewhere).await;
    let control = rig.sandbox.handle();
    let organization = control.add_organization(ORGANIZATION);
    control.add_pixel(PIXEL, ORGANIZATION);
    rig.add_app("meta", &APP.to_string(), "Shop app", &rig.app_secret);
    rig.add_app("snap", &organization.client_id, "Shop at Snap", &organization.client_secret);
    let link = rig.holdfast(&["--json", "sign-in"]);
    let key = rig.holdfast(&["--json", "key", "create", "boss", "--role", "admin"]);

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/browser/run.sh");
    let output = Command::new("bash")
        .arg(script)
        .env("GATEWAY_URL", &rig.url)
        .env("SANDBOX_URL", rig.sandbox.base_url())
        .env("SIGN_IN_LINK", link["url"].as_str().unwrap())
        .env("ADMIN_KEY", key["text"].as_str().unwrap())
        .env("DATASET", DATASET)
        .env("PIXEL", PIXEL)
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    assert!(said.contains("# pass 8"), "every part of it ran: {said}");
    drop(rig);
}
