//! How an agent reaches a node.

use std::time::Duration;

use super::{Event, Pipe, Process, Random, Stream};
use crate::clock::Clock;
use crate::faults::machine::{PathState, Wire, lock};

impl Process {
    pub(super) fn dial(&mut self, attempt: usize) {
        // Agents know the nodes in one order, and each try goes one further.
        let node = attempt % lock(&self.nodes).len().max(1);
        let path = self.path(node);
        // What the agent gives a try (`CONNECT_WITHIN`) before it says that nobody answers.
        let takes = if path.blocked_until > Clock.now() {
            Duration::from_secs(10)
        } else {
            // Three times one way: a server knows its client's certificate with the third flight
            // (RFC 8446, section 2).
            self.random.around(path.delay * 3)
        };
        self.dialling = Some((Box::pin(tokio::time::sleep(takes)), node));
    }

    fn path(&self, node: usize) -> PathState {
        lock(&self.machine.paths).get(&node).copied().unwrap_or_default()
    }

    pub(super) fn connected(&mut self, node: usize) -> Event {
        let path = self.path(node);
        let mut nodes = lock(&self.nodes);
        // Looked at on arrival: the node may have gone down since the dial.
        let Some(reached) = nodes.get_mut(node).filter(|node| node.is_up()) else {
            return Event::ConnectFailed;
        };
        // A cut that began while it dialled holds its last flight back as well.
        if path.blocked_until > Clock.now() {
            return Event::ConnectFailed;
        }
        let pipe = |random: &mut Random| {
            // A generator of its own for each: how often one side writes must not move the other's
            // delays.
            Pipe::new(path.delay, path.blocked_until, Random::new(random.next()))
        };
        let (up, down) = (pipe(&mut self.random), pipe(&mut self.random));
        let (writer, receive) = up.ends();
        let (send, reader) = down.ends();
        reached.accept(self.machine.company, self.machine.agent, receive, send);
        drop(nodes);
        *lock(&self.machine.line) = Some(Wire { node, up, down });
        self.stream = Some(Stream { reader, writer, buffer: Vec::new() });
        Event::Connected
    }
}
