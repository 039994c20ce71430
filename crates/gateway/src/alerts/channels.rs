//! The ways on which alerts leave.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use holdfast_model::alert::{Alert, Transition};
use holdfast_model::secret::Secret;
use holdfast_model::time::{UnixMillis, humanize_seconds};
use holdfast_model::wire::{HttpRequest, Method};
use serde_json::{Value, json};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::mail::Mail;
use crate::config::{AlertSettings, AlertUrl, ConfigValue as _};
use crate::egress::Egress;

/// How long a channel may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// How the secret of a webhook begins.
const SECRET_PREFIX: &str = "whsec_";

#[derive(Debug, thiserror::Error)]
pub enum AlertsError {
    #[error("alerts.{key}: {problem}")]
    Setting { key: &'static str, problem: String },
}

/// The channels that are configured.
pub struct Channels {
    all: Vec<Channel>,
    egress: Egress,
}

enum Channel {
    /// Signed as Standard Webhooks has it.
    Webhook {
        url: String,
        secret: Zeroizing<Vec<u8>>,
    },
    Slack {
        url: Secret,
    },
    Mail(Mail),
}

impl Channels {
    pub fn open(settings: &AlertSettings) -> Result<Self, AlertsError> {
        let egress = Egress::new(TIMEOUT)
            .map_err(|e| AlertsError::Setting { key: "*", problem: e.to_string() })?;
        let channels = [webhook(settings)?, slack(settings)?, mail(settings)?];
        Ok(Self { all: channels.into_iter().flatten().collect(), egress })
    }

    pub fn names(&self) -> Vec<String> {
        self.all.iter().map(|channel| channel.name().to_owned()).collect()
    }

    /// Whether the address that is kept with a credential can be written to.
    pub fn reaches_contacts(&self) -> bool {
        self.mail().is_some()
    }

    fn mail(&self) -> Option<&Mail> {
        self.all.iter().find_map(|channel| match channel {
            Channel::Mail(mail) => Some(mail),
            _ => None,
        })
    }

    /// To one address alone. Answers why not, in words without secrets.
    pub async fn send_to(
        &self,
        address: &str,
        alert: &Alert,
        at: UnixMillis,
    ) -> Result<(), String> {
        let mail = self.mail().ok_or("no mail server is configured any more")?;
        mail.send_to(address, &alert.title, &text(alert, at)).await
    }

    /// Answers why not, in words without secrets.
    pub async fn send(&self, name: &str, alert: &Alert, at: UnixMillis) -> Result<(), String> {
        let channel = self.all.iter().find(|channel| channel.name() == name);
        match channel.ok_or("it is not configured any more")? {
            Channel::Webhook { url, secret } => self.post(signed(url, secret, alert, at)).await,
            Channel::Slack { url } => {
                let body = json!({ "text": text(alert, at) });
                self.post(post(url.expose(), &body, Vec::new())).await
            }
            Channel::Mail(mail) => mail.send(&alert.title, &text(alert, at)).await,
        }
    }

    async fn post(&self, request: HttpRequest) -> Result<(), String> {
        let answer = self.egress.send(request).await.map_err(|failure| failure.to_string())?;
        match answer.status {
            200..=299 => Ok(()),
            status => Err(format!("HTTP {status}")),
        }
    }
}

impl Channel {
    fn name(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Mail(_) => "mail",
        }
    }
}

fn webhook(settings: &AlertSettings) -> Result<Option<Channel>, AlertsError> {
    const KEY: &str = "webhook_secret_file";
    let Some(AlertUrl(url)) = settings.webhook_url.clone() else { return Ok(None) };
    let Some(file) = &settings.webhook_secret_file else {
        let problem = "expected a file with the secret that signs the alerts".to_owned();
        return Err(AlertsError::Setting { key: KEY, problem });
    };
    let text = secret_in(file, KEY)?;
    let secret = text.expose().strip_prefix(SECRET_PREFIX);
    let secret = secret.and_then(|text| BASE64_STANDARD.decode(text).ok()).map(Zeroizing::new);
    let secret = secret.filter(|secret| secret.len() >= 24).ok_or_else(|| {
        let problem = format!("expected {SECRET_PREFIX} and at least 24 bytes in base64");
        AlertsError::Setting { key: KEY, problem }
    })?;
    Ok(Some(Channel::Webhook { url, secret }))
}

