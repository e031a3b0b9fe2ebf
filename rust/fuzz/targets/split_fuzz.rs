// SPDX-License-Identifier: Apache-2.0
//! What is written on a stream, in any pieces. The first bytes say what is written before the rest, which is
//! written as it is: a long greeting would be too much to guess.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wavs_fuzz::split::{GREETING_LIMIT, Writes};

const NEGOTIATION: &[u8] = b"\x13/multistream/1.0.0\n\x0f/meshsub/1.1.0\n";
const SUBSCRIPTION: [u8; 82] = {
    let mut field = [7; 82];
    field[0] = 1 << 3 | 2;
    field[1] = 80;
    field
};

fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// The bodies of all items, one after the other, the longest of them, and what follows the last.
fn bodies(mut bytes: &[u8]) -> (Vec<u8>, usize, &[u8]) {
    let (mut all, mut longest) = (Vec::new(), 0);
    while let Some((len, after)) = varint(bytes) {
        if after.len() < len {
            break;
        }
        all.extend_from_slice(&after[..len]);
        longest = longest.max(len);
        bytes = &after[len..];
    }
    (all, longest, bytes)
}

fn written(stream: &[u8], sizes: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut writes = Writes::new();
    let (mut out, mut rest) = (Vec::new(), stream);
    for size in sizes {
        let (piece, after) = rest.split_at(size.min(rest.len()));
        out.extend(writes.replaced(piece));
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    out.extend(writes.replaced(rest));
    out.extend(writes.rest());
    out
}

fuzz_target!(|input: &[u8]| {
    let [before, subscriptions, a, b, raw @ ..] = input else { return };
    let mut stream = Vec::new();
    if before & 1 == 0 {
        stream.extend_from_slice(NEGOTIATION);
    }
    if before & 2 == 0 {
        let greeting = SUBSCRIPTION.repeat(2 * usize::from(*subscriptions));
        let mut len = greeting.len();
        while len > 0x7f {
            stream.push((len & 0x7f) as u8 | 0x80);
            len >>= 7;
        }
        stream.push(len as u8);
        stream.extend_from_slice(&greeting);
    }
    stream.extend_from_slice(raw);

    let whole = written(&stream, std::iter::empty());
    // Short pieces only at the start, since each copies what waits.
    let (small, large) = (usize::from(*a), 1_000 + 64 * usize::from(*b));
    let sizes = std::iter::repeat_n(small, 64).chain(std::iter::repeat(large));
    assert!(written(&stream, sizes) == whole);

    let (meant, longest, rest) = bodies(&stream);
    let (found, longest_found, rest_found) = bodies(&whole);
    assert!(found == meant && rest_found == rest);
    assert!(longest_found <= longest);
    if before & 3 == 0 && raw.is_empty() {
        assert!(longest_found <= GREETING_LIMIT);
    }
});
