// SPDX-License-Identifier: Apache-2.0
//! Rates per peer.

use std::collections::HashMap;
use std::time::Instant;

use libp2p::PeerId;

pub(crate) struct PeerRates {
    per_second: f64,
    burst: f64,
    buckets: HashMap<PeerId, Bucket>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl PeerRates {
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.into(), burst: burst.into(), buckets: HashMap::new() }
    }

    /// Whether the peer stays within its rate with one more.
    pub fn take(&mut self, peer: PeerId, now: Instant) -> bool {
        let bucket = self.buckets.entry(peer).or_insert(Bucket { tokens: self.burst, filled: now });
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.per_second).min(self.burst);
        bucket.filled = now;
        let within = bucket.tokens >= 1.0;
        if within {
            bucket.tokens -= 1.0;
        }
        within
    }

    /// Forgets peers that have gone and whose bucket is full again; a peer that connects anew does not
    /// get a fresh burst.
    pub fn tidy(&mut self, connected: impl Fn(&PeerId) -> bool, now: Instant) {
        let (per_second, burst) = (self.per_second, self.burst);
        self.buckets.retain(|peer, bucket| {
            let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
            connected(peer) || bucket.tokens + passed * per_second < burst
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_comes_back_with_time_not_with_a_new_connection() {
        let (mut rates, mut now) = (PeerRates::new(2, 3), Instant::now());
        let (peer, other) = (PeerId::random(), PeerId::random());
        assert_eq!([(); 4].map(|()| rates.take(peer, now)), [true, true, true, false]);
        assert!(rates.take(other, now));
        rates.tidy(|_| false, now);
        assert!(!rates.take(peer, now), "forgotten too early");
        now += Duration::from_secs(1);
        assert_eq!([(); 3].map(|()| rates.take(peer, now)), [true, true, false]);
        now += Duration::from_secs(60);
        rates.tidy(|_| false, now);
        assert!(rates.buckets.is_empty());
        assert_eq!([(); 4].map(|()| rates.take(peer, now)), [true, true, true, false]);
    }
}
