// SPDX-License-Identifier: Apache-2.0
//! Options of the engine and what they mean for Wasmtime.

use std::path::PathBuf;
use std::thread::available_parallelism;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmFeatures};

/// What one component may take of the pool; whatever needs more runs on the on-demand engine.
const CORE_INSTANCES: u32 = 8;
const MEMORIES: u32 = 2;
const TABLES: u32 = 4;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Set-up of an engine.
#[derive(Clone, Debug)]
pub struct Options {
    pub guest_threads: usize,
    pub max_in_flight: usize,
    pub pool_slots: u32,
    pub compile_jobs: usize,
    pub component_cache: usize,
    pub max_table_elements: usize,
    pub max_handles: usize,
    pub stdio_cap: usize,
    pub max_memory: usize,
    /// No directory: compiled code stays in memory only.
    pub cache_dir: Option<PathBuf>,
    /// Table elements a slot of the pool has room for.
    pub pool_table_elements: usize,
    /// Core instances of one component.
    pub max_instances: usize,
    /// Bytes one host call may move, in either direction.
    pub max_host_call_bytes: usize,
    /// Bytes of files a service may have; 0: no bound.
    pub fs_quota: u64,
}

impl Default for Options {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self {
            guest_threads: cores,
            max_in_flight: 256,
            pool_slots: 256,
            compile_jobs: (cores / 2).max(1),
            component_cache: 64,
            max_table_elements: 20_000,
            max_handles: 10_000,
            stdio_cap: 64 * KIB,
            max_memory: 1024 * MIB,
            cache_dir: None,
            pool_table_elements: 20_000,
            max_instances: 10_000,
            max_host_call_bytes: 128 * MIB,
            fs_quota: 0,
        }
    }
}

/// Proposals that are refused at load, whatever Wasmtime's defaults are, since each is a way around
/// the bounds of a run. Several memories in one module stay: the code between two components needs
/// them, and every memory takes from the same budget.
fn refused() -> WasmFeatures {
    // A shared memory belongs to no store, so no limiter is asked when it grows.
    let shared = WasmFeatures::THREADS | WasmFeatures::SHARED_EVERYTHING_THREADS;
    // The pool reserves 4 GiB of address space for a memory and relies on its end; no component can
    // hand a 64-bit memory to the host anyway.
    let wide = WasmFeatures::MEMORY64 | WasmFeatures::CM64;
    // A memory that ends within a page cannot end at a guard page.
    let pages = WasmFeatures::CUSTOM_PAGE_SIZES;
    // Objects and exceptions live in a heap of their own, which the collector that is built in never
    // makes smaller.
    let heap = WasmFeatures::GC | WasmFeatures::GC_TYPES | WasmFeatures::CM_GC;
    let heap = heap | WasmFeatures::EXCEPTIONS | WasmFeatures::FUNCTION_REFERENCES;
    // Stacks of a guest's own are not counted at all.
    shared | wide | pages | heap | WasmFeatures::STACK_SWITCHING
}

/// Whether guests can be stopped: by fuel, and by epochs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metering {
    On,
    /// For benchmarks only.
    Off,
}

/// Settings that decide about compiled code; equal for both engines, so they share the disk cache.
fn common(metering: Metering) -> Config {
    let metered = metering == Metering::On;
    let mut config = Config::new();
    config.wasm_component_model(true).concurrency_support(false);
    config.consume_fuel(metered).epoch_interruption(metered);
    config.wasm_features(refused(), false);
    config
}

/// The engine for nearly all components: slots are made once and reused.
pub fn pooled(options: &Options, metering: Metering) -> Config {
    let slots = options.pool_slots;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_stacks(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .total_memories(slots.saturating_mul(MEMORIES))
        .total_tables(slots.saturating_mul(TABLES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memory_size(options.max_memory)
        .table_elements(options.pool_table_elements)
        .table_keep_resident(64 * KIB)
        .linear_memory_keep_resident(4 * MIB)
        .max_unused_warm_slots(u32::try_from(options.guest_threads * 2).unwrap_or(slots))
        .pagemap_scan(Enabled::Auto);
    let mut config = common(metering);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// The engine for components that do not fit a slot.
pub fn on_demand() -> Config {
    let mut config = common(Metering::On);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config
}
