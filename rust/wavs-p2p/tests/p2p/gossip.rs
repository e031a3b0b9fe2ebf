// SPDX-License-Identifier: Apache-2.0
//! Messages between nodes of ours.

use std::time::Duration;

use wavs_p2p::{Event, FailureKind, PublishFailure, Verdict, frame};

use crate::plain::{Setup, line, message_of};
use crate::support::{Owned, WATCH, eventually, remote, service};

/// Two that know each other and the service.
fn pair() -> (Owned, Owned) {
    let a = Owned::start(remote(&[]), 1);
    let b = Owned::start(remote(&[&a.address]), 2);
    for node in [&a, &b] {
        node.node.subscribe(service(1)).unwrap();
    }
    for node in [&a, &b] {
        node.peers_of(service(1), 1);
    }
    (a, b)
}

#[test]
fn a_message_arrives_and_is_judged() {
    let (a, b) = pair();
    a.node.publish(service(1), b"hello".to_vec()).unwrap();
    let message = b.message();
    assert_eq!((message.source, message.delivered_by), (a.peer(), a.peer()));
    assert_eq!((message.service, message.data.as_slice()), (service(1), b"hello".as_slice()));
    assert_eq!(b.status().unjudged, 1);
    b.node.judge(message.token, Verdict::Accept).unwrap();
    let counters = eventually(|| Some(b.status().counters).filter(|counters| counters.accepted == 1));
    assert_eq!((counters.received, counters.rejected), (1, 0));
    assert_eq!(b.status().unjudged, 0);

    // The same bytes again are not a new message.
    a.node.publish(service(1), b"hello".to_vec()).unwrap();
    eventually(|| (a.status().counters.published_before == 1).then_some(()));
    b.never(|event| matches!(event, Event::Message { .. }));
    // Nor does the other node hear its own.
    b.node.publish(service(1), b"hello".to_vec()).unwrap();
    assert_eq!(a.message().source, b.peer());
}

#[test]
fn only_accepted_messages_are_forwarded() {
    let (left, middle, right) = line(service(1), Setup { explicit: false, ..Setup::default() });
    let topic = service(1).topic();
    eventually(|| (middle.topic(service(1))?.mesh_peers == 2).then_some(()));

    left.publish(&topic, b"good").unwrap();
    let message = middle.message();
    assert!(right.wait_up_to(WATCH, message_of).is_none(), "forwarded before it was judged");
    middle.node.judge(message.token, Verdict::Accept).unwrap();
    assert_eq!(right.message(), (left.peer, topic.clone(), b"good".to_vec()));

    let before = middle.score_of(left.peer);
    left.publish(&topic, b"dull").unwrap();
    middle.node.judge(middle.message().token, Verdict::Ignore).unwrap();
    left.publish(&topic, b"bad").unwrap();
    middle.node.judge(middle.message().token, Verdict::Reject).unwrap();
    eventually(|| (middle.score_of(left.peer) <= before - 3.0).then_some(()));
    assert!(middle.score_of(right.peer) >= 0.0);
    assert!(right.wait_up_to(WATCH, message_of).is_none());
    let counters = middle.status().counters;
    assert_eq!((counters.accepted, counters.ignored, counters.rejected), (1, 1, 1));
}

#[test]
fn who_keeps_sending_invalid_messages_is_not_heard_any_more() {
    let (left, middle, right) = line(service(1), Setup::default());
    let topic = service(1).topic();
    for number in 0..5 {
        left.publish(&topic, &[number]).unwrap();
        middle.node.judge(middle.message().token, Verdict::Reject).unwrap();
        eventually(|| (middle.status().counters.rejected == u64::from(number) + 1).then_some(()));
    }
    left.publish(&topic, b"one more").unwrap();
    right.publish(&topic, b"of another").unwrap();
    assert_eq!(middle.message().source, right.peer);
    middle.never(|event| matches!(event, Event::Message { .. }));
}

#[test]
fn a_message_not_judged_in_time_is_not_forwarded() {
    let mut config = remote(&[]);
    config.verdict_timeout = Duration::from_millis(300);
    let a = Owned::start(config, 1);
    let b = Owned::start(remote(&[&a.address]), 2);
    for node in [&a, &b] {
        node.node.subscribe(service(1)).unwrap();
    }
    b.peers_of(service(1), 1);
    b.node.publish(service(1), b"late".to_vec()).unwrap();
    let message = a.message();
    eventually(|| (a.status().counters.judged_too_late == 1).then_some(()));
    a.node.judge(message.token, Verdict::Accept).unwrap();
    assert_eq!(a.status().counters.accepted, 0);
}

