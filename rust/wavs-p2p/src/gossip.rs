// SPDX-License-Identifier: Apache-2.0
//! Gossip as all nodes of the network speak it.

use std::time::Duration;

use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, IdentityTransform, Message, MessageAuthenticity, MessageId, ValidationMode,
};
use libp2p::identity::Keypair;

use crate::config::{Config, Mode};
use crate::failure::Failure;
use crate::filter::{Filter, filter};
use crate::frame::{FRAME_LIMIT, RECEIVE_LIMIT};
use crate::message_id::message_id;
use crate::scoring;

pub type Gossip = Behaviour<IdentityTransform, Filter>;

/// Ids in one IHAVE. At 22 bytes each this stays below the 16 KiB of control data that other builds of
/// the library take in one frame.
const IDS_PER_FRAME: usize = 600;
/// Frames that may wait for one slow peer; the library's 5,000 would be 300 MB.
const FRAMES_PER_PEER: usize = 512;

pub(crate) fn gossip(keypair: &Keypair, config: &Config) -> Result<Gossip, Failure> {
    let mut builder = ConfigBuilder::default();
    match config.mode {
        // The history is longer than other nodes' 3 heartbeats: a message has to be there when it is judged.
        Mode::Local => builder
            .heartbeat_interval(Duration::from_millis(100))
            .mesh_n_low(0)
            .mesh_n(1)
            .mesh_n_high(2)
            // The default of 2 contradicts a mesh of one.
            .mesh_outbound_min(0)
            .duplicate_cache_time(Duration::from_secs(30))
            .history_length(50)
            .history_gossip(2),
        Mode::Remote { .. } => builder
            .heartbeat_interval(Duration::from_secs(1))
            .mesh_n_low(4)
            .mesh_n(6)
            .mesh_n_high(12)
            .duplicate_cache_time(Duration::from_secs(60))
            .history_length(5)
            .history_gossip(3),
    };
    let built = builder
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(id_of)
        .max_transmit_size(RECEIVE_LIMIT)
        // Subscriptions count as control data: a peer with 200 services must not be cut off.
        .max_control_message_size(FRAME_LIMIT)
        .max_control_messages_sent(IDS_PER_FRAME)
        .connection_handler_queue_len(FRAMES_PER_PEER)
        .build()
        .map_err(|error| Failure::internal(format!("gossip configuration: {error}")))?;
    let authenticity = MessageAuthenticity::Signed(keypair.clone());
    let mut gossip = Gossip::new_with_subscription_filter(authenticity, built, filter(&config.limits))
        .map_err(Failure::internal)?;
    gossip.with_peer_score(scoring::peers(), scoring::thresholds()).map_err(Failure::internal)?;
    Ok(gossip)
}

fn id_of(message: &Message) -> MessageId {
    message_id(&message.data, message.source.as_ref(), message.topic.as_str()).into()
}
