// SPDX-License-Identifier: Apache-2.0
//! Hostile peers have no effect on honest ones.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use wavs_p2p::{Event, PeerId, Verdict};

use crate::attacks::ATTACKS;
use crate::intruder::{Target, run};
use crate::plain::Plain;
use crate::support::{Owned, PATIENCE, remote, service};

/// The owner's part, until the honest peer has said `wanted` and `over` is true: what others say is invalid.
fn serve(own: &Owned, honest: PeerId, wanted: &[u8], over: impl Fn() -> bool) {
    let (end, mut heard) = (Instant::now() + PATIENCE, false);
    while !heard || !over() {
        assert!(Instant::now() < end, "{} was not heard", String::from_utf8_lossy(wanted));
        match own.events.recv_timeout(Duration::from_millis(10)) {
            Ok(Event::CatchupRequested { token, .. }) => {
                own.node.answer_catchup(token, b"{\"submissions\":[]}".to_vec()).unwrap();
            }
            Ok(Event::Message { token, source, data, .. }) => {
                heard |= source == honest && data == wanted;
                let verdict = if source == honest { Verdict::Accept } else { Verdict::Reject };
                own.node.judge(token, verdict).unwrap();
            }
            _ => {}
        }
    }
}

#[test]
fn hostile_attacks_leave_honest_traffic_alone() {
    let own = Owned::start(remote(&[]), 1);
    let topic = service(1).topic();
    let honest = Plain::joining(&own, service(1));
    let target = Target { address: own.address.clone(), peer: own.peer(), service: service(1) };
    for (name, attack) in ATTACKS {
        let target = target.clone();
        // A busy machine may need more than once to send anything.
        let attacker = std::thread::spawn(move || {
            let time = Duration::from_millis(500);
            (0..100).any(|seed| run(target.clone(), attack, time, seed).unwrap().sent.load(Relaxed) > 0)
        });
        let say = |when: &str, over: &dyn Fn() -> bool| {
            let said = format!("{name} {when}").into_bytes();
            honest.publish(&topic, &said).unwrap();
            serve(&own, honest.peer, &said, over);
        };
        say("meanwhile", &|| attacker.is_finished());
        say("afterwards", &|| true);
        assert!(attacker.join().unwrap(), "{name}");
    }
    assert!(own.score_of(honest.peer) >= 0.0);
}
