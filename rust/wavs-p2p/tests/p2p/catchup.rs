// SPDX-License-Identifier: Apache-2.0
//! Asking and being asked for what was missed.

use std::time::Duration;

use wavs_p2p::{Event, FailureKind, PeerId, ServiceId, Token};

use crate::attacks::Attack;
use crate::intruder::{Target, run};
use crate::plain::{Do, Plain, Seen, Setup};
use crate::support::{Owned, PATIENCE, eventually, remote, service};

fn requested(node: &Owned) -> (Token, PeerId, ServiceId) {
    node.wait(|event| match event {
        Event::CatchupRequested { token, peer, service } => Some((token, peer, service)),
        _ => None,
    })
}

fn answered(node: &Owned) -> (PeerId, ServiceId, Vec<u8>) {
    node.wait(|event| match event {
        Event::CatchupAnswered { peer, service, data } => Some((peer, service, data)),
        _ => None,
    })
}

#[test]
fn a_new_connection_and_a_new_subscription_ask() {
    let a = Owned::start(remote(&[]), 1);
    a.node.subscribe(service(1)).unwrap();
    let b = Owned::start(remote(&[&a.address]), 2);
    let (token, peer, asked) = requested(&b);
    assert_eq!((peer, asked), (a.peer(), service(1)));
    b.node.answer_catchup(token, b"first".to_vec()).unwrap();
    assert_eq!(answered(&a), (b.peer(), service(1), b"first".to_vec()));

    b.node.subscribe(service(2)).unwrap();
    let (token, peer, asked) = requested(&a);
    assert_eq!((peer, asked), (b.peer(), service(2)));
    a.node.answer_catchup(token, Vec::new()).unwrap();
    assert_eq!(answered(&b), (a.peer(), service(2), Vec::new()));
    eventually(|| (a.status().counters.catchup_served == 1).then_some(()));
}

#[test]
fn some_peer_of_the_service_is_asked_again_on_demand() {
    let a = Owned::start(remote(&[]), 1);
    let b = Owned::start(remote(&[&a.address]), 2);
    a.node.request_catchup(service(1)).unwrap();
    b.node.subscribe(service(1)).unwrap();
    a.node.answer_catchup(requested(&a).0, Vec::new()).unwrap();
    answered(&b);
    a.node.subscribe(service(1)).unwrap();
    b.node.answer_catchup(requested(&b).0, Vec::new()).unwrap();
    answered(&a);
    a.node.request_catchup(service(1)).unwrap();
    b.node.answer_catchup(requested(&b).0, b"again".to_vec()).unwrap();
    assert_eq!(answered(&a).2, b"again");
}

#[test]
fn at_most_three_peers_are_asked_at_a_time() {
    let a = Owned::start(remote(&[]), 1);
    a.node.subscribe(service(1)).unwrap();
    let others: Vec<_> = (2..7).map(|secret| Owned::start(remote(&[&a.address]), secret)).collect();
    let mut open = Vec::new();
    eventually(|| {
        for (at, other) in others.iter().enumerate() {
            while let Ok(event) = other.events.try_recv() {
                if let Event::CatchupRequested { token, .. } = event {
                    open.push((at, token));
                }
            }
        }
        (open.len() >= 3).then_some(())
    });
    eventually(|| (a.status().peers.len() == 5).then_some(()));
    assert_eq!((open.len(), a.status().counters.catchup_asked), (3, 3));
    // Each answer lets another one be asked; nobody is forgotten.
    others[open[0].0].node.answer_catchup(open[0].1, Vec::new()).unwrap();
    eventually(|| (a.status().counters.catchup_asked == 4).then_some(()));
    others[open[1].0].node.answer_catchup(open[1].1, Vec::new()).unwrap();
    eventually(|| (a.status().counters.catchup_asked == 5).then_some(()));
}

fn connected() -> (Owned, Plain) {
    let own = Owned::start(remote(&[]), 1);
    let plain = Plain::start(Setup::default());
    plain.order(Do::Dial(own.address.clone()));
    own.connected_to(plain.peer);
    (own, plain)
}

