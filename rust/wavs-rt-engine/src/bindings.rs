// SPDX-License-Identifier: Apache-2.0
//! Generated from wit/. WASI is not bound here; its host crates bring their own bindings.

pub mod operator {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "wavs:node/operator",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "wasi:keyvalue/store.bucket": crate::keyvalue::Bucket,
            "wasi:keyvalue/atomics.cas": crate::keyvalue::Cas,
        },
    });
}

pub mod aggregator {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "wavs:node/aggregator",
        imports: { default: trappable },
        exports: { default: async },
        with: {
            "wavs:types": crate::bindings::operator::wavs::types,
            "wavs:operator": crate::bindings::operator::wavs::operator,
            "wasi:keyvalue": crate::bindings::operator::wasi::keyvalue,
        },
    });
}

pub mod quorum {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "wavs:node/quorum",
        exports: { default: async },
        with: {
            "wavs:types": crate::bindings::operator::wavs::types,
            "wavs:aggregator": crate::bindings::aggregator::wavs::aggregator,
        },
    });
}

pub use aggregator::wavs::aggregator::input::AggregatorInput;
pub use aggregator::wavs::aggregator::output as aggregator_output;
pub use aggregator_output::AggregatorAction;
pub use chain::{AnyTxHash, CosmosChainConfig, EvmChainConfig};
pub use operator::wasi::keyvalue::store::{Error as KvError, KeyResponse};
pub use operator::wavs::operator::input as operator_input;
pub use operator::wavs::operator::input::TriggerAction;
pub use operator::wavs::operator::output::WasmResponse;
pub use operator::wavs::types::{chain, core as types_core, events, service};
pub use quorum::exports::wavs::quorum::select::{GuestIndices as SelectIndices, QuorumEntry};
