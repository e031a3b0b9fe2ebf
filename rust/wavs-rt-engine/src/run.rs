// SPDX-License-Identifier: Apache-2.0
//! One run: a fresh instance, one call, under limits.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::task::yield_now;
use wasmtime::component::{InstancePre, ResourceTable};
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::bindings::aggregator_output::SubmitAction;
use crate::bindings::{AggregatorInput, AnyTxHash, QuorumEntry, SelectIndices, TriggerAction};
use crate::budget::Budget;
use crate::components::Ready;
use crate::egress::Egress;
use crate::engine_config::Options;
use crate::epoch::TICK;
use crate::failure::{Failure, Status};
use crate::files::Quota;
use crate::flat::{self, Reader};
use crate::guest_mark::{GuestMark, marked};
use crate::host::{HostCallbacks, HostPort, LogSource, Origin};
use crate::http::Http;
use crate::inflight::Stop;
use crate::lanes::Busy;
use crate::state::{Limits, RunState, ServiceSnapshot};
use crate::stdio::Capture;
use crate::taping::Taping;
use crate::wasi::{Means, Wasi};
use crate::worlds::{Export, Linked, SELECT};

/// Host resources of a run that can open files or sockets.
const MAX_OPEN: usize = 1024;
/// A busy guest gives way to others after this many epochs.
const SLICE: u64 = 10;
/// The first time sooner: nearly all runs are over by then.
const FIRST_SLICE: u64 = 2;
/// Longer limits mean no limit; timers cannot count further.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
/// How much more than standard output `host.log` may write.
const LOG_FACTOR: usize = 16;

/// One call of one export.
#[derive(Clone)]
pub struct RunRequest {
    pub export: Export,
    pub digest: [u8; 32],
    pub service: Option<ServiceSnapshot>,
    pub service_id: [u8; 32],
    pub workflow_id: String,
    pub event_id: [u8; 20],
    pub trace_id: [u8; 16],
    /// Flat arguments of the export.
    pub input: Vec<u8>,
    pub fuel: u64,
    /// `u64::MAX`: none.
    pub time_ms: u64,
    /// 0: the engine's.
    pub max_memory: u64,
    pub env: Vec<(String, String)>,
    pub config: Vec<(String, String)>,
    pub data_dir: Option<PathBuf>,
    pub raw_sockets: bool,
    pub dns: bool,
    /// Bytes a record of the run may have; 0: none is made.
    pub record: usize,
    /// Moves clocks, random numbers and the order of the environment; 0: the machine's own.
    pub seed: u64,
}

pub struct RunOutcome {
    /// Flat result of the export.
    pub result: Result<Vec<u8>, Failure>,
    pub fuel_used: u64,
    pub wall: Duration,
    /// What `Record::decode` reads; empty unless it was asked for.
    pub record: Vec<u8>,
}

impl From<Failure> for RunOutcome {
    fn from(failure: Failure) -> Self {
        Self { result: Err(failure), fuel_used: 0, wall: Duration::ZERO, record: Vec::new() }
    }
}

/// The arguments of an export.
enum Input {
    Run(TriggerAction),
    Process(AggregatorInput),
    Timer(AggregatorInput),
    Submitted(AggregatorInput, Result<AnyTxHash, String>),
    Select(Selection),
}

/// What a component chooses from, and for what.
struct Selection {
    event_id: Vec<u8>,
    action: SubmitAction,
    entries: Vec<QuorumEntry>,
}

impl Input {
    fn decode(export: Export, bytes: &[u8]) -> Result<Self, Failure> {
        Ok(match export {
            Export::Run => Self::Run(flat::decode(bytes)?),
            Export::ProcessInput => Self::Process(flat::decode(bytes)?),
            Export::HandleTimerCallback => Self::Timer(flat::decode(bytes)?),
            Export::HandleSubmitCallback => {
                let (input, result) = flat::decode(bytes)?;
                Self::Submitted(input, result)
            }
            Export::Select => {
                // A nested tuple has the bytes of a flat one.
                let (event_id, (action, entries)) = flat::decode(bytes)?;
                Self::Select(Selection { event_id, action, entries })
            }
        })
    }
}

/// What all runs of an engine work with.
pub struct Ground {
    pub options: Options,
    pub callbacks: Arc<dyn HostCallbacks>,
    pub egress: Arc<Egress>,
}

