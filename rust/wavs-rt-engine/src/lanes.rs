// SPDX-License-Identifier: Apache-2.0
//! Two groups of guest threads. Runs begin in the quick lane; one that keeps its thread busy goes on in
//! the slow lane, whose threads the system lets wait for all others. So a component that computes for
//! long gets what is left of the processor, which is all of it on a quiet node, and short runs do not
//! queue behind it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::run::RunOutcome;

/// How much the threads of the slow lane give way. Not 19: they hold locks at times.
const NICE: i32 = 10;
/// CPU time between two looks at a busy run; they are 2 ms apart at least.
const LONG: Duration = Duration::from_millis(1);
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
pub struct Busy(Arc<State>);

#[derive(Default)]
struct State {
    busy: AtomicBool,
    /// How often the run has been given a thread.
    polls: AtomicU64,
}

/// Where a run was looked at: with which of its turns on a thread, and at which CPU time of it.
#[derive(Clone, Copy)]
pub struct Look {
    poll: u64,
    cpu: Duration,
}

impl Busy {
    pub fn get(&self) -> bool {
        self.0.busy.load(Ordering::Relaxed)
    }

    /// Whether the run has computed for long since the last look. Time alone does not tell: on a machine
    /// with much to do its thread may not have had its turn.
    pub fn look(&self, last: &mut Option<Look>) -> bool {
        let now = Look { poll: self.0.polls.load(Ordering::Relaxed), cpu: thread_cpu() };
        let computed = last.is_some_and(|last| last.poll == now.poll && now.cpu - last.cpu >= LONG);
        *last = Some(now);
        if computed {
            self.0.busy.store(true, Ordering::Relaxed);
        }
        computed
    }

    fn given_a_thread(&self) {
        self.0.polls.fetch_add(1, Ordering::Relaxed);
    }
}

/// CPU time of the calling thread.
fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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
        let quickly = poll_fn(|context| {
            busy.given_a_thread();
            match run.as_mut().poll(context) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending if busy.get() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
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
            let mut last = None;
            assert!(!run_busy.look(&mut last), "one look tells nothing");
            while keeps_busy && !run_busy.look(&mut last) {
                let start = thread_cpu();
                while thread_cpu() - start < LONG {}
            }
            std::thread::sleep(LONG * 2);
            assert!(!run_busy.look(&mut last), "waiting is not computing");
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
