// SPDX-License-Identifier: Apache-2.0
//! The number behind a message id. Without anything of libp2p, so that it can be fuzzed by itself.

/// `source` is the code and the digest of a peer id.
pub fn id_hash(data: &[u8], source: Option<(u64, &[u8])>, topic: &str) -> u64 {
    let mut bytes = Vec::with_capacity(data.len() + topic.len() + 80);
    bytes.extend_from_slice(&(data.len() as u64).to_le_bytes());
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(&u64::from(source.is_some()).to_le_bytes());
    if let Some((code, digest)) = source {
        bytes.extend_from_slice(&code.to_le_bytes());
        bytes.extend_from_slice(&(digest.len() as u64).to_le_bytes());
        bytes.extend_from_slice(digest);
    }
    bytes.extend_from_slice(topic.as_bytes());
    bytes.push(0xff);
    siphash_1_3(&bytes)
}

/// SipHash with one compression and three finalisation rounds and an all-zero key. Written out because
/// the standard library does not promise to keep the algorithm behind its hasher.
fn siphash_1_3(bytes: &[u8]) -> u64 {
    let mut v = [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];
    let mut blocks = bytes.chunks_exact(8);
    for block in &mut blocks {
        compress(&mut v, word(block));
    }
    compress(&mut v, (bytes.len() as u64) << 56 | word(blocks.remainder()));
    v[2] ^= 0xff;
    (0..3).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// At most eight bytes, least significant first.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn compress(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}
