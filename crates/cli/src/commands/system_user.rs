//! `holdfast system-user …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Global;
use super::credential::tell_outcome;
use super::status::text;
use crate::output::{Output, Table};

#[derive(Subcommand)]
pub enum SystemUser {
    /// List the system users of a business.
    List {
        #[arg(long, value_name = "ID")]
        business: String,
        #[command(flatten)]
        with: With,
    },
    /// Make one. Its id is printed.
    Create {
        /// A name for people.
        name: String,
        #[arg(long, value_name = "ID")]
        business: String,
        /// `EMPLOYEE` or `ADMIN`.
        #[arg(long, default_value = "EMPLOYEE")]
        role: String,
        #[command(flatten)]
        with: With,
    },
    /// Let the app have tokens of a system user. Needed once, before the first is issued.
    Install {
        /// The system user's id.
        user: String,
        #[command(flatten)]
        with: With,
    },
    /// Have a token issued, as the next version of a credential. Those before stay good.
    Issue(Issue),
}

/// With whose token Meta is asked.
#[derive(Args)]
pub struct With {
    /// The credential of an administrator of the business, whose app's secret is known.
    #[arg(long, value_name = "CREDENTIAL")]
    with: String,
}

#[derive(Args)]
pub struct Issue {
    /// The system user's id.
    user: String,
    #[command(flatten)]
    with: With,
    /// The credential whose next version it becomes.
    #[arg(long, value_name = "NAME")]
    credential: String,
    /// A permission that it has. Once for each.
    #[arg(long = "scope", value_name = "NAME", required = true)]
    scopes: Vec<String>,
    /// Ask for one that does not expire. Some businesses are refused those.
    #[arg(long)]
    never_expires: bool,
    /// Mail address of the person who has to act when it dies.
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<String>,
}

impl SystemUser {
    pub async fn run(self, global: &Global, output: &Output) -> anyhow::Result<()> {
        let client = global.client()?;
        match self {
            SystemUser::List { business, with } => {
                let query = form_urlencoded::Serializer::new(String::new())
                    .append_pair("business", &business)
                    .append_pair("parent", &with.with)
                    .finish();
                list(&client.get(&format!("/v1/system-users?{query}")).await?, output)
            }
            SystemUser::Create { name, business, role, with } => {
                let body = json!({ "name": name, "business": business, "role": role, "parent": with.with });
                let created: Value = client.post("/v1/system-users", &body).await?;
                if output.json {
                    return output.json(&created);
                }
                output.note(format!("{name} is a system user of business {business} now:"));
                output.line(text(&created["id"]));
                Ok(())
            }
            SystemUser::Install { user, with } => {
                let path = format!("/v1/system-users/{user}/apps");
                let answer: Value = client.post(&path, &json!({ "parent": with.with })).await?;
                if output.json {
                    return output.json(&answer);
                }
                output.line(if answer["installed"] == true {
                    "Installed: tokens can be issued for it now."
                } else {
                    "Meta did not say that it was installed."
                });
                Ok(())
            }
            SystemUser::Issue(issue) => {
                let path = format!("/v1/system-users/{}/tokens", issue.user);
                let body = json!({
                    "parent": issue.with.with, "credential": issue.credential,
                    "scopes": issue.scopes, "never_expires": issue.never_expires,
                    "contact": issue.contact,
                });
                tell_outcome(&client.post(&path, &body).await?, output)
            }
        }
    }
}

fn list(users: &Value, output: &Output) -> anyhow::Result<()> {
    if output.json {
        return output.json(users);
    }
    let mut table = Table::new(&["ROLE", "NAME", "SYSTEM USER"]);
    for user in users.as_array().into_iter().flatten() {
        table.row(vec![text(&user["role"]), text(&user["name"]), text(&user["id"])]);
    }
    if table.is_empty() {
        output.line("The business has no system users. `holdfast system-user create` makes one.");
    } else {
        output.table(&table);
    }
    Ok(())
}
