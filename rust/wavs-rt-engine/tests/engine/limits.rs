// SPDX-License-Identifier: Apache-2.0
//! Fuel, time, memory, output, concurrency, shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::*;
use wavs_rt_engine::*;

fn status(outcome: &RunOutcome) -> Status {
    outcome.result.as_ref().err().map_or(Status::Ok, |failure| failure.status)
}

#[test]
fn fuel() {
    let bed = Bed::new(Options::default());
    let echo = bed.operator("echo");
    let starved = bed.run(RunRequest { fuel: 1, ..text_request(echo, "x") });
    assert_eq!(status(&starved), Status::OutOfFuel);
    let none = bed.run(RunRequest { fuel: 0, ..text_request(echo, "x") });
    assert_eq!(status(&none), Status::OutOfFuel);
    let fed = bed.run(text_request(echo, "x"));
    assert!(fed.result.is_ok() && (1_000..10_000_000).contains(&fed.fuel_used), "{}", fed.fuel_used);
    let again = bed.run(RunRequest { fuel: fed.fuel_used, ..text_request(echo, "x") });
    assert_eq!((status(&again), again.fuel_used), (Status::Ok, fed.fuel_used));
    // Fuel is looked at in loops and calls only, so the exact limit is not the exact use.
    let less = bed.run(RunRequest { fuel: fed.fuel_used / 2, ..text_request(echo, "x") });
    assert_eq!(status(&less), Status::OutOfFuel);
}

#[test]
fn no_time() {
    let bed = Bed::new(Options::default());
    let echo = bed.operator("echo");
    let outcome = bed.run(RunRequest { time_ms: 0, ..text_request(echo, "x") });
    assert_eq!(status(&outcome), Status::OutOfTime);
}

#[test]
fn time_limits_cut_every_kind_of_sleep() {
    let bed = Bed::new(Options { guest_threads: 2, ..Options::default() });
    let echo = bed.operator("echo");
    let start = Instant::now();
    let kinds = ["async", "sync", "hotloop"];
    let late: Vec<_> =
        kinds.map(|kind| bed.start(RunRequest { time_ms: 1000, ..sleeping(echo, kind, 10_000) })).into();
    let other = bed.run(text_request(echo, "meanwhile"));
    assert!(other.result.is_ok() && start.elapsed() < Duration::from_millis(900));
    for outcome in late {
        assert_eq!(status(&outcome.recv().unwrap()), Status::OutOfTime);
    }
    let elapsed = start.elapsed();
    assert!((Duration::from_millis(950)..Duration::from_millis(1300)).contains(&elapsed), "{elapsed:?}");
    for kind in kinds {
        assert_eq!(bed.text(RunRequest { time_ms: 10_000, ..sleeping(echo, kind, 50) }).unwrap(), "slept");
    }
    assert_eq!(status(&bed.run(sleeping(echo, "nap", 1))), Status::ExecResult);
}

#[test]
fn a_busy_guest_does_not_hold_up_others() {
    let bed = Bed::new(Options { guest_threads: 1, ..Options::default() });
    let echo = bed.operator("echo");
    for kind in ["async", "sync", "hotloop"] {
        let busy = bed.start(sleeping(echo, kind, 1500));
        let start = Instant::now();
        assert_eq!(bed.text(sleeping(echo, kind, 10)).unwrap(), "slept");
        assert!(start.elapsed() < Duration::from_millis(1000), "{kind}: {:?}", start.elapsed());
        assert!(busy.recv().unwrap().result.is_ok());
    }
}

