// SPDX-License-Identifier: Apache-2.0
//! How nodes find each other.

use std::process::Command;
use std::time::Duration;

use libp2p::Multiaddr;
use wavs_p2p::{Config, Event, EventHandler, Failure, FailureKind, Mode, Node};

use crate::plain::{Do, Plain, Setup};
use crate::support::{Owned, eventually, remote, service};

#[test]
fn a_bootstrap_node_introduces_the_others() {
    let middle = Owned::start(remote(&[]), 1);
    let left = Owned::start(remote(&[&middle.address]), 2);
    let right = Owned::start(remote(&[&middle.address]), 3);
    left.connected_to(right.peer());
    for node in [&left, &right] {
        node.node.subscribe(service(1)).unwrap();
    }
    left.peers_of(service(1), 1);
    right.peers_of(service(1), 1);
    left.node.publish(service(1), b"direct".to_vec()).unwrap();
    assert_eq!(right.message().delivered_by, left.peer());
}

fn port_of(address: &Multiaddr) -> u16 {
    let tcp = |part| match part {
        libp2p::multiaddr::Protocol::Tcp(port) => Some(port),
        _ => None,
    };
    address.iter().find_map(tcp).unwrap()
}

#[test]
fn a_bootstrap_node_that_comes_back_is_dialled_again() {
    let first = Owned::start(remote(&[]), 1);
    let address = first.address.clone();
    let other = Owned::start(remote(&[&address]), 2);
    other.connected_to(first.peer());
    let peer = first.peer();
    drop(first);
    other.wait(|event| matches!(event, Event::PeerDisconnected { peer: gone } if gone == peer).then_some(()));

    let mut config = remote(&[]);
    config.listen_addresses = vec![format!("/ip4/127.0.0.1/tcp/{}", port_of(&address))];
    let again = Owned::start(config, 1);
    assert_eq!(again.peer(), peer);
    other.connected_to(peer);
}

#[test]
fn names_and_addresses_without_a_peer_id_serve_as_bootstrap_nodes() {
    let first = Owned::start(remote(&[]), 1);
    let mut config = remote(&[]);
    let named = format!("/dns4/localhost/tcp/{}", port_of(&first.address));
    config.mode = Mode::Remote { bootstrap: vec![named] };
    let other = Owned::start(config, 2);
    other.connected_to(first.peer());
}

#[test]
fn a_bootstrap_node_is_waited_for() {
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Multiaddr =
        format!("/ip4/127.0.0.1/tcp/{}", reserved.local_addr().unwrap().port()).parse().unwrap();
    drop(reserved);
    let other = Owned::start(remote(&[&address]), 2);
    let mut config = remote(&[]);
    config.listen_addresses = vec![address.to_string()];
    let late = Owned::start(config, 1);
    other.connected_to(late.peer());
}

struct Deaf;

impl EventHandler for Deaf {
    fn event(&mut self, _: Event) {}
    fn ended(&mut self, _: Option<Failure>) {}
}

fn refusal(config: Config) -> Failure {
    Node::start(config, [9; 32], Deaf).err().unwrap()
}

#[test]
fn a_taken_port_is_fatal_unless_told_otherwise() {
    let first = Owned::start(remote(&[]), 1);
    let mut config = remote(&[]);
    config.listen_addresses = vec![format!("/ip4/127.0.0.1/tcp/{}", port_of(&first.address))];
    assert_eq!(refusal(config.clone()).kind, FailureKind::Listen);
    config.port_fallback = true;
    let other = Owned::start(config, 2);
    assert_ne!(port_of(&other.address), port_of(&first.address));
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let mut config = remote(&[]);
    config.mode = Mode::Remote { bootstrap: vec!["localhost:9000".to_owned()] };
    let refused = refusal(config);
    assert_eq!(refused.kind, FailureKind::Invalid);
    assert!(refused.message.contains("\"localhost:9000\""), "{refused}");
    let zero = |change: fn(&mut Config)| {
        let mut config = remote(&[]);
        change(&mut config);
        assert_eq!(refusal(config).kind, FailureKind::Invalid);
    };
    zero(|config| config.retry_interval = Duration::ZERO);
    zero(|config| config.kademlia_discovery_interval = Duration::ZERO);
    zero(|config| config.external_addresses = vec![String::from("x")]);
    zero(|config| config.verdict_timeout = Duration::from_secs(60));
}