#[test]
fn a_request_ends_with_the_stream_and_has_1024_bytes_at_most() {
    let (own, plain) = connected();
    let text = format!("{{\"service_id\":\"{}\"}}", service(1));
    let padded = |len: usize| format!("{text}{}", " ".repeat(len - text.len())).into_bytes();
    plain.order(Do::Ask(own.peer(), padded(1_024)));
    let (token, peer, asked) = requested(&own);
    assert_eq!((peer, asked), (plain.peer, service(1)));
    own.node.answer_catchup(token, b"{\"submissions\":[]}".to_vec()).unwrap();
    assert_eq!(plain.answer().unwrap(), b"{\"submissions\":[]}");

    for refused in [padded(1_025), b"{}".to_vec(), b"no json".to_vec(), Vec::new()] {
        // A stream that is cut may look to the other side like an empty answer.
        let answer = plain.ask(own.peer(), &refused);
        assert!(answer.as_ref().map_or(true, Vec::is_empty), "{answer:?}");
        own.never(|event| matches!(event, Event::CatchupRequested { .. }));
    }
    assert_eq!(own.status().counters.catchup_served, 1);
}

#[test]
fn own_requests_are_the_json_of_the_network() {
    let (own, plain) = connected();
    own.node.subscribe(service(7)).unwrap();
    let request = plain.wait(|seen| match seen {
        Seen::Asked(request) => Some(request),
        _ => None,
    });
    assert_eq!(String::from_utf8(request).unwrap(), format!("{{\"service_id\":\"{}\"}}", service(7)));
    assert_eq!(answered(&own), (plain.peer, service(7), b"{\"submissions\":[]}".to_vec()));
}

#[test]
fn answers_above_ten_mebibytes_are_refused() {
    for (size, kept) in [(10 << 20, true), ((10 << 20) + 1, false)] {
        let mut config = remote(&[]);
        config.catchup_request_timeout = PATIENCE * 2;
        let own = Owned::start(config, 1);
        own.node.subscribe(service(1)).unwrap();
        let plain = Plain::start(Setup { answer: vec![b' '; size], ..Setup::default() });
        plain.order(Do::Dial(own.address.clone()));
        if kept {
            assert_eq!(answered(&own).2.len(), size);
        } else {
            eventually(|| (own.status().counters.catchup_failed == 1).then_some(()));
            own.never(|event| matches!(event, Event::CatchupAnswered { .. }));
        }
    }
    let (own, _plain) = connected();
    let refused = own.node.answer_catchup(1, vec![0; (10 << 20) + 1]).unwrap_err();
    assert_eq!(refused.kind, FailureKind::Invalid);
}

#[test]
fn a_peer_that_does_not_answer_frees_its_slot() {
    let mut config = remote(&[]);
    config.catchup_request_timeout = Duration::from_millis(500);
    let a = Owned::start(config, 1);
    a.node.subscribe(service(1)).unwrap();
    let b = Owned::start(remote(&[&a.address]), 2);
    requested(&b);
    eventually(|| (a.status().counters.catchup_failed == 1).then_some(()));
    b.node.subscribe(service(1)).unwrap();
    a.peers_of(service(1), 1);
    a.node.request_catchup(service(1)).unwrap();
    b.node.answer_catchup(requested(&b).0, b"now".to_vec()).unwrap();
    assert_eq!(answered(&a).2, b"now");
}

#[test]
fn answers_that_nobody_reads_are_bounded() {
    let mut config = remote(&[]);
    config.limits.catchup_answer_bytes = 3 << 20;
    let own = Owned::start(config, 1);
    let target = Target { address: own.address.clone(), peer: own.peer(), service: service(1) };
    let time = Duration::from_secs(4);
    let attacker = std::thread::spawn(move || run(target, Attack::CatchupUnread, time, 1).unwrap());
    let answer = vec![b' '; 1 << 20];
    for _ in 0..8 {
        own.node.answer_catchup(requested(&own).0, answer.clone()).unwrap();
    }
    // Three are on their way, and one byte more would be too much.
    eventually(|| (own.status().counters.catchup_refused >= 5).then_some(()));
    assert!(!attacker.is_finished(), "they would be refused with the connection");
    assert_eq!(own.status().counters.catchup_served, 0);
    attacker.join().unwrap();
    // With the connection they are gone, and there is room again.
    eventually(|| own.status().peers.is_empty().then_some(()));
    let honest = Plain::start(Setup::default());
    honest.order(Do::Dial(own.address.clone()));
    own.connected_to(honest.peer);
    honest.order(Do::Ask(own.peer(), format!("{{\"service_id\":\"{}\"}}", service(1)).into_bytes()));
    let token = own.wait(|event| match event {
        Event::CatchupRequested { token, peer, .. } if peer == honest.peer => Some(token),
        _ => None,
    });
    own.node.answer_catchup(token, answer.clone()).unwrap();
    assert_eq!(honest.answer().unwrap(), answer);
}
