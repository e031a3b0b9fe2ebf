// SPDX-License-Identifier: Apache-2.0
//! The `host` interface of both worlds. They differ only in `get-event-id`.

use wasmtime::{Result, bail, format_err};

use crate::bindings::chain::{CosmosChainConfig, EvmChainConfig};
use crate::bindings::events::EventId;
use crate::bindings::service::{ServiceAndWorkflowId, WorkflowAndWorkflowId};
use crate::bindings::types_core;
use crate::bindings::{aggregator, operator};
use crate::host::LogLevel;
use crate::state::RunState;

impl From<types_core::LogLevel> for LogLevel {
    fn from(level: types_core::LogLevel) -> Self {
        match level {
            types_core::LogLevel::Error => Self::Error,
            types_core::LogLevel::Warn => Self::Warn,
            types_core::LogLevel::Info => Self::Info,
            types_core::LogLevel::Debug => Self::Debug,
            types_core::LogLevel::Trace => Self::Trace,
        }
    }
}

impl RunState {
    fn config_value(&self, key: &str) -> Option<String> {
        let found = self.config.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    }

    fn service_and_id(&self) -> Result<ServiceAndWorkflowId> {
        let Some(snapshot) = &self.service else { bail!("this run has no service") };
        let service = snapshot.decode().map_err(|failure| format_err!("{failure}"))?;
        Ok(ServiceAndWorkflowId { service, workflow_id: self.workflow_id.clone() })
    }

    fn workflow_and_id(&self) -> Result<WorkflowAndWorkflowId> {
        let ServiceAndWorkflowId { service, workflow_id } = self.service_and_id()?;
        let found = service.workflows.into_iter().find(|(id, _)| *id == workflow_id);
        let Some((_, workflow)) = found else { bail!("workflow {workflow_id} is not in the service") };
        Ok(WorkflowAndWorkflowId { workflow, workflow_id })
    }

    fn salted_event_id(&self, salt: Option<Vec<u8>>) -> Result<EventId> {
        let Some(salt) = salt else { return Ok(self.event_id.to_vec()) };
        let Some(id) = self.port.event_id(&salt) else { bail!("the node cannot compute the event id") };
        Ok(id.to_vec())
    }
}

macro_rules! host_functions {
    ($($rest:tt)*) => {
        fn get_evm_chain_config(&mut self, chain_key: String) -> Result<Option<EvmChainConfig>> {
            Ok(self.port.evm_chain_config(&chain_key))
        }
        fn get_cosmos_chain_config(
            &mut self,
            chain_key: String,
        ) -> Result<Option<CosmosChainConfig>> {
            Ok(self.port.cosmos_chain_config(&chain_key))
        }
        fn config_var(&mut self, key: String) -> Result<Option<String>> {
            Ok(self.config_value(&key))
        }
        fn log(&mut self, level: types_core::LogLevel, message: String) -> Result<()> {
            self.port.log(level.into(), &message);
            Ok(())
        }
        fn get_service(&mut self) -> Result<ServiceAndWorkflowId> {
            self.service_and_id()
        }
        fn get_workflow(&mut self) -> Result<WorkflowAndWorkflowId> {
            self.workflow_and_id()
        }
        $($rest)*
    };
}

impl operator::host::Host for RunState {
    host_functions! {
        fn get_event_id(&mut self, salt: Option<Vec<u8>>) -> Result<EventId> {
            self.salted_event_id(salt)
        }
    }
}

impl aggregator::host::Host for RunState {
    host_functions! {
        fn get_event_id(&mut self) -> Result<EventId> {
            Ok(self.event_id.to_vec())
        }
    }
}

// Interfaces of types only; the generated code asks for them all the same.
impl operator::wavs::types::core::Host for RunState {}
impl operator::wavs::types::chain::Host for RunState {}
impl operator::wavs::types::events::Host for RunState {}
impl operator::wavs::types::service::Host for RunState {}
