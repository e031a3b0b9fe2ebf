// SPDX-License-Identifier: Apache-2.0
//! A hostile peer, for tests of a running node: `hostile MULTIADDR PEER_ID SERVICE_ID ATTACK SECONDS [SEED]`.
//! Says on one line of JSON what it did. Status 1: the node cannot be reached.
#![allow(clippy::unwrap_used)]

#[path = "../tests/p2p/attacks.rs"]
mod attacks;
#[path = "../tests/p2p/bytes.rs"]
mod bytes;
#[path = "../tests/p2p/intruder.rs"]
mod intruder;

use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use attacks::{ATTACKS, Attack};
use intruder::Target;
use wavs_p2p::ServiceId;

struct Order {
    target: Target,
    name: &'static str,
    attack: Attack,
    time: Duration,
    seed: u64,
}

fn order(arguments: &[String]) -> Option<Order> {
    let ([address, peer, service, attack, seconds], seed) = match arguments {
        [first @ .., seed] if first.len() == 5 => (first.first_chunk()?, seed.parse().ok()?),
        all if all.len() == 5 => (all.first_chunk()?, now()),
        _ => return None,
    };
    let target = Target {
        address: address.parse().ok()?,
        peer: peer.parse().ok()?,
        service: ServiceId::from_hex(service)?,
    };
    let (name, attack) = ATTACKS.into_iter().find(|(name, _)| name == attack)?;
    Some(Order { target, name, attack, time: Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?, seed })
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as u64)
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let Some(Order { target, name, attack, time, seed }) = order(&arguments) else {
        let names = ATTACKS.map(|(name, _)| name).join("|");
        eprintln!("hostile MULTIADDR PEER_ID SERVICE_ID {names} SECONDS [SEED]");
        return ExitCode::from(2);
    };
    let address = target.address.clone();
    match intruder::run(target, attack, time, seed) {
        Ok(counts) => {
            let [sent, bytes, connections] =
                [&counts.sent, &counts.bytes, &counts.connections].map(|count| count.load(Relaxed));
            println!(
                "{{\"attack\":\"{name}\",\"sent\":{sent},\"bytes\":{bytes},\"connections\":{connections},\
                 \"seed\":{seed}}}"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("hostile: {address} cannot be reached: {error}");
            ExitCode::FAILURE
        }
    }
}
