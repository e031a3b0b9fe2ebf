// SPDX-License-Identifier: Apache-2.0
//! Real swarms over loopback TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod wire;
