// SPDX-License-Identifier: Apache-2.0
//! What a node says about itself.

use libp2p::PeerId;

use crate::topic::ServiceId;

#[derive(Clone, Debug)]
pub struct Status {
    pub local_peer: PeerId,
    /// Each ends with the own peer id.
    pub listen_addresses: Vec<String>,
    pub external_addresses: Vec<String>,
    pub peers: Vec<PeerStatus>,
    pub topics: Vec<TopicStatus>,
    pub counters: Counters,
    /// now
    pub pending_publishes: usize,
    /// now
    pub waiting_events: usize,
    /// now
    pub credits: u64,
    /// now: messages not judged yet
    pub unjudged: usize,
}

#[derive(Clone, Debug)]
pub struct PeerStatus {
    pub peer: PeerId,
    pub score: f64,
    /// Empty until the peer has told it.
    pub agent: String,
    /// Told by identify that it belongs to another network.
    pub foreign: bool,
}

#[derive(Clone, Debug)]
pub struct TopicStatus {
    pub service: ServiceId,
    /// Connected peers that subscribe to the topic, whether or not in the mesh.
    pub subscribed_peers: usize,
    pub mesh_peers: usize,
}

/// Since the start.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    pub received: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub ignored: u64,
    /// Messages whose verdict did not come in time.
    pub judged_too_late: u64,
    /// Messages that found no room among the waiting events.
    pub no_room: u64,
    /// Messages above the rate of the peer that delivered them.
    pub rate_limited: u64,
    pub published: u64,
    pub published_before: u64,
    pub publish_too_large: u64,
    pub publish_expired: u64,
    pub publish_dropped: u64,
    pub catchup_asked: u64,
    pub catchup_answered: u64,
    pub catchup_failed: u64,
    pub catchup_served: u64,
    pub catchup_refused: u64,
    /// Connects, disconnects and failed publishes the owner was not told of, for want of room.
    pub notices_lost: u64,
}
