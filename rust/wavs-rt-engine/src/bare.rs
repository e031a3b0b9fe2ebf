// SPDX-License-Identifier: Apache-2.0
//! What no node can leave out of a run, for benchmarks to measure ours against: a store, a fresh
//! instance, one call. No WASI and no state of the host.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::bindings::TriggerAction;
use crate::bindings::operator::OperatorPre;
use crate::engine_config::{self, Metering, Options};
use crate::failure::{Failure, Status};
use crate::flat;

/// One instance at a time.
const SLOTS: u32 = 4;
/// Never reached, for nothing advances the epoch of this engine.
const EPOCHS: u64 = 100;

/// An operator component on an engine of its own, linked in advance.
pub struct Bare {
    engine: Engine,
    linked: OperatorPre<()>,
    metering: Metering,
    runtime: Runtime,
}

impl Bare {
    /// Without metering, the engine counts no fuel and looks at no epoch.
    pub fn new(wasm: &[u8], metering: Metering) -> Result<Self, Failure> {
        let internal = |error| Failure::from_error(Status::Internal, &error);
        let options = Options { pool_slots: SLOTS, ..Options::default() };
        let engine = Engine::new(&engine_config::pooled(&options, metering)).map_err(internal)?;
        let component = Component::from_binary(&engine, wasm)
            .map_err(|error| Failure::from_error(Status::Compile, &error))?;
        let linked =
            link(&engine, &component).map_err(|error| Failure::from_error(Status::Instantiate, &error))?;
        let runtime = Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| Failure::new(Status::Internal, error.to_string()))?;
        Ok(Self { engine, linked, metering, runtime })
    }

    /// Runs it so often, one run after the other, on the calling thread; how long all of them took.
    /// `input` is a flat trigger-action.
    pub fn run(&self, input: &[u8], runs: u32) -> Result<Duration, Failure> {
        let action: TriggerAction = flat::decode(input)?;
        self.runtime.block_on(async {
            let start = Instant::now();
            for _ in 0..runs {
                self.once(&action).await?;
            }
            Ok(start.elapsed())
        })
    }

    async fn once(&self, action: &TriggerAction) -> Result<(), Failure> {
        let failed = |error| Failure::from_error(Status::ComponentError, &error);
        let mut store = Store::new(&self.engine, ());
        if self.metering == Metering::On {
            store.set_fuel(u64::MAX).map_err(failed)?;
            store.set_epoch_deadline(EPOCHS);
        }
        let instance = self.linked.instantiate_async(&mut store).await.map_err(failed)?;
        let answer = instance.call_run(&mut store, action).await.map_err(failed)?;
        answer.map(drop).map_err(|text| Failure::new(Status::ExecResult, text))
    }
}

/// The example components ask for these two on their way; whatever else they call traps.
fn link(engine: &Engine, component: &Component) -> wasmtime::Result<OperatorPre<()>> {
    let mut linker = Linker::new(engine);
    let mut host = linker.instance("host")?;
    host.func_wrap("config-var", |_, (_key,): (String,)| Ok((None::<String>,)))?;
    host.func_wrap("get-event-id", |_, (_salt,): (Option<Vec<u8>>,)| Ok((vec![1_u8; 20],)))?;
    linker.define_unknown_imports_as_traps(component)?;
    OperatorPre::new(linker.instantiate_pre(component)?)
}
