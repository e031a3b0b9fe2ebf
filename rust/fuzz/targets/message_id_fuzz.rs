// SPDX-License-Identifier: Apache-2.0
//! Message ids of any data, source and topic.
#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};

use libfuzzer_sys::fuzz_target;
use wavs_fuzz::id_hash::id_hash;

fuzz_target!(|input: (&[u8], Option<(u64, &[u8])>, &str)| {
    let (data, source, topic) = input;
    let id = id_hash(data, source, topic);
    assert_eq!(id, id_hash(&data.to_vec(), source, &topic.to_owned()));
    // The standard library does not promise it, but the hasher of this toolchain is the same function, and the
    // ids of the network once came from it.
    let mut other = DefaultHasher::new();
    input.hash(&mut other);
    assert_eq!(id, other.finish());
});
