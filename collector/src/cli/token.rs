//! `muster-collector token`.

use std::collections::BTreeMap;

use anyhow::Context as _;
use protocol::ids::TokenId;
use ring::rand::SystemRandom;
use serde_json::json;
use store::enrolment_tokens::{self, NewEnrolmentToken};
use store::page::{PAGE_ITEMS_MAX, PageRequest};
use time::Duration;
use uuid::Uuid;

use super::database::Database;
use super::output;
use crate::app::{self, cluster};
use crate::tokens::TokenMaker;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a token and prints it, this once.
    Create {
        /// The company's id or name
        #[arg(long)]
        company: String,
        /// What it is for
        #[arg(long, default_value = "command line")]
        name: String,
        /// How many hosts may use it; as many as come by default
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        uses: Option<u32>,
        /// How many hours it is valid; for ever by default
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=87_600))]
        hours: Option<u32>,
        /// A label of its hosts, as name=value; may be given several times
        #[arg(long = "label", value_name = "NAME=VALUE")]
        labels: Vec<String>,
    },
    /// Lists a company's tokens, without their secrets.
    List {
        /// The company's id or name
        #[arg(long)]
        company: String,
    },
    /// Refuses a token from now on; its agents stay.
    Revoke {
        /// The company's id or name
        #[arg(long)]
        company: String,
        /// The token's id
        id: Uuid,
    },
}

impl Command {
    pub(super) async fn run(self, db: Database) -> anyhow::Result<()> {
        match self {
            Self::Create { company, name, uses, hours, labels } => {
                let labels = parse_labels(&labels)?;
                create(&db, &company, &name, uses, hours, &labels).await
            }
            Self::List { company } => list(&db, &company).await,
            Self::Revoke { company, id } => {
                let scope = db.company(&company).await?;
                let now = db.clock.now();
                let is_done = enrolment_tokens::revoke(&scope, TokenId(id), now).await?;
                anyhow::ensure!(is_done, "there is no such token, or it was revoked before");
                Ok(())
            }
        }
    }
}

fn parse_labels(texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for text in texts {
        let (name, value) = text
            .split_once('=')
            .filter(|(name, _)| !name.trim().is_empty())
            .with_context(|| format!("label {text:?} is not NAME=VALUE"))?;
        // The last would win in silence, and the hosts be somewhere else than half of the command
        // says.
        let before = labels.insert(name.to_owned(), value.to_owned());
        anyhow::ensure!(before.is_none(), "label {name:?} is given twice");
    }
    Ok(labels)
}

async fn create(
    db: &Database,
    company: &str,
    name: &str,
    uses_max: Option<u32>,
    hours: Option<u32>,
    labels: &BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let scope = db.company(company).await?;
    let random = SystemRandom::new();
    let now = db.clock.now();
    let ingest = &db.config.ingest;
    // Made here when there is none yet: a token carries its fingerprint, and may be handed out
    // before the first `serve`.
    let authority = cluster::open_authority(&db.config, &db.store, &db.clock).await?;
    // A collector that runs may listen elsewhere than its configuration says.
    let running = app::running(&db.config.node.data_dir).and_then(|run| run.ingest);
    let listening = running.unwrap_or(ingest.listen);
    let maker = TokenMaker::new(authority.fingerprint(), &ingest.addresses, listening);
    let token = maker.make(TokenId(Uuid::new_v4()), &random)?;
    let new = NewEnrolmentToken {
        id: token.id,
        secret: &token.secret,
        name,
        labels,
        expires_at: hours.map(|hours| now + Duration::hours(hours.into())),
        uses_max,
    };
    enrolment_tokens::create(&scope, &new, now).await?;
    if db.json {
        output::json(&json!({ "id": token.id, "token": token.expose() }))
    } else {
        output::line(token.expose());
        Ok(())
    }
}

async fn list(db: &Database, company: &str) -> anyhow::Result<()> {
    let scope = db.company(company).await?;
    let mut page = PageRequest::first(PAGE_ITEMS_MAX);
    loop {
        let found = enrolment_tokens::list(&scope, &page).await?;
        for token in &found.items {
            let revoked = token.revoked_at.is_some();
            if db.json {
                output::json(&json!({
                    "id": token.id,
                    "name": token.name,
                    "uses": token.uses,
                    "uses_max": token.uses_max,
                    "revoked": revoked,
                }))?;
            } else {
                let most = token.uses_max.map_or_else(|| "∞".to_owned(), |max| max.to_string());
                let state = if revoked { "  revoked" } else { "" };
                let (id, uses, name) = (token.id, token.uses, &token.name);
                output::line(format_args!("{id}  {uses}/{most}  {name}{state}"));
            }
        }
        // All pages: a list on a terminal has no second page to ask for.
        match found.next {
            Some(after) => page.after = Some(after),
            None => return Ok(()),
        }
    }
}
