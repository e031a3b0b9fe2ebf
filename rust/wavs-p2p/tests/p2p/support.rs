// SPDX-License-Identifier: Apache-2.0
//! A node of ours as its owner drives it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use wavs_p2p::{
    Config, Event, EventHandler, Failure, Mode, Node, PeerId, ServiceId, Status, Token, TopicStatus,
};

/// Generous, because the machine may be busy; nothing waits for it in vain.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long something that must not happen is watched for.
pub const WATCH: Duration = Duration::from_millis(700);

struct Forward {
    events: Sender<Event>,
    ended: Sender<Option<Failure>>,
}

impl EventHandler for Forward {
    fn event(&mut self, event: Event) {
        let _ = self.events.send(event);
    }

    fn ended(&mut self, failure: Option<Failure>) {
        let _ = self.ended.send(failure);
    }
}

pub struct Owned {
    pub node: Node,
    pub events: Receiver<Event>,
    pub ended: Receiver<Option<Failure>>,
    pub address: Multiaddr,
}

pub struct Message {
    pub token: Token,
    pub source: PeerId,
    pub delivered_by: PeerId,
    pub service: ServiceId,
    pub data: Vec<u8>,
}

/// On loopback, a free port, impatient.
pub fn remote(bootstrap: &[&Multiaddr]) -> Config {
    let bootstrap = bootstrap.iter().map(ToString::to_string).collect();
    let mut config = Config::new(Mode::Remote { bootstrap }, 0);
    config.listen_addresses = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    config.kademlia_discovery_interval = Duration::from_millis(500);
    config
}

pub fn service(number: u8) -> ServiceId {
    ServiceId([number; 32])
}

pub fn numbered(number: u16) -> ServiceId {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    ServiceId(id)
}

impl Owned {
    pub fn start(config: Config, secret: u8) -> Self {
        let owned = Self::without_credit(config, secret);
        owned.node.grant(1_000_000).unwrap();
        owned
    }

    pub fn without_credit(config: Config, secret: u8) -> Self {
        let ((events, received), (ended, end)) = (channel(), channel());
        let node = Node::start(config, [secret; 32], Forward { events, ended }).unwrap();
        let listening = || node.status().unwrap().listen_addresses.first().cloned();
        let address = eventually(listening).parse().unwrap();
        Self { node, events: received, ended: end, address }
    }

    pub fn peer(&self) -> PeerId {
        self.node.local_peer()
    }

    /// The first event that `wanted` makes something of; others are passed over.
    pub fn wait<T>(&self, wanted: impl Fn(Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).expect("the event did not come");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    }

    pub fn message(&self) -> Message {
        self.wait(message_of)
    }

    /// Fails if an event comes that `unwanted` recognises.
    pub fn never(&self, mut unwanted: impl FnMut(&Event) -> bool) {
        let end = Instant::now() + WATCH;
        while let Ok(event) = self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
            assert!(!unwanted(&event), "{event:?}");
        }
    }

    pub fn connected_to(&self, peer: PeerId) {
        self.wait(|event| {
            matches!(event, Event::PeerConnected { peer: found } if found == peer).then_some(())
        });
    }

    pub fn status(&self) -> Status {
        self.node.status().unwrap()
    }

    pub fn topic(&self, service: ServiceId) -> Option<TopicStatus> {
        self.status().topics.into_iter().find(|topic| topic.service == service)
    }

    pub fn peers_of(&self, service: ServiceId, count: usize) {
        eventually(|| (self.topic(service)?.subscribed_peers == count).then_some(()));
    }

    pub fn score_of(&self, peer: PeerId) -> f64 {
        self.status().peers.into_iter().find(|status| status.peer == peer).unwrap().score
    }
}

pub fn message_of(event: Event) -> Option<Message> {
    match event {
        Event::Message { token, source, delivered_by, service, data } => {
            Some(Message { token, source, delivered_by, service, data })
        }
        _ => None,
    }
}

/// For what is only seen in the status.
pub fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it did not happen");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
