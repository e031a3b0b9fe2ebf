// SPDX-License-Identifier: Apache-2.0
//! With peers that are set up as other nodes of the network are.

use serde_json::Value;
use wavs_p2p::{Config, Mode, ServiceId, Verdict};

use crate::plain::{Do, Plain, Setup, line};
use crate::support::{Owned, remote};

/// Submissions as they were published by another implementation.
const RECORDED: &str = include_str!("../../../../src/types/tests/vectors/gossip_messages.json");

pub fn recorded() -> (ServiceId, Vec<Vec<u8>>) {
    let document: Value = serde_json::from_str(RECORDED).unwrap();
    let messages: Vec<_> =
        document["messages"].as_array().unwrap().iter().map(|m| m["text"].as_str().unwrap()).collect();
    let first: Value = serde_json::from_str(messages[0]).unwrap();
    let service = first["trigger_action"]["config"]["service_id"].as_str().unwrap();
    let bytes = messages.iter().map(|text| text.as_bytes().to_vec()).collect();
    (ServiceId::from_hex(service).unwrap(), bytes)
}

fn both_ways(own: &Owned, plain: &Plain) {
    let (service, messages) = recorded();
    let topic = service.topic();
    own.node.subscribe(service).unwrap();
    plain.order(Do::Subscribe(topic.clone()));
    plain.sees_subscription(own.peer(), &topic);
    own.peers_of(service, 1);
    for message in &messages {
        plain.publish(&topic, message).unwrap();
        let got = own.message();
        assert_eq!((got.source, &got.data, got.service), (plain.peer, message, service));
        own.node.judge(got.token, Verdict::Accept).unwrap();
        own.node.publish(service, message.clone()).unwrap();
        assert_eq!(plain.message(), (own.peer(), topic.clone(), message.clone()));
    }
}

#[test]
fn a_peer_in_remote_mode_exchanges_messages() {
    let own = Owned::start(remote(&[]), 1);
    let plain = Plain::start(Setup::default());
    plain.order(Do::Dial(own.address.clone()));
    both_ways(&own, &plain);
}

#[test]
fn a_peer_in_local_mode_exchanges_messages() {
    let mut config = Config::new(Mode::Local, 0);
    config.listen_addresses = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
    let own = Owned::start(config, 1);
    let plain = Plain::start(Setup { local: true, ..Setup::default() });
    plain.order(Do::Dial(own.address.clone()));
    both_ways(&own, &plain);
}

#[test]
fn a_peer_that_is_dialled_exchanges_messages() {
    let plain = Plain::start(Setup::default());
    let own = Owned::start(remote(&[&plain.address]), 1);
    both_ways(&own, &plain);
}

#[test]
fn messages_pass_between_two_that_know_only_us() {
    let (service, messages) = recorded();
    let (left, own, right) = line(service, Setup::default());
    left.publish(&service.topic(), &messages[0]).unwrap();
    own.node.judge(own.message().token, Verdict::Accept).unwrap();
    assert_eq!(right.message(), (left.peer, service.topic(), messages[0].clone()));
}
