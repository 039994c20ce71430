//! The list of all sections and keys.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::read::Reader;
use super::routes::{self, Route};
use super::value::ConfigValue;
pub use super::value::{
    AlertUrl, ByteSize, LogFilter, LogFormat, MailAddresses, PlatformUrl, Proof, VariableName,
};

/// One row of the reference.
#[derive(Debug)]
pub struct KeyInfo {
    pub section: &'static str,
    pub name: &'static str,
    pub default: &'static str,
    pub doc: &'static str,
    pub expected: &'static str,
}

/// Makes, from one list: a struct per section, `Settings` over them, their reader, and [`KEYS`].
macro_rules! sections {
    ($(
        $(#[doc = $section_doc:literal])*
        [$path:literal] $field:ident: $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $key:ident: $type:ty = $default:literal,
            )*
        }
    )*) => {
        $(
            $(#[doc = $section_doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name {
                $($(#[doc = $doc])* pub $key: $type,)*
            }
        )*

        /// The whole configuration.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            $(pub $field: $name,)*
            pub routes: Vec<Route>,
        }

        impl Settings {
            pub(super) fn read(reader: &mut Reader<'_>) -> Self {
                Self {
                    $($field: $name {
                        $($key: reader.key($path, stringify!($key), $default),)*
                    },)*
                    routes: routes::read(reader),
                }
            }
        }

        /// Every section, with what it is about.
        pub const SECTIONS: &[(&str, &str)] = &[$(($path, concat!($($section_doc),*)),)*];

        /// Every key there is, in order.
        pub const KEYS: &[KeyInfo] = &[
            $($(KeyInfo {
                section: $path,
                name: stringify!($key),
                default: $default,
                doc: concat!($($doc),*),
                expected: <$type as ConfigValue>::EXPECTED,
            },)*)*
        ];
    };
}

