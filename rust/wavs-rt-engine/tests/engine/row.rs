// SPDX-License-Identifier: Apache-2.0
//! Runs that are started by the completion of another one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};

use crate::support::*;
use wavs_rt_engine::*;

/// Runs one after the other until `over`, each started by the completion of the one before.
struct Row {
    engine: Weak<Engine>,
    echo: [u8; 32],
    over: AtomicBool,
    done: AtomicU64,
}

impl Row {
    fn next(self: &Arc<Self>) {
        let Some(engine) = self.engine.upgrade() else { return };
        let this = Arc::clone(self);
        engine.run(text_request(self.echo, "next"), move |outcome| {
            this.done.fetch_add(1, Ordering::SeqCst);
            if outcome.result.is_ok() && !this.over.load(Ordering::SeqCst) {
                this.next();
            }
        });
    }
}

#[test]
fn a_row_without_end_lets_others_run_and_ends_with_the_engine() {
    let bed = Bed::new(Options { guest_threads: 1, ..Options::default() });
    let echo = bed.operator("echo");
    let engine = Arc::downgrade(&bed.engine);
    let row = Arc::new(Row { engine, echo, over: AtomicBool::new(false), done: AtomicU64::new(0) });
    row.next();
    // One that needs the thread, and one that needs its timers.
    assert_eq!(bed.text(text_request(echo, "other")).unwrap(), "other");
    assert_eq!(bed.text(sleeping(echo, "async", 5)).unwrap(), "slept");
    assert!(row.done.load(Ordering::SeqCst) > 0);
    bed.engine.shutdown(std::time::Duration::ZERO);
    assert_eq!(bed.engine.stats().running, 0);
}

#[test]
fn two_that_start_together_both_run() {
    let bed = Bed::new(Options { guest_threads: 2, ..Options::default() });
    let echo = bed.operator("echo");
    let (send, ended) = channel();
    let engine = Arc::downgrade(&bed.engine);
    bed.engine.run(text_request(echo, "first"), move |_| {
        let engine = engine.upgrade().unwrap();
        for text in ["one", "other"] {
            let send = send.clone();
            engine.run(text_request(echo, text), move |outcome| send.send(outcome).unwrap());
        }
    });
    for _ in 0..2 {
        assert!(ended.recv().unwrap().result.is_ok());
    }
}
