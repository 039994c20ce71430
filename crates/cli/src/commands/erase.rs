//! `holdfast erase`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::Global;
use super::status::{number, text};
use crate::exit::Failure;
use crate::output::Output;
use crate::secret_input;

/// Identifiers are personal data, so they come from files, one a line; `-` is standard input. Give
/// them as your systems send them, or as the hashes that your systems send. Whatever has one of them
/// is erased.
#[derive(Args)]
pub struct Erase {
    /// E-mail addresses.
    #[arg(long, value_name = "PATH")]
    email_file: Option<PathBuf>,
    /// Phone numbers, with calling codes.
    #[arg(long, value_name = "PATH")]
    phone_file: Option<PathBuf>,
    /// Your own ids of the person.
    #[arg(long, value_name = "PATH")]
    external_id_file: Option<PathBuf>,
    /// Meta's ids of the person for an app, as its data-deletion callback names them.
    #[arg(long, value_name = "PATH")]
    fb_login_id_file: Option<PathBuf>,
    /// Advertising ids of devices.
    #[arg(long, value_name = "PATH")]
    madid_file: Option<PathBuf>,
    /// Click ids: `fbc`, `fbclid` or `sc_click_id`.
    #[arg(long, value_name = "PATH")]
    click_id_file: Option<PathBuf>,
    /// Only at destinations of this platform.
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// Only at destinations with credentials of this app, or with some of which no app is known.
    #[arg(long, value_name = "ID")]
    app: Option<String>,
}

impl Erase {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        let answer = client.erase(&self.body()?).await?;
        if output.json {
            output.json(&answer)?;
        } else {
            show(&answer, output);
        }
        match answer["complete"] == true {
            true => Ok(()),
            false => Err(Failure::Undetermined(
                "not all of it is gone yet; run the same command again later".to_owned(),
            )
            .into()),
        }
    }

    fn body(&self) -> anyhow::Result<Value> {
        let files = [
            ("email", "e-mail address", &self.email_file),
            ("phone", "phone number", &self.phone_file),
            ("external_id", "id", &self.external_id_file),
            ("fb_login_id", "id", &self.fb_login_id_file),
            ("madid", "id", &self.madid_file),
            ("click_id", "click id", &self.click_id_file),
        ];
        let given =
            || files.iter().filter_map(|(key, what, file)| Some((key, what, (*file).as_ref()?)));
        if given().next().is_none() {
            return Err(Failure::Usage("name a file with identifiers".to_owned()).into());
        }
        if given().filter(|(_, _, file)| file.as_path() == Path::new("-")).count() > 1 {
            let why = "only one of the files can be standard input";
            return Err(Failure::Usage(why.to_owned()).into());
        }
        let mut body = Map::new();
        for (key, what, file) in given() {
            let values = secret_input::read_lines(file, what)?;
            let values: Vec<&str> = values.iter().map(|value| value.expose()).collect();
            body.insert((*key).to_owned(), json!(values));
        }
        for (key, value) in [("platform", &self.platform), ("app", &self.app)] {
            if let Some(value) = value {
                body.insert(key.to_owned(), json!(value));
            }
        }
        Ok(Value::Object(body))
    }
}

fn show(answer: &Value, output: &Output) {
    output.line(format!("{} items were looked at.", number(&answer["looked_at"])));
    for (name, key) in [
        ("waiting", "waiting"),
        ("letters", "letters"),
        ("arrived", "delivered"),
        ("in flight", "in_flight"),
    ] {
        output.field(name, &number(&answer[key]));
    }
    let on_disk = match answer["off_disk"] == true {
        true => "nothing is left of them",
        false => "still there, encrypted",
    };
    output.field("disk", on_disk);
    output.field("person", &text(&answer["person"]));
    for note in answer["notes"].as_array().into_iter().flatten() {
        output.note(text(note));
    }
}
