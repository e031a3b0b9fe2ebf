// SPDX-License-Identifier: Apache-2.0
//! Keeps the way to bootstrap nodes: which one to dial, and when again.

use std::time::{Duration, Instant};

use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

pub(crate) struct Dialer {
    nodes: Vec<Node>,
}

struct Node {
    address: Multiaddr,
    /// From the address, or as last met.
    peer: Option<PeerId>,
    state: State,
    wait: Duration,
}

enum State {
    Due(Instant),
    Dialling(ConnectionId),
    Connected(PeerId),
}

impl Dialer {
    pub fn new(addresses: Vec<Multiaddr>, now: Instant) -> Self {
        let node = |address: Multiaddr| {
            let peer = match address.iter().last() {
                Some(Protocol::P2p(peer)) => Some(peer),
                _ => None,
            };
            Node { address, peer, state: State::Due(now), wait: FIRST_WAIT }
        };
        Self { nodes: addresses.into_iter().map(node).collect() }
    }

    /// Bootstrap nodes to dial now; each is to be reported by `dialling` or `failed_at_once`.
    pub fn due(&self, now: Instant) -> Vec<(usize, Multiaddr, Option<PeerId>)> {
        let due = |node: &Node| matches!(node.state, State::Due(at) if at <= now);
        let nodes = self.nodes.iter().enumerate().filter(|(_, node)| due(node));
        nodes.map(|(at, node)| (at, node.address.clone(), node.peer)).collect()
    }

    pub fn dialling(&mut self, at: usize, connection: ConnectionId) {
        self.nodes[at].state = State::Dialling(connection);
    }

    pub fn failed_at_once(&mut self, at: usize, now: Instant) {
        self.nodes[at].retry(now);
    }

    /// True if the connection leads to a bootstrap node; its address comes with it.
    pub fn connected(&mut self, connection: ConnectionId, peer: PeerId) -> Option<Multiaddr> {
        let node = self.nodes.iter_mut().find(|node| node.dials(connection))?;
        node.state = State::Connected(peer);
        node.peer = Some(peer);
        node.wait = FIRST_WAIT;
        Some(node.address.clone())
    }

    pub fn failed(&mut self, connection: ConnectionId, now: Instant) {
        if let Some(node) = self.nodes.iter_mut().find(|node| node.dials(connection)) {
            node.retry(now);
        }
    }

    /// There is no connection to this peer any more.
    pub fn lost(&mut self, peer: &PeerId, now: Instant) {
        for node in &mut self.nodes {
            if matches!(node.state, State::Connected(connected) if connected == *peer) {
                node.wait = FIRST_WAIT;
                node.retry(now);
            }
        }
    }

    /// The peer connected by itself, so that there is nothing to dial.
    pub fn met(&mut self, peer: PeerId) {
        for node in &mut self.nodes {
            if node.peer == Some(peer) && matches!(node.state, State::Due(_)) {
                node.state = State::Connected(peer);
                node.wait = FIRST_WAIT;
            }
        }
    }
}

impl Node {
    fn dials(&self, connection: ConnectionId) -> bool {
        matches!(self.state, State::Dialling(dialled) if dialled == connection)
    }

    fn retry(&mut self, now: Instant) {
        self.state = State::Due(now + self.wait);
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_a_minute_and_starts_anew_after_a_connection() {
        let mut now = Instant::now();
        let mut dialer = Dialer::new(vec!["/ip4/203.0.113.1/tcp/9000".parse().unwrap()], now);
        let connection = ConnectionId::new_unchecked(1);
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(dialer.due(now).len(), 1);
            dialer.dialling(0, connection);
            assert!(dialer.due(now + LONGEST_WAIT * 2).is_empty(), "it is under way");
            dialer.failed(connection, now);
            let next = now + Duration::from_secs(wait);
            assert!(dialer.due(next - Duration::from_millis(1)).is_empty());
            now = next;
        }
        dialer.dialling(0, connection);
        let peer = PeerId::random();
        assert!(dialer.connected(ConnectionId::new_unchecked(2), peer).is_none(), "of another");
        assert!(dialer.connected(connection, peer).is_some());
        assert!(dialer.due(now + LONGEST_WAIT * 2).is_empty());
        dialer.lost(&PeerId::random(), now);
        assert!(dialer.due(now + LONGEST_WAIT * 2).is_empty());
        dialer.lost(&peer, now);
        assert_eq!(
            dialer.due(now + FIRST_WAIT),
            [(0, "/ip4/203.0.113.1/tcp/9000".parse().unwrap(), Some(peer))]
        );
        dialer.met(peer);
        assert!(dialer.due(now + LONGEST_WAIT * 2).is_empty());
    }
}
