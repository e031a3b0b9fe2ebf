// SPDX-License-Identifier: Apache-2.0
//! The request of the catch-up protocol. Without anything of libp2p, so that it can be fuzzed by itself.

use std::io;

use serde::Deserialize;

use crate::topic::ServiceId;

pub const REQUEST_LIMIT: usize = 1_024;

#[derive(Deserialize)]
struct Request {
    service_id: String,
}

/// The service a request asks about.
pub fn decode_request(bytes: &[u8]) -> io::Result<ServiceId> {
    if bytes.len() > REQUEST_LIMIT {
        return Err(too_long("request", REQUEST_LIMIT));
    }
    let request: Request = serde_json::from_slice(bytes)?;
    ServiceId::from_hex(&request.service_id)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "service_id is not 64 hex digits"))
}

pub fn encode_request(service: &ServiceId) -> Vec<u8> {
    format!("{{\"service_id\":\"{service}\"}}").into_bytes()
}

pub fn too_long(what: &str, limit: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("catch-up {what} above {limit} bytes"))
}
