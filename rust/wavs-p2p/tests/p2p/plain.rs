// SPDX-License-Identifier: Apache-2.0
//! A peer made of plain rust-libp2p, set up as nodes of the network are known to be: peers are explicit,
//! nothing is validated by the application, the library's own bounds.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity};
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, SwarmBuilder, identify, noise, tcp, yamux};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wavs_p2p::ServiceId;

use crate::support::{Owned, PATIENCE, remote};

/// Bytes up to the end of the stream, each way, without a bound.
#[derive(Clone, Default)]
pub struct Raw;

async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

impl request_response::Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_all(stream).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_all(stream).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, stream: &mut T, bytes: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        stream.write_all(&bytes).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        stream.write_all(&bytes).await
    }
}

#[derive(NetworkBehaviour)]
struct Stack {
    gossip: gossipsub::Behaviour<gossipsub::IdentityTransform, gossipsub::AllowAllSubscriptionFilter>,
    raw: request_response::Behaviour<Raw>,
    identify: identify::Behaviour,
}

pub enum Do {
    Dial(Multiaddr),
    Subscribe(String),
    Publish(String, Vec<u8>),
    Ask(PeerId, Vec<u8>),
}

#[derive(Debug)]
pub enum Seen {
    Listening(Multiaddr),
    Subscribed(PeerId, String),
    Message { source: PeerId, topic: String, data: Vec<u8> },
    Published(Result<(), String>),
    Asked(Vec<u8>),
    Answer(Result<Vec<u8>, String>),
}

#[derive(Clone)]
pub struct Setup {
    pub local: bool,
    /// Peers are marked as explicit when they connect.
    pub explicit: bool,
    pub identify: &'static str,
    /// What catch-up requests are answered with.
    pub answer: Vec<u8>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            local: false,
            explicit: true,
            identify: wavs_p2p::IDENTIFY_PROTOCOL,
            answer: b"{\"submissions\":[]}".to_vec(),
        }
    }
}

pub struct Plain {
    pub peer: PeerId,
    pub address: Multiaddr,
    orders: UnboundedSender<Do>,
    seen: Receiver<Seen>,
}

fn gossip_config(local: bool) -> gossipsub::Config {
    let mut builder = gossipsub::ConfigBuilder::default();
    if local {
        builder.heartbeat_interval(Duration::from_millis(100)).mesh_n_low(0).mesh_n(1).mesh_n_high(2);
        builder.mesh_outbound_min(0).duplicate_cache_time(Duration::from_secs(30));
        builder.history_length(3).history_gossip(2);
    } else {
        builder.heartbeat_interval(Duration::from_secs(1)).mesh_n_low(4).mesh_n(6).mesh_n_high(12);
        builder.duplicate_cache_time(Duration::from_secs(60)).history_length(5).history_gossip(3);
    }
    let id = |message: &gossipsub::Message| {
        wavs_p2p::message_id(&message.data, message.source.as_ref(), message.topic.as_str()).into()
    };
    builder.max_transmit_size(65_536).message_id_fn(id).build().unwrap()
}

impl Plain {
    pub fn start(setup: Setup) -> Self {
        let (orders, received) = unbounded_channel();
        let (seen, receiver) = channel();
        let (ready, peer) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(setup, received, seen, ready));
        });
        let peer = peer.recv_timeout(PATIENCE).unwrap();
        let mut plain = Self { peer, address: Multiaddr::empty(), orders, seen: receiver };
        plain.address = plain.wait(|seen| match seen {
            Seen::Listening(address) => Some(address),
            _ => None,
        });
        plain
    }

    /// With an own node in the topic of a service, as both of them know.
    pub fn joining(own: &Owned, service: ServiceId) -> Self {
        own.node.subscribe(service).unwrap();
        let plain = Self::start(Setup::default());
        plain.order(Do::Subscribe(service.topic()));
        plain.order(Do::Dial(own.address.clone()));
        own.peers_of(service, 1);
        plain.sees_subscription(own.peer(), &service.topic());
        plain
    }

    pub fn order(&self, order: Do) {
        self.orders.send(order).unwrap();
    }

    pub fn wait<T>(&self, wanted: impl Fn(Seen) -> Option<T>) -> T {
        self.wait_up_to(PATIENCE, wanted).expect("it was not seen")
    }

    pub fn wait_up_to<T>(&self, time: Duration, wanted: impl Fn(Seen) -> Option<T>) -> Option<T> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if let Some(found) = wanted(self.seen.recv_timeout(left).ok()?) {
                return Some(found);
            }
        }
    }

    pub fn sees_subscription(&self, peer: PeerId, topic: &str) {
        self.wait(|seen| matches!(&seen, Seen::Subscribed(p, t) if *p == peer && t == topic).then_some(()));
    }

    pub fn message(&self) -> (PeerId, String, Vec<u8>) {
        self.wait(message_of)
    }

    pub fn publish(&self, topic: &str, data: &[u8]) -> Result<(), String> {
        self.order(Do::Publish(topic.to_owned(), data.to_vec()));
        self.wait(|seen| match seen {
            Seen::Published(result) => Some(result),
            _ => None,
        })
    }

    pub fn ask(&self, peer: PeerId, request: &[u8]) -> Result<Vec<u8>, String> {
        self.order(Do::Ask(peer, request.to_vec()));
        self.answer()
    }

    pub fn answer(&self) -> Result<Vec<u8>, String> {
        self.wait(|seen| match seen {
            Seen::Answer(answer) => Some(answer),
            _ => None,
        })
    }
}

