// SPDX-License-Identifier: Apache-2.0
//! Messages that wait to be judged. Every one arrives with the same time left, so the oldest expires
//! first.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::gossipsub::MessageId;

use crate::event::Token;

pub(crate) struct Unjudged {
    pub id: MessageId,
    pub delivered_by: PeerId,
    /// Too long for other nodes to take from us.
    pub keep_back: bool,
}

pub(crate) struct Verdicts {
    timeout: Duration,
    open: HashMap<Token, Unjudged>,
    order: VecDeque<(Instant, Token)>,
}

impl Verdicts {
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, open: HashMap::new(), order: VecDeque::new() }
    }

    pub fn wait(&mut self, token: Token, message: Unjudged, now: Instant) {
        self.open.insert(token, message);
        self.order.push_back((now + self.timeout, token));
    }

    /// `None`: judged before, or too late.
    pub fn take(&mut self, token: Token) -> Option<Unjudged> {
        self.open.remove(&token)
    }

    /// The next message whose time is over.
    pub fn expired(&mut self, now: Instant) -> Option<Unjudged> {
        while let Some(&(deadline, token)) = self.order.front() {
            if deadline > now {
                return None;
            }
            self.order.pop_front();
            if let Some(message) = self.open.remove(&token) {
                return Some(message);
            }
        }
        None
    }

    pub fn len(&self) -> usize {
        self.open.len()
    }
}
