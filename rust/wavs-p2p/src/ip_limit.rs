// SPDX-License-Identifier: Apache-2.0
//! Refuses connections from addresses that already have their share.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm, dummy,
};

pub(crate) struct IpLimit {
    most: u32,
    connections: HashMap<ConnectionId, IpAddr>,
    per_ip: HashMap<IpAddr, u32>,
}

#[derive(Debug)]
struct TooMany(IpAddr);

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many connections with {}", self.0)
    }
}

impl std::error::Error for TooMany {}

impl IpLimit {
    pub fn new(most: u32) -> Self {
        Self { most, connections: HashMap::new(), per_ip: HashMap::new() }
    }

    /// Who is on this machine can do harm in simpler ways.
    fn allows(&self, ip: &IpAddr) -> bool {
        ip.is_loopback() || self.per_ip.get(ip).is_none_or(|count| *count < self.most)
    }

    fn check(&self, remote: &Multiaddr) -> Result<THandler<Self>, ConnectionDenied> {
        match ip_of(remote) {
            Some(ip) if !self.allows(&ip) => Err(ConnectionDenied::new(TooMany(ip))),
            _ => Ok(dummy::ConnectionHandler),
        }
    }

    fn add(&mut self, connection: ConnectionId, ip: IpAddr) {
        if self.connections.insert(connection, ip).is_none() {
            *self.per_ip.entry(ip).or_default() += 1;
        }
    }

    fn remove(&mut self, connection: &ConnectionId) {
        let Some(ip) = self.connections.remove(connection) else { return };
        if let Some(count) = self.per_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.per_ip.remove(&ip);
            }
        }
    }
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) => Some(ip.into()),
        _ => None,
    })
}

impl NetworkBehaviour for IpLimit {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        remote: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check(remote)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(made) => {
                if let Some(ip) = ip_of(made.endpoint.get_remote_address()) {
                    self.add(made.connection_id, ip);
                }
            }
            FromSwarm::ConnectionClosed(closed) => self.remove(&closed.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_loopback_is_free() {
        let mut limit = IpLimit::new(2);
        let remote: Multiaddr = "/ip4/203.0.113.7/tcp/9000".parse().unwrap();
        let ip = ip_of(&remote).unwrap();
        let ids: Vec<_> = (0..2).map(ConnectionId::new_unchecked).collect();
        for id in &ids {
            assert!(limit.check(&remote).is_ok());
            limit.add(*id, ip);
        }
        assert!(limit.check(&remote).is_err());
        assert!(limit.check(&"/ip4/203.0.113.8/tcp/9000".parse().unwrap()).is_ok());
        limit.remove(&ids[0]);
        assert!(limit.check(&remote).is_ok());

        for id in 10..20 {
            limit.add(ConnectionId::new_unchecked(id), IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        }
        assert!(limit.check(&"/ip4/127.0.0.1/tcp/9000".parse().unwrap()).is_ok());
    }
}
