// SPDX-License-Identifier: Apache-2.0
//! The guest engine: compiles WAVS components, keeps them ready, and runs each call in a fresh
//! instance under limits. No product logic: what a service may do is decided by the caller.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod address;
mod bare;
mod bindings;
mod budget;
mod components;
mod disk;
mod egress;
mod engine;
mod engine_config;
mod epoch;
mod failure;
mod files;
pub mod flat;
mod flat_types;
mod guest_mark;
mod host;
mod host_wavs;
mod hosts;
mod http;
mod inflight;
mod keyvalue;
mod lanes;
mod record;
mod run;
mod shape;
mod state;
mod stdio;
mod submitted;
mod tape;
mod tape_host;
mod tape_http;
mod taping;
mod tls;
mod wasi;
mod worlds;

pub use bare::Bare;
pub use bindings::{
    AggregatorAction, AggregatorInput, AnyTxHash, CosmosChainConfig, EvmChainConfig, KeyResponse, KvError,
    QuorumEntry, TriggerAction, WasmResponse, aggregator_output, chain, events, operator_input, service,
    types_core,
};
pub use components::{LoadOutcome, LoadRequest, LoadSource};
pub use egress::NetworkOptions;
pub use engine::{Engine, Stats};
pub use engine_config::{Metering, Options};
pub use failure::{Failure, Status};
pub use guest_mark::{GuestMark, current_guest};
pub use host::{CasAnswer, HostCallbacks, LogLevel, LogSource, Origin};
pub use record::{Record, difference};
pub use run::{RunOutcome, RunRequest};
pub use state::ServiceSnapshot;
pub use tape::Call;
pub use worlds::{Export, World};
