//! Making exceptions, or asking for them; what they leave out follows in the same transaction.

use protocol::ids::AgentId;
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::decide::who;
use super::documents::{DOCUMENTS_KEPT_MAX, SAID_BYTES_MAX};
use super::settle::begin_in;
use super::{About, Claim, EXCEPTIONS_MAX, Exception, ExceptionState, Hosts, Settled, read};
use crate::audit::{self, Change};
use crate::companies;
use crate::error::{StoreError, violated_constraint};
use crate::tenant::TenantScope;

/// An exception to be made.
#[derive(Clone, Debug)]
pub struct NewException<'a> {
    /// The caller's, so that trying again cannot make two.
    pub id: Uuid,
    /// The name that it goes by.
    pub name: Option<&'a str>,
    /// What it is about.
    pub about: &'a About,
    /// For which hosts.
    pub hosts: Hosts,
    /// What is said.
    pub claim: &'a Claim,
    /// When it ends by itself.
    pub expires_at: Option<OffsetDateTime>,
    /// The document that it comes in with, and its statement there.
    pub origin: Option<(Uuid, &'a Value)>,
}

/// Why an exception cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// It would be about everything.
    #[error("name a CVE, a product, a package URL or a score: an exception is about something")]
    AboutNothing,
    /// The company has no such label or host.
    #[error("the company has no such {0}")]
    NoSuch(&'static str),
    /// There are too many of them.
    #[error("the company has {EXCEPTIONS_MAX} exceptions: withdraw some, or make one for many")]
    TooMany,
    /// There are too many documents.
    #[error(
        "the company has {DOCUMENTS_KEPT_MAX} VEX documents: bring this as the next version of one of \
         them, under its id"
    )]
    TooManyDocuments,
    /// What documents say comes to too much.
    #[error(
        "what VEX documents say in this company would come to more than {SAID_BYTES_MAX} bytes, each \
         statement counted for each of its products: withdraw some, or bring less"
    )]
    TooMuchSaid,
    /// Another one has the name that is asked for or in force.
    #[error("there is an exception with this name")]
    NameTaken,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateError {
    fn from(error: sqlx::Error) -> Self {
        // On each partition the index has a name of its own, with the columns in it.
        let taken = violated_constraint(&error).is_some_and(|name| name.contains("lower"));
        if taken { Self::NameTaken } else { Self::Store(error.into()) }
    }
}

/// Makes an exception, or where the company wants a second person asks for one. In force, it leaves
/// findings out at once.
///
/// # Errors
///
/// When it is about nothing, names what the company does not have, is one too many, or the database
/// cannot be used.
pub async fn create(
    scope: &TenantScope,
    new: &NewException<'_>,
    now: OffsetDateTime,
) -> Result<(Exception, Settled), CreateError> {
    let mut tx = scope.begin("exceptions.create").await?;
    let mut room = Room::ask(&mut tx, scope).await?;
    add(&mut tx, scope, &mut room, new, now).await?;
    let settled = begin_in(&mut tx, scope, new.id, now).await?;
    let made = read::one(&mut tx, scope.key(), new.id).await?;
    if let Some(made) = &made {
        let change = Change::made("exception.create", made.id, shown(made));
        audit::record(&mut tx, scope, change, now).await?;
    }
    tx.commit().await?;
    let made =
        made.ok_or_else(|| StoreError::inconsistent("exceptions", "id", &new.id.to_string()))?;
    Ok((made, settled))
}

/// What has to be known before any exception is made, asked once for a document of thousands.
#[derive(Debug)]
pub(super) struct Room {
    /// How many more there may be.
    left: i64,
    needs_approval: bool,
}

impl Room {
    /// Asks, and notes that the company has exceptions.
    pub(super) async fn ask(
        tx: &mut PgConnection,
        scope: &TenantScope,
    ) -> Result<Self, StoreError> {
        let living = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM exceptions
           WHERE company_key = $1 AND state IN ('active', 'requested')"#,
            scope.key()
        )
        .fetch_one(&mut *tx)
        .await?;
        companies::note_rules(&mut *tx, scope.key()).await?;
        Ok(Self {
            left: i64::from(EXCEPTIONS_MAX) - living,
            needs_approval: companies::needs_approval(tx, scope.key()).await?,
        })
    }
}

