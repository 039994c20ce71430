//! `holdfast doctor`

use std::path::PathBuf;

use clap::Args;
use holdfast_gateway::doctor::{Complaint, DryRun, Subject};
use holdfast_gateway::offline;
use holdfast_model::id::{AppId, AssetId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::time::{UnixMillis, humanize_seconds};
use serde_json::{Value, json};

use super::Global;
use super::status::text;
use crate::client::Client;
use crate::exit::{Failure, is_unreachable};
use crate::output::{Output, Table, grouped};
use crate::secret_input;

/// Looks at a stored credential or at a token that is handed in, with a running gateway or without
/// one. Changes nothing, and never shows the token. Exits with 6 if something is wrong, and with 7 if
/// nobody could tell.
#[derive(Args)]
pub struct Doctor {
    /// `meta`, `snap` or `whatsapp`.
    platform: PlatformId,
    /// A stored credential.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token_file", "token_env"])]
    credential: Option<CredentialId>,
    /// File that holds the token; `-` reads standard input.
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Variable of the environment that holds the token.
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// The app that the token should be of.
    #[arg(long, value_name = "APP_ID")]
    app: Option<AppId>,
    /// Where it should work, besides where destinations use it: a dataset, a pixel.
    #[arg(long = "asset", value_name = "ID")]
    assets: Vec<AssetId>,
    /// WhatsApp: the phone number id that it should send from, besides those that destinations use.
    #[arg(long = "phone-number-id", value_name = "ID")]
    phone_number_ids: Vec<AssetId>,
    /// WhatsApp: the id of the Business account that the numbers belong to.
    #[arg(long, value_name = "ID")]
    waba: Option<AssetId>,
    /// Ask nobody: only what can be seen in the token and in what is stored.
    #[arg(long)]
    offline: bool,
    /// Snap: have an event checked that counts nowhere.
    #[arg(long, conflicts_with = "offline")]
    dry_run: bool,
    /// Meta: send an event under this code of Events Manager. It is shown there, and it counts.
    #[arg(long, value_name = "CODE", conflicts_with = "offline")]
    test_event_code: Option<String>,
    /// Snap: every way of asking beside the others.
    #[arg(long, conflicts_with = "offline")]
    matrix: bool,
}

impl Doctor {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let report = self.report(global).await?;
        if output.json {
            output.json(&report)?;
        } else {
            show(&report, output);
        }
        let first = text(&report["hypotheses"][0]["cause"]);
        match report["conclusion"].as_str() {
            Some("broken") => Err(Failure::CheckFailed(first).into()),
            Some("undetermined") => Err(Failure::Undetermined(first).into()),
            _ => Ok(()),
        }
    }

    async fn report(mut self, global: &Global) -> anyhow::Result<Value> {
        if self.platform != PlatformId::Whatsapp
            && (self.waba.is_some() || !self.phone_number_ids.is_empty())
        {
            let expected = "--phone-number-id and --waba are for whatsapp; use --asset";
            return Err(Failure::Usage(expected.to_owned()).into());
        }
        self.assets.append(&mut self.phone_number_ids);
        let token = secret_input::read(self.token_file.as_ref(), self.token_env.as_ref())?;
        if token.is_none() && self.credential.is_none() {
            let expected = "name what to look at: --credential NAME, --token-file PATH (`-` for \
                            standard input) or --token-env NAME";
            return Err(Failure::Usage(expected.to_owned()).into());
        }
        let body = json!({
            "platform": self.platform, "credential": self.credential, "app": self.app,
            "token": token.as_ref().map(|token| token.expose()), "assets": self.assets,
            "account": self.waba,
            "offline": self.offline, "dry_run": self.dry_run,
            "test_event_code": self.test_event_code, "matrix": self.matrix,
        });
        match ask(&global.client()?, &body).await {
            Ok(report) => return Ok(report),
            Err(error) if global.is_remote() || !is_unreachable(&error) => return Err(error),
            Err(_) => {}
        }
        let source = match (&self.token_file, &self.token_env) {
            (Some(file), _) => format!("The file {}.", file.display()),
            (_, Some(variable)) => format!("The variable {variable}."),
            _ => String::new(),
        };
        let subject = match (self.credential, token) {
            (Some(credential), _) => Subject::Stored(credential),
            (None, Some(token)) => {
                Subject::Given { token, source, app: self.app.map(|app| (app, None)) }
            }
            (None, None) => return Err(Failure::Usage("no token".to_owned()).into()),
        };
        let dry_run = match (self.test_event_code, self.dry_run) {
            (Some(code), _) => DryRun::TestEvent(code),
            (None, true) => DryRun::Check,
            (None, false) => DryRun::None,
        };
        let complaint = Complaint {
            platform: self.platform,
            subject,
            assets: self.assets,
            account: self.waba,
            is_offline: self.offline,
            dry_run,
            with_matrix: self.matrix,
        };
        let report = offline::diagnose(&global.settings()?, complaint).await?;
        Ok(serde_json::to_value(report)?)
    }
}

