// SPDX-License-Identifier: Apache-2.0
//! Which run's guest a thread is in, for a handler of fatal signals: it decides who is to blame.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{Ordering, compiler_fence};

/// Names a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestMark {
    pub digest: [u8; 32],
    pub service_id: [u8; 32],
    pub event_id: [u8; 20],
}

thread_local! {
    // Neither a lazy start nor a destructor, so that a signal handler may read it at any moment.
    static CURRENT: Cell<Option<GuestMark>> = const { Cell::new(None) };
}

/// The run whose guest this thread is in. Async-signal-safe.
pub fn current_guest() -> Option<GuestMark> {
    CURRENT.with(Cell::get)
}

/// The thread is in a guest as long as this lives.
struct Inside;

impl Inside {
    fn enter(mark: GuestMark) -> Self {
        CURRENT.with(|current| current.set(Some(mark)));
        compiler_fence(Ordering::SeqCst);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        CURRENT.with(|current| current.set(None));
    }
}

/// Marks each thread that polls `call`, as long as it does: a run changes threads where it yields.
pub async fn marked<T>(mark: GuestMark, call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    poll_fn(move |context| {
        let _inside = Inside::enter(mark);
        call.as_mut().poll(context)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::task::{Context, Poll, Waker};

    const MARK: GuestMark = GuestMark { digest: [1; 32], service_id: [2; 32], event_id: [3; 20] };

    #[test]
    fn a_thread_is_marked_while_it_polls_and_only_then() {
        let mut context = Context::from_waker(Waker::noop());
        let mut polls = 0;
        let mut call = pin!(marked(
            MARK,
            poll_fn(|_| {
                polls += 1;
                assert_eq!(current_guest(), Some(MARK));
                if polls == 2 { Poll::Ready(7) } else { Poll::Pending }
            })
        ));
        assert_eq!(current_guest(), None);
        assert!(call.as_mut().poll(&mut context).is_pending());
        assert_eq!(current_guest(), None, "between two polls the thread is free");
        std::thread::scope(|scope| {
            let end = scope.spawn(|| {
                let done = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                (done, current_guest())
            });
            assert_eq!(end.join().unwrap(), (Poll::Ready(7), None), "the run moved to another thread");
        });
    }

    #[test]
    fn a_panic_leaves_no_mark_behind() {
        let mut call = pin!(marked(MARK, poll_fn(|_| -> Poll<()> { panic!("on purpose") })));
        let mut context = Context::from_waker(Waker::noop());
        let caught = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut context)));
        assert!(caught.is_err());
        assert_eq!(current_guest(), None);
    }
}
