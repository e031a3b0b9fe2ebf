// SPDX-License-Identifier: Apache-2.0
//! The types of the C header. Names are C names, because cbindgen copies them.
#![allow(non_camel_case_types)]

use std::ffi::c_void;

/// Checked by the C++ side at start; changes with every incompatible change of this header.
pub const WAVS_RT_ABI_VERSION: u32 = 3;

/// Bytes lent for the duration of one call; the lender keeps them. `data` may be null when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wavs_rt_slice {
    pub data: *const u8,
    pub len: usize,
}

/// Bytes owned by whoever holds the struct; always allocated by this library (`wavs_rt_buf_copy`,
/// `wavs_rt_buf_alloc`, or a result) and freed once by `wavs_rt_buf_release`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wavs_rt_buf {
    pub data: *mut u8,
    pub len: usize,
    pub capacity: usize,
}

/// A key and its value, for environment and component configuration.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wavs_rt_pair {
    pub key: wavs_rt_slice,
    pub value: wavs_rt_slice,
}

/// How a load or a run ended.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_rt_status {
    Ok = 0,
    /// No bytes were given and no cache holds the component.
    NotFound = 1,
    /// The bytes are not a component, or do not compile, or do not match the digest.
    Compile = 2,
    /// A missing import or export, a type mismatch, a trap in start code.
    Instantiate = 3,
    OutOfFuel = 4,
    OutOfTime = 5,
    /// Any other trap, and a call of `exit`.
    ComponentError = 6,
    /// The export returned its error case; the message is the guest's text.
    ExecResult = 7,
    /// The request itself cannot be used: flat bytes, UTF-8, numbers out of range.
    InvalidInput = 8,
    /// The data directory cannot be opened.
    Filesystem = 9,
    /// Cancelled, or the engine is shut down.
    Cancelled = 10,
    /// The component wants a `wavs:*` package version this library does not have.
    NeedsNewerNode = 11,
    /// A defect in this library, contained.
    Panic = 12,
    Internal = 13,
}

/// Which of the two worlds a component is used in.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_rt_world {
    Operator = 0,
    Aggregator = 1,
}

/// Which export a run calls; it implies the world. Input and output bytes: rust/FLAT.md.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_rt_export {
    /// operator: trigger-action -> list<wasm-response>
    Run = 0,
    /// aggregator: aggregator-input -> list<aggregator-action>
    ProcessInput = 1,
    /// aggregator: aggregator-input -> list<aggregator-action>
    HandleTimerCallback = 2,
    /// aggregator: aggregator-input, result<any-tx-hash, string> -> nothing
    HandleSubmitCallback = 3,
    /// aggregator, where the component has it (`WAVS_RT_LOADED_SELECTS`):
    /// list<u8>, submit-action, list<quorum-entry> -> list<u32>
    Select = 4,
}

/// Severity of a log line, in the order of the WIT variant.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_rt_log_level {
    Error = 0,
    Warn = 1,
    Info = 2,
    Debug = 3,
    Trace = 4,
}

/// Where a log line comes from.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_rt_log_source {
    /// The guest called `host.log`.
    Host = 0,
    /// One line of the guest's standard output, without the line break.
    Stdout = 1,
    Stderr = 2,
    /// This library speaks about the run, for example that output was cut.
    Notice = 3,
}

/// Which table `chain_config` looks in.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_rt_chain_family {
    Evm = 0,
    Cosmos = 1,
}

/// What a callback answers.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_rt_answer {
    Ok = 0,
    /// There is no such value; for `kv_exists`: false.
    Absent = 1,
    /// `kv_cas` only: the stored value is not the expected one.
    Changed = 2,
    NoSuchStore = 3,
    AccessDenied = 4,
    /// Any other failure; `out` holds a UTF-8 text for the guest.
    Other = 5,
}

/// Where a component came from.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum wavs_rt_load_source {
    Memory = 0,
    Disk = 1,
    Compiled = 2,
}

