//! `muster-collector authority rotate`: another authority, in three steps.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ring::rand::SystemRandom;
use serde_json::json;
use store::cluster::{self, Authorities};
use store::nodes::{self, Signs};
use store::{agents, fleet};

use crate::authority::{Authority, Home, hex, unhex};
use crate::cli::database::Database;
use crate::cli::output;

/// How long nodes have to say that they go along: they look every two seconds and tell every second.
const NODES_WITHIN: Duration = Duration::from_secs(6);
const NODES_EVERY: Duration = Duration::from_millis(200);

/// A step.
#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Step {
    /// Makes the new authority beside the one that signs, and has agents trust both.
    Prepare {
        /// Takes one whose folder is here already, in place of making one: after a restore from before its rotation
        #[arg(long, value_name = "SHA256")]
        existing: Option<String>,
    },
    /// Has the new authority sign; agents renew their certificates.
    Activate {
        /// Also when nodes that live do not have its files: they go on signing with the old one, until `retire`
        /// stops them
        #[arg(long)]
        force: bool,
    },
    /// Ends the trust in the old authority, once no agent and no node needs it.
    Retire {
        /// Also when agents are left, which have to be enrolled again then
        #[arg(long)]
        leave_behind: bool,
        /// Also when nodes that live still sign with the old authority: they stop, and start again only with the
        /// new one's files
        #[arg(long)]
        force: bool,
    },
}

impl Step {
    pub(in crate::cli) async fn run(self, db: Database) -> anyhow::Result<()> {
        let noted = cluster::authorities(&db.store).await?;
        let noted = noted.context("there is no authority yet: the first node makes it")?;
        match self {
            Self::Prepare { existing } => prepare(&db, &noted, existing.as_deref()).await,
            Self::Activate { force } => activate(&db, &noted, force).await,
            Self::Retire { leave_behind, force } => retire(&db, &noted, leave_behind, force).await,
        }
    }
}

async fn prepare(db: &Database, noted: &Authorities, existing: Option<&str>) -> anyhow::Result<()> {
    let existing = existing.map(|sha256| {
        unhex(sha256).with_context(|| format!("{sha256:?} is not 64 hexadecimal digits"))
    });
    let existing = existing.transpose()?;
    if let Some(next) = noted.next {
        bail!("{} is prepared already: `authority rotate activate` is next", hex(&next));
    }
    if noted.previous.is_some() && noted.retired_at.is_none() {
        bail!("the last authority is not retired yet: `authority rotate retire` is next");
    }
    let (node, now) = (db.config.node.clone(), db.clock.now());
    let (domain, shared) = (db.config.ingest.trust_domain.clone(), noted.active);
    let preparing = tokio::task::spawn_blocking(move || {
        let home = Home { shared: Some(shared), ..Home::of_node(&node) };
        let authority = Authority::open_existing(&home, &domain, now)?;
        authority.is_shared(&home, shared)?;
        match existing {
            Some(sha256) => authority.prepared(&home, sha256, now),
            None => authority.prepare(&home, &SystemRandom::new(), now),
        }
    });
    let prepared = preparing.await?.context("prepare the new authority")?;
    if !cluster::prepare_authority(&db.store, noted.active, prepared.sha256).await? {
        bail!(
            "somebody else has taken a step meanwhile: `authority show` has it, and a new {} can be deleted",
            prepared.folder.display()
        );
    }
    let sha256 = hex(&prepared.sha256);
    if db.json {
        return output::json(&json!({ "next": sha256, "folder": prepared.folder }));
    }
    output::line(format_args!("prepared {sha256} in {}", prepared.folder.display()));
    output::line(
        "copy that folder into the authority's folder of every other node, with its rights",
    );
    output::line("then: `muster-collector authority rotate activate`");
    Ok(())
}

