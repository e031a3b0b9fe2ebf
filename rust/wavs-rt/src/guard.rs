// SPDX-License-Identifier: Apache-2.0
//! Nothing unwinds into C, and failures become C structs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use ::wavs_rt_engine::{Failure, Status};

use crate::abi::wavs_rt_error;
use crate::bytes::buf_from;

pub fn fail(status: Status, text: &str) -> Failure {
    Failure::new(status, text)
}

/// Runs an entry's body; a panic becomes a failure.
///
/// State that a panic leaves half done stays behind locks that recover from poisoning.
pub fn contained<T>(body: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|cause| {
        let text = cause.downcast_ref::<&str>().copied();
        let text = text.or_else(|| cause.downcast_ref::<String>().map(String::as_str));
        fail(Status::Panic, text.unwrap_or("a defect without a message"))
    })
}

/// The handle for what was made, or null and the reason.
///
/// # Safety
/// `error` must be null or writable.
pub unsafe fn boxed<T>(made: Result<Result<T, Failure>, Failure>, error: *mut wavs_rt_error) -> *mut T {
    // SAFETY: null or writable, says the caller.
    let made = unsafe { reported(made.and_then(|inner| inner), error) };
    made.map_or_else(null_mut, |value| Box::into_raw(Box::new(value)))
}

/// What was done, or nothing and the reason in `error`.
///
/// # Safety
/// `error` must be null or writable.
pub unsafe fn reported<T>(done: Result<T, Failure>, error: *mut wavs_rt_error) -> Option<T> {
    let failure = match done {
        Ok(value) => return Some(value),
        Err(failure) => failure,
    };
    // SAFETY: null or writable, says the caller. What was there before is not dropped.
    if let Some(error) = unsafe { error.as_mut() } {
        error.status = failure.status as u32;
        error.message = buf_from(failure.message.into_bytes());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_failure() {
        let failure = contained(|| -> u32 { panic!("on purpose") }).unwrap_err();
        assert_eq!((failure.status, failure.message.as_str()), (Status::Panic, "on purpose"));
    }
}