/// Runs to the end, a limit, or a stop.
pub async fn execute(
    ground: Arc<Ground>,
    ready: Arc<Ready>,
    request: RunRequest,
    taping: Option<Taping>,
    stop: Arc<Stop>,
    busy: Busy,
) -> RunOutcome {
    if request.time_ms == 0 {
        return out_of_time(0).into();
    }
    let input = match Input::decode(request.export, &request.input) {
        Ok(input) => input,
        Err(failure) => return failure.into(),
    };
    let quota = Quota::of(ground.options.fs_quota, request.data_dir.as_ref());
    if let Some(quota) = &quota
        && quota.exceeded().await
    {
        return quota.failure().into();
    }
    let (fuel, limit) = (request.fuel, request.time_ms);
    let mark =
        GuestMark { digest: request.digest, service_id: request.service_id, event_id: request.event_id };
    let start = Instant::now();
    let deadline = deadline(start, limit);
    let (mut store, streams) = match prepare(&ground, &ready, request, taping.as_ref()) {
        Ok(prepared) => prepared,
        Err(failure) => return failure.into(),
    };
    take_turns(&mut store, deadline, busy);
    let call = marked(mark, call(&mut store, &ready.linked, input));
    let result = race(call, deadline, limit, &stop, quota.as_ref()).await;
    // Wherever a limit struck, its message names it.
    let result = result.map_err(|failure| match failure.status {
        Status::OutOfTime => out_of_time(limit),
        Status::OutOfFuel => Failure::new(Status::OutOfFuel, format!("the fuel of {fuel} is used up")),
        _ => failure,
    });
    streams.iter().for_each(Capture::finish);
    let fuel_used = fuel.saturating_sub(store.get_fuel().unwrap_or(fuel));
    let wall = start.elapsed();
    let (result, record) = match taping {
        Some(taping) => taping.finish(result),
        None => (result, Vec::new()),
    };
    RunOutcome { result, fuel_used, wall, record }
}

fn deadline(start: Instant, limit_ms: u64) -> Option<Instant> {
    let limit = Duration::from_millis(limit_ms);
    if limit > FOREVER { None } else { start.checked_add(limit) }
}

fn out_of_time(limit_ms: u64) -> Failure {
    Failure::new(Status::OutOfTime, format!("the time limit of {limit_ms} ms is over"))
}

fn prepare(
    ground: &Ground,
    ready: &Ready,
    request: RunRequest,
    taping: Option<&Taping>,
) -> Result<(Store<RunState>, [Capture; 2]), Failure> {
    let options = &ground.options;
    let origin = Origin {
        export: request.export,
        service_id: request.service_id,
        digest: request.digest,
        trace_id: request.trace_id,
        workflow_id: request.workflow_id.clone(),
    };
    let log_cap = options.stdio_cap.saturating_mul(LOG_FACTOR);
    let node = Arc::clone(&ground.callbacks);
    let callbacks = taping.map_or_else(|| Arc::clone(&node), |taping| taping.callbacks(Arc::clone(&node)));
    let port = Arc::new(HostPort::new(callbacks, origin, log_cap));
    let budget = Arc::new(Budget::new(options.stdio_cap));
    let stream = |source| Capture::new(Arc::clone(&port), source, Arc::clone(&budget));
    let streams = [stream(LogSource::Stdout), stream(LogSource::Stderr)];
    // Behind a file or a socket there is a descriptor of the process, of which there are not many.
    let opens = request.data_dir.is_some() || request.raw_sockets;
    let handles = if opens { options.max_handles.min(MAX_OPEN) } else { options.max_handles };
    let mut table = ResourceTable::new();
    table.set_max_capacity(handles);
    let asked = usize::try_from(request.max_memory).unwrap_or(usize::MAX);
    let memory = if asked == 0 { options.max_memory } else { asked.min(options.max_memory) };
    let means = Means {
        env: request.env,
        streams: streams.clone(),
        raw_sockets: request.raw_sockets,
        dns: request.dns,
        port: Arc::clone(&port),
        egress: Arc::clone(&ground.egress),
    };
    let state = RunState {
        wasi: Wasi::new(means, request.data_dir.as_deref(), taping)?,
        http_fields: WasiHttpCtx::new(),
        http: Http::new(
            Arc::clone(&ground.egress),
            Arc::clone(&port),
            request.service.clone(),
            taping.map(|taping| Arc::clone(&taping.tape)),
        ),
        tls: None,
        egress: Arc::clone(&ground.egress),
        table,
        limits: Limits::new(memory, options.max_table_elements, options.max_instances),
        host_call_bytes: options.max_host_call_bytes,
        port,
        service: request.service,
        workflow_id: request.workflow_id,
        event_id: request.event_id,
        config: request.config,
    };
    let mut store = Store::new(&ready.engine, state);
    store.limiter(|state| &mut state.limits);
    store.set_hostcall_fuel(options.max_host_call_bytes);
    store.set_max_component_handles(options.max_handles);
    let internal = |error| Failure::from_error(Status::Internal, &error);
    store.set_fuel(request.fuel).map_err(internal)?;
    Ok((store, streams))
}

/// A guest that computes for long goes to the slow lane, and gives way after each slice there.
fn take_turns(store: &mut Store<RunState>, deadline: Option<Instant>, busy: Busy) {
    store.set_epoch_deadline(slice(deadline, FIRST_SLICE));
    let mut last = None;
    store.epoch_deadline_callback(move |_: StoreContextMut<'_, RunState>| {
        if deadline.is_some_and(|end| Instant::now() >= end) {
            return Ok(UpdateDeadline::Interrupt);
        }
        if !busy.get() && !busy.look(&mut last) {
            return Ok(UpdateDeadline::Continue(slice(deadline, FIRST_SLICE)));
        }
        Ok(UpdateDeadline::YieldCustom(slice(deadline, SLICE), Box::pin(yield_now())))
    });
}

