// SPDX-License-Identifier: Apache-2.0
//! C structs in, engine values out, and back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ::wavs_rt_engine::{
    Export, Failure, LoadOutcome, LoadRequest, LoadSource, LogLevel, LogSource, NetworkOptions, Options,
    Record, RunOutcome, RunRequest, Stats, Status, World, flat,
};

use crate::abi::*;
use crate::bytes::{EMPTY, buf_from, slice_bytes};
use crate::callbacks::User;

/// The header's numbers are the engine's.
macro_rules! same_numbers {
    ($($c:ident == $engine:ident { $($case:ident),+ })+) => {
        $($(const _: () = assert!($c::$case as u32 == $engine::$case as u32);)+)+
    };
}
same_numbers! {
    wavs_rt_status == Status {
        Ok, NotFound, Compile, Instantiate, OutOfFuel, OutOfTime, ComponentError, ExecResult, InvalidInput,
        Filesystem, Cancelled, NeedsNewerNode, Panic, Internal
    }
    wavs_rt_world == World { Operator, Aggregator }
    wavs_rt_export == Export { Run, ProcessInput, HandleTimerCallback, HandleSubmitCallback, Select }
    wavs_rt_log_level == LogLevel { Error, Warn, Info, Debug, Trace }
    wavs_rt_log_source == LogSource { Host, Stdout, Stderr, Notice }
    wavs_rt_load_source == LoadSource { Memory, Disk, Compiled }
}

fn invalid(text: &str) -> Failure {
    Failure::new(Status::InvalidInput, text)
}

/// # Safety
/// The slice must be readable.
unsafe fn text(slice: &wavs_rt_slice, what: &str) -> Result<String, Failure> {
    // SAFETY: readable, says the caller.
    let bytes = unsafe { slice_bytes(slice) };
    String::from_utf8(bytes.to_vec()).map_err(|_| invalid(&format!("{what} is not UTF-8")))
}

/// # Safety
/// The slice must be readable.
pub unsafe fn path(slice: &wavs_rt_slice) -> Option<PathBuf> {
    // SAFETY: readable, says the caller.
    let bytes = unsafe { slice_bytes(slice) };
    (!bytes.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(bytes)))
}

/// # Safety
/// `pairs` must be null or point to `len` pairs of readable slices.
unsafe fn pairs(pairs: *const wavs_rt_pair, len: usize) -> Result<Vec<(String, String)>, Failure> {
    // SAFETY: `len` readable pairs, says the caller.
    let pairs = unsafe { array(pairs, len) };
    let one = |pair: &wavs_rt_pair| {
        // SAFETY: the slices of a pair are readable, says the caller.
        Ok(unsafe { (text(&pair.key, "a key")?, text(&pair.value, "a value")?) })
    };
    pairs.iter().map(one).collect()
}

/// # Safety
/// `items` must be null or point to `len` readable values.
unsafe fn array<'a, T>(items: *const T, len: usize) -> &'a [T] {
    if items.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: `len` readable values, says the caller.
    unsafe { std::slice::from_raw_parts(items, len) }
}

/// # Safety
/// Slices and arrays in `from` must be readable.
pub unsafe fn network(from: &wavs_rt_network) -> Result<NetworkOptions, Failure> {
    // SAFETY: readable, says the caller.
    let (allow, hosts) = unsafe { (array(from.allow, from.allow_len), pairs(from.hosts, from.hosts_len)?) };
    let address = |(name, text): (String, String)| match text.parse() {
        Ok(address) => Ok((name, address)),
        Err(_) => Err(invalid(&format!("\"{text}\" is not an address for {name}"))),
    };
    Ok(NetworkOptions {
        deny_private: from.deny_private != 0,
        // SAFETY: as above.
        allow: allow.iter().map(|entry| unsafe { text(entry, "an exception") }).collect::<Result<_, _>>()?,
        // SAFETY: as above.
        own_ports: unsafe { array(from.own_ports, from.own_ports_len) }.to_vec(),
        hosts: hosts.into_iter().map(address).collect::<Result<_, _>>()?,
        // SAFETY: as above.
        ca_pem: unsafe { slice_bytes(&from.ca_pem) }.to_vec(),
    })
}

