// SPDX-License-Identifier: Apache-2.0
//! Where guests may connect to: one rule for wasi:http and wasi:sockets. What a manifest grants is
//! asked elsewhere; nothing here can be granted by a manifest.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use wasmtime_wasi::sockets::SocketAddrUse;

use crate::address::{embedded_v4, is_public};
use crate::failure::{Failure, Status};

/// The operator's rules, as they come.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Private, loopback, link-local and other special addresses are refused.
    pub deny_private: bool,
    /// Exceptions: addresses, networks ("10.0.0.0/8") or host names, each with an optional port.
    pub allow: Vec<String>,
    /// Ports of this node: refused on this machine's addresses whatever else is allowed.
    pub own_ports: Vec<u16>,
    /// Names that are not asked of the system's resolver.
    pub hosts: Vec<(String, IpAddr)>,
    /// Certificates (PEM) trusted besides the public authorities.
    pub ca_pem: Vec<u8>,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        let none = Vec::new;
        Self {
            deny_private: true,
            allow: none(),
            own_ports: Vec::new(),
            hosts: Vec::new(),
            ca_pem: Vec::new(),
        }
    }
}

/// Why an address is out of reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    OwnPort,
    Private,
}

impl Refused {
    /// For the log of the component, which the operator reads.
    pub fn text(self) -> &'static str {
        match self {
            Self::OwnPort => "it is a port of this node",
            Self::Private => {
                "it is not a public address; the operator can allow it with engine.allow_private"
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Network(IpAddr, u8),
    Name(String),
}

/// One entry of `NetworkOptions::allow`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    place: Place,
    port: Option<u16>,
}

/// The rules in force.
pub struct Rules {
    deny_private: bool,
    exceptions: Vec<Exception>,
    own_ports: Vec<u16>,
    hosts: HashMap<String, Vec<IpAddr>>,
    pub tls: Arc<rustls::ClientConfig>,
}

/// The rules of an engine; they can change while guests run.
pub struct Egress {
    rules: RwLock<Arc<Rules>>,
}

impl Egress {
    pub fn new() -> Result<Self, Failure> {
        Ok(Self { rules: RwLock::new(Arc::new(Rules::new(&NetworkOptions::default())?)) })
    }

    /// Holds from the next connection on. The failure names the entry that cannot be read.
    pub fn set(&self, options: &NetworkOptions) -> Result<(), Failure> {
        let rules = Arc::new(Rules::new(options)?);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        Ok(())
    }

    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Rules {
    fn new(options: &NetworkOptions) -> Result<Self, Failure> {
        let wrong = |text: String| Failure::new(Status::InvalidInput, text);
        let mut hosts = HashMap::<String, Vec<IpAddr>>::new();
        for (name, address) in &options.hosts {
            hosts.entry(normal_name(name)).or_default().push(*address);
        }
        Ok(Self {
            deny_private: options.deny_private,
            exceptions: options
                .allow
                .iter()
                .map(|text| parse(text))
                .collect::<Result<_, _>>()
                .map_err(wrong)?,
            own_ports: options.own_ports.clone(),
            hosts,
            tls: tls(&options.ca_pem).map_err(wrong)?,
        })
    }

    /// The addresses of a host as a URL names it.
    pub async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        if let Some(known) = self.hosts.get(&normal_name(host)) {
            return Ok(known.clone());
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![address]);
        }
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect())
    }

    /// A connection to an address that `host` stands for.
    pub fn check(&self, address: SocketAddr, host: &str) -> Result<(), Refused> {
        self.check_address(address, |name| *name == normal_name(host))
    }

    fn check_address(&self, address: SocketAddr, named: impl Fn(&String) -> bool) -> Result<(), Refused> {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        if self.own_ports.contains(&port) && is_local(ip) {
            return Err(Refused::OwnPort);
        }
        let excepted = |exception: &Exception| {
            exception.port.is_none_or(|only| only == port)
                && match &exception.place {
                    Place::Network(network, bits) => contains(*network, *bits, ip),
                    Place::Name(name) => named(name),
                }
        };
        if !self.deny_private || is_public(ip) || self.exceptions.iter().any(excepted) {
            return Ok(());
        }
        Err(Refused::Private)
    }

    /// What a guest does with a socket of its own. It may be bound to "any address", which is what an
    /// outgoing UDP socket needs; it may listen only where the operator allows it.
    pub async fn check_socket(&self, address: SocketAddr, purpose: SocketAddrUse) -> Result<(), Refused> {
        let own = matches!(purpose, SocketAddrUse::TcpBind | SocketAddrUse::UdpBind);
        if own && address.ip().is_unspecified() && !self.own_ports.contains(&address.port()) {
            return Ok(());
        }
        let refused = match self.check_address(address, |_| false) {
            Err(Refused::Private) => Refused::Private,
            checked => return checked,
        };
        for exception in &self.exceptions {
            if let Place::Name(name) = &exception.place
                && exception.port.is_none_or(|only| only == address.port())
                && self.lookup(name).await.is_ok_and(|found| found.contains(&address.ip().to_canonical()))
            {
                return Ok(());
            }
        }
        Err(refused)
    }
}

