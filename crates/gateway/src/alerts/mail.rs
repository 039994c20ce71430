//! Mails.

use holdfast_model::secret::Secret;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::AlertsError;

pub struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    pub fn open(url: &Secret, from: &[String], to: &[String]) -> Result<Self, AlertsError> {
        let setting = |key: &'static str, problem: &str| AlertsError::Setting {
            key,
            problem: problem.to_owned(),
        };
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose());
        let server = server.map_err(|_| {
            let expected =
                "expected the file to hold smtps://user:password@host, or smtp://host:port";
            setting("smtp_url_file", expected)
        })?;
        let mailbox = |key, text: &String| {
            text.parse::<Mailbox>().map_err(|_| setting(key, "expected a mail address"))
        };
        let [from] = from else { return Err(setting("mail_from", "expected one address")) };
        Ok(Self {
            server: server.timeout(Some(super::channels::TIMEOUT)).build(),
            from: mailbox("mail_from", from)?,
            to: to.iter().map(|one| mailbox("mail_to", one)).collect::<Result<_, _>>()?,
        })
    }

    /// One mail to all.
    pub async fn send(&self, subject: &str, text: &str) -> Result<(), String> {
        self.post(&self.to, subject, text).await
    }

    /// A mail to one address and to nobody else.
    pub async fn send_to(&self, address: &str, subject: &str, text: &str) -> Result<(), String> {
        let to = address.parse::<Mailbox>().map_err(|_| "the contact is no mail address")?;
        self.post(&[to], subject, text).await
    }

    async fn post(&self, to: &[Mailbox], subject: &str, text: &str) -> Result<(), String> {
        let mut mail = Message::builder().from(self.from.clone()).subject(subject);
        for to in to {
            mail = mail.to(to.clone());
        }
        let mail = mail.body(text.to_owned()).map_err(|error| error.to_string())?;
        self.server.send(mail).await.map(drop).map_err(|error| {
            // An answer of the server may name the account.
            holdfast_model::redact::redact(&error.to_string()).into_owned()
        })
    }
}
