// SPDX-License-Identifier: Apache-2.0
//! Two groups of guest threads. Runs begin in the quick lane; one that keeps its thread busy goes on in
//! the slow lane, whose threads the system lets wait for all others. So a component that computes for
//! long gets what is left of the processor, which is all of it on a quiet node, and short runs do not
//! queue behind it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::run::RunOutcome;

/// How much the threads of the slow lane give way. Not 19: they hold locks at times.
const NICE: i32 = 10;
/// How long threads get to end once all work has completed.
const THREAD_EXIT: Duration = Duration::from_secs(1);

type Run = Pin<Box<dyn Future<Output = RunOutcome> + Send>>;

pub struct Lanes {
    quick: Handle,
    slow: Handle,
    runtimes: Mutex<Vec<Runtime>>,
}

/// Says that a run keeps its thread busy.
#[derive(Clone, Default)]
pub struct Busy(Arc<AtomicBool>);

impl Busy {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn give_way() {
    // SAFETY: plain system calls about the calling thread. Without them it only has the same turn as
    // others.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, libc::gettid() as libc::id_t, NICE) };
}

impl Lanes {
    pub fn new(threads: usize) -> io::Result<Self> {
        let threads = threads.max(1);
        let quick = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("wavs-guest")
            .enable_all()
            .build()?;
        let slow = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("wavs-guest-slow")
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        let (quick_handle, slow_handle) = (quick.handle().clone(), slow.handle().clone());
        Ok(Self { quick: quick_handle, slow: slow_handle, runtimes: Mutex::new(vec![quick, slow]) })
    }

    pub fn quick(&self) -> &Handle {
        &self.quick
    }

    /// Runs to the end, in the slow lane from the moment that `busy` is set; what follows is back in the
    /// quick one. None when the run died.
    pub async fn drive(&self, mut run: Run, busy: Busy) -> Option<RunOutcome> {
        let quickly = poll_fn(|context| match run.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if busy.get() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match quickly.await {
            Some(outcome) => Some(outcome),
            None => self.slow.spawn(run).await.ok(),
        }
    }

    pub fn shutdown(&self) {
        let runtimes = std::mem::take(&mut *self.runtimes.lock().unwrap_or_else(PoisonError::into_inner));
        for runtime in runtimes {
            runtime.shutdown_timeout(THREAD_EXIT);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn here() -> String {
        // SAFETY: plain system calls about the calling thread.
        let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, libc::gettid() as libc::id_t) };
        format!("{}:{nice}", std::thread::current().name().unwrap_or_default())
    }

    /// Where a run begins, where it goes on, and where what follows goes on.
    fn places(keeps_busy: bool) -> Vec<String> {
        let lanes = Arc::new(Lanes::new(1).unwrap());
        let (seen, busy) = (mpsc::channel(), Busy::default());
        let (run_seen, run_busy) = (seen.0.clone(), busy.clone());
        let run = Box::pin(async move {
            run_seen.send(here()).unwrap();
            if keeps_busy {
                run_busy.set();
            }
            tokio::task::yield_now().await;
            run_seen.send(here()).unwrap();
            RunOutcome { result: Ok(vec![]), fuel_used: 0, wall: Duration::ZERO, record: vec![] }
        });
        let driver = Arc::clone(&lanes);
        lanes.quick().spawn(async move {
            driver.drive(run, busy).await.unwrap();
            seen.0.send(here()).unwrap();
        });
        let places = seen.1.iter().take(3).collect();
        lanes.shutdown();
        places
    }

    #[test]
    fn a_busy_run_goes_on_where_it_gives_way() {
        assert_eq!(places(false), ["wavs-guest:0"; 3]);
        assert_eq!(places(true), ["wavs-guest:0", "wavs-guest-slow:10", "wavs-guest:0"]);
    }
}
