// SPDX-License-Identifier: Apache-2.0
//! Rates per peer or address.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

pub(crate) struct Rates<Who> {
    per_second: f64,
    burst: f64,
    buckets: HashMap<Who, Bucket>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl<Who: Eq + Hash> Rates<Who> {
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: per_second.into(), burst: burst.into(), buckets: HashMap::new() }
    }

    /// Whether this one stays within its rate with one more.
    pub fn take(&mut self, who: Who, now: Instant) -> bool {
        let bucket = self.buckets.entry(who).or_insert(Bucket { tokens: self.burst, filled: now });
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.per_second).min(self.burst);
        bucket.filled = now;
        let within = bucket.tokens >= 1.0;
        if within {
            bucket.tokens -= 1.0;
        }
        within
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Forgets those that have gone and whose bucket is full again; who connects anew does not get a
    /// fresh burst.
    pub fn tidy(&mut self, connected: impl Fn(&Who) -> bool, now: Instant) {
        let (per_second, burst) = (self.per_second, self.burst);
        self.buckets.retain(|who, bucket| {
            let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
            connected(who) || bucket.tokens + passed * per_second < burst
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use libp2p::PeerId;

    use super::*;

    #[test]
    fn a_burst_comes_back_with_time_not_with_a_new_connection() {
        let (mut rates, mut now) = (Rates::new(2, 3), Instant::now());
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
