//! The whole of a chaos run: network, database, nodes; and how each fault is done to it and undone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::sleep;

use super::database::{CONNECTIONS, Database};
use super::fault::Fault;
use super::fleet::Command;
use super::host::Host;
use super::links::Link;
use super::network::Network;
use super::node::Node;
use super::process::{Process, Program};
use crate::random::Random;

/// Where the programs are.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// The collector.
    pub(super) collector: PathBuf,
    /// The folder of PostgreSQL's.
    pub(super) postgres: PathBuf,
    /// The library that makes a wrong clock, if there is one.
    pub(super) clock: Option<PathBuf>,
    /// A folder with feeds.
    pub(super) feeds: PathBuf,
}

/// The whole of a run.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) network: Network,
    pub(super) database: Database,
    pub(super) nodes: Vec<Node>,
}

impl Site {
    /// Makes it, with nodes that run.
    ///
    /// # Errors
    ///
    /// When a part cannot be had; what is there by then goes with the next run at the latest.
    pub(super) async fn build(
        nodes: u8,
        folder: &Path,
        programs: &Programs,
        random: Random,
    ) -> anyhow::Result<Self> {
        let network = Network::build(nodes, random).await?;
        let database = Database::create(&programs.postgres, &folder.join("postgres")).await?;
        let collector = programs.collector.as_path();
        let command = Command { folder, collector, nodes };
        // What every node begins with, also after it was wiped: one authority and an index.
        let feeds = programs.feeds.display().to_string();
        command.run(&["feed", "import", &feeds]).await?;
        let mut site = Self { network, database, nodes: Vec::new() };
        let template = folder.join("template");
        // A token makes the authority, before the nodes copy it.
        command.run(&["company", "create", "first"]).await?;
        command.run(&["token", "create", "--company", "first"]).await?;
        for number in 0..nodes {
            let clock = programs.clock.as_deref();
            let node = Node::create(number, folder, &template, collector, clock).await?;
            site.nodes.push(node);
        }
        Ok(site)
    }

    /// Does what a fault says and mends it again.
    ///
    /// # Errors
    ///
    /// When it could not be done or mended: the run is worth nothing then.
    pub(super) async fn suffer(&mut self, fault: Fault) -> anyhow::Result<()> {
        let host = Host::Node;
        // Now, for a fault before may have made the other one primary.
        let primary = Host::Database(self.database.primary());
        match fault {
            Fault::KillNode(node, away) => self.node(node)?.crash(away).await,
            Fault::PauseNode(node, away) => self.node(node)?.pause(away).await,
            Fault::RestartNode(node) => self.node(node)?.restart().await,
            Fault::WipeNode(node) => self.node(node)?.wipe().await,
            Fault::FullDisk(node, away) => self.node(node)?.fill_disk(away).await,
            Fault::ClockStep(node, by, away) => self.node(node)?.step_clock(by, away).await,
            Fault::CutFromAgents(node, away) => {
                // Of this node alone: agents find the others, and are to come back to it later.
                self.spoil((host(node), Host::Agents), Link::CUT, away).await
            }
            Fault::CutFromDatabase(node, away) => {
                // The link to the server and not to the shared address, which is no host of its
                // own.
                self.spoil((host(node), primary), Link::CUT, away).await
            }
            Fault::BadWayToAgents(node, link, away) => {
                self.spoil((host(node), Host::Agents), link, away).await
            }
            Fault::BadWayToDatabase(node, link, away) => {
                self.spoil((host(node), primary), link, away).await
            }
            Fault::KillDatabase(away) => self.database.crash(away).await,
            Fault::PauseDatabase(away) => self.database.hang(away).await,
            Fault::FailOver => self.database.fail_over(&self.network).await,
            Fault::NoConnections(away) => self.use_up_connections(away).await,
        }
    }

    /// Starts nodes again that ended by themselves; gives which.
    ///
    /// # Errors
    ///
    /// When one cannot be started.
    pub(super) fn revive(&mut self) -> anyhow::Result<Vec<Host>> {
        let mut revived = Vec::new();
        for node in &mut self.nodes {
            if node.revive()? {
                revived.push(node.host());
            }
        }
        Ok(revived)
    }

    /// Ends everything and takes it away.
    ///
    /// # Errors
    ///
    /// When something stays.
    pub(super) async fn remove(self) -> anyhow::Result<()> {
        for node in self.nodes {
            node.remove().await?;
        }
        self.network.remove().await
    }

    async fn spoil(
        &self,
        (one, other): (Host, Host),
        link: Link,
        away: Duration,
    ) -> anyhow::Result<()> {
        self.network.set(one, other, link);
        sleep(away).await;
        self.network.heal(one, other);
        Ok(())
    }

    /// Takes what connections it can get, and gives them back.
    async fn use_up_connections(&self, away: Duration) -> anyhow::Result<()> {
        let holder = Program {
            host: Host::Watcher,
            line: [
                "psql",
                "-qAtX",
                &Database::url(),
                "-c",
                // It ends by itself, so that a run which is broken off gives the connections back.
                &format!("SELECT pg_sleep({})", away.as_secs_f32()),
            ]
            .map(str::to_owned)
            .to_vec(),
            environment: vec![("PGCONNECT_TIMEOUT".to_owned(), "5".to_owned())],
            log: PathBuf::from("/dev/null"),
        };
        // As many as there are in all, as the superuser, for whom PostgreSQL keeps the last few:
        // those go too.
        let holders: anyhow::Result<Vec<Process>> =
            (0..CONNECTIONS).map(|_| holder.start()).collect();
        // Each ends by itself when its sleep is over, or was refused.
        for mut holder in holders? {
            holder.wait().await?;
        }
        Ok(())
    }

    fn node(&mut self, number: u8) -> anyhow::Result<&mut Node> {
        let node = self.nodes.get_mut(usize::from(number));
        node.with_context(|| format!("there is no node {}", number + 1))
    }
}
