// SPDX-License-Identifier: Apache-2.0
//! The engine over the committed example components.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aggregator;
mod bare;
mod behaviour;
mod caches;
mod keyvalue;
mod limits;
mod record;
mod row;
mod support;
