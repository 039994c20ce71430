//! `holdfast.toml`: typed sections, every key documented and defaulted.
//!
//! [`sections`] is the one place where keys are listed; the structs, the reader, the environment
//! overrides and the reference in `docs/configuration.md` are all made from that list. Reading
//! reports every mistake at once, each with its key path, before anything is opened or bound.

mod read;
pub mod routes;
mod sections;
mod value;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use holdfast_model::platform::PlatformId;

pub use sections::*;
pub(crate) use value::ConfigValue;

/// Everything wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has {} mistake(s):\n{}", .0.len(), .0.join("\n"))]
pub struct ConfigErrors(pub Vec<String>);

impl Settings {
    /// Where a platform's tokens are sent: its fixed host, unless the file says otherwise.
    pub fn base_url(&self, platform: PlatformId) -> &str {
        match platform {
            // WhatsApp's API is a part of the Graph API.
            PlatformId::Meta | PlatformId::Whatsapp => &self.meta.base_url.0,
            PlatformId::Snap => &self.snap.base_url.0,
        }
    }

    /// Reads the file, if one is given, and then the environment, which wins. Only variables that
    /// start with `HOLDFAST_` are looked at; unknown ones are left alone, because other parts of
    /// Holdfast have variables of their own.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigErrors> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|e| ConfigErrors(vec![format!("  {}: {e}", path.display())]))?,
        };
        Self::parse(&text, &environment.into_iter().collect())
    }

    /// The same from texts.
    pub fn parse(toml: &str, environment: &BTreeMap<String, String>) -> Result<Self, ConfigErrors> {
        let table: toml::Table = toml.parse().map_err(|e: toml::de::Error| {
            ConfigErrors(vec![format!("  not valid TOML: {}", e.to_string().trim())])
        })?;
        let mut reader = read::Reader::new(table, environment);
        let settings = Self::read(&mut reader);
        let mut errors = reader.finish();
        errors.extend(settings.inconsistencies());
        if errors.is_empty() {
            Ok(settings)
        } else {
            Err(ConfigErrors(errors.into_iter().map(|e| format!("  {e}")).collect()))
        }
    }

    /// What no single key can get wrong alone.
    fn inconsistencies(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.storage.reserve_bytes.0 >= self.storage.max_disk_bytes.0 {
            found.push(
                "storage.reserve_bytes: expected less than storage.max_disk_bytes".to_owned(),
            );
        }
        if self.ingest.max_event_bytes.0 > self.ingest.max_body_bytes.0 {
            found.push("ingest.max_event_bytes: expected at most ingest.max_body_bytes".to_owned());
        }
        found
    }
}

/// The reference page, made from the same list as the reader.
pub fn reference_markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         `holdfast serve` needs no configuration. What it may be told stands in `holdfast.toml` \
         (`--config PATH`) or in the environment, which wins. Unknown keys are mistakes, and all \
         mistakes are reported together before any port is bound. `holdfast check` reads the \
         configuration without starting anything.\n",
    );
    let mut section = "";
    for key in sections::KEYS {
        if key.section != section {
            section = key.section;
            let about = sections::SECTIONS.iter().find(|(path, _)| *path == section);
            let _ =
                write!(page, "\n## [{section}]\n\n{}\n\n", about.map_or("", |(_, doc)| doc.trim()));
            page.push_str("| key | default | environment | meaning |\n|---|---|---|---|\n");
        }
        let default = if key.default.is_empty() { "(none)" } else { key.default };
        let _ = writeln!(
            page,
            "| `{}` | `{default}` | {} | {} Expects {}. |",
            key.name,
            read::variable(key.section, key.name)
                .map_or("(file only)".to_owned(), |name| format!("`{name}`")),
            key.doc.trim(),
            key.expected
        );
    }
    page.push_str(routes::REFERENCE);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(toml: &str) -> Result<Settings, ConfigErrors> {
        Settings::parse(toml, &BTreeMap::new())
    }

    #[test]
    fn nothing_configured_is_fine_and_listens_on_loopback() {
        let settings = parse("").unwrap();
        assert!(settings.server.listen.ip().is_loopback());
        assert_eq!(settings.meta.base_url.0, "https://graph.facebook.com");
    }

    #[test]
    fn every_mistake_is_reported_with_its_key_path() {
        let errors = parse(
            "[server]\nlisten = 8080\nlisten_addr = \"x\"\n[ingest]\nmax_event_bytes = \"many\"\n\
             [platforms.meta]\nbase_url = \"http://graph.facebook.com\"\n[elsewhere]\na = 1\n",
        )
        .unwrap_err();
        let text = errors.to_string();
        for expected in [
            "server.listen: expected",
            "server.listen_addr: is not a known key",
            "ingest.max_event_bytes: expected",
            "platforms.meta.base_url: expected",
            "elsewhere: is not a known section",
        ] {
            assert!(text.contains(expected), "{expected} is missing in:\n{text}");
        }
        assert_eq!(errors.0.len(), 5, "{text}");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let environment =
            BTreeMap::from([("HOLDFAST_SERVER_LISTEN".to_owned(), "127.0.0.1:9".to_owned())]);
        let settings =
            Settings::parse("[server]\nlisten = \"127.0.0.1:8\"\n", &environment).unwrap();
        assert_eq!(settings.server.listen.port(), 9);
        let environment =
            BTreeMap::from([("HOLDFAST_SERVER_LISTEN".to_owned(), "nonsense".to_owned())]);
        let error = Settings::parse("", &environment).unwrap_err().to_string();
        assert!(error.contains("HOLDFAST_SERVER_LISTEN"), "{error}");
    }

    #[test]
    fn a_platform_host_is_https_or_loopback() {
        let with = |url: &str| parse(&format!("[platforms.meta]\nbase_url = \"{url}\"\n"));
        for good in [
            "https://example.com",
            "http://127.0.0.1:9000",
            "http://[::1]:1",
            "http://localhost:80",
        ] {
            assert!(with(good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com",
            "ftp://x",
            "https://u:p@example.com",
            "https://x/path",
            "http://127.0.0.1.example.com",
        ] {
            assert!(with(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn where_tokens_go_is_said_in_the_file_alone() {
        let elsewhere = "https://elsewhere.example".to_owned();
        let environment = BTreeMap::from([
            ("HOLDFAST_PLATFORMS_META_BASE_URL".to_owned(), elsewhere.clone()),
            ("HOLDFAST_PLATFORMS.META_BASE_URL".to_owned(), elsewhere),
        ]);
        let settings = Settings::parse("", &environment).unwrap();
        assert_eq!(settings.meta.base_url.0, "https://graph.facebook.com");
    }

    #[test]
    fn every_key_is_in_the_reference() {
        let page = reference_markdown();
        for key in sections::KEYS {
            assert!(page.contains(&format!("| `{}` |", key.name)), "{}", key.name);
            assert!(!key.doc.trim().is_empty(), "{} has no words", key.name);
        }
    }
}
