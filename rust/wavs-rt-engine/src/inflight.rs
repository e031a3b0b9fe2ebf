// SPDX-License-Identifier: Apache-2.0
//! Everything that was submitted and has not completed yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Tells one run to stop.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    /// Past the queue: the guest may have had effects, so a shutdown gives it time.
    pub started: AtomicBool,
    notify: Notify,
}

impl Stop {
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        // Leaves a token when nobody waits yet; a run has one waiter at a time.
        self.notify.notify_one();
    }

    pub async fn asked(&self) {
        while !self.asked.load(Ordering::SeqCst) {
            self.notify.notified().await;
        }
    }
}

#[derive(Default)]
struct Table {
    closed: bool,
    entries: HashMap<u64, Arc<Stop>>,
}

/// The register behind cancel and shutdown.
#[derive(Default)]
pub struct InFlight {
    next: AtomicU64,
    table: Mutex<Table>,
    changed: Condvar,
}

impl InFlight {
    /// None once the engine is closed.
    pub fn enter(self: &Arc<Self>) -> Option<Ticket> {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let stop = Arc::<Stop>::default();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.closed {
            return None;
        }
        table.entries.insert(id, Arc::clone(&stop));
        Some(Ticket { id, stop, register: Arc::clone(self) })
    }

    pub fn cancel(&self, id: u64) -> bool {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let found = table.entries.get(&id);
        found.inspect(|stop| stop.ask()).is_some()
    }

    /// Refuses newcomers, ends what still waits, gives the rest `grace`, then ends it too. Returns
    /// when all have completed.
    pub fn close(&self, grace: Duration) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.closed = true;
        let waiting = table.entries.values().filter(|stop| !stop.started.load(Ordering::SeqCst));
        waiting.for_each(|stop| stop.ask());
        let end = Instant::now().checked_add(grace);
        while !table.entries.is_empty() {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            let left = left.unwrap_or(Duration::MAX);
            let woken = self.changed.wait_timeout(table, left);
            table = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        table.entries.values().for_each(|stop| stop.ask());
        while !table.entries.is_empty() {
            table = self.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// One submitted call; leaves the register when dropped, which is after its completion was told.
pub struct Ticket {
    pub id: u64,
    pub stop: Arc<Stop>,
    register: Arc<InFlight>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut table = self.register.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.entries.remove(&self.id);
        // Only `close` waits; a needless call of the kernel for every run would be felt.
        if table.closed {
            self.register.changed.notify_all();
        }
    }
}

/// A completion that is told exactly once: with the outcome, or, if its task dies, with `lost`.
pub struct Completion<T> {
    done: Option<Box<dyn FnOnce(T) + Send>>,
    lost: fn() -> T,
}

impl<T> Completion<T> {
    pub fn new(done: impl FnOnce(T) + Send + 'static, lost: fn() -> T) -> Self {
        Self { done: Some(Box::new(done)), lost }
    }

    pub fn tell(mut self, outcome: T) {
        if let Some(done) = self.done.take() {
            done(outcome);
        }
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done((self.lost)());
        }
    }
}