#[test]
fn many_sleep_at_once() {
    let bed = Bed::new(Options { guest_threads: 2, ..Options::default() });
    let echo = bed.operator("echo");
    let start = Instant::now();
    let runs: Vec<_> = (0..100).map(|_| bed.start(sleeping(echo, "async", 300))).collect();
    assert!(runs.into_iter().all(|run| run.recv().unwrap().result.is_ok()));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn more_runs_than_slots() {
    let bed = Bed::new(Options { pool_slots: 64, ..Options::default() });
    let echo = bed.operator("echo");
    let runs: Vec<_> = (0..1000).map(|i| bed.start(text_request(echo, &i.to_string()))).collect();
    for (i, run) in runs.into_iter().enumerate() {
        let responses: Vec<WasmResponse> = flat::decode(&run.recv().unwrap().result.unwrap()).unwrap();
        assert_eq!(responses[0].payload, i.to_string().into_bytes());
    }
    assert_eq!(bed.engine.stats().completed[Status::Ok as usize], 1000);
}

#[test]
fn memory() {
    const MIB: u64 = 1 << 20;
    let bed = Bed::new(Options { max_memory: 64 << 20, ..Options::default() });
    let probe = bed.operator("probe");
    let granted = |max_memory| {
        let text = bed.text(RunRequest { max_memory, ..text_request(probe, "hog") }).unwrap();
        text.parse::<u64>().unwrap() * 1024
    };
    assert!((8 * MIB..16 * MIB).contains(&granted(16 * MIB)));
    assert!((48 * MIB..64 * MIB).contains(&granted(0)));
    assert!((48 * MIB..64 * MIB).contains(&granted(u64::MAX)));
    let tiny = bed.run(RunRequest { max_memory: 1, ..text_request(probe, "hog") });
    assert_eq!(status(&tiny), Status::Instantiate);
}

#[test]
fn handles() {
    let bed = Bed::new(Options { max_handles: 500, ..Options::default() });
    let probe = bed.operator("probe");
    let text = bed.run(text_request(probe, "handles"));
    match text.result {
        Ok(bytes) => {
            let responses: Vec<WasmResponse> = flat::decode(&bytes).unwrap();
            let count: u64 = String::from_utf8_lossy(&responses[0].payload).parse().unwrap();
            assert!((400..=500).contains(&count), "{count}");
        }
        Err(failure) => assert_eq!(failure.status, Status::ComponentError, "{failure}"),
    }
}

#[test]
fn output_is_capped() {
    let bed = Bed::new(Options::default());
    let probe = bed.operator("probe");
    assert_eq!(bed.text(text_request(probe, "flood:1000000")).unwrap(), "flooded");
    let lines = bed.node.lines.lock().unwrap();
    let bytes: usize = lines.iter().filter(|line| line.1 == LogSource::Stdout).map(|line| line.2.len()).sum();
    assert!((60_000..=65_536).contains(&bytes), "{bytes}");
    assert_eq!(lines.iter().filter(|line| line.1 == LogSource::Notice).count(), 1);
}

#[test]
fn short_lines_are_capped_too() {
    let bed = Bed::new(Options { stdio_cap: 640, ..Options::default() });
    let hostile = bed.operator("hostile");
    let run = RunRequest { time_ms: 200, ..text_request(hostile, "flood-log:0") };
    assert_eq!(bed.text(run).unwrap_err().status, Status::OutOfTime);
    let lines = bed.node.lines.lock().unwrap();
    assert_eq!(lines.iter().filter(|line| line.1 == LogSource::Host).count(), 160);
}

#[test]
fn an_error_of_the_guest_has_an_end() {
    let bed = Bed::new(Options::default());
    let hostile = bed.operator("hostile");
    let failure = bed.text(text_request(hostile, "huge-error:1000000")).unwrap_err();
    assert_eq!((failure.status, failure.message.len()), (Status::ExecResult, (64 << 10) + 4));
}

#[test]
fn traps_and_exits() {
    let bed = Bed::new(Options::default());
    let probe = bed.operator("probe");
    let crash = bed.run(text_request(probe, "crash")).result.unwrap_err();
    assert_eq!(crash.status, Status::ComponentError);
    assert!(crash.message.contains("unreachable"), "{crash}");
    let exit = bed.run(text_request(probe, "leave:1")).result.unwrap_err();
    assert_eq!(exit.status, Status::ComponentError);
    assert!(exit.message.contains("code 1"), "{exit}");
}

/// The test node's callback panics on a salt longer than an event id.
#[test]
fn a_panic_in_a_host_call_ends_only_its_run() {
    let bed = Bed::new(Options { guest_threads: 1, ..Options::default() });
    let probe = bed.operator("probe");
    let panicked = bed.run(text_request(probe, "salt:longer than twenty bytes"));
    assert_eq!(status(&panicked), Status::Panic);
    assert!(bed.text(text_request(probe, "salt:short")).is_ok());
    assert_eq!(bed.engine.stats().running, 0);
}

#[test]
fn cancel_and_shutdown() {
    let bed = Bed::new(Options { guest_threads: 2, max_in_flight: 2, ..Options::default() });
    let (echo, probe) = (bed.operator("echo"), bed.operator("probe"));
    let (send, cancelled) = channel();
    let id = bed.engine.run(text_request(probe, "spin"), move |outcome| send.send(outcome).unwrap());
    thread::sleep(Duration::from_millis(50));
    assert!(bed.engine.cancel(id));
    assert_eq!(status(&cancelled.recv().unwrap()), Status::Cancelled);

    let spin = bed.start(text_request(probe, "spin"));
    let short = bed.start(sleeping(echo, "async", 200));
    thread::sleep(Duration::from_millis(50));
    let waiting = bed.start(text_request(echo, "never"));
    let start = Instant::now();
    bed.engine.shutdown(Duration::from_millis(500));
    assert!((400..1500).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(status(&waiting.try_recv().unwrap()), Status::Cancelled);
    assert_eq!(status(&short.try_recv().unwrap()), Status::Ok);
    assert_eq!(status(&spin.try_recv().unwrap()), Status::Cancelled);
    assert_eq!(status(&bed.start(text_request(echo, "late")).try_recv().unwrap()), Status::Cancelled);
    bed.engine.shutdown(Duration::ZERO);
}

#[test]
fn every_run_completes_once_through_a_shutdown() {
    let bed = Bed::new(Options { guest_threads: 2, ..Options::default() });
    let echo = bed.operator("echo");
    let completions = Arc::new(AtomicUsize::new(0));
    for i in 0..500 {
        let seen = Arc::clone(&completions);
        let request = if i % 2 == 0 { text_request(echo, "x") } else { sleeping(echo, "hotloop", 2) };
        bed.engine.run(request, move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
        });
    }
    bed.engine.shutdown(Duration::from_millis(20));
    assert_eq!(completions.load(Ordering::SeqCst), 500);
}

#[test]
fn echo_timing() {
    let bed = Bed::new(Options::default());
    let echo = bed.operator("echo");
    bed.text(text_request(echo, "warm")).unwrap();
    let count = 2_000;
    let start = Instant::now();
    for _ in 0..count {
        bed.text(text_request(echo, "x")).unwrap();
    }
    let each = start.elapsed() / count;
    let start = Instant::now();
    let runs: Vec<_> = (0..count * 5).map(|_| bed.start(text_request(echo, "x"))).collect();
    assert!(runs.into_iter().all(|run| run.recv().unwrap().result.is_ok()));
    let rate = f64::from(count * 5) / start.elapsed().as_secs_f64();
    println!("echo: {each:?} one after the other, {rate:.0}/s at once");
}
