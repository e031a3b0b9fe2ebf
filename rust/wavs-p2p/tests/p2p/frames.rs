// SPDX-License-Identifier: Apache-2.0
//! Gossip frames, read and made by hand.

use std::slice::from_ref;

use libp2p::identity::Keypair;
use wavs_p2p::{Event, Verdict, frame};

use crate::bytes::{field, framed, signed_message, subscriptions};
use crate::interop::recorded;
use crate::raw::{Raw, fields};
use crate::support::{Owned, eventually, numbered, remote, service};

/// Frames until one has a field of this number.
fn first_with(peer: &Raw, number: u64) -> (Vec<u8>, Vec<u8>) {
    loop {
        let rpc = peer.frame();
        if let Some((_, value)) = fields(&rpc).into_iter().find(|(found, _)| *found == number) {
            return (rpc, value);
        }
    }
}

#[test]
fn a_published_submission_has_the_frame_of_the_network() {
    let (service, submissions) = recorded();
    let topic = service.topic();
    let own = Owned::start(remote(&[]), 1);
    own.node.subscribe(service).unwrap();
    let peer = Raw::start(own.address.clone(), own.peer());
    let (_, subscribed) = first_with(&peer, 1);
    let subscribed = fields(&subscribed);
    assert_eq!(subscribed[..2], [(1, 1_u64.to_be_bytes().to_vec()), (2, topic.as_bytes().to_vec())]);
    // The library adds that it does not do partial messages; other builds pass over it.
    assert!(subscribed[2..].iter().all(|(_, value)| *value == [0; 8]));
    peer.send(subscriptions(from_ref(&topic)));
    own.peers_of(service, 1);

    let key = Keypair::ed25519_from_bytes([1; 32]).unwrap().public();
    let mut last = 0;
    for submission in submissions {
        own.node.publish(service, submission.clone()).unwrap();
        let (rpc, message) = first_with(&peer, 2);
        let parts = fields(&message);
        // Nothing but these, and in this order: the signature covers the encoding.
        assert_eq!(parts.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(parts[0].1, own.peer().to_bytes());
        assert_eq!(parts[0].1.len(), 38);
        assert_eq!(parts[1].1, submission);
        let sequence = u64::from_be_bytes(parts[2].1.clone().try_into().unwrap());
        assert!(last == 0 || sequence == last + 1);
        last = sequence;
        assert_eq!(parts[3].1, topic.as_bytes());
        let signed: Vec<u8> = parts[..4].iter().flat_map(|(at, value)| field(*at as usize, value)).collect();
        assert!(key.verify(&[b"libp2p-pubsub:".to_vec(), signed].concat(), &parts[4].1));
        // The bound counts a public key on top, which is not sent.
        assert_eq!(framed(&rpc).len() + 38, frame::frame_len(submission.len()));
    }
}

/// An own node and a raw peer in the topic of a service.
fn subscribed() -> (Owned, Raw, String) {
    let topic = service(1).topic();
    let own = Owned::start(remote(&[]), 1);
    own.node.subscribe(service(1)).unwrap();
    let peer = Raw::start(own.address.clone(), own.peer());
    peer.send(subscriptions(from_ref(&topic)));
    own.peers_of(service(1), 1);
    (own, peer, topic)
}

#[test]
fn only_messages_signed_by_their_source_are_passed_on() {
    let (own, peer, topic) = subscribed();
    let key = Keypair::generate_ed25519();
    let good = signed_message(&key, &topic, &[0, 0, 0, 0, 0, 0, 0, 1], b"good");

    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let short = signed_message(&key, &topic, &[1], b"short sequence number");
    let unsigned = framed(&field(2, &[field(2, b"unsigned"), field(4, topic.as_bytes())].concat()));
    let foreign = signed_message(&key, "wavs/other", &[0, 0, 0, 0, 0, 0, 0, 2], b"not subscribed");
    peer.send([forged, short, unsigned, foreign].concat());
    let score = || own.status().peers.first().map(|peer| peer.score);
    eventually(|| score().filter(|score| *score <= -4.0 * 9.0 + 1.0));
    assert_eq!(own.status().counters.received, 0);

    peer.send(good);
    let message = own.message();
    assert_eq!((message.source, message.data.as_slice()), (key.public().to_peer_id(), b"good".as_slice()));
    own.node.judge(message.token, Verdict::Accept).unwrap();
}

/// Crafted control messages that have stopped other builds of the library.
#[test]
fn control_messages_out_of_range_do_no_harm() {
    let (own, peer, topic) = subscribed();
    let control = |kind: usize, body: Vec<u8>| framed(&field(3, &field(kind, &body)));
    let topic_field = field(1, topic.as_bytes());
    let endless = [vec![3 << 3], vec![0xff; 9], vec![1]].concat();
    let frames = [
        control(4, [topic_field.clone(), endless.clone()].concat()),
        control(4, [field(1, b"unknown"), endless].concat()),
        control(3, field(1, b"unknown")),
        control(1, [topic_field, field(2, &[0xff; 40])].concat()),
        control(2, field(1, &[0xff; 40])),
        control(5, field(1, &[0xff; 40])),
    ];
    peer.send(frames.concat());
    let key = Keypair::generate_ed25519();
    peer.send(signed_message(&key, &topic, &[0, 0, 0, 0, 0, 0, 0, 1], b"still here"));
    assert_eq!(own.message().data, b"still here");
    own.never(|event| matches!(event, Event::PeerDisconnected { .. }));
}

#[test]
fn the_greeting_of_a_node_with_many_services_comes_in_short_frames() {
    let own = Owned::start(remote(&[]), 1);
    for number in 0..1_000 {
        own.node.subscribe(numbered(number)).unwrap();
    }
    let peer = Raw::start(own.address.clone(), own.peer());
    let mut topics = std::collections::BTreeSet::new();
    while topics.len() < 1_000 {
        let rpc = peer.frame();
        assert!(rpc.len() <= 16_384);
        let subscriptions = fields(&rpc).into_iter().filter(|(number, _)| *number == 1);
        topics.extend(subscriptions.map(|(_, body)| fields(&body)[1].1.clone()));
    }
    let other = Owned::start(remote(&[&own.address]), 2);
    other.node.subscribe(numbered(999)).unwrap();
    other.peers_of(numbered(999), 1);
    own.node.publish(numbered(999), b"heard".to_vec()).unwrap();
    assert_eq!(other.message().data, b"heard");
}
