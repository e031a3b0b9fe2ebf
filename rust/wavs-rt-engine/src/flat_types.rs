// SPDX-License-Identifier: Apache-2.0
//! The flat encoding of the WAVS types: one line per field list, in WIT order.

use crate::bindings::aggregator_output::{
    AggregatorAction, CosmosSubmitAction, EvmSubmitAction, SubmitAction, TimerAction,
};
use crate::bindings::chain::{
    AnyTxHash, CosmosAddress, CosmosChainConfig, CosmosEvent, EvmAddress, EvmChainConfig, EvmEventLog,
    EvmEventLogData,
};
use crate::bindings::events::{
    TriggerData, TriggerDataAtprotoEvent, TriggerDataBlockInterval, TriggerDataCosmosContractEvent,
    TriggerDataCron, TriggerDataEvmContractEvent, TriggerDataHypercoreAppend,
};
use crate::bindings::operator_input::{TriggerAction, TriggerConfig};
use crate::bindings::service::{
    AggregatorSubmit, AllowedHostPermission, Component, ComponentSource, ComponentSourceDownload,
    CosmosManager, EvmManager, Permissions, Registry, Service, ServiceManager, ServiceStatus,
    SignatureAlgorithm, SignatureKind, SignaturePrefix, Submit, Trigger, TriggerAtprotoEvent,
    TriggerBlockInterval, TriggerCosmosContractEvent, TriggerCron, TriggerEvmContractEvent,
    TriggerHypercoreAppend, Workflow,
};
use crate::bindings::types_core::{Duration, Timestamp, U128};
use crate::bindings::{AggregatorInput, KeyResponse, QuorumEntry, WasmResponse};
use crate::flat::{Flat, FlatError, Reader};

macro_rules! record {
    ($name:ident { $($field:ident),+ }) => {
        impl Flat for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)+
            }
            fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
                Ok(Self { $($field: Flat::get(from)?),+ })
            }
        }
    };
}

macro_rules! variant {
    ($name:ident { $($tag:literal $case:ident $(($payload:ident))?),+ }) => {
        impl Flat for $name {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$case $(($payload))? => {
                        out.push($tag);
                        $($payload.put(out);)?
                    })+
                }
            }
            fn get(from: &mut Reader<'_>) -> Result<Self, FlatError> {
                match from.tag()? {
                    $($tag => Ok(Self::$case $(({ let $payload = Flat::get(from)?; $payload }))?),)+
                    tag => Err(FlatError::Tag(tag)),
                }
            }
        }
    };
}

record!(Timestamp { nanos });
record!(Duration { secs });
record!(U128 { value });

variant!(AnyTxHash { 0 Evm(v), 1 Cosmos(v) });
record!(CosmosAddress { bech32_addr, prefix_len });
record!(CosmosEvent { ty, attributes });
record!(CosmosChainConfig {
    chain_id,
    rpc_endpoint,
    grpc_endpoint,
    grpc_web_endpoint,
    gas_price,
    gas_denom,
    bech32_prefix
});
record!(EvmAddress { raw_bytes });
record!(EvmEventLogData { topics, data });
record!(EvmEventLog {
    address,
    data,
    tx_hash,
    block_number,
    log_index,
    block_hash,
    block_timestamp,
    tx_index
});
record!(EvmChainConfig { chain_id, ws_endpoints, http_endpoint });

variant!(TriggerData {
    0 EvmContractEvent(v), 1 CosmosContractEvent(v), 2 BlockInterval(v), 3 Cron(v),
    4 AtprotoEvent(v), 5 HypercoreAppend(v), 6 Raw(v)
});
record!(TriggerDataEvmContractEvent { chain, log });
record!(TriggerDataCosmosContractEvent { contract_address, chain, event, event_index, block_height });
record!(TriggerDataBlockInterval { chain, block_height });
record!(TriggerDataCron { trigger_time });
record!(TriggerDataAtprotoEvent {
    sequence,
    timestamp,
    repo,
    collection,
    rkey,
    action,
    cid,
    record_data,
    rev,
    op_index
});
record!(TriggerDataHypercoreAppend { feed_key, index, data });

record!(Service { name, workflows, status, manager });
variant!(ServiceStatus { 0 Active, 1 Paused });
variant!(ServiceManager { 0 Evm(v), 1 Cosmos(v) });
record!(EvmManager { chain, address });
record!(CosmosManager { chain, address });
record!(Workflow { trigger, component, submit });
record!(Component { source, permissions, fuel_limit, time_limit_seconds, config, env_keys });
variant!(ComponentSource { 0 Download(v), 1 Registry(v), 2 Digest(v) });
record!(ComponentSourceDownload { uri, digest });
record!(Registry { digest, domain, version, pkg });
record!(Permissions { allowed_http_hosts, file_system, raw_sockets, dns_resolution });
variant!(AllowedHostPermission { 0 All, 1 Only(v), 2 None });
variant!(Trigger {
    0 EvmContractEvent(v), 1 CosmosContractEvent(v), 2 BlockInterval(v), 3 Cron(v),
    4 AtprotoEvent(v), 5 HypercoreAppend(v), 6 Manual
});
record!(TriggerEvmContractEvent { address, chain, event_hash });
record!(TriggerCosmosContractEvent { address, chain, event_type });
record!(TriggerBlockInterval { chain, n_blocks, start_block, end_block });
record!(TriggerCron { schedule, start_time, end_time });
record!(TriggerAtprotoEvent { collection, repo_did, action });
record!(TriggerHypercoreAppend { feed_key });
variant!(Submit { 0 None, 1 Aggregator(v) });
record!(AggregatorSubmit { component, signature_kind });
record!(SignatureKind { algorithm, prefix });
variant!(SignatureAlgorithm { 0 Secp256k1 });
variant!(SignaturePrefix { 0 Eip191 });

record!(TriggerConfig { service_id, workflow_id, trigger });
record!(TriggerAction { config, data });
record!(WasmResponse { payload, ordering, event_id_salt });
record!(AggregatorInput { trigger_action, operator_response });
variant!(AggregatorAction { 0 Timer(v), 1 Submit(v) });
record!(TimerAction { delay });
variant!(SubmitAction { 0 Evm(v), 1 Cosmos(v) });
record!(EvmSubmitAction { chain, address, gas_price });
record!(CosmosSubmitAction { chain, address, gas_price });
record!(QuorumEntry { signer, weight, signature });
record!(KeyResponse { keys, cursor });

#[cfg(test)]
#[path = "flat_tests.rs"]
mod tests;