/// Epochs until the guest is asked again: a slice, or less when the deadline is nearer.
fn slice(deadline: Option<Instant>, most: u64) -> u64 {
    let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
    let epochs = left.map_or(most, |left| (left.as_millis() / TICK.as_millis()) as u64 + 1);
    epochs.min(most)
}

/// What a call ends with, before limits are looked at.
type Called = Result<Vec<u8>, Failure>;

async fn call(store: &mut Store<RunState>, linked: &Linked, input: Input) -> Called {
    match linked {
        Linked::Operator(pre) => {
            let made = pre.instantiate_async(&mut *store).await;
            let instance = made.map_err(|error| explain(Status::Instantiate, &error))?;
            match input {
                Input::Run(action) => answer(instance.call_run(&mut *store, &action).await),
                _ => Err(Failure::new(Status::Internal, "an operator component has only `run`")),
            }
        }
        Linked::Aggregator(pre, selects) => {
            if let Input::Select(selection) = input {
                return select(store, pre.instance_pre(), selects.as_ref(), selection).await;
            }
            let made = pre.instantiate_async(&mut *store).await;
            let instance = made.map_err(|error| explain(Status::Instantiate, &error))?;
            match input {
                Input::Process(input) => answer(instance.call_process_input(store, &input).await),
                Input::Timer(input) => answer(instance.call_handle_timer_callback(store, &input).await),
                Input::Submitted(input, result) => {
                    let result = result.as_ref().map_err(String::as_str);
                    let called = instance.call_handle_submit_callback(store, &input, result).await;
                    answer(called.map(|done| done.map(|()| Nothing)))
                }
                Input::Run(_) | Input::Select(_) => {
                    Err(Failure::new(Status::Internal, "an aggregator component has no such export"))
                }
            }
        }
    }
}

async fn select(
    store: &mut Store<RunState>,
    pre: &InstancePre<RunState>,
    indices: Option<&SelectIndices>,
    selection: Selection,
) -> Called {
    let Some(indices) = indices else {
        return Err(Failure::new(Status::Instantiate, format!("the component has no export `{SELECT}`")));
    };
    let misfit = |error| explain(Status::Instantiate, &error);
    let instance = pre.instantiate_async(&mut *store).await.map_err(misfit)?;
    let guest = indices.load(&mut *store, &instance).map_err(misfit)?;
    let Selection { event_id, action, entries } = selection;
    answer(guest.call_select(store, &event_id, &action, &entries).await)
}

/// The empty value.
struct Nothing;

impl flat::Flat for Nothing {
    fn put(&self, _: &mut Vec<u8>) {}
    fn get(_: &mut Reader<'_>) -> Result<Self, flat::FlatError> {
        Ok(Self)
    }
}

fn answer<T: flat::Flat>(called: wasmtime::Result<Result<T, String>>) -> Called {
    match called {
        Ok(Ok(value)) => Ok(flat::encode(&value)),
        Ok(Err(text)) => Err(Failure::new(Status::ExecResult, text)),
        Err(error) => Err(explain(Status::ComponentError, &error)),
    }
}

/// Limits show as traps, wherever they strike; everything else is of the stage it happened in.
fn explain(stage: Status, error: &wasmtime::Error) -> Failure {
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Failure::new(Status::OutOfFuel, "the fuel is used up"),
        Some(Trap::Interrupt) => return Failure::new(Status::OutOfTime, "the time limit is over"),
        _ => {}
    }
    match error.downcast_ref::<I32Exit>() {
        Some(I32Exit(code)) => {
            Failure::new(Status::ComponentError, format!("the guest called exit with code {code}"))
        }
        None => Failure::from_error(stage, error),
    }
}

/// The deadline here is for guests that wait in the host; busy ones meet it in the epoch callback.
async fn race(
    call: impl Future<Output = Called>,
    deadline: Option<Instant>,
    limit_ms: u64,
    stop: &Stop,
    quota: Option<&Quota>,
) -> Called {
    let mut call = pin!(call);
    let mut stopped = pin!(stop.asked());
    let mut full = pin!(quota.map(Quota::watch));
    let mut timer = pin!(deadline.map(|end| tokio::time::sleep_until(end.into())));
    poll_fn(move |context| {
        if let Poll::Ready(result) = call.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        if stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Failure::new(Status::Cancelled, "the run was cancelled")));
        }
        if let (Some(quota), Some(full)) = (quota, full.as_mut().as_pin_mut())
            && full.poll(context).is_ready()
        {
            return Poll::Ready(Err(quota.failure()));
        }
        match timer.as_mut().as_pin_mut().map(|timer| timer.poll(context)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(out_of_time(limit_ms))),
            _ => Poll::Pending,
        }
    })
    .await
}
