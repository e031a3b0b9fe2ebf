// SPDX-License-Identifier: Apache-2.0
//! Real swarms over loopback TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bytes;
mod catchup;
mod discovery;
mod frames;
mod gossip;
mod interop;
mod limits;
mod plain;
mod raw;
mod support;
mod wire;
