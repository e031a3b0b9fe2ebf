// SPDX-License-Identifier: Apache-2.0
//! The clock that lets a busy guest be stopped: a thread that advances the epoch while guests run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// One epoch.
pub const TICK: Duration = Duration::from_millis(1);

/// Advances epochs until dropped; sleeps while nothing runs.
pub struct Ticker {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    running: AtomicUsize,
    stop: AtomicBool,
    ticks: AtomicU64,
}

impl Ticker {
    pub fn start(advance: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let state = Arc::<State>::default();
        let seen = Arc::clone(&state);
        let thread = thread::Builder::new().name("wavs-epoch".into()).spawn(move || tick(&seen, advance))?;
        Ok(Self { state, thread: Some(thread) })
    }

    /// Epochs advance as long as a guard lives.
    pub fn running(&self) -> Running {
        if self.state.running.fetch_add(1, Ordering::SeqCst) == 0
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        Running { state: Arc::clone(&self.state) }
    }

    pub fn ticks(&self) -> u64 {
        self.state.ticks.load(Ordering::Relaxed)
    }
}

fn tick(state: &State, advance: impl Fn()) {
    while !state.stop.load(Ordering::SeqCst) {
        if state.running.load(Ordering::SeqCst) == 0 {
            // A guard taken in between leaves a token, so this returns at once.
            thread::park();
            continue;
        }
        thread::sleep(TICK);
        advance();
        state.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

pub struct Running {
    state: Arc<State>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_while_nothing_runs() {
        let ticker = Ticker::start(|| ()).unwrap();
        thread::sleep(Duration::from_millis(20));
        assert_eq!(ticker.ticks(), 0);
        let guard = ticker.running();
        while ticker.ticks() < 3 {
            thread::sleep(TICK);
        }
        drop(guard);
    }
}
