// SPDX-License-Identifier: Apache-2.0
//! What happens in the swarm.

use std::time::Instant;

use libp2p::core::{ConnectedPoint, Multiaddr};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{PeerId, gossipsub, identify, kad, mdns, request_response};

use crate::config::{is_loopback, is_unspecified};
use crate::event::{Event, EventHandler, Verdict};
use crate::failure::{Failure, FailureKind};
use crate::frame;
use crate::stack::{IDENTIFY_PROTOCOL, Kademlia, StackEvent};
use crate::topic::ServiceId;
use crate::verdicts::Unjudged;
use crate::worker::Worker;

/// Addresses a peer may tell at a time. The table keeps old ones, too; with twice as many it forgets them
/// all.
const ADDRESSES: usize = 16;

type CatchupMessage = request_response::Message<ServiceId, Vec<u8>>;

impl<H: EventHandler> Worker<H> {
    pub(crate) fn on_swarm_event(&mut self, event: SwarmEvent<StackEvent>) -> Result<(), Failure> {
        match event {
            SwarmEvent::Behaviour(event) => self.on_stack_event(event),
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.swarm.remove_external_address(&address),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                return Err(Failure::new(FailureKind::Listen, format!("cannot listen any more: {error}")));
            }
            SwarmEvent::ConnectionEstablished {
                peer_id, connection_id, endpoint, num_established, ..
            } => {
                self.on_connected(peer_id, connection_id, &endpoint, num_established.get());
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => self.on_disconnected(peer_id),
            SwarmEvent::OutgoingConnectionError { connection_id, .. } => {
                self.dialer.failed(connection_id, Instant::now());
            }
            _ => {}
        }
        Ok(())
    }

