//! `muster-collector user`: operators, made where the collector runs.
//!
//! The first one can be made nowhere else; everybody after that is invited over the API. A password
//! never stands in the arguments, where every process of the machine reads it.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;
use store::audit::Origin;
use store::users::{self, NewOperator};
use uuid::Uuid;

use super::database::Database;
use super::output;
use crate::config::Secret;
use crate::http::password;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes an operator, who signs in with an address and a password.
    Create {
        /// The address of mail
        email: String,
        /// What to be called; the address when left out
        #[arg(long)]
        name: Option<String>,
        /// The file that holds the password; without it, it is asked for
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Lists the operators.
    List,
    /// Sets the password of anybody, takes their second factor away and ends their sessions.
    Reset {
        /// The address of mail
        email: String,
        /// The company whose member it is, where several accounts have the address
        #[arg(long, value_name = "NAME")]
        company: Option<String>,
        /// The file that holds the password; without it, it is asked for
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Refuses an operator from now on.
    Remove {
        /// The address of mail
        email: String,
    },
}

impl Command {
    pub(super) async fn run(self, db: Database) -> anyhow::Result<()> {
        match self {
            Self::Create { email, name, password_file } => {
                create(&db, &email, name.as_deref(), password_file).await
            }
            Self::List => list(&db).await,
            Self::Reset { email, company, password_file } => {
                reset(&db, &email, company.as_deref(), password_file).await
            }
            Self::Remove { email } => remove(&db, &email).await,
        }
    }
}

async fn create(
    db: &Database,
    email: &str,
    name: Option<&str>,
    password_file: Option<PathBuf>,
) -> anyhow::Result<()> {
    anyhow::ensure!(email.contains('@'), "{email:?} is no address of mail");
    let password = hashed(email, password_file)?;
    let new =
        NewOperator { id: Uuid::new_v4(), email, name: name.unwrap_or(email), password: &password };
    let is_made = users::create_operator(&db.operator(), &new, db.clock.now()).await?;
    anyhow::ensure!(is_made, "there is somebody with the address {email:?}");
    if db.json {
        output::json(&json!({ "id": new.id, "email": email }))
    } else {
        output::line(format_args!("{email} can sign in"));
        Ok(())
    }
}

async fn list(db: &Database) -> anyhow::Result<()> {
    for operator in users::list_operators(&db.operator()).await? {
        if db.json {
            let factor = operator.has_second_factor;
            output::json(
                &json!({ "id": operator.id, "email": operator.email, "name": operator.name,
                                  "has_second_factor": factor }),
            )?;
        } else {
            output::line(format_args!("{}  {}", operator.id, operator.email));
        }
    }
    Ok(())
}

async fn reset(
    db: &Database,
    email: &str,
    company: Option<&str>,
    password_file: Option<PathBuf>,
) -> anyhow::Result<()> {
    let account = find(db, email, company).await?;
    let password = hashed(&account.email, password_file)?;
    let (origin, now) = (Origin::local(), db.clock.now());
    users::set_password(&db.store, account.id, &password, None, &origin, now).await?;
    users::drop_totp(&db.store, account.id, &origin, now).await?;
    output::line(format_args!("{email} can sign in with the new password"));
    Ok(())
}

async fn remove(db: &Database, email: &str) -> anyhow::Result<()> {
    let accounts = users::by_email(&db.store, email).await?;
    anyhow::ensure!(!accounts.is_empty(), "there is nobody with the address {email:?}");
    let operator = accounts.into_iter().find(|account| account.is_operator);
    let is_done = match operator {
        Some(account) => users::remove_operator(&db.operator(), account.id, db.clock.now()).await?,
        None => false,
    };
    anyhow::ensure!(is_done, "{email:?} is no operator");
    Ok(())
}

/// The account of an address that works in the company; without one, the operator's, or the only one.
async fn find(db: &Database, email: &str, company: Option<&str>) -> anyhow::Result<users::Account> {
    let accounts = users::by_email(&db.store, email).await?;
    let scope = match company {
        Some(company) => Some(db.company(company).await?),
        None => None,
    };
    let is_operator = accounts.iter().any(|account| account.is_operator);
    let mut found = Vec::new();
    for account in accounts {
        let is_it = match &scope {
            Some(scope) => users::find_member(scope, account.id).await?.is_some(),
            None => account.is_operator || !is_operator,
        };
        if is_it {
            found.push(account);
        }
    }
    let account = found.pop();
    anyhow::ensure!(
        found.is_empty(),
        "several accounts have the address {email:?}: say whose member it is with --company"
    );
    account.with_context(|| format!("there is nobody with the address {email:?}"))
}

fn hashed(email: &str, file: Option<PathBuf>) -> anyhow::Result<String> {
    let password = match file {
        Some(file) => Secret::from_file("--password-file", &file)?.expose().to_owned(),
        None => ask()?,
    };
    password::check(&password, email).map_err(|why| anyhow::anyhow!("the password: {why}"))?;
    password::hash(&password)
}

/// Asks for a password at the terminal, without showing it.
fn ask() -> anyhow::Result<String> {
    let stdin = io::stdin();
    anyhow::ensure!(
        stdin.is_terminal(),
        "there is no terminal to ask for a password at: use --password-file"
    );
    let before = tcgetattr(&stdin).context("ask the terminal how it is set")?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    write!(io::stderr(), "Password: ").ok();
    tcsetattr(&stdin, OptionalActions::Flush, &silent).context("keep the terminal from showing")?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    // Whatever was read, or the terminal would show nothing any more.
    let restored = tcsetattr(&stdin, OptionalActions::Flush, &before);
    writeln!(io::stderr()).ok();
    read.context("read the password")?;
    restored.context("let the terminal show again")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
