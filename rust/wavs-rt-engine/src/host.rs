// SPDX-License-Identifier: Apache-2.0
//! What the engine asks of the node. All calls of a guest pass through `HostPort`, so that a run's
//! inputs can be recorded in one place.

use std::sync::Arc;

use crate::bindings::{CosmosChainConfig, EvmChainConfig, KeyResponse, KvError};
use crate::budget::Budget;
use crate::worlds::Export;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum LogLevel {
    Error = 0,
    Warn = 1,
    Info = 2,
    Debug = 3,
    Trace = 4,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum LogSource {
    Host = 0,
    Stdout = 1,
    Stderr = 2,
    Notice = 3,
}

/// Which run speaks.
#[derive(Clone, Debug)]
pub struct Origin {
    pub export: Export,
    pub service_id: [u8; 32],
    pub digest: [u8; 32],
    pub trace_id: [u8; 16],
    pub workflow_id: String,
}

/// The end of a compare-and-swap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CasAnswer {
    Stored,
    Changed,
}

/// The node's side. Called on guest threads, concurrently; a call holds its thread.
pub trait HostCallbacks: Send + Sync {
    fn log(&self, origin: &Origin, level: LogLevel, source: LogSource, text: &str);
    fn evm_chain_config(&self, origin: &Origin, chain_key: &str) -> Option<EvmChainConfig>;
    fn cosmos_chain_config(&self, origin: &Origin, chain_key: &str) -> Option<CosmosChainConfig>;
    /// None traps the guest.
    fn event_id(&self, origin: &Origin, salt: &[u8]) -> Option<[u8; 20]>;

    fn kv_get(&self, origin: &Origin, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KvError>;
    fn kv_exists(&self, origin: &Origin, bucket: &str, key: &str) -> Result<bool, KvError>;
    fn kv_set(&self, origin: &Origin, bucket: &str, key: &str, value: &[u8]) -> Result<(), KvError>;
    fn kv_delete(&self, origin: &Origin, bucket: &str, key: &str) -> Result<(), KvError>;
    fn kv_list(&self, origin: &Origin, bucket: &str, cursor: Option<&str>) -> Result<KeyResponse, KvError>;
    fn kv_increment(&self, origin: &Origin, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError>;
    fn kv_cas(
        &self,
        origin: &Origin,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<CasAnswer, KvError>;
}

/// What the shortest line takes from its budget: the node's log adds names and times to each.
const MIN_LINE: usize = 64;

/// One run's door to the node.
pub struct HostPort {
    callbacks: Arc<dyn HostCallbacks>,
    origin: Origin,
    /// What the run may still log through `host.log`.
    log_budget: Budget,
}

impl HostPort {
    pub fn new(callbacks: Arc<dyn HostCallbacks>, origin: Origin, log_cap: usize) -> Self {
        Self { callbacks, origin, log_budget: Budget::new(log_cap) }
    }

    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What the library has to say about the run, within its log budget.
    pub fn notice(&self, text: &str) {
        self.line(&self.log_budget, LogLevel::Warn, LogSource::Notice, text);
    }

    /// A line of the guest, within the run's log budget.
    pub fn log(&self, level: LogLevel, text: &str) {
        self.line(&self.log_budget, level, LogSource::Host, text);
    }

    /// A line within a budget; what exceeds it is cut, and the first cut is announced.
    pub fn line(&self, budget: &Budget, level: LogLevel, source: LogSource, text: &str) {
        let granted = budget.take(text.len().max(MIN_LINE));
        if granted.bytes > 0 {
            let end = text.floor_char_boundary(granted.bytes);
            self.callbacks.log(&self.origin, level, source, &text[..end]);
        }
        if granted.first_cut {
            let text = "output of this run exceeds its limit, the rest is dropped";
            self.callbacks.log(&self.origin, LogLevel::Warn, LogSource::Notice, text);
        }
    }

    pub fn evm_chain_config(&self, chain_key: &str) -> Option<EvmChainConfig> {
        self.callbacks.evm_chain_config(&self.origin, chain_key)
    }

    pub fn cosmos_chain_config(&self, chain_key: &str) -> Option<CosmosChainConfig> {
        self.callbacks.cosmos_chain_config(&self.origin, chain_key)
    }

    pub fn event_id(&self, salt: &[u8]) -> Option<[u8; 20]> {
        self.callbacks.event_id(&self.origin, salt)
    }

    pub fn kv_get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, KvError> {
        self.callbacks.kv_get(&self.origin, bucket, key)
    }

    pub fn kv_exists(&self, bucket: &str, key: &str) -> Result<bool, KvError> {
        self.callbacks.kv_exists(&self.origin, bucket, key)
    }

    pub fn kv_set(&self, bucket: &str, key: &str, value: &[u8]) -> Result<(), KvError> {
        self.callbacks.kv_set(&self.origin, bucket, key, value)
    }

    pub fn kv_delete(&self, bucket: &str, key: &str) -> Result<(), KvError> {
        self.callbacks.kv_delete(&self.origin, bucket, key)
    }

    pub fn kv_list(&self, bucket: &str, cursor: Option<&str>) -> Result<KeyResponse, KvError> {
        self.callbacks.kv_list(&self.origin, bucket, cursor)
    }

    pub fn kv_increment(&self, bucket: &str, key: &str, delta: i64) -> Result<i64, KvError> {
        self.callbacks.kv_increment(&self.origin, bucket, key, delta)
    }

    pub fn kv_cas(
        &self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<CasAnswer, KvError> {
        self.callbacks.kv_cas(&self.origin, bucket, key, expected, value)
    }
}
