// SPDX-License-Identifier: Apache-2.0
//! What the node's thread does by the clock, and its status.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::core::Multiaddr;
use libp2p::gossipsub::TopicHash;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};

use crate::event::{EventHandler, PublishFailure, Verdict};
use crate::status::{PeerStatus, Status, TopicStatus};
use crate::worker::Worker;

/// Between dials of peers that mDNS has found.
const LOCAL_DIALS: Duration = Duration::from_secs(2);

// Dials use a port of their own. From the port that is listened on, two nodes that dial each other at the
// same time would get one connection of which both are the dialler, and negotiation fails.
impl<H: EventHandler> Worker<H> {
    pub(crate) fn do_chores(&mut self) {
        let now = Instant::now();
        while let Some(message) = self.verdicts.expired(now) {
            self.counters.judged_too_late += 1;
            self.report(&message, Verdict::Ignore);
        }
        self.answers.tidy(now);
        let peers = &self.peers;
        self.message_rates.tidy(|peer| peers.contains_key(peer), now);
        self.catchup_rates.tidy(|peer| peers.contains_key(peer), now);
        self.dial_bootstrap(now);
        self.dial_local(now);
    }

    /// mDNS tells of a peer once; a dial that failed is for us to repeat.
    fn dial_local(&mut self, now: Instant) {
        if now < self.next_local_dial || self.peers.len() >= self.config.wanted_peers {
            return;
        }
        self.next_local_dial = now + LOCAL_DIALS;
        let mdns = self.swarm.behaviour().mdns.as_ref();
        let found: Vec<_> = mdns.into_iter().flat_map(|mdns| mdns.discovered_nodes().copied()).collect();
        for peer in found {
            let options = DialOpts::peer_id(peer)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .allocate_new_port()
                .build();
            let _ = self.swarm.dial(options);
        }
    }

    fn dial_bootstrap(&mut self, now: Instant) {
        if self.peers.len() >= self.config.wanted_peers {
            return;
        }
        for (at, address, peer) in self.dialer.due(now) {
            let options = match peer {
                Some(peer) => DialOpts::peer_id(peer)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .addresses(vec![address])
                    .allocate_new_port()
                    .build(),
                None => DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
            };
            let connection = options.connection_id();
            match self.swarm.dial(options) {
                Ok(()) => self.dialer.dialling(at, connection),
                Err(_) => self.dialer.failed_at_once(at, now),
            }
        }
    }

    pub(crate) fn dial_peer(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        if peer == *self.swarm.local_peer_id() || addresses.is_empty() {
            return;
        }
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .allocate_new_port()
            .build();
        // Fails only when there is nothing to do, or no room for it.
        let _ = self.swarm.dial(options);
    }

    /// Looks for peers near the own id; those that are found are dialled.
    pub(crate) fn discover(&mut self) {
        let local = *self.swarm.local_peer_id();
        if let Some(kademlia) = self.swarm.behaviour_mut().kademlia.as_mut() {
            kademlia.get_closest_peers(local);
        }
    }

    /// Tries again what nobody could take. The first message of a service that still finds nobody speaks
    /// for the others.
    pub(crate) fn retry_publishes(&mut self) {
        for old in self.outbox.expired(Instant::now()) {
            self.publish_failed(old.service, PublishFailure::Expired, old.data.len());
        }
        if self.peers.is_empty() {
            return;
        }
        let mut without_peers = HashSet::new();
        for message in self.outbox.of(|_| true) {
            let service = message.service;
            if without_peers.contains(&service) {
                self.outbox.push(message);
            } else if !self.publish(message) {
                without_peers.insert(service);
            }
        }
    }

    /// As others dial it. An operator may have written the peer id already.
    pub(crate) fn with_own_peer(&self, address: Multiaddr) -> String {
        address.with_p2p(*self.swarm.local_peer_id()).unwrap_or_else(|as_it_is| as_it_is).to_string()
    }

    pub(crate) fn status(&self) -> Status {
        let local_peer = *self.swarm.local_peer_id();
        let full = |address: &Multiaddr| self.with_own_peer(address.clone());
        let behaviour = self.swarm.behaviour();
        let mut subscribed: HashMap<&TopicHash, usize> = HashMap::new();
        for topic in behaviour.gossip.all_peers().flat_map(|(_, topics)| topics) {
            *subscribed.entry(topic).or_default() += 1;
        }
        let topic = |service: &crate::ServiceId| {
            let topic = TopicHash::from_raw(service.topic());
            TopicStatus {
                service: *service,
                subscribed_peers: subscribed.get(&topic).copied().unwrap_or(0),
                mesh_peers: behaviour.gossip.mesh_peers(&topic).count(),
            }
        };
        let peer = |(peer, notes): (&PeerId, &crate::worker::PeerNotes)| PeerStatus {
            peer: *peer,
            score: behaviour.gossip.peer_score(peer).unwrap_or(0.0),
            agent: notes.agent.clone(),
            foreign: notes.foreign,
        };
        Status {
            local_peer,
            listen_addresses: self.swarm.listeners().map(full).collect(),
            external_addresses: self.swarm.external_addresses().map(full).collect(),
            peers: self.peers.iter().map(peer).collect(),
            topics: self.subscribed.iter().map(topic).collect(),
            counters: self.counters,
            pending_publishes: self.outbox.len(),
            waiting_events: self.inbox.waiting(),
            credits: self.inbox.credits(),
            unjudged: self.verdicts.len(),
        }
    }
}
