//! Several collectors on one database: what agents, people and jobs notice of that, which is nothing.

mod losses;
mod nodes;
mod signals;

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::agent::Agent;
use super::process::{Collector, command, data_dir};
use super::world::{World, listening};

/// What is promised of every signal.
pub(crate) const PROMISED: Duration = Duration::from_secs(5);

/// A further collector on a world's database.
pub(crate) struct Node {
    pub(crate) dir: TempDir,
    pub(crate) collector: Collector,
}

impl Node {
    /// Starts a node that was given the authority of the first one.
    pub(crate) fn join(world: &World) -> Self {
        // A data directory of its own: nodes share the database and the authority, and nothing
        // else.
        let dir = data_dir();
        share_authority(world.dir.path(), dir.path());
        let collector = Collector::start(command(dir.path(), Some(&world.database)));
        Self { dir, collector }
    }

    /// Tells an agent that this node is its collector.
    pub(crate) fn take(&self, agent: &mut Agent) {
        agent.moved_to(listening(self.dir.path()));
    }

    /// Asks the process to end, waits for it, and starts it again.
    pub(crate) fn restart(&mut self, world: &World) -> String {
        self.collector.signal(Signal::TERM);
        let said = self.collector.end();
        self.collector = Collector::start(command(self.dir.path(), Some(&world.database)));
        said
    }
}

/// Copies the authority as an operator does it: the whole folder, with its folders.
pub(crate) fn share_authority(from: &Path, to: &Path) {
    copy_folder(&from.join("ca"), &to.join("ca"));
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
