// SPDX-License-Identifier: Apache-2.0
//! Real swarms over loopback TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attacks;
mod bytes;
mod catchup;
mod discovery;
mod frames;
mod gossip;
mod hostile;
mod interop;
mod intruder;
mod limits;
mod plain;
mod raw;
mod support;
mod wire;
