// SPDX-License-Identifier: Apache-2.0
//! The engine as its users see it: load, run, cancel, shut down.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::components::{Components, LoadOutcome, LoadRequest};
use crate::egress::{Egress, NetworkOptions};
use crate::engine_config::Options;
use crate::epoch::Ticker;
use crate::failure::{Failure, Status};
use crate::host::HostCallbacks;
use crate::inflight::{Completion, InFlight, Ticket};
use crate::lanes::{Busy, Lanes};
use crate::record::{self, Record};
use crate::run::{self, Ground, RunOutcome, RunRequest};
use crate::submitted::Submitted;
use crate::taping::Taping;

/// Counters since the start; `running`, `waiting`, `cached`, `on_demand` are of now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub running: u64,
    pub waiting: u64,
    pub completed: [u64; Status::COUNT],
    pub compiled: u64,
    pub disk_hits: u64,
    pub memory_hits: u64,
    pub disk_rejected: u64,
    pub evicted: u64,
    pub cached: u64,
    pub on_demand: u64,
    pub epoch_ticks: u64,
}

pub struct Shared {
    ground: Arc<Ground>,
    lanes: Lanes,
    components: Arc<Components>,
    ticker: Ticker,
    permits: Semaphore,
    pub running: AtomicU64,
    waiting: AtomicU64,
    pub completed: [AtomicU64; Status::COUNT],
}

/// One per process.
pub struct Engine {
    shared: Arc<Shared>,
    inflight: Arc<InFlight>,
}

impl Engine {
    pub fn new(mut options: Options, callbacks: Arc<dyn HostCallbacks>) -> Result<Self, Failure> {
        // A run that has a permit must find a slot.
        options.max_in_flight = options.max_in_flight.min(options.pool_slots as usize).max(1);
        let internal = |error: std::io::Error| Failure::new(Status::Internal, error.to_string());
        let components = Arc::new(Components::new(&options)?);
        let clock = Arc::clone(&components);
        let shared = Shared {
            ticker: Ticker::start(move || clock.tick()).map_err(internal)?,
            permits: Semaphore::new(options.max_in_flight),
            lanes: Lanes::new(options.guest_threads).map_err(internal)?,
            ground: Arc::new(Ground { options, callbacks, egress: Arc::new(Egress::new()?) }),
            components,
            running: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            completed: Default::default(),
        };
        Ok(Self { shared: Arc::new(shared), inflight: Arc::default() })
    }

    /// Makes a component ready; `done` is called exactly once, here if the engine is closed.
    pub fn load(
        &self,
        request: LoadRequest,
        done: impl FnOnce(Result<LoadOutcome, Failure>) + Send + 'static,
    ) {
        let done = Completion::new(done, || Err(lost()));
        let Some(ticket) = self.inflight.enter() else { return done.tell(Err(closed())) };
        let components = Arc::clone(&self.shared.components);
        self.shared.lanes.quick().spawn(async move {
            // Moved in this order so that a task that dies tells first and leaves then.
            let (ticket, done) = (ticket, done);
            done.tell(components.load_timed(request).await);
            drop(ticket);
        });
    }

    /// Where guests may connect to, from now on. Until it is called: public addresses.
    pub fn set_network(&self, options: &NetworkOptions) -> Result<(), Failure> {
        self.shared.ground.egress.set(options)
    }

    /// Forgets a component; runs in progress keep it.
    pub fn evict(&self, digest: &[u8; 32], disk: bool) -> bool {
        self.shared.components.evict(digest, disk)
    }

    /// Starts a run; `done` is called exactly once, here if the engine is closed. Returns the number
    /// for `cancel`, 0 if nothing was started.
    pub fn run(&self, request: RunRequest, done: impl FnOnce(RunOutcome) + Send + 'static) -> u64 {
        self.start(Work::Run(request), done)
    }

    /// Runs what was recorded again, without the world: its component must be loaded, and its files, if
    /// it had any, are put into `data_dir`. InvalidInput when the bytes are no record, when it is
    /// incomplete, or when the run goes another way than recorded.
    pub fn replay(
        &self,
        record: &[u8],
        data_dir: Option<PathBuf>,
        done: impl FnOnce(RunOutcome) + Send + 'static,
    ) -> u64 {
        match prepared(record, data_dir) {
            Ok(record) => self.start(Work::Replay(Box::new(record)), done),
            Err(failure) => {
                done(failure.into());
                0
            }
        }
    }