/// True for the addresses of this machine: only those can be bound to.
fn is_local(ip: IpAddr) -> bool {
    let bindable = |ip: IpAddr| ip.is_unspecified() || ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok();
    let inner = match ip {
        IpAddr::V6(ip) => embedded_v4(ip).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    bindable(ip) || inner.is_some_and(bindable)
}

fn contains(network: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let ignored = width - u32::from(bits);
        ignored >= u128::BITS || (a ^ b) >> ignored == 0
    };
    match (network, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(u32::from(a).into(), u32::from(b).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.into(), b.into(), 128),
        _ => false,
    }
}

/// Lower case, without the dot at the end and the brackets of an IPv6 address.
pub fn normal_name(host: &str) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Host and port of "host", "host:port", "[v6]", "[v6]:port" or "v6".
pub fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let wrong = || format!("\"{text}\" is not a host with an optional port");
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(wrong()),
        }
    } else {
        match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (text, None),
        }
    };
    let port = port.map(|port| port.parse::<u16>().map_err(|_| wrong())).transpose()?;
    if host.is_empty() { Err(wrong()) } else { Ok((host, port)) }
}

fn parse(text: &str) -> Result<Exception, String> {
    let (host, port) = split_port(text.trim())?;
    let width = |ip: IpAddr| if ip.is_ipv4() { 32 } else { 128 };
    let place = if let Some((address, bits)) = host.split_once('/') {
        let network = address.parse::<IpAddr>().map(|ip| ip.to_canonical());
        match (network, bits.parse::<u8>()) {
            (Ok(network), Ok(bits)) if bits <= width(network) => Place::Network(network, bits),
            _ => return Err(format!("\"{text}\" is not a network such as 10.0.0.0/8")),
        }
    } else if let Ok(ip) = host.parse::<IpAddr>() {
        let ip = ip.to_canonical();
        Place::Network(ip, width(ip))
    } else {
        Place::Name(normal_name(host))
    };
    Ok(Exception { place, port })
}