/// `wavs_rt_run_request.flags`: TCP and UDP towards public addresses.
pub const WAVS_RT_RUN_RAW_SOCKETS: u32 = 1;
/// `wavs_rt_run_request.flags`: name lookup.
pub const WAVS_RT_RUN_DNS: u32 = 2;
/// `wavs_rt_load_request.flags`: keep the component in memory until it is evicted by name; it does
/// not count towards `component_cache`.
pub const WAVS_RT_LOAD_PIN: u32 = 1;
/// `wavs_rt_load_result.flags`: the component has the optional export `wavs:quorum/select`.
pub const WAVS_RT_LOADED_SELECTS: u32 = 1;

/// Set-up of an engine. A zero means the default given with the field.
#[repr(C)]
pub struct wavs_rt_options {
    /// Threads that run guest code; 0 = number of cores.
    pub guest_threads: u32,
    /// Runs that execute at the same time, others wait; 0 = 256.
    pub max_in_flight: u32,
    /// Instance slots and stacks in the pool, an upper bound of `max_in_flight`; 0 = max(256, max_in_flight).
    pub pool_slots: u32,
    /// Compilations at the same time; 0 = half of the guest threads, at least 1.
    pub compile_jobs: u32,
    /// Unpinned components kept ready in memory; 0 = 64.
    pub component_cache: u32,
    /// Table elements one run may use; 0 = 20000.
    pub max_table_elements: u32,
    /// Component handles one run may hold; 0 = 10000.
    pub max_handles: u32,
    /// Bytes of standard output and error together one run may log; 0 = 64 KiB.
    pub stdio_cap_bytes: u32,
    /// Bytes of linear memory one run may use, at most 4 GiB; 0 = 1 GiB.
    pub max_memory_bytes: u64,
    /// Directory of compiled code; empty = none is kept on disk.
    pub cache_dir: wavs_rt_slice,
    /// Core instances of one component; 0 = 10000.
    pub max_instances: u32,
    /// Bytes one host call may move, in either direction; 0 = 128 MiB.
    pub max_host_call_bytes: u64,
    /// Bytes the files of a service may be; 0 = no bound.
    pub fs_quota_bytes: u64,
}

/// Where guests may connect to, through wasi:http and wasi:sockets alike; a manifest cannot change it.
/// Everything is copied.
#[repr(C)]
pub struct wavs_rt_network {
    /// Not 0: private, loopback, link-local, metadata and other special addresses are refused.
    pub deny_private: u32,
    /// Exceptions: addresses, networks ("10.0.0.0/8") or host names, each with an optional port.
    pub allow: *const wavs_rt_slice,
    pub allow_len: usize,
    /// Ports of this node, refused on every address of this machine whatever else is allowed.
    pub own_ports: *const u16,
    pub own_ports_len: usize,
    /// Host name -> address, asked before the system's resolver.
    pub hosts: *const wavs_rt_pair,
    pub hosts_len: usize,
    /// Certificates (PEM) trusted besides the public authorities; may be empty.
    pub ca_pem: wavs_rt_slice,
}

/// Which run a callback speaks for. Valid during the call.
#[repr(C)]
pub struct wavs_rt_origin {
    /// `wavs_rt_export`
    pub export_: u32,
    pub service_id: [u8; 32],
    pub digest: [u8; 32],
    pub trace_id: [u8; 16],
    pub workflow_id: wavs_rt_slice,
}

/// The run whose guest a thread is in.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wavs_rt_guest {
    pub digest: [u8; 32],
    pub service_id: [u8; 32],
    pub event_id: [u8; 20],
}

