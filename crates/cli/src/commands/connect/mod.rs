//! `holdfast connect …`: acquiring tokens on a machine without a browser.

mod finish;
mod integration;
mod meta;
mod page;
mod snap;

use clap::Subcommand;

use super::Global;
use crate::output::Output;

#[derive(Subcommand)]
pub enum Connect {
    /// A person grants permissions at Meta, or a business by a configuration of Login for Business.
    Meta(meta::Meta),
    /// A person grants access to an organization at Snap.
    Snap(snap::Snap),
    /// Derive a page's own token from a credential that may use the page.
    Page(page::Page),
    /// Fetch the token that our app has in the business of a client who installed it.
    Integration(integration::Integration),
}

impl Connect {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            Connect::Meta(meta) => meta.run(&client, output).await,
            Connect::Snap(snap) => snap.run(&client, output).await,
            Connect::Page(page) => page.run(&client, output).await,
            Connect::Integration(integration) => integration.run(&client, output).await,
        }
    }
}