fn tls(ca_pem: &[u8]) -> Result<Arc<rustls::ClientConfig>, String> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    let public = roots.len();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        let added = certificate.map_err(|error| error.to_string());
        let added = added.and_then(|der| roots.add(der).map_err(|error| error.to_string()));
        added.map_err(|error| format!("a certificate authority cannot be read: {error}"))?;
    }
    if !ca_pem.is_empty() && roots.len() == public {
        return Err("no certificate is in what should hold certificate authorities".into());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.map_err(|error| error.to_string())?.with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(deny_private: bool, allow: &[&str], own_ports: &[u16]) -> Rules {
        let hosts = vec![("inside.test".into(), "10.1.1.1".parse().unwrap())];
        let allow = allow.iter().map(|text| (*text).into()).collect();
        let own_ports = own_ports.to_vec();
        let ca_pem = Vec::new();
        Rules::new(&NetworkOptions { deny_private, allow, own_ports, hosts, ca_pem }).unwrap()
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_addresses_need_an_exception() {
        let none = rules(true, &[], &[]);
        assert_eq!(none.check(at("127.0.0.1:80"), "x"), Err(Refused::Private));
        assert_eq!(none.check(at("[::ffff:10.0.0.1]:80"), "x"), Err(Refused::Private));
        assert_eq!(none.check(at("169.254.169.254:80"), "metadata"), Err(Refused::Private));
        assert_eq!(none.check(at("1.1.1.1:80"), "x"), Ok(()));
        assert_eq!(rules(false, &[], &[]).check(at("127.0.0.1:80"), "x"), Ok(()));

        let some = rules(true, &["10.0.0.0/8", "127.0.0.1:8545", "[fd00::]:80", "Inside.Test."], &[]);
        assert_eq!(some.check(at("10.200.0.1:1"), "x"), Ok(()));
        assert_eq!(some.check(at("11.0.0.1:1"), "x"), Ok(()));
        assert_eq!(some.check(at("192.168.0.1:1"), "x"), Err(Refused::Private));
        assert_eq!(some.check(at("127.0.0.1:8545"), "x"), Ok(()));
        assert_eq!(some.check(at("[::ffff:127.0.0.1]:8545"), "x"), Ok(()));
        assert_eq!(some.check(at("127.0.0.1:8546"), "x"), Err(Refused::Private));
        assert_eq!(some.check(at("[fd00::]:80"), "x"), Ok(()));
        assert_eq!(some.check(at("[fd00::1]:80"), "x"), Err(Refused::Private));
        assert_eq!(some.check(at("172.16.0.1:9"), "inside.test"), Ok(()));
    }

    #[test]
    fn own_ports_are_out_of_reach_whatever_is_allowed() {
        for deny in [true, false] {
            let own = rules(deny, &["127.0.0.0/8", "localhost", "0.0.0.0", "::1"], &[8000]);
            for text in [
                "127.0.0.1:8000",
                "127.9.9.9:8000",
                "[::1]:8000",
                "0.0.0.0:8000",
                "[::]:8000",
                "[::ffff:127.0.0.1]:8000",
                "[64:ff9b::7f00:1]:8000",
            ] {
                assert_eq!(own.check(at(text), "localhost"), Err(Refused::OwnPort), "{text}");
            }
            assert_eq!(own.check(at("127.0.0.1:8001"), "localhost"), Ok(()));
            assert_eq!(own.check(at("1.1.1.1:8000"), "x"), Ok(()));
        }
    }

    #[test]
    fn sockets_know_exceptions_by_name_and_may_be_unbound() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check_sockets(rules(true, &["inside.test:53"], &[8000])));
    }

    async fn check_sockets(rules: Rules) {
        let send = SocketAddrUse::UdpSend;
        assert_eq!(rules.check_socket(at("10.1.1.1:53"), send).await, Ok(()));
        assert_eq!(rules.check_socket(at("10.1.1.1:54"), send).await, Err(Refused::Private));
        assert_eq!(rules.check_socket(at("10.1.1.2:53"), send).await, Err(Refused::Private));
        let bind = SocketAddrUse::UdpBind;
        assert_eq!(rules.check_socket(at("0.0.0.0:0"), bind).await, Ok(()));
        assert_eq!(rules.check_socket(at("0.0.0.0:8000"), bind).await, Err(Refused::OwnPort));
        let listen = SocketAddrUse::TcpListen;
        assert_eq!(rules.check_socket(at("0.0.0.0:9000"), listen).await, Err(Refused::Private));
    }

    #[test]
    fn entries_that_cannot_be_read_are_named() {
        for text in ["", "10.0.0.0/33", "host:port", "[::1", "[::1]x", "a/8", ":80"] {
            let options = NetworkOptions { allow: vec![text.into()], ..NetworkOptions::default() };
            let failure = Rules::new(&options).err().unwrap();
            assert!(failure.status == Status::InvalidInput && failure.message.contains(text), "{text}");
        }
        for text in ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not a certificate"] {
            let options = NetworkOptions { ca_pem: text.into(), ..NetworkOptions::default() };
            assert!(Rules::new(&options).err().unwrap().message.contains("certificate"), "{text}");
        }
    }
}
