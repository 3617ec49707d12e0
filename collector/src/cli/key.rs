//! `muster-collector key`.

use anyhow::Context as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use store::api_keys::{self, ApiKey, NewApiKey, PresentedKey};
use store::tenant::Role;
use uuid::Uuid;

use super::database::Database;
use super::output;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Makes a key and prints it, this once.
    Create {
        /// What it is for
        name: String,
        /// The company's id or name; without one, the key is an operator's
        #[arg(long)]
        company: Option<String>,
        /// What it may do in the company: viewer, analyst or admin
        #[arg(long, default_value = "admin")]
        role: String,
    },
    /// Lists keys, without their secrets.
    List {
        /// The company's id or name; without one, the operators' keys
        #[arg(long)]
        company: Option<String>,
    },
    /// Refuses a key from now on.
    Revoke {
        /// The key's id
        id: Uuid,
        /// The company's id or name; without one, an operator's key
        #[arg(long)]
        company: Option<String>,
    },
}

impl Command {
    pub(super) async fn run(self, db: Database) -> anyhow::Result<()> {
        match self {
            Self::Create { name, company, role } => {
                let (key, row) = create(&db, &name, company.as_deref(), &role).await?;
                if db.json {
                    output::json(&json!({ "id": row.id, "key": key.expose() }))
                } else {
                    // Alone in its line, so that a script can take it as it is.
                    output::line(key.expose());
                    Ok(())
                }
            }
            Self::List { company } => list(&db, company.as_deref()).await,
            Self::Revoke { id, company } => revoke(&db, id, company.as_deref()).await,
        }
    }
}

async fn create(
    db: &Database,
    name: &str,
    company: Option<&str>,
    role: &str,
) -> anyhow::Result<(PresentedKey, ApiKey)> {
    let key = new_key()?;
    let new = NewApiKey { key: &key, name, expires_at: None };
    let now = db.clock.now();
    let row = match company {
        None => api_keys::create_operator(&db.operator(), &new, now).await?,
        Some(company) => {
            let role = Role::parse(role)
                // An operator's key belongs to no company, so it is made by leaving the company
                // out, never by a role.
                .filter(|role| *role < Role::Operator)
                .context("--role is one of viewer, analyst, admin")?;
            api_keys::create(&db.company(company).await?, &new, role, now).await?
        }
    };
    Ok((key, row))
}

/// A key that nobody has.
///
/// # Errors
///
/// When the system gives no random bytes.
pub(super) fn new_key() -> anyhow::Result<PresentedKey> {
    let mut secret = [0; 32];
    SystemRandom::new()
        .fill(&mut secret)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(PresentedKey::new(Uuid::new_v4(), secret))
}

async fn list(db: &Database, company: Option<&str>) -> anyhow::Result<()> {
    let keys = match company {
        None => api_keys::list_operator(&db.operator()).await?,
        Some(company) => api_keys::list(&db.company(company).await?).await?,
    };
    for key in keys {
        let (role, revoked) = (key.role.as_str(), key.revoked_at.is_some());
        if db.json {
            output::json(
                &json!({ "id": key.id, "name": key.name, "role": role, "revoked": revoked }),
            )?;
        } else {
            let state = if revoked { "  revoked" } else { "" };
            output::line(format_args!("{}  {role:<8}  {}{state}", key.id, key.name));
        }
    }
    Ok(())
}

async fn revoke(db: &Database, id: Uuid, company: Option<&str>) -> anyhow::Result<()> {
    let now = db.clock.now();
    let is_done = match company {
        None => api_keys::revoke_operator(&db.operator(), id, now).await?,
        Some(company) => api_keys::revoke(&db.company(company).await?, id, now).await?,
    };
    anyhow::ensure!(is_done, "there is no such key, or it was revoked before");
    Ok(())
}
