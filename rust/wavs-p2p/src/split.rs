// SPDX-License-Identifier: Apache-2.0
//! Splits the greeting of gossip. To a new peer the library sends all subscriptions in one frame; other
//! nodes read 65,536 bytes at most, some builds 16 KiB of it subscriptions, which is about 190 services.
//! Above that they would close the stream again and again. The library gives no say in it, so outgoing
//! streams are watched: what is written on one that negotiates gossip is cut into several frames where
//! needed, which means the same.

/// Of all versions of gossip.
const GOSSIP_PREFIX: &str = "/meshsub/";
/// Bytes of subscriptions in one frame.
pub const GREETING_LIMIT: usize = 16_384;

const SUBSCRIPTION: u8 = 1 << 3 | 2;

/// What is written on one outgoing stream.
pub struct Writes {
    next: Next,
    /// Not a whole item yet. Nobody can act on a part of one, so it may wait for the rest.
    partial: Vec<u8>,
}

enum Next {
    Header,
    Proposal,
    /// Of gossip; or further lines of the negotiation.
    Frames,
    /// Another protocol's.
    Anything,
}

impl Writes {
    pub fn new() -> Self {
        Self { next: Next::Header, partial: Vec::new() }
    }

    /// Whether the stream needs no watching any more.
    pub fn passes(&self) -> bool {
        matches!(self.next, Next::Anything) && self.partial.is_empty()
    }

    /// What to write in place of `bytes`.
    pub fn replaced(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.partial.extend_from_slice(bytes);
        let mut out = Vec::with_capacity(self.partial.len());
        let mut rest = self.partial.as_slice();
        while !matches!(self.next, Next::Anything) {
            let Some((item, after)) = item(rest) else { break };
            let whole = &rest[..rest.len() - after.len()];
            match self.next {
                Next::Header => self.next = Next::Proposal,
                Next::Proposal if item.starts_with(GOSSIP_PREFIX.as_bytes()) => self.next = Next::Frames,
                Next::Proposal => self.next = Next::Anything,
                Next::Frames | Next::Anything => {}
            }
            match split(item) {
                Some(frames) => frames.iter().for_each(|frame| put_item(frame, &mut out)),
                None => out.extend_from_slice(whole),
            }
            rest = after;
        }
        if matches!(self.next, Next::Anything) {
            out.extend_from_slice(rest);
            rest = &[];
        }
        self.partial = rest.to_vec();
        out
    }

    /// What was held back, when nothing follows.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }
}

/// The parts of a frame that is too long and has nothing but subscriptions; `None`: it stays as it is.
pub fn split(rpc: &[u8]) -> Option<Vec<Vec<u8>>> {
    if rpc.len() <= GREETING_LIMIT {
        return None;
    }
    let mut frames = Vec::new();
    let mut frame = Vec::new();
    let mut rest = rpc;
    while let Some((&SUBSCRIPTION, body)) = rest.split_first() {
        let (_, after) = item(body)?;
        let field = &rest[..rest.len() - after.len()];
        if !frame.is_empty() && frame.len() + field.len() > GREETING_LIMIT {
            frames.push(std::mem::take(&mut frame));
        }
        frame.extend_from_slice(field);
        rest = after;
    }
    frames.push(frame);
    rest.is_empty().then_some(frames)
}

/// The body of the first item and what follows it, if the item is complete.
fn item(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut len, mut shift) = (0_usize, 0_u32);
    for (at, byte) in bytes.iter().enumerate() {
        len |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte & 0x80 == 0 {
            let body = &bytes[at + 1..];
            return (body.len() >= len).then(|| body.split_at(len));
        }
    }
    None
}

fn put_item(body: &[u8], out: &mut Vec<u8>) {
    let mut len = body.len();
    while len > 0x7f {
        out.push((len & 0x7f) as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(bodies: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        bodies.iter().for_each(|body| put_item(body, &mut out));
        out
    }

    fn subscriptions(count: usize) -> Vec<u8> {
        (0..count).flat_map(|_| [&[SUBSCRIPTION, 80][..], &[7; 80]].concat()).collect()
    }

    const HEADER: &[u8] = b"/multistream/1.0.0\n";
    const GOSSIP: &[u8] = b"/meshsub/1.1.0\n";

    #[test]
    fn a_long_greeting_is_cut_between_subscriptions() {
        let greeting = subscriptions(1_000);
        let frames = split(&greeting).unwrap();
        assert_eq!(frames.concat(), greeting);
        assert!(frames.iter().all(|frame| frame.len() <= GREETING_LIMIT && frame.len() % 82 == 0));
        assert_eq!(frames.len(), 6);
        assert_eq!(split(&subscriptions(100)), None);
        assert_eq!(split(&[&greeting[..], &[2 << 3 | 2, 0]].concat()), None, "a message is in it");
        assert_eq!(split(&greeting[..greeting.len() - 1]), None, "it is cut off");
    }

    #[test]
    fn however_it_is_written_the_same_comes_out() {
        let greeting = subscriptions(1_000);
        let message = [&[2 << 3 | 2, 0xa0, 0x9c, 1][..], &[9; 20_000]].concat();
        let plain = items(&[HEADER, b"/meshsub/1.3.0\n", GOSSIP, &greeting, &message]);
        let frames = split(&greeting).unwrap();
        let mut bodies: Vec<&[u8]> = vec![HEADER, b"/meshsub/1.3.0\n", GOSSIP];
        bodies.extend(frames.iter().map(Vec::as_slice));
        bodies.push(&message);
        for size in [1, 7, 1_000, plain.len()] {
            let mut writes = Writes::new();
            let out: Vec<u8> = plain.chunks(size).flat_map(|chunk| writes.replaced(chunk)).collect();
            assert!(out == items(&bodies), "in pieces of {size}");
            assert!(writes.rest().is_empty());
        }
    }

    #[test]
    fn other_protocols_are_left_alone() {
        let long = subscriptions(1_000);
        let plain = [items(&[HEADER, b"/ipfs/kad/1.0.0\n"]), long].concat();
        let mut writes = Writes::new();
        let out: Vec<u8> = plain.chunks(100).flat_map(|chunk| writes.replaced(chunk)).collect();
        assert!(out == plain);
        assert!(writes.passes());

        let mut writes = Writes::new();
        assert!(writes.replaced(&[0xff]).is_empty());
        assert_eq!(writes.rest(), [0xff]);
    }
}