async fn activate(db: &Database, noted: &Authorities, force: bool) -> anyhow::Result<()> {
    let next = noted.next.context("nothing is prepared: `authority rotate prepare` comes first")?;
    let home = Home { shared: Some(next), ..Home::of_node(&db.config.node) };
    if crate::authority::fingerprint_of(&home.certificate_of_shared())? != next {
        bail!(
            "{} is not on this node: copy its folder here from where it was prepared",
            hex(&next)
        );
    }
    if !force {
        let lacking = nodes_without(db, |signs| signs.next == Some(next)).await?;
        ensure!(
            lacking.is_empty(),
            "{} cannot sign with {}: copy its folder there, or say --force, and these nodes go on signing with \
             the old one until `retire` stops them",
            lacking.join(", "),
            hex(&next)
        );
    }
    if !cluster::activate_authority(&db.store, db.clock.now()).await? {
        bail!("somebody else has activated it meanwhile: `authority show` has it");
    }
    if db.json {
        return output::json(&json!({ "sha256": hex(&next), "previous": hex(&noted.active) }));
    }
    output::line(format_args!("{} signs now; agents come over as they renew", hex(&next)));
    output::line("`authority rotate retire` says how many are left, and ends it when none is");
    Ok(())
}

async fn retire(
    db: &Database,
    noted: &Authorities,
    leave_behind: bool,
    force: bool,
) -> anyhow::Result<()> {
    let previous = noted.previous.filter(|_| noted.retired_at.is_none());
    let previous = previous.context("no authority is there to be retired")?;
    let (over, left) = count(db, noted).await?;
    if left > 0 && !leave_behind {
        bail!(
            "{left} agents still have certificates of {} or trust no other authority, and {over} have \
             come over: wait until they have been here, upgrade them where they are too old for it, or \
             say --leave-behind and enrol them again",
            hex(&previous)
        );
    }
    if !force {
        let behind = nodes_without(db, |signs| signs.active == noted.active).await?;
        ensure!(
            behind.is_empty(),
            "{} still signs with {}: copy the folder of {} there, or say --force, and these nodes stop",
            behind.join(", "),
            hex(&previous),
            hex(&noted.active)
        );
    }
    if !cluster::retire_authority(&db.store, db.clock.now()).await? {
        bail!("somebody else has retired it meanwhile");
    }
    if db.json {
        return output::json(&json!({
            "retired": hex(&previous), "came_over": over, "left_behind": left,
        }));
    }
    output::line(format_args!(
        "retired {}: {over} agents came over, {left} did not",
        hex(&previous)
    ));
    output::line("delete its ca.key on every node; its ca.crt only tells agents what has happened");
    output::line(
        "take a backup now: agents trust no collector that comes back from one of before `prepare`",
    );
    Ok(())
}

/// The nodes that live and do not say so, once all have had the time to look.
async fn nodes_without(db: &Database, has: impl Fn(&Signs) -> bool) -> anyhow::Result<Vec<String>> {
    let mut waited = Duration::ZERO;
    loop {
        let nodes = nodes::list(&db.store).await?;
        let lacking = nodes.iter().filter(|node| node.is_alive);
        let lacking = lacking.filter(|node| !node.signs.as_ref().is_some_and(&has));
        // Several may be called the same, as on one machine.
        let lacking: Vec<_> = lacking.map(|node| format!("{} ({})", node.name, node.id)).collect();
        if lacking.is_empty() || waited >= NODES_WITHIN {
            return Ok(lacking);
        }
        tokio::time::sleep(NODES_EVERY).await;
        waited += NODES_EVERY;
    }
}

/// Agents of all companies that have come over, and those that have not.
async fn count(db: &Database, noted: &Authorities) -> anyhow::Result<(u64, u64)> {
    let (mut over, mut left) = (0, 0);
    for watched in fleet::all_companies(&db.operator()).await? {
        let Some(scope) = db.operator().scope(watched).await? else {
            continue;
        };
        let (present, former) = agents::by_authority(&scope, noted.active, db.clock.now()).await?;
        over += present;
        left += former;
    }
    Ok((over, left))
}
