// SPDX-License-Identifier: Apache-2.0
//! Own catch-up requests: which are under way and which wait for a slot.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;

use libp2p::PeerId;

use crate::topic::ServiceId;

/// Asking again later is cheap, so what does not fit here is not asked.
const MOST_WAITING: usize = 4_096;

/// `Id` names a request under way.
pub(crate) struct Asks<Id> {
    waiting: VecDeque<(PeerId, ServiceId)>,
    queued: HashSet<(PeerId, ServiceId)>,
    under_way: HashMap<Id, (PeerId, ServiceId)>,
    per_service: HashMap<ServiceId, usize>,
    most: usize,
    most_per_service: usize,
}

impl<Id: Eq + Hash> Asks<Id> {
    pub fn new(most: usize, most_per_service: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            queued: HashSet::new(),
            under_way: HashMap::new(),
            per_service: HashMap::new(),
            most,
            most_per_service,
        }
    }

    pub fn want(&mut self, peer: PeerId, service: ServiceId) {
        if self.waiting.len() < MOST_WAITING && self.queued.insert((peer, service)) {
            self.waiting.push_back((peer, service));
        }
    }

    /// The next request that may start; to be reported by `started`.
    pub fn next(&mut self) -> Option<(PeerId, ServiceId)> {
        if self.under_way.len() >= self.most {
            return None;
        }
        let free = |service| self.per_service.get(service).is_none_or(|n| *n < self.most_per_service);
        let at = self.waiting.iter().position(|(_, service)| free(service))?;
        let next = self.waiting.remove(at)?;
        self.queued.remove(&next);
        Some(next)
    }

    pub fn started(&mut self, id: Id, peer: PeerId, service: ServiceId) {
        self.under_way.insert(id, (peer, service));
        *self.per_service.entry(service).or_default() += 1;
    }

    /// Frees the slot; the service that was asked for.
    pub fn ended(&mut self, id: &Id) -> Option<ServiceId> {
        let (_, service) = self.under_way.remove(id)?;
        if let Some(count) = self.per_service.get_mut(&service) {
            *count -= 1;
            if *count == 0 {
                self.per_service.remove(&service);
            }
        }
        Some(service)
    }

    pub fn forget_peer(&mut self, peer: &PeerId) {
        self.forget(|(waiting, _)| waiting == peer);
    }

    pub fn forget_service(&mut self, service: &ServiceId) {
        self.forget(|(_, waiting)| waiting == service);
    }

    fn forget(&mut self, gone: impl Fn(&(PeerId, ServiceId)) -> bool) {
        self.waiting.retain(|ask| !gone(ask));
        self.queued.retain(|ask| !gone(ask));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_beyond_the_bound_wait_and_none_is_asked_twice() {
        let mut asks = Asks::new(3, 2);
        let peers: Vec<_> = (0..4).map(|_| PeerId::random()).collect();
        let (one, two) = (ServiceId([1; 32]), ServiceId([2; 32]));
        for peer in &peers {
            asks.want(*peer, one);
            asks.want(*peer, one);
        }
        asks.want(peers[0], two);
        asks.want(peers[1], two);
        let start = |asks: &mut Asks<u32>, id| {
            let next = asks.next()?;
            asks.started(id, next.0, next.1);
            Some(next)
        };
        assert_eq!(start(&mut asks, 1), Some((peers[0], one)));
        assert_eq!(start(&mut asks, 2), Some((peers[1], one)));
        assert_eq!(start(&mut asks, 3), Some((peers[0], two)), "another service is not held up");
        assert_eq!(start(&mut asks, 4), None);
        asks.forget_peer(&peers[2]);
        assert_eq!(asks.ended(&1), Some(one));
        assert_eq!(start(&mut asks, 4), Some((peers[3], one)));
        asks.forget_service(&two);
        assert_eq!((asks.ended(&2), asks.ended(&2), asks.ended(&3)), (Some(one), None, Some(two)));
        assert_eq!(start(&mut asks, 5), None);
    }
}
