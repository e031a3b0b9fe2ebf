// SPDX-License-Identifier: Apache-2.0
//! Refuses connections from addresses that already have their share, and those that come again too often:
//! what a peer may do is counted by its key, and a new key costs nothing.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm, dummy,
};

use crate::config::Limits;
use crate::rate::Rates;

/// How often those are forgotten whose burst is whole again. Who came once is such a second later, so that what is
/// remembered is bounded by what arrives.
const TIDY_EVERY: Duration = Duration::from_secs(1);

pub(crate) struct IpLimit {
    most: u32,
    connections: HashMap<ConnectionId, IpAddr>,
    per_ip: HashMap<IpAddr, u32>,
    arrivals: Rates<IpAddr>,
    tidied: Option<Instant>,
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
    pub fn new(limits: &Limits) -> Self {
        Self {
            most: limits.connections_per_ip,
            connections: HashMap::new(),
            per_ip: HashMap::new(),
            arrivals: Rates::new(limits.new_connections_per_second, limits.new_connection_burst),
            tidied: None,
        }
    }

    /// Before it costs a handshake.
    fn arrive(&mut self, remote: &Multiaddr, now: Instant) -> Result<(), ConnectionDenied> {
        let Some(ip) = ip_of(remote).filter(|ip| !ip.is_loopback()) else { return Ok(()) };
        if self.tidied.is_none_or(|at| now.saturating_duration_since(at) >= TIDY_EVERY) {
            self.tidied = Some(now);
            self.arrivals.tidy(|_| false, now);
        }
        if self.arrivals.take(ip, now) { Ok(()) } else { Err(ConnectionDenied::new(TooMany(ip))) }
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

/// Whoever has an IPv6 address has the 2^64 around it.
fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(ip.into()),
        Protocol::Ip6(ip) if ip.is_loopback() => Some(ip.into()),
        Protocol::Ip6(ip) => Some(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()),
        _ => None,
    })
}

impl NetworkBehaviour for IpLimit {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.arrive(remote, Instant::now())
    }

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

    fn limit() -> IpLimit {
        let limits = Limits {
            connections_per_ip: 2,
            new_connections_per_second: 1,
            new_connection_burst: 3,
            ..Limits::default()
        };
        IpLimit::new(&limits)
    }

    #[test]
    fn an_address_that_comes_again_and_again_is_turned_away_for_a_while() {
        let (mut limit, mut now) = (limit(), Instant::now());
        let from = |text: &str| -> Multiaddr { text.parse().unwrap() };
        let arrivals = |limit: &mut IpLimit, address: &Multiaddr, now| {
            (0..5).filter(|_| limit.arrive(address, now).is_ok()).count()
        };
        assert_eq!(arrivals(&mut limit, &from("/ip4/203.0.113.7/tcp/1"), now), 3);
        assert_eq!(arrivals(&mut limit, &from("/ip4/203.0.113.8/tcp/1"), now), 3);
        assert_eq!(arrivals(&mut limit, &from("/ip6/2001:db8::1/tcp/1"), now), 3);
        assert_eq!(arrivals(&mut limit, &from("/ip6/2001:db8::2/tcp/1"), now), 0, "the same network");
        assert_eq!(arrivals(&mut limit, &from("/ip6/2001:db8:0:1::1/tcp/1"), now), 3);
        assert_eq!(arrivals(&mut limit, &from("/ip4/127.0.0.1/tcp/1"), now), 5);
        assert_eq!(arrivals(&mut limit, &from("/ip6/::1/tcp/1"), now), 5);
        now += Duration::from_secs(2);
        assert_eq!(arrivals(&mut limit, &from("/ip4/203.0.113.7/tcp/1"), now), 2);
    }

    #[test]
    fn addresses_that_came_once_are_not_remembered_for_long() {
        let (mut limit, start) = (limit(), Instant::now());
        let moment = |n: u32| start + Duration::from_millis(n.into());
        for n in 0..10_000_u32 {
            let ip = std::net::Ipv4Addr::from_bits(0x0b00_0000 + n);
            assert!(limit.arrive(&format!("/ip4/{ip}/tcp/1").parse().unwrap(), moment(n)).is_ok());
            assert!(limit.arrivals.len() <= 2_000);
        }
    }

    #[test]
    fn an_address_has_its_share_and_loopback_is_free() {
        let mut limit = limit();
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
