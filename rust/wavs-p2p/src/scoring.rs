// SPDX-License-Identifier: Apache-2.0
//! What counts for and against a peer. Services may be silent for days, hence nothing is expected of a
//! peer: it loses by what it does, not by what it does not do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use libp2p::gossipsub::{PeerScoreParams, PeerScoreThresholds, TopicScoreParams, score_parameter_decay};

/// After this time a peer is as good as new.
const FORGET: Duration = Duration::from_secs(600);

pub(crate) fn peers() -> PeerScoreParams {
    PeerScoreParams {
        topic_score_cap: 50.0,
        ip_colocation_factor_weight: -5.0,
        ip_colocation_factor_threshold: 10.0,
        // Several nodes on one machine are a development network.
        ip_colocation_factor_whitelist: [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
            .into(),
        behaviour_penalty_weight: -1.0,
        // A reconnect may graft too early without bad intent.
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: score_parameter_decay(FORGET),
        retain_score: FORGET,
        ..PeerScoreParams::default()
    }
}

/// Invalid messages count squared: the third stops gossip with the peer (-36), the fifth makes it
/// unheard (-100).
pub(crate) fn topic() -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.01,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 300.0,
        first_message_deliveries_weight: 0.1,
        first_message_deliveries_decay: score_parameter_decay(FORGET),
        first_message_deliveries_cap: 100.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -4.0,
        invalid_message_deliveries_decay: score_parameter_decay(FORGET),
        ..TopicScoreParams::default()
    }
}

pub(crate) fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -20.0,
        publish_threshold: -50.0,
        graylist_threshold: -80.0,
        accept_px_threshold: 1_000.0,
        opportunistic_graft_threshold: 1.0,
    }
}
