//! What a configuration value may be, and how it is written.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// A type that a configuration key may have.
pub trait ConfigValue: Sized {
    /// Fits after "expected".
    const EXPECTED: &'static str;

    /// From the text of an environment variable, or of a TOML string.
    fn from_text(text: &str) -> Option<Self>;

    /// From a TOML value. Numbers and booleans are accepted where their text would be.
    fn from_toml(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            _ => None,
        }
    }
}

/// A number of bytes: `1048576`, `"64 MiB"`, `"2GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ConfigValue for ByteSize {
    const EXPECTED: &'static str =
        "a number of bytes such as 65536, \"64 KiB\", \"16 MiB\" or \"2 GiB\"";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().ok()?;
        let unit: u64 = match text[digits..].trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return None,
        };
        number.checked_mul(unit).map(ByteSize)
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::Integer(number) => u64::try_from(*number).ok().map(ByteSize),
            toml::Value::String(text) => Self::from_text(text),
            _ => None,
        }
    }
}

impl ConfigValue for SocketAddr {
    const EXPECTED: &'static str = "an address with a port such as \"127.0.0.1:8377\"";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// The name of a variable of the environment, for secrets that are kept there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName(pub String);

impl ConfigValue for VariableName {
    const EXPECTED: &'static str = "the name of a variable: letters, digits and underscores";
    fn from_text(text: &str) -> Option<Self> {
        let is_name = !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (is_name && !text.is_empty()).then(|| Self(text.to_owned()))
    }
}

impl ConfigValue for PathBuf {
    const EXPECTED: &'static str = "a path";
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| PathBuf::from(text))
    }
}

impl<T: ConfigValue> ConfigValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    fn from_text(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::from_text(text).map(Some) }
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        T::from_toml(value).map(Some)
    }
}

impl ConfigValue for bool {
    const EXPECTED: &'static str = "true or false";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }
}

macro_rules! whole_number {
    ($($int:ty),*) => {$(
        impl ConfigValue for $int {
            const EXPECTED: &'static str = "a whole number";
            fn from_text(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
            fn from_toml(value: &toml::Value) -> Option<Self> {
                value.as_integer().and_then(|number| number.try_into().ok())
            }
        }
    )*};
}
whole_number!(u32, u64);

/// Scheme and host of a platform. Tokens are sent there, so it must be https or this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformUrl(pub String);

impl ConfigValue for PlatformUrl {
    const EXPECTED: &'static str =
        "https://host, or http:// with a loopback host, without path, query or user name";

    fn from_text(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let allowed = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url),
            _ => false,
        };
        (bare && allowed && url.host().is_some())
            .then(|| PlatformUrl(text.trim_end_matches('/').to_owned()))
    }
}

/// Where alerts go: unlike a platform's it may have a path, and unlike that no token goes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertUrl(pub String);

impl ConfigValue for AlertUrl {
    const EXPECTED: &'static str = "https://host/path, or http:// with a loopback host";

    fn from_text(text: &str) -> Option<Self> {
        let url = url::Url::parse(text).ok()?;
        let is_safe = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url),
            _ => false,
        };
        (is_safe && url.host().is_some()).then(|| Self(text.to_owned()))
    }
}

/// One address or several, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailAddresses(pub Vec<String>);

impl ConfigValue for MailAddresses {
    const EXPECTED: &'static str = "an address such as ops@example.com, or several with commas";

    fn from_text(text: &str) -> Option<Self> {
        let all: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
        let is_address = |text: &String| {
            let parts = text.split_once('@');
            parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
                && !text.contains(char::is_whitespace)
        };
        all.iter().all(is_address).then_some(Self(all))
    }
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(url::Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl ConfigValue for LogFormat {
    const EXPECTED: &'static str = "\"text\" or \"json\"";
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Which log lines appear, in the syntax of `tracing`: `info`, `holdfast_gateway=debug,warn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(pub String);

impl ConfigValue for LogFilter {
    const EXPECTED: &'static str =
        "a level (error, warn, info, debug, trace) or target=level pairs";
    fn from_text(text: &str) -> Option<Self> {
        const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
        let sound = text.split(',').all(|directive| {
            let level = directive.rsplit('=').next().unwrap_or(directive);
            LEVELS.contains(&level.trim())
        });
        sound.then(|| LogFilter(text.to_owned()))
    }
}

/// Which form of the app secret proof is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof(pub holdfast_platforms::ProofForm);

impl ConfigValue for Proof {
    const EXPECTED: &'static str = "\"classic\" or \"timed\"";
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "classic" => Some(Self(holdfast_platforms::ProofForm::Classic)),
            "timed" => Some(Self(holdfast_platforms::ProofForm::Timed)),
            _ => None,
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] =
            [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        for (size, unit) in UNITS {
            if self.0 >= size && self.0.is_multiple_of(size) {
                return write!(f, "{} {unit}", self.0 / size);
            }
        }
        write!(f, "{} B", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_sizes_have_units() {
        for (text, bytes) in [("7", 7), ("64 KiB", 65_536), ("2GiB", 2 << 30), ("1 MiB", 1 << 20)] {
            assert_eq!(ByteSize::from_text(text), Some(ByteSize(bytes)), "{text}");
        }
        for bad in ["", "KiB", "1 MB", "-1", "1.5 GiB", "99999999999 TiB"] {
            assert_eq!(ByteSize::from_text(bad), None, "{bad}");
        }
        assert_eq!(ByteSize(2 << 30).to_string(), "2 GiB");
    }
}
