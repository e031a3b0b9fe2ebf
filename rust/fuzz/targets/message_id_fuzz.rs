// SPDX-License-Identifier: Apache-2.0
//! Message ids of any data, source and topic.
#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};

use libfuzzer_sys::fuzz_target;
use wavs_fuzz::id_hash::id_hash;

type Input<'a> = (&'a [u8], Option<(u64, &'a [u8])>, &'a str);

fuzz_target!(|input: Input| {
    let (data, source, topic) = input;
    let id = id_hash(data, source, topic);
    let elsewhere = (data.to_vec(), topic.to_owned());
    assert_eq!(id, id_hash(&elsewhere.0, source, &elsewhere.1));
    // The standard library does not promise it, but the hasher of this toolchain is the same function, and the
    // ids of the network once came from it.
    let mut other = DefaultHasher::new();
    input.hash(&mut other);
    assert_eq!(id, other.finish());
});