#[test]
fn a_message_waits_for_a_peer() {
    let a = Owned::start(remote(&[]), 1);
    a.node.subscribe(service(1)).unwrap();
    a.node.publish(service(1), b"early".to_vec()).unwrap();
    eventually(|| (a.status().pending_publishes == 1).then_some(()));
    let b = Owned::start(remote(&[&a.address]), 2);
    a.connected_to(b.peer());
    assert_eq!(a.status().counters.published, 0);
    b.node.subscribe(service(1)).unwrap();
    assert_eq!(b.message().data, b"early");
    assert_eq!(a.status().pending_publishes, 0);
}

fn failed(node: &Owned) -> (PublishFailure, usize) {
    node.wait(|event| match event {
        Event::PublishFailed { reason, size, .. } => Some((reason, size)),
        _ => None,
    })
}

#[test]
fn what_cannot_be_published_is_told() {
    let mut config = remote(&[]);
    config.max_retry_duration = Duration::from_millis(400);
    config.max_pending_publishes = 2;
    let a = Owned::start(config, 1);
    let refused = a.node.publish(service(1), b"x".to_vec()).unwrap_err();
    assert_eq!(refused.kind, FailureKind::NotSubscribed);
    a.node.subscribe(service(1)).unwrap();

    for size in [65_537, 65_536, 65_292] {
        a.node.publish(service(1), vec![b'x'; size]).unwrap();
        assert_eq!(failed(&a), (PublishFailure::TooLarge, size));
    }
    for size in [1, 2, 3] {
        a.node.publish(service(1), vec![b'x'; size]).unwrap();
        eventually(|| (a.status().pending_publishes == size.min(2)).then_some(()));
    }
    assert_eq!(failed(&a), (PublishFailure::Dropped, 1));
    assert_eq!(failed(&a), (PublishFailure::Expired, 2));
    assert_eq!(failed(&a), (PublishFailure::Expired, 3));
    let counters = a.status().counters;
    assert_eq!((counters.publish_too_large, counters.publish_dropped, counters.publish_expired), (3, 1, 2));

    a.node.publish(service(1), b"x".to_vec()).unwrap();
    a.node.unsubscribe(service(1)).unwrap();
    assert_eq!(a.status().pending_publishes, 0);
    assert_eq!(a.node.publish(service(1), b"x".to_vec()).unwrap_err().kind, FailureKind::NotSubscribed);
}

#[test]
fn long_messages_arrive_one_after_the_other() {
    let (a, b) = pair();
    let most = (0..70_000).rev().find(|data| frame::fits(*data)).unwrap();
    for round in 0..20_u8 {
        a.node.publish(service(1), vec![round; most]).unwrap();
        a.node.publish(service(1), vec![round; 5_000]).unwrap();
    }
    let mut got: Vec<_> = (0..40).map(|_| b.message()).map(|m| (m.data[0], m.data.len())).collect();
    got.sort_unstable();
    let sent: Vec<_> = (0..20).flat_map(|round| [(round, 5_000), (round, most)]).collect();
    assert_eq!(got, sent);
}

#[test]
fn subscriptions_show_in_the_status() {
    let (a, b) = pair();
    let topic = a.topic(service(1)).unwrap();
    assert_eq!(topic.subscribed_peers, 1);
    b.node.unsubscribe(service(1)).unwrap();
    a.peers_of(service(1), 0);
    assert!(b.status().topics.is_empty());
    b.node.subscribe(service(1)).unwrap();
    b.node.subscribe(service(1)).unwrap();
    a.peers_of(service(1), 1);
    assert_eq!(b.status().topics.len(), 1);
}

#[test]
fn stopping_ends_everything_and_says_so_once() {
    let (a, b) = pair();
    a.node.stop();
    assert_eq!(a.ended.try_recv().unwrap(), None);
    a.node.stop();
    assert!(a.ended.try_recv().is_err());
    assert_eq!(a.node.status().unwrap_err().kind, FailureKind::Stopped);
    assert_eq!(a.node.publish(service(1), vec![1]).unwrap_err().kind, FailureKind::Stopped);
    b.wait(|event| matches!(event, Event::PeerDisconnected { peer } if peer == a.peer()).then_some(()));
}
