// SPDX-License-Identifier: Apache-2.0
//! The protocols of a node and the swarm they run in.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, Transport, autonat, connection_limits, dns, identify, kad,
    mdns, noise, swarm, tcp, yamux,
};

use crate::catchup::{Catchup, catchup};
use crate::config::{Config, Mode};
use crate::failure::{Failure, FailureKind};
use crate::gossip::{Gossip, gossip};
use crate::ip_limit::IpLimit;
use crate::split_stream::Split;

/// What identify tells; nodes of other networks tell something else.
pub const IDENTIFY_PROTOCOL: &str = "/wavs/1.0.0";
const KADEMLIA_PROTOCOL: StreamProtocol = StreamProtocol::new("/ipfs/kad/1.0.0");
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
const PENDING_INCOMING: u32 = 64;

pub(crate) type Kademlia = kad::Behaviour<kad::store::MemoryStore>;

#[derive(NetworkBehaviour)]
pub(crate) struct Stack {
    // First, so that nothing else hears of a connection they refuse.
    limits: connection_limits::Behaviour,
    ip_limit: IpLimit,
    pub gossip: Gossip,
    pub catchup: Catchup,
    pub identify: identify::Behaviour,
    pub kademlia: Toggle<Kademlia>,
    pub mdns: Toggle<mdns::tokio::Behaviour>,
    autonat: autonat::Behaviour,
}

pub(crate) fn swarm(keypair: &Keypair, config: &Config) -> Result<Swarm<Stack>, Failure> {
    let peer = keypair.public().to_peer_id();
    let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE_TIMEOUT);
    Ok(Swarm::new(transport(keypair)?, stack(keypair, config)?, peer, settings))
}

fn stack(keypair: &Keypair, config: &Config) -> Result<Stack, Failure> {
    let peer = keypair.public().to_peer_id();
    let limits = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING))
        .with_max_established(Some(config.limits.connections))
        .with_max_established_per_peer(Some(config.limits.connections_per_peer));
    let identify = identify::Config::new(IDENTIFY_PROTOCOL.to_owned(), keypair.public())
        .with_agent_version(config.agent.clone())
        // Only what was found fit to be announced.
        .with_hide_listen_addrs(true);
    Ok(Stack {
        limits: connection_limits::Behaviour::new(limits),
        ip_limit: IpLimit::new(&config.limits),
        gossip: gossip(keypair, config)?,
        catchup: catchup(config.catchup_request_timeout),
        identify: identify::Behaviour::new(identify),
        kademlia: kademlia(peer, config).into(),
        mdns: local_discovery(peer, config)?.into(),
        autonat: autonat::Behaviour::new(peer, autonat::Config::default()),
    })
}

fn kademlia(peer: PeerId, config: &Config) -> Option<Kademlia> {
    if config.mode == Mode::Local {
        return None;
    }
    let store = kad::store::MemoryStore::new(peer);
    let mut settings = kad::Config::new(KADEMLIA_PROTOCOL);
    // The network stores nothing in the table; records of strangers would only fill memory.
    settings.set_record_filtering(kad::StoreInserts::FilterBoth);
    let mut kademlia = kad::Behaviour::with_config(peer, store, settings);
    // Other nodes serve as soon as they listen; here it does not wait for an address to announce.
    kademlia.set_mode(Some(kad::Mode::Server));
    Some(kademlia)
}

fn local_discovery(peer: PeerId, config: &Config) -> Result<Option<mdns::tokio::Behaviour>, Failure> {
    if config.mode != Mode::Local {
        return Ok(None);
    }
    let made = mdns::tokio::Behaviour::new(mdns::Config::default(), peer);
    made.map(Some).map_err(|error| Failure::internal(format!("mDNS: {error}")))
}

type Connections = Boxed<(PeerId, StreamMuxerBox)>;

/// TCP with names resolved, where the machine says how to resolve them.
fn transport(keypair: &Keypair) -> Result<Connections, Failure> {
    let tcp = || tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    match dns::tokio::Transport::system(tcp()) {
        Ok(named) => upgraded(named, keypair),
        Err(_) => upgraded(tcp(), keypair),
    }
}

fn upgraded<T>(transport: T, keypair: &Keypair) -> Result<Connections, Failure>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    let noise = noise::Config::new(keypair).map_err(|error| Failure::internal(format!("noise: {error}")))?;
    let upgraded = transport
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux::Config::default())
        .timeout(UPGRADE_TIMEOUT);
    Ok(upgraded.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Split(muxer)))).boxed())
}

/// Listens on all of the first, and on those of the second the machine can do.
pub(crate) fn listen(
    swarm: &mut Swarm<Stack>,
    addresses: Vec<Multiaddr>,
    if_possible: Vec<Multiaddr>,
    port_fallback: bool,
) -> Result<(), Failure> {
    for address in addresses {
        match listen_on(swarm, address.clone()) {
            Ok(()) => {}
            Err(_) if port_fallback => listen_on(swarm, with_any_port(&address))?,
            Err(failure) => return Err(failure),
        }
    }
    for address in if_possible {
        let _ = listen_on(swarm, address);
    }
    Ok(())
}

fn listen_on(swarm: &mut Swarm<Stack>, address: Multiaddr) -> Result<(), Failure> {
    let failed =
        |error: String| Failure::new(FailureKind::Listen, format!("cannot listen on {address}: {error}"));
    // The library's listeners share their port with others of the same user; a plain one does not.
    if let Some(socket) = socket_address(&address) {
        TcpListener::bind(socket).map_err(|error| failed(error.to_string()))?;
    }
    swarm.listen_on(address.clone()).map(|_| ()).map_err(|error| failed(error.to_string()))
}

fn socket_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    match (parts.next()?, parts.next()?) {
        (Protocol::Ip4(ip), Protocol::Tcp(port)) => Some((ip, port).into()),
        // A plain `::` would take the port of IPv4 as well, which may be ours.
        (Protocol::Ip6(ip), Protocol::Tcp(port)) if !ip.is_unspecified() => Some((ip, port).into()),
        _ => None,
    }
}

fn with_any_port(address: &Multiaddr) -> Multiaddr {
    let any = |part| if matches!(part, Protocol::Tcp(_)) { Protocol::Tcp(0) } else { part };
    address.iter().map(any).collect()
}
