// SPDX-License-Identifier: Apache-2.0
//! The gossip message id: which messages count as the same on the network. All nodes of a network have
//! to agree on it byte for byte, or de-duplication between them is lost.
//!
//! The sequence number is left out on purpose: a node that publishes the same bytes again is not heard
//! twice.

use libp2p::PeerId;

use crate::id_hash::id_hash;

/// Decimal text of SipHash-1-3 over the data, the source and the topic.
pub fn message_id(data: &[u8], source: Option<&PeerId>, topic: &str) -> String {
    let source = source.map(|peer| (peer.as_ref().code(), peer.as_ref().digest()));
    id_hash(data, source, topic).to_string()
}