/// What the host asks of the node while a guest runs.
///
/// Every function is called on a guest thread, from several at the same time, and holds that thread
/// until it returns; none may throw or call back into `wavs_rt_engine_shutdown` or `_free`. Slices
/// are valid during the call. `out` arrives empty; a function that has something to say stores a
/// buffer made by `wavs_rt_buf_copy` or `wavs_rt_buf_alloc` there, which the library then owns. The
/// `u32` results are `wavs_rt_answer`. A null function denies access (`log`: drops the line;
/// `chain_config`: absent).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wavs_rt_callbacks {
    /// First argument of every function; must outlive the engine.
    pub user: *mut c_void,
    /// `level` is `wavs_rt_log_level`, `source` is `wavs_rt_log_source`.
    pub log: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            level: u32,
            source: u32,
            text: wavs_rt_slice,
        ),
    >,
    /// `out`: flat evm-chain-config or cosmos-chain-config. Anything but Ok is absent to the guest.
    pub chain_config: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            family: u32,
            chain_key: wavs_rt_slice,
            out: *mut wavs_rt_buf,
        ) -> u32,
    >,
    /// The event id for a salt (operator world); `out` is 20 bytes. Anything but Ok traps the guest.
    pub event_id: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            salt: wavs_rt_slice,
            out: *mut u8,
        ) -> u32,
    >,
    /// Ok: `out` is the value. Absent: no value.
    pub kv_get: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            bucket: wavs_rt_slice,
            key: wavs_rt_slice,
            out: *mut wavs_rt_buf,
        ) -> u32,
    >,
    /// Ok or Absent.
    pub kv_exists: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            bucket: wavs_rt_slice,
            key: wavs_rt_slice,
            out: *mut wavs_rt_buf,
        ) -> u32,
    >,
    pub kv_set: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            bucket: wavs_rt_slice,
            key: wavs_rt_slice,
            value: wavs_rt_slice,
            out: *mut wavs_rt_buf,
        ) -> u32,
    >,
    /// Ok also when there was nothing to delete.
    pub kv_delete: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            bucket: wavs_rt_slice,
            key: wavs_rt_slice,
            out: *mut wavs_rt_buf,
        ) -> u32,
    >,
    /// One page of keys in ascending byte order, from the first key >= `*cursor` on (null = from the
    /// start); the page size is the node's. `out`: flat key-response (list<string>, option<string>).
    pub kv_list: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            bucket: wavs_rt_slice,
            cursor: *const wavs_rt_slice,
            out: *mut wavs_rt_buf,
        ) -> u32,
    >,
    /// Ok: `*value` is the counter after the addition.
    pub kv_increment: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            bucket: wavs_rt_slice,
            key: wavs_rt_slice,
            delta: i64,
            value: *mut i64,
            out: *mut wavs_rt_buf,
        ) -> u32,
    >,
    /// Stores `value` if the stored value equals `*expected` (null = there is none), else Changed.
    pub kv_cas: Option<
        unsafe extern "C" fn(
            user: *mut c_void,
            origin: *const wavs_rt_origin,
            bucket: wavs_rt_slice,
            key: wavs_rt_slice,
            expected: *const wavs_rt_slice,
            value: wavs_rt_slice,
            out: *mut wavs_rt_buf,
        ) -> u32,
    >,
}

/// Why a direct call failed. The caller releases `message`.
#[repr(C)]
pub struct wavs_rt_error {
    /// `wavs_rt_status`
    pub status: u32,
    pub message: wavs_rt_buf,
}

#[repr(C)]
pub struct wavs_rt_load_request {
    /// `wavs_rt_world`
    pub world: u32,
    /// `WAVS_RT_LOAD_*`
    pub flags: u32,
    /// SHA-256 of the component; checked against `wasm` when that is given.
    pub digest: [u8; 32],
    /// The component; empty = only look in the caches.
    pub wasm: wavs_rt_slice,
}

/// The receiver owns `message` and `imports` and releases both.
#[repr(C)]
pub struct wavs_rt_load_result {
    /// `wavs_rt_status`
    pub status: u32,
    /// `wavs_rt_load_source`, valid when status is Ok
    pub source: u32,
    /// `WAVS_RT_LOADED_*`
    pub flags: u32,
    pub wall_ns: u64,
    /// flat list<string>: the interfaces the component imports
    pub imports: wavs_rt_buf,
    /// UTF-8 text; empty when status is Ok
    pub message: wavs_rt_buf,
}

