// SPDX-License-Identifier: Apache-2.0
//! What a node is started with. Where keys and defaults of the operator's file are read is not here.

use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::failure::Failure;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Peers of the local network, found by mDNS.
    Local,
    /// Peers found over bootstrap nodes and Kademlia. No address: this node is one for others.
    Remote { bootstrap: Vec<String> },
}

#[derive(Clone, Debug)]
pub struct Config {
    pub mode: Mode,
    /// TCP; 0 = any free one.
    pub listen_port: u16,
    /// Instead of `/ip4/0.0.0.0/tcp/<listen_port>`.
    pub listen_addresses: Vec<String>,
    /// Also `/ip6/::/tcp/<listen_port>`, where the machine has IPv6.
    pub listen_ip6: bool,
    /// Announced to peers besides the addresses this node listens on.
    pub external_addresses: Vec<String>,
    /// Take any free port when the configured one is taken. Bootstrap addresses that others have
    /// configured then point nowhere, so it is off by default and the start fails.
    pub port_fallback: bool,
    /// Told to peers by identify; nobody checks it.
    pub agent: String,
    /// How old a message nobody could take yet may get.
    pub max_retry_duration: Duration,
    pub retry_interval: Duration,
    pub kademlia_discovery_interval: Duration,
    pub max_pending_publishes: usize,
    pub catchup_request_timeout: Duration,
    pub max_concurrent_catchup_requests_per_service: usize,
    /// A message not judged after this time is not forwarded. Not above 4 s: gossip does not keep it
    /// for longer.
    pub verdict_timeout: Duration,
    /// With so many peers, lost bootstrap nodes are not dialled again.
    pub wanted_peers: usize,
    pub limits: Limits,
}

#[derive(Clone, Debug)]
pub struct Limits {
    pub connections: u32,
    pub connections_per_peer: u32,
    /// Of an IPv4 address or an IPv6 /64; loopback excepted.
    pub connections_per_ip: u32,
    /// Connections that such an address makes, one after the other: with each it could be somebody new.
    pub new_connections_per_second: u32,
    pub new_connection_burst: u32,
    /// Services this node subscribes to.
    pub own_topics: usize,
    /// Topics one peer subscribes to.
    pub peer_topics: usize,
    pub subscriptions_per_rpc: usize,
    /// Gossip messages one peer delivers; what is above is not passed on.
    pub peer_messages_per_second: u32,
    pub peer_message_burst: u32,
    /// Catch-up requests of one peer.
    pub peer_catchups_per_second: u32,
    pub peer_catchup_burst: u32,
    /// Own catch-up requests under way, for all services together.
    pub catchups: usize,
    /// Catch-up requests of others that wait for their answer.
    pub catchup_answers: usize,
    /// Bytes of answers that are being read.
    pub catchup_answer_bytes: usize,
    /// Events that wait for credit, and their bytes.
    pub waiting_events: usize,
    pub waiting_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_peer: 4,
            connections_per_ip: 16,
            new_connections_per_second: 1,
            new_connection_burst: 32,
            own_topics: 4_096,
            peer_topics: 4_096,
            subscriptions_per_rpc: 1_000,
            peer_messages_per_second: 1_000,
            peer_message_burst: 5_000,
            peer_catchups_per_second: 20,
            peer_catchup_burst: 1_000,
            catchups: 16,
            catchup_answers: 64,
            catchup_answer_bytes: 64 << 20,
            waiting_events: 16_384,
            waiting_bytes: 64 << 20,
        }
    }
}

impl Config {
    pub fn new(mode: Mode, listen_port: u16) -> Self {
        Self {
            mode,
            listen_port,
            listen_addresses: Vec::new(),
            listen_ip6: false,
            external_addresses: Vec::new(),
            port_fallback: false,
            agent: concat!("wavs/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_retry_duration: Duration::from_secs(10),
            retry_interval: Duration::from_millis(200),
            kademlia_discovery_interval: Duration::from_secs(60),
            max_pending_publishes: 1_000,
            catchup_request_timeout: Duration::from_secs(30),
            max_concurrent_catchup_requests_per_service: 3,
            verdict_timeout: Duration::from_secs(4),
            wanted_peers: 16,
            limits: Limits::default(),
        }
    }

    /// The configuration with its addresses read, or what is wrong with it.
    pub(crate) fn checked(self) -> Result<Checked, Failure> {
        for (name, time) in [
            ("max_retry_duration", self.max_retry_duration),
            ("retry_interval", self.retry_interval),
            ("kademlia_discovery_interval", self.kademlia_discovery_interval),
            ("catchup_request_timeout", self.catchup_request_timeout),
            ("verdict_timeout", self.verdict_timeout),
        ] {
            if time.is_zero() {
                return Err(Failure::invalid(format!("{name} must not be 0")));
            }
        }
        if self.verdict_timeout > Duration::from_secs(4) {
            return Err(Failure::invalid("verdict_timeout is above 4 s"));
        }
        let bootstrap = match &self.mode {
            Mode::Local => Vec::new(),
            Mode::Remote { bootstrap } => addresses("bootstrap node", bootstrap)?,
        };
        let listen = self.listen()?;
        let listen_if_possible = match self.listen_ip6 {
            true => addresses("listen address", &[format!("/ip6/::/tcp/{}", self.listen_port)])?,
            false => Vec::new(),
        };
        let external = addresses("external address", &self.external_addresses)?;
        let announce_loopback = match &self.mode {
            Mode::Local => true,
            Mode::Remote { .. } => !bootstrap.is_empty() && bootstrap.iter().all(is_loopback),
        };
        Ok(Checked { bootstrap, listen, listen_if_possible, external, announce_loopback, config: self })
    }

    fn listen(&self) -> Result<Vec<Multiaddr>, Failure> {
        if !self.listen_addresses.is_empty() {
            return addresses("listen address", &self.listen_addresses);
        }
        addresses("listen address", &[format!("/ip4/0.0.0.0/tcp/{}", self.listen_port)])
    }
}

/// A configuration whose values can be used.
pub(crate) struct Checked {
    pub config: Config,
    pub bootstrap: Vec<Multiaddr>,
    pub listen: Vec<Multiaddr>,
    /// Not every machine has IPv6.
    pub listen_if_possible: Vec<Multiaddr>,
    pub external: Vec<Multiaddr>,
    /// A loopback address is of use only to peers on this machine.
    pub announce_loopback: bool,
}

fn addresses(what: &str, texts: &[String]) -> Result<Vec<Multiaddr>, Failure> {
    let read = |text: &String| {
        text.parse().map_err(|error| Failure::invalid(format!("{what} {text:?} cannot be read: {error}")))
    };
    texts.iter().map(read).collect()
}

pub(crate) fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => name == "localhost",
        _ => false,
    }
}

pub(crate) fn is_unspecified(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_unspecified(),
        Some(Protocol::Ip6(ip)) => ip.is_unspecified(),
        _ => false,
    }
}