#[test]
fn loopback_is_announced_only_among_nodes_of_one_machine() {
    let server = Owned::start(remote(&[]), 1);
    assert_eq!(server.status().external_addresses, Vec::<String>::new());
    let near = Owned::start(remote(&[&server.address]), 2);
    assert_eq!(near.status().external_addresses, near.status().listen_addresses);

    let far: Multiaddr = "/ip4/203.0.113.1/tcp/9000".parse().unwrap();
    let mut config = remote(&[&server.address, &far]);
    config.external_addresses = vec!["/ip4/198.51.100.7/tcp/9000".to_owned()];
    let mixed = Owned::start(config, 3);
    let announced = mixed.status().external_addresses;
    assert_eq!(announced, [format!("/ip4/198.51.100.7/tcp/9000/p2p/{}", mixed.peer())]);
}

#[test]
fn peers_of_other_networks_take_no_part_in_gossip() {
    let own = Owned::start(remote(&[]), 1);
    own.node.subscribe(service(1)).unwrap();
    let plain = Plain::start(Setup { identify: "/other/1.0.0", ..Setup::default() });
    plain.order(Do::Subscribe(service(1).topic()));
    plain.order(Do::Dial(own.address.clone()));
    eventually(|| own.status().peers.first()?.foreign.then_some(()));
    plain.sees_subscription(own.peer(), &service(1).topic());
    plain.publish(&service(1).topic(), b"stray").unwrap();
    own.never(|event| matches!(event, Event::Message { .. }));
}

#[test]
fn a_local_node_starts_and_takes_part() {
    let mut config = Config::new(Mode::Local, 0);
    config.listen_addresses = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    let own = Owned::start(config, 1);
    own.node.subscribe(service(1)).unwrap();
    let plain = Plain::start(Setup { local: true, ..Setup::default() });
    plain.order(Do::Subscribe(service(1).topic()));
    plain.order(Do::Dial(own.address.clone()));
    plain.sees_subscription(own.peer(), &service(1).topic());
    own.peers_of(service(1), 1);
    own.node.publish(service(1), b"here".to_vec()).unwrap();
    assert_eq!(plain.message().0, own.peer());
}

/// Set in the network namespace the test runs itself in.
const NAMESPACE: &str = "WAVS_P2P_TEST_NAMESPACE";

/// Multicast needs an interface other than loopback, and one that no other machine listens on.
#[test]
fn nodes_of_a_local_network_find_each_other() {
    if std::env::var_os(NAMESPACE).is_some() {
        return find_each_other();
    }
    let script = "ip link set lo up && ip link add wavs0 type bridge && ip link set wavs0 up \
                  && ip addr add 10.111.0.1/24 dev wavs0 && ip route add 224.0.0.0/4 dev wavs0 \
                  && exec \"$0\" \"$@\"";
    let possible = |script| Command::new("unshare").args(["-rn", "sh", "-c", script]).output();
    match possible(&script.replace("exec \"$0\" \"$@\"", "true")) {
        Ok(output) if output.status.success() => {}
        _ => return println!("skipped: no network namespace with a bridge can be made here"),
    }
    let this_test = ["--exact", "discovery::nodes_of_a_local_network_find_each_other", "--nocapture"];
    let output = Command::new("unshare")
        .args(["-rn", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(this_test)
        .env(NAMESPACE, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn find_each_other() {
    let [a, b] = [1, 2].map(|secret| Owned::start(Config::new(Mode::Local, 0), secret));
    a.connected_to(b.peer());
    for node in [&a, &b] {
        node.node.subscribe(service(1)).unwrap();
    }
    a.peers_of(service(1), 1);
    a.node.publish(service(1), b"found".to_vec()).unwrap();
    assert_eq!(b.message().source, a.peer());
}