    fn on_stack_event(&mut self, event: StackEvent) {
        match event {
            StackEvent::Gossip(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                self.on_message(propagation_source, message_id, message);
            }
            StackEvent::Gossip(gossipsub::Event::Subscribed { .. }) if !self.outbox.is_empty() => {
                self.retry_publishes();
            }
            StackEvent::Catchup(event) => self.on_catchup(event),
            StackEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.on_identified(peer_id, info);
            }
            StackEvent::Kademlia(event) => self.on_kademlia(event),
            // The addresses come from mDNS itself.
            StackEvent::Mdns(mdns::Event::Discovered(_)) => self.next_local_dial = Instant::now(),
            _ => {}
        }
    }

    fn on_listening(&mut self, address: Multiaddr) {
        if !is_unspecified(&address) && (self.announce_loopback || !is_loopback(&address)) {
            self.swarm.add_external_address(address.clone());
            let peers: Vec<_> = self.peers.keys().copied().collect();
            self.swarm.behaviour_mut().identify.push(peers);
        }
        let address = self.with_own_peer(address);
        self.notice(Event::Listening { address });
    }

    fn on_connected(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
        connections: u32,
    ) {
        let bootstrap = self.dialer.connected(connection, peer);
        self.dialer.met(peer);
        if let (Some(address), Some(kademlia)) = (bootstrap, self.swarm.behaviour_mut().kademlia.as_mut()) {
            kademlia.add_address(&peer, address);
        }
        let notes = self.peers.entry(peer).or_default();
        notes.near |= is_loopback(endpoint.get_remote_address());
        if connections == 1 {
            self.notice(Event::PeerConnected { peer });
            self.subscribed.iter().for_each(|service| self.asks.want(peer, *service));
            self.start_asks();
        }
    }

    fn on_disconnected(&mut self, peer: PeerId) {
        self.peers.remove(&peer);
        self.asks.forget_peer(&peer);
        self.dialer.lost(&peer, Instant::now());
        self.swarm.behaviour_mut().gossip.remove_blacklisted_peer(&peer);
        self.notice(Event::PeerDisconnected { peer });
    }

    fn on_message(&mut self, delivered_by: PeerId, id: gossipsub::MessageId, message: gossipsub::Message) {
        self.counters.received += 1;
        let now = Instant::now();
        let keep_back = !frame::fits(message.data.len());
        let unjudged = Unjudged { id, delivered_by, keep_back };
        // Signatures are checked, and only topics of services are subscribed, so both are there.
        let (Some(source), Some(service)) = (message.source, ServiceId::from_topic(message.topic.as_str()))
        else {
            return self.report(&unjudged, Verdict::Ignore);
        };
        if !self.message_rates.take(delivered_by, now) {
            self.counters.rate_limited += 1;
            return self.report(&unjudged, Verdict::Ignore);
        }
        if !self.inbox.has_room(message.data.len()) {
            self.counters.no_room += 1;
            return self.report(&unjudged, Verdict::Ignore);
        }
        let token = self.next_token();
        self.verdicts.wait(token, unjudged, now);
        self.inbox.push(Event::Message { token, source, delivered_by, service, data: message.data });
    }

    fn on_catchup(&mut self, event: request_response::Event<ServiceId, Vec<u8>>) {
        match event {
            request_response::Event::Message { peer, message, .. } => self.on_catchup_message(peer, message),
            request_response::Event::OutboundFailure { request_id, .. } => {
                self.counters.catchup_failed += 1;
                self.asks.ended(&request_id);
                self.start_asks();
            }
            request_response::Event::InboundFailure { request_id, .. } => {
                self.answers.ended(&request_id);
                self.counters.catchup_refused += 1;
            }
            request_response::Event::ResponseSent { request_id, .. } => {
                self.answers.ended(&request_id);
                self.counters.catchup_served += 1;
            }
        }
    }

    fn on_catchup_message(&mut self, peer: PeerId, message: CatchupMessage) {
        match message {
            request_response::Message::Request { request_id, request: service, channel } => {
                let now = Instant::now();
                let within =
                    self.catchup_rates.take(peer, now) && self.answers.has_room() && self.inbox.has_room(0);
                // Dropping the channel refuses the request, which is counted when the stream has ended.
                if within {
                    let token = self.next_token();
                    self.answers.wait(token, request_id, channel, now + self.config.catchup_request_timeout);
                    self.inbox.push(Event::CatchupRequested { token, peer, service });
                }
            }
            request_response::Message::Response { request_id, response } => {
                if let Some(service) = self.asks.ended(&request_id) {
                    let kept = self.inbox.push(Event::CatchupAnswered { peer, service, data: response });
                    // What found no room is asked for again later.
                    let counter = match kept {
                        true => &mut self.counters.catchup_answered,
                        false => &mut self.counters.catchup_failed,
                    };
                    *counter += 1;
                }
                self.start_asks();
            }
        }
    }

    fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        let foreign = info.protocol_version != IDENTIFY_PROTOCOL;
        let Some(notes) = self.peers.get_mut(&peer) else { return };
        notes.agent = info.agent_version;
        notes.foreign = foreign;
        let near = notes.near;
        let behaviour = self.swarm.behaviour_mut();
        if foreign {
            // Its part of the table may still lead to others.
            behaviour.gossip.blacklist_peer(&peer);
        }
        if let Some(kademlia) = behaviour.kademlia.as_mut() {
            let usable = |address: &Multiaddr| !is_unspecified(address) && (near || !is_loopback(address));
            let told: Vec<_> = info.listen_addrs.into_iter().filter(usable).take(ADDRESSES).collect();
            if addresses_of(kademlia, &peer) + told.len() > 2 * ADDRESSES {
                kademlia.remove_peer(&peer);
            }
            for address in told {
                kademlia.add_address(&peer, address);
            }
        }
    }

    fn on_kademlia(&mut self, event: kad::Event) {
        match event {
            kad::Event::RoutingUpdated { peer, is_new_peer: true, addresses, .. } => {
                self.dial_peer(peer, addresses.into_vec());
            }
            kad::Event::OutboundQueryProgressed {
                result: kad::QueryResult::GetClosestPeers(Ok(found)),
                ..
            } => {
                for peer in found.peers {
                    self.dial_peer(peer.peer_id, peer.addrs);
                }
            }
            _ => {}
        }
    }
}

fn addresses_of(kademlia: &mut Kademlia, peer: &PeerId) -> usize {
    let Some(bucket) = kademlia.kbucket(*peer) else { return 0 };
    let entry = bucket.iter().find(|entry| entry.node.key.preimage() == peer);
    entry.map_or(0, |entry| entry.node.value.len())
}