fn slack(settings: &AlertSettings) -> Result<Option<Channel>, AlertsError> {
    const KEY: &str = "slack_url_file";
    let Some(file) = &settings.slack_url_file else { return Ok(None) };
    let url = secret_in(file, KEY)?;
    if AlertUrl::from_text(url.expose()).is_none() {
        let problem = format!("expected the file to hold {}", AlertUrl::EXPECTED);
        return Err(AlertsError::Setting { key: KEY, problem });
    }
    Ok(Some(Channel::Slack { url }))
}

fn mail(settings: &AlertSettings) -> Result<Option<Channel>, AlertsError> {
    let Some(file) = &settings.smtp_url_file else { return Ok(None) };
    let missing = |key| AlertsError::Setting { key, problem: "expected an address".to_owned() };
    let from = settings.mail_from.as_ref().ok_or_else(|| missing("mail_from"))?;
    let to = settings.mail_to.as_ref().ok_or_else(|| missing("mail_to"))?;
    let url = secret_in(file, "smtp_url_file")?;
    Mail::open(&url, &from.0, &to.0).map(|mail| Some(Channel::Mail(mail)))
}

fn secret_in(file: &Path, key: &'static str) -> Result<Secret, AlertsError> {
    let text = std::fs::read_to_string(file).map_err(|error| AlertsError::Setting {
        key,
        problem: format!("{} cannot be read: {error}", file.display()),
    })?;
    Ok(Secret::new(text.trim().to_owned()))
}

/// <https://www.standardwebhooks.com>: the signature covers id, time and body, and the id is the
/// same however often the alert is sent.
fn signed(url: &str, secret: &[u8], alert: &Alert, at: UnixMillis) -> HttpRequest {
    let name = alert.transition.name();
    let kind = alert.transition.subject().map_or(name.clone(), |about| format!("{about}.{name}"));
    let body = json!({ "type": kind, "timestamp": alert.at.to_string(), "data": alert });
    let seconds = at.to_seconds().0.to_string();
    let mut mac = <Hmac<Sha256>>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{}.{seconds}.{body}", alert.key).as_bytes());
    let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    let headers = vec![
        ("webhook-id", Zeroizing::new(alert.key.clone())),
        ("webhook-timestamp", Zeroizing::new(seconds)),
        ("webhook-signature", Zeroizing::new(signature)),
    ];
    post(url, &body, headers)
}

fn post(
    url: &str,
    body: &Value,
    mut headers: Vec<(&'static str, Zeroizing<String>)>,
) -> HttpRequest {
    headers.push(("content-type", Zeroizing::new("application/json".to_owned())));
    HttpRequest {
        method: Method::Post,
        base_url: url.to_owned(),
        path: String::new(),
        query: Zeroizing::new(String::new()),
        headers,
        body: body.to_string().into_bytes(),
    }
}

/// As people read it.
fn text(alert: &Alert, at: UnixMillis) -> String {
    let mut lines = vec![alert.title.clone()];
    if alert.transition != Transition::Resolved {
        lines.push(format!("What: {}", alert.what));
        lines.push(format!("Do: {}", alert.remedy));
    }
    if alert.waiting > 0 {
        let deadline = alert.first_deadline.map(|deadline| {
            let left = deadline.0.saturating_sub(at.to_seconds().0);
            format!("; the first expires in {}", humanize_seconds(left.max(0)))
        });
        lines.push(format!("Waiting: {} items{}", alert.waiting, deadline.unwrap_or_default()));
    }
    if let Some(url) = &alert.regrant_url {
        lines.push(format!("Grant anew: {url}"));
    }
    if let Some(hold) = alert.hold.filter(|_| alert.transition != Transition::Resolved) {
        lines.push(match alert.together_with.is_empty() {
            true => format!("More: holdfast hold show {hold}"),
            false => "More: holdfast hold list".to_owned(),
        });
    }
    lines.join("\n")
}
