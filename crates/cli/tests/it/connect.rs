//! `holdfast connect`, `system-user`, `sign-in`: secrets by standard input, results in words and
//! as JSON.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::rig::{APP, DATASET, Rig, client};

const BUSINESS: &str = "700000000000001";

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Runs a command, sends the person to the dialog it prints, and pastes where they come back to.
async fn connect(rig: &Rig, args: &[&str]) -> Output {
    use std::io::BufRead as _;
    let mut command = rig.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    let lines = std::io::BufReader::new(stderr).lines().map(Result::unwrap);
    let mut lines = lines.skip_while(|line| !line.trim().starts_with("http"));
    let dialog = lines.next().expect("the dialog's address").trim().to_owned();
    let answer = no_redirects().get(&dialog).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
    let mut rest: Vec<String> = lines.collect();
    let mut output = child.wait_with_output().unwrap();
    rest.push(String::new());
    output.stderr = rest.join("\n").into_bytes();
    output
}

#[allow(clippy::disallowed_methods, reason = "the browser of a person at the sandbox")]
fn no_redirects() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_a_browser_gets_its_tokens_too() {
    let rig = Rig::start_bare("127.0.0.1:0", "info", "", |_| Vec::new()).await;
    let app = APP.to_string();
    let meta = ["connect", "meta", "shop", "--app", &app, "--contact", "ana@example.com"];
    let unknown = rig.command(&meta).output().unwrap();
    assert_eq!(unknown.status.code(), Some(5), "{}", said(&unknown));
    rig.add_app("meta", &app, "ours", &rig.app_secret);

    let first = connect(&rig, &meta).await;
    assert!(first.status.success(), "{}", said(&first));
    assert!(said(&first).contains("Stored, not yet proved"), "{}", said(&first));
    rig.holdfast(&["destination", "add", "shop", "--asset", DATASET, "--credential", "shop"]);
    let again = connect(&rig, &["--json", "connect", "meta", "shop", "--again"]).await;
    assert!(again.status.success(), "{}", said(&again));
    let report: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&report["activated"], &report["proved"]), (&true.into(), &true.into()));
    assert_eq!(report["version"], 2);
    for output in [&first, &again] {
        assert!(!said(output).contains("EAA"), "a token is printed");
    }

    let organization = rig.sandbox.handle().add_organization("org");
    rig.sandbox.handle().add_pixel("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", "org");
    rig.add_app("snap", &organization.client_id, "", &organization.client_secret);
    let snap = connect(&rig, &["connect", "snap", "snap", "--app", &organization.client_id]).await;
    assert!(snap.status.success(), "{}", said(&snap));
    assert!(said(&snap).contains("pixel"), "{}", said(&snap));

    let mut nothing = rig.command(&meta);
    let nothing = nothing.stdin(Stdio::null()).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
}

#[tokio::test(flavor = "multi_thread")]
async fn system_users_from_the_first_to_a_token() {
    let rig = Rig::start_bare("127.0.0.1:0", "info", "", |_| Vec::new()).await;
    let app = APP.to_string();
    rig.add_app("meta", &app, "ours", &rig.app_secret);
    let add = ["credential", "add", "root", "--app", &app, "--token-env", "TEST_TOKEN"];
    let added = rig.command(&add).env("TEST_TOKEN", &rig.token).output().unwrap();
    assert!(added.status.success(), "{}", said(&added));
    let of = ["--business", BUSINESS, "--with", "root"];
    let create = [&["--json", "system-user", "create", "Sender"][..], &of].concat();
    let user = rig.holdfast(&create)["id"].as_str().unwrap().to_owned();
    let listed = rig.run(&[&["system-user", "list"][..], &of].concat());
    assert!(said(&listed).contains(&user), "{}", said(&listed));
    let issue = [
        "--json",
        "system-user",
        "issue",
        &user,
        "--with",
        "root",
        "--credential",
        "shop",
        "--scope",
        "ads_management",
    ];
    assert_eq!(rig.run(&issue).status.code(), Some(4), "the app is not installed yet");
    let installed = rig.run(&["system-user", "install", &user, "--with", "root"]);
    assert!(said(&installed).contains("Installed"), "{}", said(&installed));
    let issued = rig.holdfast(&issue);
    assert_eq!(issued["activated"], true, "{issued:#}");
    let client_business = "700000000000002";
    let fetch = [
        "--json",
        "connect",
        "integration",
        client_business,
        "--with",
        "root",
        "--credential",
        "client",
    ];
    assert_eq!(rig.holdfast(&fetch)["activated"], true);
    let page = rig.run(&["connect", "page", "1", "--with", "root"]);
    assert_ne!(page.status.code(), Some(0), "there is no such page: {}", said(&page));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_installation_has_its_first_browser_without_a_key() {
    let rig = Rig::start_bare("127.0.0.1:0", "info", "", |_| Vec::new()).await;
    let output = rig.run(&["sign-in"]);
    let link = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    // Without `public_url` the link begins with what is configured, and here the port is another.
    let path = &link[link.find("/sign-in?link=").unwrap()..];
    let shown = client().get(format!("{}{path}", rig.url)).send().await.unwrap();
    assert_eq!(shown.status(), 200);
    let secret = path.split('=').nth(1).unwrap();
    let form = format!("link={secret}");
    let url = format!("{}/sign-in", rig.url);
    let signed_in = no_redirects().post(&url).body(form).send().await.unwrap();
    assert_eq!(signed_in.status(), 303);
    assert!(signed_in.headers().contains_key("set-cookie"));
}
