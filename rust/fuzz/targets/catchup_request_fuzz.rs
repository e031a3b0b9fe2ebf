// SPDX-License-Identifier: Apache-2.0
//! Any bytes as a catch-up request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wavs_fuzz::request::{REQUEST_LIMIT, decode_request, encode_request};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(service) = decode_request(bytes) {
        assert!(bytes.len() <= REQUEST_LIMIT);
        let again = encode_request(&service);
        assert!(decode_request(&again).is_ok_and(|found| found == service));
    }
});
