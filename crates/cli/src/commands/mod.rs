//! The command line. One file per subcommand; this one lists and dispatches them.

mod alert;
mod app;
mod audit;
mod backup;
mod check;
mod connect;
mod credential;
mod dead_letter;
mod demo;
mod destination;
mod doctor;
mod erase;
mod explain;
mod hold;
mod key;
mod renewal;
mod restore;
mod sandbox;
mod send;
mod serve;
mod sign_in;
mod status;
mod system_user;
mod vault;

pub use send::Format as SendFormat;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use holdfast_gateway::config::Settings;

use crate::client::Client;
use crate::exit::Failure;
use crate::output::Output;

/// Keeps the access tokens of advertising and messaging platforms healthy, and delivers through
/// them, losing nothing when a token dies.
#[derive(Parser)]
#[command(name = "holdfast", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
pub struct Global {
    /// Configuration file. None is needed.
    #[arg(long, global = true, value_name = "PATH", env = "HOLDFAST_CONFIG")]
    config: Option<PathBuf>,
    /// Data directory, where it differs from the configuration's.
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Talk to the gateway at this address instead of through its admin socket. The key is read
    /// from the variable HOLDFAST_KEY.
    #[arg(long, global = true, value_name = "URL", env = "HOLDFAST_URL")]
    url: Option<String>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::Serve),
    /// Watch a token die and nothing get lost: sandbox, gateway and traffic in one process.
    Demo(demo::Demo),
    /// Run a stand-in for the platforms.
    Sandbox(sandbox::Sandbox),
    /// Check configuration, data directory and gateway without changing anything.
    Check(check::Check),
    /// Show the ledger, the lanes and the open holds.
    Status(status::Status),
    /// Platform apps and their secrets.
    #[command(subcommand)]
    App(app::App),
    /// Send events from a file.
    Send(send::Send),
    /// Credentials: tokens go in and never come out.
    #[command(subcommand)]
    Credential(credential::Credential),
    /// Get tokens from the platforms themselves: a person agrees, or one is derived.
    #[command(subcommand)]
    Connect(connect::Connect),
    /// System users of a business at Meta, and tokens for them.
    #[command(subcommand)]
    SystemUser(system_user::SystemUser),
    /// Print a link that signs a browser in, once.
    SignIn(sign_in::SignIn),
    /// What is wrong with a token, how sure that is, and what to do.
    Doctor(doctor::Doctor),
    /// Destinations: where items go.
    #[command(subcommand)]
    Destination(destination::Destination),
    /// Holds: what is stopped, why, and until when.
    #[command(subcommand)]
    Hold(hold::Hold),
    /// Alerts: what people were told, and whether it arrived.
    #[command(subcommand)]
    Alert(alert::Alert),
    /// Dead letters and expired items.
    #[command(subcommand)]
    DeadLetter(dead_letter::DeadLetter),
    /// Erase what is kept of one person. It cannot be undone.
    Erase(erase::Erase),
    /// Take a backup, of a running gateway or of a stopped one.
    Backup(backup::Backup),
    /// Make a data directory from a backup.
    Restore(restore::Restore),
    /// Who did what.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// The master key.
    #[command(subcommand)]
    Vault(vault::Vault),
    /// Keys of Holdfast's own API.
    #[command(subcommand)]
    Key(key::Key),
    /// What a platform's error number means and what to do.
    Explain(explain::Explain),
}

pub fn run(cli: Cli, output: &Output) -> anyhow::Result<()> {
    let Cli { global, command } = cli;
    match command {
        Command::Explain(command) => command.run(output),
        Command::Serve(command) => block_on(command.run(&global, output)),
        Command::Demo(command) => block_on(command.run(output)),
        Command::Sandbox(command) => block_on(command.run(output)),
        Command::Check(command) => block_on(command.run(&global, output)),
        Command::Status(command) => block_on(command.run(&global, output)),
        Command::Send(command) => block_on(command.run(&global, output)),
        Command::App(command) => block_on(command.run(&global, output)),
        Command::Credential(command) => block_on(command.run(&global, output)),
        Command::Connect(command) => block_on(command.run(&global, output)),
        Command::SystemUser(command) => block_on(command.run(&global, output)),
        Command::SignIn(command) => block_on(command.run(&global, output)),
        Command::Doctor(command) => block_on(command.run(&global, output)),
        Command::Destination(command) => block_on(command.run(&global, output)),
        Command::Hold(command) => block_on(command.run(&global, output)),
        Command::DeadLetter(command) => block_on(command.run(&global, output)),
        Command::Erase(command) => block_on(command.run(&global, output)),
        Command::Backup(command) => block_on(command.run(&global, output)),
        Command::Restore(command) => block_on(command.run(&global, output)),
        Command::Alert(command) => block_on(command.run(&global, output)),
        Command::Audit(command) => block_on(command.run(&global, output)),
        Command::Vault(command) => block_on(command.run(&global, output)),
        Command::Key(command) => block_on(command.run(&global, output)),
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

impl Global {
    /// The configuration, with the options of the command line on top.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = Settings::load(self.config.as_deref(), std::env::vars())
            .map_err(|e| Failure::Usage(e.to_string()))?;
        if let Some(dir) = &self.data_dir {
            settings.storage.data_dir.clone_from(dir);
        }
        Ok(settings)
    }

    /// Whether a gateway was named that may be on another machine.
    pub fn is_remote(&self) -> bool {
        self.url.is_some()
    }

    /// The running gateway: at `--url`, else through the socket in the data directory.
    pub fn client(&self) -> anyhow::Result<Client> {
        if let Some(url) = &self.url {
            return Client::over_http(url, std::env::var("HOLDFAST_KEY").ok());
        }
        let socket = self.settings()?.storage.data_dir.join(holdfast_gateway::ADMIN_SOCKET);
        Client::over_socket(&socket)
    }
}