    fn start(&self, work: Work, done: impl FnOnce(RunOutcome) + Send + 'static) -> u64 {
        let done = Completion::new(done, || lost().into());
        let Some(ticket) = self.inflight.enter() else {
            done.tell(closed().into());
            return 0;
        };
        let id = ticket.id;
        let shared = Arc::clone(&self.shared);
        Submitted { shared, work, done, ticket }.start(self.shared.lanes.quick());
        id
    }

    pub fn cancel(&self, run: u64) -> bool {
        self.inflight.cancel(run)
    }

    pub fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shared = &self.shared;
        let counters = &shared.components.counters;
        let (cached, on_demand) = shared.components.cached();
        Stats {
            running: read(&shared.running),
            waiting: read(&shared.waiting),
            completed: std::array::from_fn(|status| read(&shared.completed[status])),
            compiled: read(&counters.compiled),
            disk_hits: read(&counters.disk_hits),
            memory_hits: read(&counters.memory_hits),
            disk_rejected: read(&counters.disk_rejected),
            evicted: read(&counters.evicted),
            cached,
            on_demand,
            epoch_ticks: shared.ticker.ticks(),
        }
    }

    /// Refuses new work, gives what runs `grace`, ends the rest; all completions have returned then.
    pub fn shutdown(&self, grace: Duration) {
        self.inflight.close(grace);
        self.shared.lanes.shutdown();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown(Duration::ZERO);
    }
}

/// What a run begins with.
#[expect(clippy::large_enum_variant, reason = "nearly all are runs, and those should cost no allocation")]
pub enum Work {
    Run(RunRequest),
    Replay(Box<Record>),
}

impl Work {
    pub fn begin(self, ticket: &Ticket) -> (RunRequest, Option<Taping>) {
        match self {
            Self::Run(mut request) => {
                let taping = Taping::of(&mut request);
                (request, taping)
            }
            Self::Replay(record) => {
                let (request, taping) = Taping::replay(*record, Arc::clone(&ticket.stop));
                (request, Some(taping))
            }
        }
    }
}

/// A record that can be replayed, its files in place.
fn prepared(record: &[u8], data_dir: Option<PathBuf>) -> Result<Record, Failure> {
    let invalid = |text: String| Failure::new(Status::InvalidInput, text);
    let mut record = Record::decode(record)?;
    if let Some(why) = record.incomplete {
        return Err(invalid(format!("the record is not complete: {why}")));
    }
    if record.request.data_dir.is_some() {
        let Some(dir) = data_dir else {
            return Err(invalid("the run had files: a directory is needed".into()));
        };
        record::write_files(&dir, &record.files)
            .map_err(|error| Failure::new(Status::Filesystem, format!("{}: {error}", dir.display())))?;
        record.request.data_dir = Some(dir);
    }
    Ok(record)
}

impl Shared {
    pub async fn run(&self, request: RunRequest, taping: Option<Taping>, ticket: &Ticket) -> RunOutcome {
        let waiting = Gauge::up(&self.waiting);
        let permit = first(self.permits.acquire(), ticket.stop.asked()).await;
        drop(waiting);
        let Some(Ok(_permit)) = permit else { return cancelled().into() };
        ticket.stop.started.store(true, Ordering::SeqCst);
        let _running = Gauge::up(&self.running);
        let load = self.components.get(request.digest, request.export.world());
        let ready = match first(load, ticket.stop.asked()).await {
            Some(Ok(ready)) => ready,
            Some(Err(failure)) => return failure.into(),
            None => return cancelled().into(),
        };
        let _ticking = self.ticker.running();
        let busy = Busy::default();
        let ground = Arc::clone(&self.ground);
        let run = run::execute(ground, ready, request, taping, Arc::clone(&ticket.stop), busy.clone());
        self.lanes.drive(Box::pin(run), busy).await.unwrap_or_else(|| defect().into())
    }
}

/// The value of `work`, or None if `end` comes first.
async fn first<T>(work: impl Future<Output = T>, end: impl Future<Output = ()>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut end = std::pin::pin!(end);
    std::future::poll_fn(move |context| match work.as_mut().poll(context) {
        std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
        std::task::Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}

fn closed() -> Failure {
    Failure::new(Status::Cancelled, "the engine is shut down")
}

fn cancelled() -> Failure {
    Failure::new(Status::Cancelled, "the run was cancelled")
}

/// A task died without an outcome.
fn lost() -> Failure {
    if std::thread::panicking() { defect() } else { closed() }
}

fn defect() -> Failure {
    Failure::new(Status::Panic, "a defect in the engine; its message is on standard error")
}

/// Counts something as long as it lives.
struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    fn up(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
