// SPDX-License-Identifier: Apache-2.0
//! The guest engine: compiles WAVS components, keeps them ready, and runs each call in a fresh
//! instance under limits. No product logic: what a service may do is decided by the caller.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bindings;
mod budget;
mod components;
mod disk;
mod engine;
mod engine_config;
mod epoch;
mod failure;
pub mod flat;
mod flat_types;
mod host;
mod host_wavs;
mod inflight;
mod keyvalue;
mod network;
mod run;
mod shape;
mod state;
mod stdio;
mod worlds;

pub use bindings::{
    AggregatorAction, AggregatorInput, AnyTxHash, CosmosChainConfig, EvmChainConfig, KeyResponse, KvError,
    TriggerAction, WasmResponse, aggregator_output, chain, events, operator_input, service, types_core,
};
pub use components::{LoadOutcome, LoadRequest, LoadSource};
pub use engine::{Engine, Stats};
pub use engine_config::Options;
pub use failure::{Failure, Status};
pub use host::{CasAnswer, HostCallbacks, LogLevel, LogSource, Origin};
pub use run::{RunOutcome, RunRequest};
pub use state::ServiceSnapshot;
pub use worlds::{Export, World};
