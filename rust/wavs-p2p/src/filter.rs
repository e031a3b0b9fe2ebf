// SPDX-License-Identifier: Apache-2.0
//! Which topics a peer may subscribe to. The library's own bound of 100 would make it ignore a peer with
//! more services altogether.

use libp2p::gossipsub::{MaxCountSubscriptionFilter, TopicHash, TopicSubscriptionFilter};

use crate::config::Limits;
use crate::topic::ServiceId;

/// Topics of services, in the one spelling they have.
#[derive(Clone, Default)]
pub struct ServiceTopics;

impl TopicSubscriptionFilter for ServiceTopics {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        ServiceId::from_topic(topic.as_str()).is_some()
    }
}

pub type Filter = MaxCountSubscriptionFilter<ServiceTopics>;

pub(crate) fn filter(limits: &Limits) -> Filter {
    MaxCountSubscriptionFilter {
        filter: ServiceTopics,
        max_subscribed_topics: limits.peer_topics,
        max_subscriptions_per_request: limits.subscriptions_per_rpc,
    }
}