/// Everything is copied before `wavs_rt_run` returns.
#[repr(C)]
pub struct wavs_rt_run_request {
    /// `wavs_rt_export`
    pub export_: u32,
    /// `WAVS_RT_RUN_*`
    pub flags: u32,
    pub digest: [u8; 32],
    pub service_id: [u8; 32],
    /// What `get-event-id` answers without a salt.
    pub event_id: [u8; 20],
    /// Comes back in `wavs_rt_origin`.
    pub trace_id: [u8; 16],
    /// May be null: then `get-service` and `get-workflow` trap.
    pub service: *const wavs_rt_service,
    pub workflow_id: wavs_rt_slice,
    /// Flat input of the export.
    pub input: wavs_rt_slice,
    pub fuel: u64,
    /// Limit for instantiation and call together; UINT64_MAX = none; 0 fails with OutOfTime.
    pub time_ms: u64,
    /// 0, or more than the engine's: the engine's.
    pub max_memory_bytes: u64,
    pub env: *const wavs_rt_pair,
    pub env_len: usize,
    pub config: *const wavs_rt_pair,
    pub config_len: usize,
    /// Existing directory the guest sees as "."; empty = no files.
    pub data_dir: wavs_rt_slice,
    /// Bytes a record of the run may have; 0 = none is made.
    pub record_bytes: u64,
    /// With a record: not 0 moves clocks, random numbers and the order of the environment, for the
    /// comparison of several runs.
    pub seed: u64,
}

/// The receiver owns `output`, `message` and `record` and releases them.
#[repr(C)]
pub struct wavs_rt_run_result {
    /// `wavs_rt_status`
    pub status: u32,
    /// Also set when the run failed.
    pub fuel_used: u64,
    /// Instantiation and call.
    pub wall_ns: u64,
    /// Flat output of the export; empty unless status is Ok.
    pub output: wavs_rt_buf,
    /// UTF-8 text; empty when status is Ok
    pub message: wavs_rt_buf,
    /// The recorded run; empty when none was asked for.
    pub record: wavs_rt_buf,
}

/// Counters since the start, except where a field says "now".
#[repr(C)]
pub struct wavs_rt_stats {
    /// now
    pub running: u64,
    /// now: submitted, not running yet
    pub waiting: u64,
    /// Completed runs by `wavs_rt_status`.
    pub completed: [u64; 14],
    pub compiled: u64,
    pub disk_hits: u64,
    pub memory_hits: u64,
    /// Files of compiled code that were damaged or foreign, hence ignored.
    pub disk_rejected: u64,
    /// Components dropped from memory by the bound.
    pub evicted: u64,
    /// now
    pub cached: u64,
    /// Components that exceed the pool and run on the on-demand engine; now
    pub on_demand: u64,
    pub epoch_ticks: u64,
}

/// Receives the end of a load; called exactly once per `wavs_rt_component_load`.
pub type wavs_rt_load_cb = Option<unsafe extern "C" fn(user: *mut c_void, result: *mut wavs_rt_load_result)>;

/// Receives the end of a run; called exactly once per `wavs_rt_run`.
pub type wavs_rt_run_cb = Option<unsafe extern "C" fn(user: *mut c_void, result: *mut wavs_rt_run_result)>;

/// One per process: guest threads, compiler, caches.
pub struct wavs_rt_engine {
    pub(crate) inner: ::wavs_rt_engine::Engine,
}

/// A service as the guest may ask for it, shared by any number of runs.
pub struct wavs_rt_service {
    pub(crate) inner: ::wavs_rt_engine::ServiceSnapshot,
}

/// A component for `wavs_rt_bare_run`.
pub struct wavs_rt_bare {
    pub(crate) inner: ::wavs_rt_engine::Bare,
}
