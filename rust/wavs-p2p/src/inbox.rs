// SPDX-License-Identifier: Apache-2.0
//! Events on their way to the owner, who says by credits how many it takes.

use std::collections::VecDeque;

use crate::event::Event;

pub(crate) struct Inbox {
    waiting: VecDeque<Event>,
    bytes: usize,
    credits: u64,
    max_events: usize,
    max_bytes: usize,
}

impl Inbox {
    pub fn new(max_events: usize, max_bytes: usize) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, credits: 0, max_events, max_bytes }
    }

    pub fn grant(&mut self, credits: u64) {
        self.credits = self.credits.saturating_add(credits);
    }

    pub fn has_room(&self, bytes: usize) -> bool {
        self.waiting.len() < self.max_events && self.bytes.saturating_add(bytes) <= self.max_bytes
    }

    /// False: it found no room and is gone.
    pub fn push(&mut self, event: Event) -> bool {
        let room = self.has_room(event.bytes());
        if room {
            self.keep(event);
        }
        room
    }

    /// For events that repeat what `status` shows: they may take as much room again, so that a flood of
    /// messages does not hide them.
    pub fn push_notice(&mut self, event: Event) -> bool {
        let room = self.waiting.len() < self.max_events.saturating_mul(2);
        if room {
            self.keep(event);
        }
        room
    }

    fn keep(&mut self, event: Event) {
        self.bytes += event.bytes();
        self.waiting.push_back(event);
    }

    /// The next event, if there is credit for one.
    pub fn next(&mut self) -> Option<Event> {
        if self.credits == 0 {
            return None;
        }
        let event = self.waiting.pop_front()?;
        self.credits -= 1;
        self.bytes -= event.bytes();
        Some(event)
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub fn credits(&self) -> u64 {
        self.credits
    }
}

#[cfg(test)]
mod tests {
    use libp2p::PeerId;

    use super::*;
    use crate::topic::ServiceId;

    fn answer(bytes: usize) -> Event {
        Event::CatchupAnswered { peer: PeerId::random(), service: ServiceId([0; 32]), data: vec![0; bytes] }
    }

    fn notice() -> Event {
        Event::PeerConnected { peer: PeerId::random() }
    }

    #[test]
    fn events_are_bounded_in_number_and_bytes_and_cost_credit() {
        let mut inbox = Inbox::new(3, 100);
        assert!(inbox.push(answer(60)));
        assert!(!inbox.push(answer(41)));
        assert!(inbox.push(answer(40)) && inbox.push(answer(0)));
        assert!(!inbox.push(answer(0)));
        assert!([(); 3].into_iter().all(|()| inbox.push_notice(notice())));
        assert!(!inbox.push_notice(notice()));
        assert!(inbox.next().is_none());
        inbox.grant(2);
        assert!(matches!(inbox.next(), Some(Event::CatchupAnswered { data, .. }) if data.len() == 60));
        assert!(inbox.next().is_some() && inbox.next().is_none());
        assert_eq!((inbox.waiting(), inbox.bytes, inbox.credits()), (4, 0, 0));
    }
}
