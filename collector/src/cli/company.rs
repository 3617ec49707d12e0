//! `muster-collector company`.

use protocol::ids::CompanyId;
use serde_json::json;
use store::companies::{self, Company};
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use uuid::Uuid;

use super::database::Database;
use super::output;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a company.
    Create {
        /// Its name, which no other company has
        name: String,
    },
    /// Lists the companies.
    List,
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
            Self::Suspend { company } => suspend(&db, &company, true).await,
            Self::Resume { company } => suspend(&db, &company, false).await,
        }
    }
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
        }));
    }
    let state = if company.suspended_at.is_some() {
        "  suspended"
    } else {
        ""
    };
    output::line(format_args!("{}  {}{state}", company.id, company.name));
    Ok(())
}