fn or<T: PartialEq + Default>(value: T, default: T) -> T {
    if value == T::default() { default } else { value }
}

/// # Safety
/// Slices in `from` must be readable.
pub unsafe fn options(from: &wavs_rt_options) -> Result<Options, Failure> {
    let base = Options::default();
    let guest_threads = or(from.guest_threads as usize, base.guest_threads);
    let max_in_flight = or(from.max_in_flight as usize, base.max_in_flight);
    let roomy = base.pool_slots.max(u32::try_from(max_in_flight).unwrap_or(u32::MAX));
    let max_memory = usize::try_from(from.max_memory_bytes).unwrap_or(usize::MAX);
    let max_host_call = usize::try_from(from.max_host_call_bytes).unwrap_or(usize::MAX);
    if max_memory as u64 > 4 << 30 {
        return Err(invalid("max_memory_bytes is more than 4 GiB"));
    }
    Ok(Options {
        guest_threads,
        max_in_flight,
        pool_slots: or(from.pool_slots, roomy),
        compile_jobs: or(from.compile_jobs as usize, (guest_threads / 2).max(1)),
        component_cache: or(from.component_cache as usize, base.component_cache),
        max_table_elements: or(from.max_table_elements as usize, base.max_table_elements),
        max_handles: or(from.max_handles as usize, base.max_handles),
        stdio_cap: or(from.stdio_cap_bytes as usize, base.stdio_cap),
        max_memory: or(max_memory, base.max_memory),
        // SAFETY: readable, says the caller.
        cache_dir: unsafe { path(&from.cache_dir) },
        pool_table_elements: base.pool_table_elements,
        max_instances: or(from.max_instances as usize, base.max_instances),
        max_host_call_bytes: or(max_host_call, base.max_host_call_bytes),
        fs_quota: from.fs_quota_bytes,
    })
}

/// # Safety
/// Slices in `from` must be readable.
pub unsafe fn load_request(from: &wavs_rt_load_request) -> Result<LoadRequest, Failure> {
    const OPERATOR: u32 = World::Operator as u32;
    const AGGREGATOR: u32 = World::Aggregator as u32;
    let world = match from.world {
        OPERATOR => World::Operator,
        AGGREGATOR => World::Aggregator,
        _ => return Err(invalid("unknown world")),
    };
    // SAFETY: readable, says the caller.
    let wasm = unsafe { slice_bytes(&from.wasm) }.to_vec();
    Ok(LoadRequest { digest: from.digest, world, wasm, pin: from.flags & WAVS_RT_LOAD_PIN != 0 })
}

/// # Safety
/// Slices and pairs in `from` must be readable, `service` null or live.
pub unsafe fn run_request(from: &wavs_rt_run_request) -> Result<RunRequest, Failure> {
    let known = Export::ALL.into_iter().find(|export| *export as u32 == from.export_);
    let export = known.ok_or_else(|| invalid("unknown export"))?;
    // SAFETY: everything in `from` is readable or null, says the caller.
    unsafe {
        Ok(RunRequest {
            export,
            digest: from.digest,
            service: from.service.as_ref().map(|service| service.inner.clone()),
            service_id: from.service_id,
            workflow_id: text(&from.workflow_id, "workflow_id")?,
            event_id: from.event_id,
            trace_id: from.trace_id,
            input: slice_bytes(&from.input).to_vec(),
            fuel: from.fuel,
            time_ms: from.time_ms,
            max_memory: from.max_memory_bytes,
            env: pairs(from.env, from.env_len)?,
            config: pairs(from.config, from.config_len)?,
            data_dir: path(&from.data_dir),
            raw_sockets: from.flags & WAVS_RT_RUN_RAW_SOCKETS != 0,
            dns: from.flags & WAVS_RT_RUN_DNS != 0,
            record: usize::try_from(from.record_bytes).unwrap_or(usize::MAX),
            seed: from.seed,
        })
    }
}

