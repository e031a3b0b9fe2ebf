// SPDX-License-Identifier: Apache-2.0
//! A submitted run and the task that brings it to its end.
//!
//! A completion often starts the next run. That one goes on in the same task: a task of its own means
//! that another thread is woken to look for it, which costs as much as a small run.

use std::cell::RefCell;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::yield_now;

use crate::engine::{Shared, Work};
use crate::failure::Status;
use crate::inflight::{Completion, Ticket};
use crate::run::RunOutcome;

/// After runs of so long together a task lets the thread look at others.
const TURN: Duration = Duration::from_micros(100);
/// The same when there are no other runs: then it is for sockets and timers.
const TURN_ALONE: Duration = Duration::from_millis(1);

thread_local! {
    /// There is one while a completion is told on this thread.
    static TELLING: RefCell<Option<Telling>> = const { RefCell::new(None) };
}

/// What the completion that is being told has started.
struct Telling {
    engine: *const Shared,
    first: Option<Submitted>,
    /// Others have a task of their own.
    alone: bool,
}

pub struct Submitted {
    pub shared: Arc<Shared>,
    pub work: Work,
    // In this order, so that a run that is dropped tells first and leaves the register then.
    pub done: Completion<RunOutcome>,
    pub ticket: Ticket,
}

impl Submitted {
    pub fn start(self, handle: &Handle) {
        let engine = Arc::as_ptr(&self.shared);
        let left = TELLING.with_borrow_mut(|telling| match telling {
            Some(telling) if ptr::eq(telling.engine, engine) && telling.first.is_none() => {
                telling.first = Some(self);
                None
            }
            Some(telling) => {
                telling.alone = false;
                Some(self)
            }
            None => Some(self),
        });
        if let Some(run) = left {
            run.in_its_own_task(handle);
        }
    }

    fn in_its_own_task(self, handle: &Handle) {
        handle.spawn(self.drive(handle.clone()));
    }

    async fn drive(self, handle: Handle) {
        let mut next = Some(self);
        let mut took = Duration::ZERO;
        while let Some(run) = next {
            let shared = Arc::clone(&run.shared);
            next = run.finish(&handle, &mut took).await;
            let alone = shared.running.load(Ordering::Relaxed) == 0;
            if took > if alone { TURN_ALONE } else { TURN } {
                took = Duration::ZERO;
                yield_now().await;
            }
        }
    }

    /// The run to go on with.
    async fn finish(self, handle: &Handle, took: &mut Duration) -> Option<Self> {
        // Bindings go in reverse order: if the run dies, it tells first and leaves then.
        let Self { shared, work, ticket, done } = self;
        let (request, taping) = work.begin(&ticket);
        let outcome = shared.run(request, taping, &ticket).await;
        *took += outcome.wall;
        let status = outcome.result.as_ref().map_or_else(|failure| failure.status, |_| Status::Ok);
        shared.completed[status as usize].fetch_add(1, Ordering::Relaxed);
        let telling = Begun::new(&shared);
        done.tell(outcome);
        drop(ticket);
        let telling = telling.end()?;
        if telling.alone {
            return telling.first;
        }
        // This thread is not enough for all of them.
        if let Some(first) = telling.first {
            first.in_its_own_task(handle);
        }
        None
    }
}

/// Ends the telling also when the completion panics.
struct Begun;

impl Begun {
    fn new(shared: &Arc<Shared>) -> Self {
        let telling = Telling { engine: Arc::as_ptr(shared), first: None, alone: true };
        drop(TELLING.replace(Some(telling)));
        Self
    }

    fn end(self) -> Option<Telling> {
        TELLING.take()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        drop(TELLING.take());
    }
}