sections! {
    /// Where Holdfast listens.
    ["server"] server: ServerSettings {
        /// Address of the HTTP listener. The default is reachable from this machine only; put a
        /// TLS-terminating proxy in front before you open it to others.
        listen: SocketAddr = "127.0.0.1:8377",
        /// Where people's browsers and the platforms reach it: links in mails and the addresses
        /// that platforms send people back to begin with this. Without it they begin with
        /// `http://` and `listen`.
        public_url: Option<PlatformUrl> = "",
        /// After a stop signal, how long requests and deliveries in flight may take to finish.
        drain_seconds: u64 = "20",
    }
    /// Where items and everything else are kept.
    ["storage"] storage: StorageSettings {
        /// The data directory. One running Holdfast owns it and locks it.
        data_dir: PathBuf = "holdfast-data",
        /// Most disk that the outbox may take.
        max_disk_bytes: ByteSize = "10 GiB",
        /// Part of it that new items may not use, so that acknowledgements, expiry, dead letters
        /// and compaction still work when it is full.
        reserve_bytes: ByteSize = "512 MiB",
        /// How long the record of delivered batches is kept.
        delivered_days: u32 = "30",
        /// How long dead letters and expired items, with their events, are kept. After that they
        /// are erased.
        dead_letter_days: u32 = "90",
    }
    /// Who is told when a hold opens, stays open, or is over. Each channel that is named is used.
    ["alerts"] alerts: AlertSettings {
        /// Where signed alerts are posted, as Standard Webhooks has it: https, or a loopback host.
        webhook_url: Option<AlertUrl> = "",
        /// File that holds the secret which signs them: `whsec_` and base64. Needed with
        /// `webhook_url`, because what is not signed can be forged.
        webhook_secret_file: Option<PathBuf> = "",
        /// File that holds the address of an incoming webhook of Slack; the address is a secret.
        slack_url_file: Option<PathBuf> = "",
        /// File that holds the mail server, with its password: `smtps://user:password@host` or
        /// `smtp://host:25` for one on this machine.
        smtp_url_file: Option<PathBuf> = "",
        /// Address that mails are from. Needed with `smtp_url_file`.
        mail_from: Option<MailAddresses> = "",
        /// Addresses that mails go to, separated by commas. Needed with `smtp_url_file`.
        mail_to: Option<MailAddresses> = "",
    }
    /// What platforms push to us. Which addresses they are told is in `docs/webhooks.md`.
    ["webhooks"] webhooks: WebhookSettings {
        /// File that holds the verify token: a text of your choice that Meta is told together with
        /// the address, and repeats when it checks that the address is yours.
        verify_token_file: Option<PathBuf> = "",
    }
    /// The master key under which tokens and waiting events are encrypted.
    ["vault"] vault: VaultSettings {
        /// File that holds the master key. Without one, a key is made in the data directory at
        /// the first start. Move it to another place than the data: who has both can read all.
        master_key_file: Option<PathBuf> = "",
        /// Name of the variable of the environment that holds the master key.
        master_key_env: Option<VariableName> = "",
        /// Program that prints the master key, for instance by asking a key management service. It
        /// is started without arguments and has thirty seconds.
        master_key_command: Option<PathBuf> = "",
    }
    /// Bounds of what callers may send.
    ["ingest"] ingest: IngestSettings {
        /// Largest body of a request, after decompression. NDJSON is streamed and has no such
        /// bound, except with an `Idempotency-Key`.
        max_body_bytes: ByteSize = "16 MiB",
        /// Most events in one request that is not NDJSON.
        max_events_per_request: u32 = "10000",
        /// Largest single event.
        max_event_bytes: ByteSize = "256 KiB",
        /// Most requests a second for each key; 0 means no bound.
        max_requests_per_second_per_key: u32 = "0",
        /// How long a request may take to arrive.
        read_timeout_seconds: u64 = "30",
    }
    /// How lanes deliver.
    ["delivery"] delivery: DeliverySettings {
        /// How long a platform may take to answer a request.
        request_timeout_ms: u64 = "15000",
        /// First step of the backoff after a transient failure. Each step doubles, with full
        /// jitter.
        backoff_first_ms: u64 = "1000",
        /// Longest step of the backoff.
        backoff_max_ms: u64 = "300000",
        /// Requests that are not full leave at most once in this time for each destination: what
        /// arrives meanwhile goes together. The first after a rest leaves at once.
        partial_interval_ms: u64 = "20",
        /// Most bytes of events in one request.
        max_request_bytes: ByteSize = "1 MiB",
    }
    /// The Meta Conversions API.
    ["platforms.meta"] meta: MetaSettings {
        /// Scheme and host that Meta's tokens are sent to. Only for the sandbox and for tests.
        base_url: PlatformUrl = "https://graph.facebook.com",
        /// Scheme and host of the pages where people sign in. Without it `https://www.facebook.com`,
        /// or `base_url` where that is another than Meta's.
        dialog_url: Option<PlatformUrl> = "",
        /// Scheme and host that Instagram's tokens are sent to. Without it
        /// `https://graph.instagram.com`, or `base_url` where that is another than Meta's.
        instagram_url: Option<PlatformUrl> = "",
        /// Form of the app secret proof, sent where the app's secret is known.
        proof: Proof = "classic",
    }
    /// The Snap Conversions API.
    ["platforms.snap"] snap: SnapSettings {
        /// Scheme and host that Snap's tokens are sent to. Only for the sandbox and for tests.
        base_url: PlatformUrl = "https://tr.snapchat.com",
        /// Scheme and host of OAuth: where people sign in and tokens are refreshed. Without it
        /// `https://accounts.snapchat.com`, or `base_url` where that is another than Snap's.
        accounts_url: Option<PlatformUrl> = "",
        /// Scheme and host of the Ads API, which says what a person granted. Without it
        /// `https://adsapi.snapchat.com`, or `base_url` where that is another than Snap's.
        ads_url: Option<PlatformUrl> = "",
    }
    /// What is written to standard error.
    ["log"] log: LogSettings {
        /// Lines for people or for machines.
        format: LogFormat = "text",
        /// Which lines.
        filter: LogFilter = "info",
    }
}
