// SPDX-License-Identifier: Apache-2.0
//! What one run owns while it runs.

use std::sync::Arc;

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_tls::{WasiTlsCtx, WasiTlsCtxBuilder, WasiTlsCtxView, WasiTlsView};

use crate::bindings::service::Service;
use crate::egress::Egress;
use crate::failure::Failure;
use crate::flat;
use crate::host::HostPort;
use crate::http::Http;
use crate::tls::Tls;
use crate::wasi::Wasi;

/// A service as flat bytes, shared by all its runs and decoded only when a guest asks for it.
#[derive(Clone)]
pub struct ServiceSnapshot {
    flat: Arc<[u8]>,
}

impl ServiceSnapshot {
    /// Refuses bytes that are not a service, so that `decode` does not fail later.
    pub fn new(flat: &[u8]) -> Result<Self, Failure> {
        flat::decode::<Service>(flat)?;
        Ok(Self { flat: flat.into() })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.flat
    }

    pub fn decode(&self) -> Result<Service, Failure> {
        Ok(flat::decode(&self.flat)?)
    }
}

/// The store data of a run.
pub struct RunState {
    pub wasi: Wasi,
    pub http_fields: WasiHttpCtx,
    pub http: Http,
    /// Made when it is used.
    pub tls: Option<WasiTlsCtx>,
    pub egress: Arc<Egress>,
    pub table: ResourceTable,
    pub limits: Limits,
    pub host_call_bytes: usize,
    pub port: Arc<HostPort>,
    pub service: Option<ServiceSnapshot>,
    pub workflow_id: String,
    pub event_id: [u8; 20],
    pub config: Vec<(String, String)>,
}

impl WasiView for RunState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.ctx(), table: &mut self.table }
    }
}

impl WasiHttpView for RunState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.http, table: &mut self.table, ctx: &mut self.http_fields }
    }
}

impl WasiTlsView for RunState {
    fn tls(&mut self) -> WasiTlsCtxView<'_> {
        let make = || {
            let provider = Box::new(Tls { egress: Arc::clone(&self.egress) });
            WasiTlsCtxBuilder::new().provider(provider).build()
        };
        WasiTlsCtxView { table: &mut self.table, ctx: self.tls.get_or_insert_with(make) }
    }
}

/// Memories of one run. On the on-demand engine each takes 4 GiB of address space and two of the
/// process's mappings, of which the kernel gives some 65,000.
const MAX_MEMORIES: usize = 64;

/// Bounds over all memories and tables of a run together, and over what its handles keep on the host.
pub struct Limits {
    memory_left: usize,
    table_left: usize,
    instances: usize,
}

impl Limits {
    pub fn new(memory_bytes: usize, table_elements: usize, instances: usize) -> Self {
        Self { memory_left: memory_bytes, table_left: table_elements, instances }
    }

    /// Counts bytes that a handle keeps on the host; false when the run has none left.
    pub fn hold(&mut self, bytes: usize) -> bool {
        grow(&mut self.memory_left, 0, bytes)
    }

    pub fn give_back(&mut self, bytes: usize) {
        self.memory_left += bytes;
    }
}

fn grow(left: &mut usize, current: usize, desired: usize) -> bool {
    let more = desired.saturating_sub(current);
    let fits = more <= *left;
    if fits {
        *left -= more;
    }
    fits
}

// `false` makes memory.grow and table.grow answer -1.
impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|max| desired <= max) && grow(&mut self.memory_left, current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|max| desired <= max) && grow(&mut self.table_left, current, desired))
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}