/// One node of ours between two others that do not know each other.
pub fn line(service: ServiceId, setup: Setup) -> (Plain, Owned, Plain) {
    let middle = Owned::start(remote(&[]), 1);
    middle.node.subscribe(service).unwrap();
    let topic = service.topic();
    let [left, right] = [setup.clone(), setup].map(|setup| {
        let plain = Plain::start(setup);
        plain.order(Do::Subscribe(topic.clone()));
        plain.order(Do::Dial(middle.address.clone()));
        plain.sees_subscription(middle.peer(), &topic);
        plain
    });
    middle.peers_of(service, 2);
    (left, middle, right)
}

pub fn message_of(seen: Seen) -> Option<(PeerId, String, Vec<u8>)> {
    match seen {
        Seen::Message { source, topic, data } => Some((source, topic, data)),
        _ => None,
    }
}

async fn run(setup: Setup, mut orders: UnboundedReceiver<Do>, seen: Sender<Seen>, ready: Sender<PeerId>) {
    let stack = |key: &libp2p::identity::Keypair| Stack {
        gossip: gossipsub::Behaviour::new_with_subscription_filter(
            MessageAuthenticity::Signed(key.clone()),
            gossip_config(setup.local),
            gossipsub::AllowAllSubscriptionFilter {},
        )
        .unwrap(),
        raw: request_response::Behaviour::with_codec(
            Raw,
            [(StreamProtocol::new("/wavs/catchup/1.0.0"), ProtocolSupport::Full)],
            request_response::Config::default().with_request_timeout(PATIENCE * 2),
        ),
        identify: identify::Behaviour::new(identify::Config::new(setup.identify.into(), key.public())),
    };
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(stack)
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(10)))
        .build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    ready.send(*swarm.local_peer_id()).unwrap();
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                None => return,
                Some(order) => obey(&mut swarm, order, &seen),
            },
            event = swarm.select_next_some() => {
                let told = tell(&mut swarm, event, &setup);
                if let Some(told) = told && seen.send(told).is_err() {
                    return;
                }
            }
        }
    }
}

fn obey(swarm: &mut libp2p::Swarm<Stack>, order: Do, seen: &Sender<Seen>) {
    match order {
        Do::Dial(address) => swarm.dial(address).unwrap(),
        Do::Subscribe(topic) => {
            swarm.behaviour_mut().gossip.subscribe(&IdentTopic::new(topic)).unwrap();
        }
        Do::Publish(topic, data) => {
            let published = swarm.behaviour_mut().gossip.publish(IdentTopic::new(topic), data);
            let _ = seen.send(Seen::Published(published.map(|_| ()).map_err(|error| error.to_string())));
        }
        Do::Ask(peer, request) => {
            swarm.behaviour_mut().raw.send_request(&peer, request);
        }
    }
}

fn tell(swarm: &mut libp2p::Swarm<Stack>, event: SwarmEvent<StackEvent>, setup: &Setup) -> Option<Seen> {
    match event {
        SwarmEvent::NewListenAddr { address, .. } => {
            swarm.add_external_address(address.clone());
            Some(Seen::Listening(address))
        }
        SwarmEvent::ConnectionEstablished { peer_id, .. } => {
            if setup.explicit {
                swarm.behaviour_mut().gossip.add_explicit_peer(&peer_id);
            }
            None
        }
        SwarmEvent::Behaviour(StackEvent::Gossip(gossipsub::Event::Subscribed { peer_id, topic })) => {
            Some(Seen::Subscribed(peer_id, topic.into_string()))
        }
        SwarmEvent::Behaviour(StackEvent::Gossip(gossipsub::Event::Message { message, .. })) => {
            let topic = message.topic.into_string();
            Some(Seen::Message { source: message.source.unwrap(), topic, data: message.data })
        }
        SwarmEvent::Behaviour(StackEvent::Raw(event)) => raw(swarm, event, setup),
        _ => None,
    }
}

fn raw(
    swarm: &mut libp2p::Swarm<Stack>,
    event: request_response::Event<Vec<u8>, Vec<u8>>,
    setup: &Setup,
) -> Option<Seen> {
    use request_response::{Event, Message};
    match event {
        Event::Message { message: Message::Request { request, channel, .. }, .. } => {
            let _ = swarm.behaviour_mut().raw.send_response(channel, setup.answer.clone());
            Some(Seen::Asked(request))
        }
        Event::Message { message: Message::Response { response, .. }, .. } => {
            Some(Seen::Answer(Ok(response)))
        }
        Event::OutboundFailure { error, .. } => Some(Seen::Answer(Err(error.to_string()))),
        _ => None,
    }
}
