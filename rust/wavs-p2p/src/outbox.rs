// SPDX-License-Identifier: Apache-2.0
//! Messages nobody could take yet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::topic::ServiceId;

pub(crate) struct Pending {
    pub service: ServiceId,
    pub data: Vec<u8>,
    pub since: Instant,
}

pub(crate) struct Outbox {
    pending: VecDeque<Pending>,
    most: usize,
    max_age: Duration,
}

impl Outbox {
    pub fn new(most: usize, max_age: Duration) -> Self {
        Self { pending: VecDeque::new(), most, max_age }
    }

    /// The message that had to go to make room, if any; with no room at all, the new one.
    pub fn push(&mut self, message: Pending) -> Option<Pending> {
        self.pending.push_back(message);
        if self.pending.len() > self.most { self.pending.pop_front() } else { None }
    }

    /// Takes out what is too old.
    pub fn expired(&mut self, now: Instant) -> Vec<Pending> {
        let max_age = self.max_age;
        self.take(|message| now.saturating_duration_since(message.since) > max_age)
    }

    /// Takes out what waits for these services; a failed message comes back by `push`.
    pub fn of(&mut self, wanted: impl Fn(&ServiceId) -> bool) -> Vec<Pending> {
        self.take(|message| wanted(&message.service))
    }

    fn take(&mut self, mut wanted: impl FnMut(&Pending) -> bool) -> Vec<Pending> {
        let (out, rest) = self.pending.drain(..).partition(|message| wanted(message));
        self.pending = rest;
        Vec::from(out)
    }

    pub fn len(&self) -> usize {
        self.pending.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
