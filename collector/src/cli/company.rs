//! `muster-collector company`.

use protocol::ids::CompanyId;
use protocol::software::Source;
use serde_json::json;
use store::companies::{self, Company, deletion};
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use uuid::Uuid;

use super::database::Database;
use super::output;
use crate::config::Connections;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a company.
    Create {
        /// Its name, which no other company has
        name: String,
    },
    /// Lists the companies.
    List,
    /// Sets what a company's agents are told; those that are connected hear of it within seconds. What is
    /// not named stays as it is.
    Set {
        /// The company's id or name
        company: String,
        /// Time between two heartbeats, in seconds
        #[arg(long)]
        heartbeat_every_s: Option<u32>,
        /// Time between two scans, in seconds
        #[arg(long)]
        scan_every_s: Option<u32>,
        /// Whether its agents hold their connection or visit; `auto` leaves it to the collector
        #[arg(long)]
        connections: Option<Connections>,
        /// Sources that it does not want, with commas between; `none` for none
        #[arg(long, value_delimiter = ',')]
        sources_off: Option<Vec<String>>,
    },
    /// Refuses a company's agents until it is resumed.
    Suspend {
        /// The company's id or name
        company: String,
    },
    /// Takes a company's agents again.
    Resume {
        /// The company's id or name
        company: String,
    },
    /// Deletes a company: shuts it at once, and erases it after `jobs.deletion_wait_days`.
    Delete {
        /// The company's id or name
        company: String,
        /// Its name as it is written, to confirm that it is this one
        #[arg(long)]
        confirm: String,
    },
    /// Keeps a company that was to be deleted.
    Keep {
        /// The company's id or name
        company: String,
    },
}

impl Command {
    pub(super) async fn run(self, db: Database) -> anyhow::Result<()> {
        match self {
            Self::Create { name } => {
                // The command's own, so version 4 does: no index depends on the order.
                let id = CompanyId(Uuid::new_v4());
                let company = companies::create(&db.operator(), id, &name, db.clock.now()).await?;
                print(&db, &company)
            }
            Self::List => list(&db).await,
            Self::Set { company, heartbeat_every_s, scan_every_s, connections, sources_off } => {
                let scope = db.company(&company).await?;
                let Company { mut settings, mut visits, .. } = companies::own(&scope).await?;
                settings.heartbeat_every_s =
                    heartbeat_every_s.unwrap_or(settings.heartbeat_every_s);
                settings.scan_every_s = scan_every_s.unwrap_or(settings.scan_every_s);
                if let Some(names) = sources_off {
                    settings.sources_off = sources(&names)?;
                }
                if let Some(connections) = connections {
                    visits = visits_of(connections);
                }
                companies::set_settings(&scope, &settings, visits, db.clock.now()).await?;
                print(&db, &companies::own(&scope).await?)
            }
            Self::Suspend { company } => suspend(&db, &company, true).await,
            Self::Resume { company } => suspend(&db, &company, false).await,
            Self::Delete { company, confirm } => {
                let id = db.company(&company).await?.company();
                let (wait, now) = (db.config.jobs.deletion_wait, db.clock.now());
                match deletion::ask(&db.operator(), id, &confirm, wait, now).await? {
                    Some(company) => print(&db, &company),
                    None => Ok(()),
                }
            }
            Self::Keep { company } => {
                let id = db.company(&company).await?.company();
                match deletion::keep(&db.operator(), id, db.clock.now()).await? {
                    Some(company) => print(&db, &company),
                    None => Ok(()),
                }
            }
        }
    }
}

const fn visits_of(connections: Connections) -> Option<bool> {
    match connections {
        Connections::Hold => Some(false),
        Connections::Visit => Some(true),
        Connections::Auto => None,
    }
}

fn sources(names: &[String]) -> anyhow::Result<Vec<Source>> {
    names.iter().filter(|name| *name != "none").map(|name| Ok(name.parse::<Source>()?)).collect()
}

async fn list(db: &Database) -> anyhow::Result<()> {
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    loop {
        let found = companies::list(&db.operator(), None, &page).await?;
        for company in &found.items {
            print(db, company)?;
        }
        match found.next {
            Some(after) => page.after = Some(after),
            None => return Ok(()),
        }
    }
}

async fn suspend(db: &Database, company: &str, suspended: bool) -> anyhow::Result<()> {
    let id = db.company(company).await?.company();
    let now = db.clock.now();
    if let Some(company) = companies::set_suspended(&db.operator(), id, suspended, now).await? {
        if let (false, Some(deletion)) = (suspended, &company.deletion) {
            anyhow::bail!(
                "{} is to be deleted at {}, and stays suspended: keep it instead, with \
                 `company keep {}`",
                company.name,
                deletion.due_at,
                company.id
            );
        }
        print(db, &company)?;
    }
    Ok(())
}

fn print(db: &Database, company: &Company) -> anyhow::Result<()> {
    if db.json {
        return output::json(&json!({
            "id": company.id,
            "name": company.name,
            "created_at": company.created_at.to_string(),
            "suspended": company.suspended_at.is_some(),
            "deleted_from": company.deletion.as_ref().map(|deletion| deletion.due_at.to_string()),
            "heartbeat_every_s": company.settings.heartbeat_every_s,
            "scan_every_s": company.settings.scan_every_s,
            "sources_off": company.settings.sources_off.iter().map(|source| source.as_str())
                .collect::<Vec<_>>(),
            "connections": match company.visits {
                Some(true) => "visit",
                Some(false) => "hold",
                None => "auto",
            },
        }));
    }
    let state = match &company.deletion {
        Some(deletion) => format!("  to be deleted at {}", deletion.due_at),
        None if company.suspended_at.is_some() => "  suspended".to_owned(),
        None => String::new(),
    };
    output::line(format_args!("{}  {}{state}", company.id, company.name));
    Ok(())
}