pub fn record_info(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    use flat::Flat;
    let record = Record::decode(bytes)?;
    let request = &record.request;
    let mut out = Vec::new();
    request.digest.to_vec().put(&mut out);
    (request.export as u8).put(&mut out);
    request.service_id.to_vec().put(&mut out);
    request.workflow_id.put(&mut out);
    u32::try_from(record.calls.len()).unwrap_or(u32::MAX).put(&mut out);
    record.incomplete.put(&mut out);
    record.ended.put(&mut out);
    Ok(out)
}

pub fn stats(from: &Stats) -> wavs_rt_stats {
    wavs_rt_stats {
        running: from.running,
        waiting: from.waiting,
        completed: from.completed,
        compiled: from.compiled,
        disk_hits: from.disk_hits,
        memory_hits: from.memory_hits,
        disk_rejected: from.disk_rejected,
        evicted: from.evicted,
        cached: from.cached,
        on_demand: from.on_demand,
        epoch_ticks: from.epoch_ticks,
    }
}

/// A C completion: whoever answers first consumes it, later answers go nowhere.
struct Reply<F> {
    target: Arc<Mutex<Option<(F, User)>>>,
}

impl<F> Clone for Reply<F> {
    fn clone(&self) -> Self {
        Self { target: Arc::clone(&self.target) }
    }
}

impl<F> Reply<F> {
    fn new(cb: Option<F>, user: User) -> Self {
        Self { target: Arc::new(Mutex::new(cb.map(|cb| (cb, user)))) }
    }

    fn take(&self) -> Option<(F, User)> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

type LoadFn = unsafe extern "C" fn(*mut std::ffi::c_void, *mut wavs_rt_load_result);
type RunFn = unsafe extern "C" fn(*mut std::ffi::c_void, *mut wavs_rt_run_result);

#[derive(Clone)]
pub struct LoadReply(Reply<LoadFn>);

impl LoadReply {
    pub fn new(cb: wavs_rt_load_cb, user: User) -> Self {
        Self(Reply::new(cb, user))
    }

    pub fn answer(&self, outcome: Result<LoadOutcome, Failure>) {
        let Some((cb, user)) = self.0.take() else { return };
        let mut result = match outcome {
            Ok(loaded) => wavs_rt_load_result {
                status: Status::Ok as u32,
                source: loaded.source as u32,
                flags: if loaded.selects { WAVS_RT_LOADED_SELECTS } else { 0 },
                wall_ns: nanos(loaded.wall),
                imports: buf_from(flat::encode(&loaded.imports)),
                message: EMPTY,
            },
            Err(failure) => wavs_rt_load_result {
                status: failure.status as u32,
                source: 0,
                flags: 0,
                wall_ns: 0,
                imports: EMPTY,
                message: buf_from(failure.message.into_bytes()),
            },
        };
        // SAFETY: the caller of the load promised a callable function; it owns the buffers now.
        unsafe { cb(user.0, &mut result) }
    }
}

#[derive(Clone)]
pub struct RunReply(Reply<RunFn>);

impl RunReply {
    pub fn new(cb: wavs_rt_run_cb, user: User) -> Self {
        Self(Reply::new(cb, user))
    }

    pub fn answer(&self, outcome: RunOutcome) {
        let Some((cb, user)) = self.0.take() else { return };
        let (status, output, message) = match outcome.result {
            Ok(output) => (Status::Ok, buf_from(output), EMPTY),
            Err(failure) => (failure.status, EMPTY, buf_from(failure.message.into_bytes())),
        };
        let mut result = wavs_rt_run_result {
            status: status as u32,
            fuel_used: outcome.fuel_used,
            wall_ns: nanos(outcome.wall),
            output,
            message,
            record: buf_from(outcome.record),
        };
        // SAFETY: the caller of the run promised a callable function; it owns the buffers now.
        unsafe { cb(user.0, &mut result) }
    }
}

fn nanos(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
