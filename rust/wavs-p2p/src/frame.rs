// SPDX-License-Identifier: Apache-2.0
//! Sizes of gossip frames. Other nodes close the stream on a frame above the limit, so a message that
//! does not fit is held back here, with its length prefix and with the public key that a sender may add.

use crate::topic::TOPIC_LEN;

/// The most that other nodes read as one frame.
pub const FRAME_LIMIT: usize = 65_536;

/// The most this node reads. Above `FRAME_LIMIT` because the library applies the bound to its whole read
/// buffer, in which up to one further read (8 KiB) may follow a frame that is just complete.
pub const RECEIVE_LIMIT: usize = FRAME_LIMIT + 8_192;

const PEER_ID: usize = 38;
const SEQUENCE_NUMBER: usize = 8;
const SIGNATURE: usize = 64;
const PUBLIC_KEY: usize = 36;
/// Field number and one byte of length.
const HEAD: usize = 2;

/// Bytes on the wire of one message with so much data, at most.
pub const fn frame_len(data: usize) -> usize {
    let fixed = 5 * HEAD + PEER_ID + SEQUENCE_NUMBER + TOPIC_LEN + SIGNATURE + PUBLIC_KEY;
    let message = fixed + 1 + varint_len(data) + data;
    let rpc = 1 + varint_len(message) + message;
    varint_len(rpc) + rpc
}

const fn varint_len(value: usize) -> usize {
    let bits = (usize::BITS - value.leading_zeros()) as usize;
    if bits == 0 { 1 } else { bits.div_ceil(7) }
}

/// Whether every node of the network can take a message with so much data.
pub const fn fits(data: usize) -> bool {
    data <= FRAME_LIMIT && frame_len(data) <= FRAME_LIMIT
}
