// SPDX-License-Identifier: Apache-2.0
//! Nothing grows without bound, and what is turned away is counted.

use libp2p::identity::Keypair;
use wavs_p2p::{Event, FailureKind, Verdict};

use crate::bytes::{signed_message, subscriptions};
use crate::plain::{Do, Plain, Setup};
use crate::raw::Raw;
use crate::support::{Owned, eventually, numbered, remote, service};

#[test]
fn without_credit_events_wait_and_the_surplus_is_counted() {
    let mut config = remote(&[]);
    config.limits.waiting_events = 10;
    let own = Owned::without_credit(config, 1);
    let plain = Plain::joining(&own, service(1));
    // Listening, the connection and the answer to the first catch-up wait, too.
    eventually(|| (own.status().waiting_events == 3).then_some(()));
    for number in 0..15 {
        plain.publish(&service(1).topic(), &[number]).unwrap();
    }
    let counters = eventually(|| Some(own.status().counters).filter(|counters| counters.received == 15));
    assert_eq!(counters.no_room, 8);
    assert_eq!((own.status().waiting_events, own.status().unjudged), (10, 7));
    assert!(own.events.try_recv().is_err());

    own.node.grant(4).unwrap();
    let message = own.message();
    assert_eq!(message.data, [0]);
    assert_eq!((own.status().waiting_events, own.status().credits), (6, 0));
    own.node.judge(message.token, Verdict::Accept).unwrap();
    assert!(own.events.try_recv().is_err());
}

#[test]
fn a_peer_has_a_message_rate() {
    let mut config = remote(&[]);
    config.limits.peer_messages_per_second = 1;
    config.limits.peer_message_burst = 5;
    let own = Owned::start(config, 1);
    let plain = Plain::joining(&own, service(1));
    for number in 0..50 {
        plain.publish(&service(1).topic(), &[number]).unwrap();
    }
    let counters = eventually(|| Some(own.status().counters).filter(|counters| counters.received == 50));
    assert!((30..=45).contains(&counters.rate_limited), "{counters:?}");
    assert!(own.score_of(plain.peer) >= 0.0, "speed is not a lie");
}

#[test]
fn a_peer_may_have_a_thousand_services_but_not_twenty_thousand() {
    let own = Owned::start(remote(&[]), 1);
    for number in [0, 999, 1_000, 19_999] {
        own.node.subscribe(numbered(number)).unwrap();
    }
    let peer = Raw::start(own.address.clone(), own.peer());
    // 500 in a frame.
    let subscribe = |numbers: std::ops::Range<u16>| {
        let topics: Vec<_> = numbers.map(|number| numbered(number).topic()).collect();
        topics.chunks(500).flat_map(subscriptions).collect::<Vec<u8>>()
    };
    peer.send(subscribe(0..1_000));
    own.peers_of(numbered(999), 1);
    own.peers_of(numbered(0), 1);
    own.peers_of(numbered(1_000), 0);

    let key = Keypair::generate_ed25519();
    let topic = numbered(999).topic();
    let message = signed_message(&key, &topic, &[0, 0, 0, 0, 0, 0, 0, 1], b"after the flood");
    peer.send([subscribe(1_000..20_000), message].concat());
    assert_eq!(own.message().data, b"after the flood");
    assert_eq!(own.topic(numbered(1_000)).unwrap().subscribed_peers, 1);
    assert_eq!(own.topic(numbered(19_999)).unwrap().subscribed_peers, 0);
}

#[test]
fn own_subscriptions_are_bounded() {
    let mut config = remote(&[]);
    config.limits.own_topics = 2;
    let own = Owned::start(config, 1);
    own.node.subscribe(service(1)).unwrap();
    own.node.subscribe(service(2)).unwrap();
    assert_eq!(own.node.subscribe(service(3)).unwrap_err().kind, FailureKind::Overloaded);
    own.node.unsubscribe(service(1)).unwrap();
    own.node.subscribe(service(3)).unwrap();
}

#[test]
fn topics_that_are_not_of_a_service_are_ignored() {
    let own = Owned::start(remote(&[]), 1);
    own.node.subscribe(service(1)).unwrap();
    let plain = Plain::start(Setup::default());
    plain.order(Do::Subscribe("wavs/anything".to_owned()));
    plain.order(Do::Subscribe(service(1).topic()));
    plain.order(Do::Dial(own.address.clone()));
    own.peers_of(service(1), 1);
}

#[test]
fn connections_are_bounded() {
    let mut config = remote(&[]);
    config.limits.connections = 2;
    let own = Owned::start(config, 1);
    let _others: Vec<_> = (2..6).map(|secret| Owned::start(remote(&[&own.address]), secret)).collect();
    eventually(|| (own.status().peers.len() == 2).then_some(()));
    let mut connected = 0;
    own.never(|event| {
        connected += usize::from(matches!(event, Event::PeerConnected { .. }));
        connected > 2
    });
}