/// Writes an exception; what it leaves out follows when the company is settled.
///
/// # Errors
///
/// As [`create`].
pub(super) async fn add(
    tx: &mut PgConnection,
    scope: &TenantScope,
    room: &mut Room,
    new: &NewException<'_>,
    now: OffsetDateTime,
) -> Result<(), CreateError> {
    if !new.about.is_particular() {
        return Err(CreateError::AboutNothing);
    }
    // Looked up beforehand, so that the answer can name what the company does not have.
    let (label, host) = place(tx, scope.key(), new.hosts).await?;
    room.left -= 1;
    if room.left < 0 {
        return Err(CreateError::TooMany);
    }
    // What suppresses nothing is a remark, and takes nobody's leave.
    let waits = new.claim.suppresses && room.needs_approval;
    let state = if waits { ExceptionState::Requested } else { ExceptionState::Active };
    insert(tx, scope, new, (label, host, state), now).await?;
    Ok(())
}

async fn insert(
    tx: &mut PgConnection,
    scope: &TenantScope,
    new: &NewException<'_>,
    (label, host, state): (Option<Uuid>, Option<i64>, ExceptionState),
    now: OffsetDateTime,
) -> Result<(), CreateError> {
    let (about, claim) = (new.about, new.claim);
    // The id is the caller's: one that is there already was made by an earlier try.
    sqlx::query!(
        "INSERT INTO exceptions (company_key, id, cve, product, source, version, purl, score_below,
             label, agent_key, status, justification, note, action, suppresses, state, created_at,
             created_by, expires_at, document, statement, name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                 $20, $21, $22)
         ON CONFLICT (company_key, id) DO NOTHING",
        scope.key(),
        new.id,
        about.cve,
        about.product,
        about.source.map(|source| source.as_str()),
        about.version,
        about.purl,
        about.score_below,
        label,
        host,
        claim.status.as_str(),
        claim.justification.map(|one| one.as_str()),
        claim.note,
        claim.action,
        claim.suppresses,
        state.as_str(),
        now,
        who(scope),
        new.expires_at,
        new.origin.map(|(document, _)| document),
        new.origin.map(|(_, statement)| statement.clone()),
        new.name
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The label and the host's key of some hosts.
pub(super) async fn place(
    tx: &mut PgConnection,
    company_key: i64,
    hosts: Hosts,
) -> Result<(Option<Uuid>, Option<i64>), CreateError> {
    match hosts {
        Hosts::All => Ok((None, None)),
        Hosts::Label(label) => {
            let found = sqlx::query_scalar!(
                "SELECT id FROM labels WHERE company_key = $1 AND id = $2",
                company_key,
                label
            );
            let found = found.fetch_optional(tx).await?;
            found.map(|label| (Some(label), None)).ok_or(CreateError::NoSuch("label"))
        }
        Hosts::One(AgentId(host)) => {
            let found = sqlx::query_scalar!(
                "SELECT key FROM agents WHERE company_key = $1 AND id = $2",
                company_key,
                host
            );
            let found = found.fetch_optional(tx).await?;
            found.map(|key| (None, Some(key))).ok_or(CreateError::NoSuch("host"))
        }
    }
}

/// An exception as the audit log shows it.
pub(super) fn shown(exception: &Exception) -> Value {
    let (about, claim) = (&exception.about, &exception.claim);
    let (label, host) = match exception.hosts {
        Hosts::All => (None, None),
        Hosts::Label(label) => (Some(label), None),
        Hosts::One(AgentId(host)) => (None, Some(host)),
    };
    json!({
        "name": exception.name, "cve": about.cve, "product": about.product, "source": about.source.map(|one| one.as_str()),
        "version": about.version, "purl": about.purl, "score_below": about.score_below,
        "label": label, "host": host, "status": claim.status.as_str(),
        "justification": claim.justification.map(|one| one.as_str()), "note": claim.note,
        "action": claim.action, "suppress": claim.suppresses, "state": exception.state.as_str(),
        "expires": exception.expires_at.map(|at| at.unix_timestamp()),
    })
}
