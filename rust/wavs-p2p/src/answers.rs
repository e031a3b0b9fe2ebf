// SPDX-License-Identifier: Apache-2.0
//! Requests of peers: those that wait for their answer, and the answers that are being read. A peer that
//! asks and does not read would otherwise pile up answers of 10 MiB.

use std::collections::HashMap;
use std::time::Instant;

use libp2p::request_response::{InboundRequestId, ResponseChannel};

use crate::event::Token;

type Channel = ResponseChannel<Vec<u8>>;

pub(crate) struct Answers {
    most_waiting: usize,
    most_bytes: usize,
    waiting: HashMap<Token, (InboundRequestId, Channel, Instant)>,
    under_way: HashMap<InboundRequestId, usize>,
    bytes: usize,
}

impl Answers {
    pub fn new(most_waiting: usize, most_bytes: usize) -> Self {
        Self { most_waiting, most_bytes, waiting: HashMap::new(), under_way: HashMap::new(), bytes: 0 }
    }

    pub fn has_room(&self) -> bool {
        self.waiting.len() < self.most_waiting && self.bytes < self.most_bytes
    }

    pub fn wait(&mut self, token: Token, id: InboundRequestId, channel: Channel, deadline: Instant) {
        self.waiting.insert(token, (id, channel, deadline));
    }

    /// Where to send an answer of so many bytes; `None`: to nobody. Dropping the channel refuses the
    /// request.
    pub fn give(&mut self, token: Token, bytes: usize) -> Option<Channel> {
        let (id, channel, _) = self.waiting.remove(&token)?;
        // One that is longer than all may be goes when it is alone.
        if self.bytes > 0 && self.bytes + bytes > self.most_bytes {
            return None;
        }
        self.bytes += bytes;
        self.under_way.insert(id, bytes);
        Some(channel)
    }

    /// Sent, or failed.
    pub fn ended(&mut self, id: &InboundRequestId) {
        self.bytes -= self.under_way.remove(id).unwrap_or(0);
    }

    pub fn tidy(&mut self, now: Instant) {
        self.waiting.retain(|_, (_, _, deadline)| *deadline > now);
    }
}
