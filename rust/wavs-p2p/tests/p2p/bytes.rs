// SPDX-License-Identifier: Apache-2.0
//! Gossip frames and their parts, made by hand.

use libp2p::identity::Keypair;

pub fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field of bytes.
pub fn field(number: usize, value: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(value.len()), value.to_vec()].concat()
}

/// A field with a number.
pub fn number(field: usize, value: usize) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// Behind its length.
pub fn framed(rpc: &[u8]) -> Vec<u8> {
    [varint(rpc.len()), rpc.to_vec()].concat()
}

pub fn subscriptions(topics: &[String]) -> Vec<u8> {
    changed_subscriptions(true, topics)
}

/// Or the opposite.
pub fn changed_subscriptions(subscribe: bool, topics: &[String]) -> Vec<u8> {
    let change =
        |topic: &String| field(1, &[number(1, subscribe.into()), field(2, topic.as_bytes())].concat());
    framed(&topics.iter().flat_map(change).collect::<Vec<u8>>())
}

/// The signature of a message without one.
pub fn sign(key: &Keypair, body: &[u8]) -> Vec<u8> {
    key.sign(&[b"libp2p-pubsub:", body].concat()).unwrap()
}

pub fn signed_message(key: &Keypair, topic: &str, sequence: &[u8], data: &[u8]) -> Vec<u8> {
    let from = key.public().to_peer_id().to_bytes();
    let body = [field(1, &from), field(2, data), field(3, sequence), field(4, topic.as_bytes())].concat();
    let signature = sign(key, &body);
    framed(&field(2, &[body, field(5, &signature)].concat()))
}