async fn ask(client: &Client, body: &Value) -> anyhow::Result<Value> {
    client.post("/v1/doctor", body).await
}

fn show(report: &Value, output: &Output) {
    for step in list(&report["steps"]) {
        let first = format!("{}  {:<12} ", text(&step["outcome"]), text(&step["step"]));
        output.hanging(&first, &text(&step["evidence"]));
    }
    matrix(report, output);
    output.line("");
    match report["conclusion"].as_str() {
        Some("works") => output.line("It works."),
        Some("unproved") => output.line("Nothing speaks against it, and nothing has proved it."),
        _ => hypotheses(report, output),
    }
    output.line("");
    output.hanging("Do        ", &text(&report["next_action"]));
    if let Some(url) = report["regrant_url"].as_str() {
        output.line(format!("Or grant it anew in a browser: {url}"));
    }
    waiting(&report["waiting"], output);
}

fn hypotheses(report: &Value, output: &Output) {
    let undecided: Vec<String> = list(&report["cannot_tell_between"]).iter().map(text).collect();
    if !undecided.is_empty() {
        let between = format!("Cannot tell between {}.", undecided.join(" and "));
        output.hanging("", &between);
        output.line("");
    }
    for hypothesis in list(&report["hypotheses"]) {
        let confidence = text(&hypothesis["confidence"]);
        output.line(format!("{confidence}: {}", text(&hypothesis["cause"])));
        output.hanging("  What    ", &text(&hypothesis["says"]));
        output.hanging("  Because ", &text(&hypothesis["because"]));
        output.hanging("  Settled ", &text(&hypothesis["settled_by"]));
    }
}

fn matrix(report: &Value, output: &Output) {
    let mut table = Table::new(&["VERSION", "TOKEN IN", "ANSWER", "", "ASSET"]);
    for cell in list(&report["matrix"]) {
        let status = cell["status"].as_u64();
        table.row(vec![
            text(&cell["api_version"]),
            text(&cell["transport"]),
            status.map_or("none".to_owned(), |status| status.to_string()),
            if cell["accepted"] == true { "accepted" } else { "refused" }.to_owned(),
            text(&cell["asset"]),
        ]);
    }
    if !table.is_empty() {
        output.line("");
        output.table(&table);
    }
}

fn waiting(waiting: &Value, output: &Output) {
    let items = waiting["items"].as_i64().unwrap_or_default();
    let destinations: Vec<String> = list(&waiting["destinations"]).iter().map(text).collect();
    if destinations.is_empty() {
        return;
    }
    let deadline = waiting["first_deadline"].as_i64().filter(|_| items > 0).map(|at| {
        let left = at.saturating_sub(now().to_seconds().0);
        format!("; first deadline in {}", humanize_seconds(left))
    });
    let behind = format!(
        "{} items behind it, at {}{}",
        grouped(items),
        destinations.join(", "),
        deadline.unwrap_or_default()
    );
    output.hanging("Waiting   ", &behind);
}

fn now() -> UnixMillis {
    holdfast_gateway::Clock::default().wall()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
