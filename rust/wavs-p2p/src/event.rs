// SPDX-License-Identifier: Apache-2.0
//! What a node tells its owner.

use libp2p::PeerId;

use crate::failure::Failure;
use crate::topic::ServiceId;

/// Names a message until it is judged, or a catch-up request until it is answered.
pub type Token = u64;

#[derive(Clone, Debug)]
pub enum Event {
    /// A signed gossip message; to be judged.
    Message {
        token: Token,
        source: PeerId,
        delivered_by: PeerId,
        service: ServiceId,
        data: Vec<u8>,
    },
    /// A peer asks what there is for a service; to be answered.
    CatchupRequested {
        token: Token,
        peer: PeerId,
        service: ServiceId,
    },
    /// The bytes a peer answered for the service it was asked about.
    CatchupAnswered {
        peer: PeerId,
        service: ServiceId,
        data: Vec<u8>,
    },
    PeerConnected {
        peer: PeerId,
    },
    PeerDisconnected {
        peer: PeerId,
    },
    /// A message was not handed to any peer, and will not be.
    PublishFailed {
        service: ServiceId,
        reason: PublishFailure,
        size: usize,
    },
    /// With the own peer id, as others dial it.
    Listening {
        address: String,
    },
}

impl Event {
    /// What a waiting event holds on the heap.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Message { data, .. } | Self::CatchupAnswered { data, .. } => data.len(),
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublishFailure {
    /// It does not fit a frame that every node can read.
    TooLarge,
    /// No peer could take it in time.
    Expired,
    /// Newer messages took its place in the queue.
    Dropped,
}

/// What the application finds about a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Forward it.
    Accept,
    /// Do not forward it, and hold it against the peers that delivered it.
    Reject,
    /// Do not forward it.
    Ignore,
}

/// Where events go. Called on the node's only thread, hence must not block nor call `Node::status` or
/// `Node::stop`; all other calls are fine.
pub trait EventHandler: Send + 'static {
    /// Takes one credit.
    fn event(&mut self, event: Event);
    /// The node has ended: `None` = it was told to. Comes once, last, and needs no credit.
    fn ended(&mut self, failure: Option<Failure>);
}
